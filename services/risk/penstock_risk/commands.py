"""What operators may do to risk, as a table of verbs. Every command is answered, refused ones too."""

from collections.abc import Callable

from penstock_contracts.base import Message
from penstock_contracts.control import Command
from penstock_contracts.orders import CancelRequested, TradingStateChanged
from penstock_contracts.types import TradingState
from pydantic import ValidationError

from penstock_risk import closing, holds, manual
from penstock_risk.answers import Answer
from penstock_risk.config import RiskConfig
from penstock_risk.desk import Desk
from penstock_risk.state import Book
from penstock_risk.trading import Event, IllegalTransition

Handler = Callable[[Desk, Command, int], Answer]


def obey(desk: Desk, command: Command, ts: int) -> list[Message]:
    """Act on a command at a mark: the answer first, then what follows from it. Others' verbs give nothing."""
    handler = VERBS.get(command.verb)
    if handler is None:
        return []
    try:
        missing = holds.unknown(desk, command)
        answer = Answer(False, missing) if missing else handler(desk, command, ts)
    except IllegalTransition as refused:
        answer = Answer(False, str(refused))
    return told(desk, command, ts, answer)


def told(desk: Desk, command: Command, ts: int, answer: Answer) -> list[Message]:
    """What a command came to, as a message, and what was done."""
    state = desk.state.trading
    said = answer.changed or TradingStateChanged(
        ts=ts,
        state=state,
        previous=state,
        reason=answer.reason,
        command_id=command.command_id,
        accepted=answer.accepted,
        holds=holds.told(desk),
        rule=answer.refusal.rule if answer.refusal is not None else None,
        limit=answer.refusal.limit if answer.refusal is not None else None,
        value=answer.refusal.value if answer.refusal is not None else None,
        order_id=answer.order_id,
    )
    return [said, *answer.outputs]


def in_scope(desk: Desk, command: Command) -> Callable[[Book], bool]:
    """The books that a command's filters mean; all of them when it has none."""

    def matches(book: Book) -> bool:
        return holds.covers(desk, command, book.strategy, book.instrument)

    return matches


def _text(command: Command) -> str:
    return f"{command.verb} by {command.by}" + (f": {command.reason}" if command.reason else "")


def _done(command: Command, outputs: list[Message]) -> str:
    """What was asked for, and how much of it was done at once."""
    cancelled = sum(type(each) is CancelRequested for each in outputs)
    return f"{_text(command)} ({cancelled} order{'' if cancelled == 1 else 's'} cancelled)"


def _halt(desk: Desk, command: Command, ts: int) -> Answer:
    if holds.narrowed(command):
        holds.hold(desk, command, TradingState.HALTED)
        outputs = closing.halt(desk, ts, in_scope(desk, command))
        return Answer(True, _done(command, outputs), tuple(outputs))
    changed = closing.move(desk, ts, Event.HALT, _text(command), command_id=command.command_id)
    desk.state.waiting_day = ""
    return Answer(True, changed.reason, tuple(closing.halt(desk, ts)), changed)


def _resume(desk: Desk, command: Command, ts: int) -> Answer:
    state = desk.state
    if not command.reason.strip():
        return Answer(False, "resume needs a reason")
    if state.stop or state.ended:
        return Answer(False, f"the session is ending: {state.stop or 'the data is over'}")
    if state.waiting_day:
        return Answer(False, f"{state.waiting_day} waits for the next day")
    if any(book.closing for book in state.books if in_scope(desk, command)(book)):
        return Answer(False, "positions are being closed")
    active = state.trading is TradingState.ACTIVE
    lifted = holds.lift(desk, command)
    if holds.narrowed(command) or (active and lifted):
        count = f"{len(lifted)} hold{'' if len(lifted) == 1 else 's'} lifted"
        return Answer(bool(lifted), f"{_text(command)} ({count})" if lifted else "nothing is held there")
    changed = closing.move(desk, ts, Event.RESUME, _text(command), command_id=command.command_id)
    state.operator_hold = False
    return Answer(True, changed.reason, (), changed)


def _reduce(desk: Desk, command: Command, ts: int) -> Answer:
    matches = in_scope(desk, command)
    changed: TradingStateChanged | None = None
    if holds.narrowed(command):
        if any(holds.halted(desk, book) for book in desk.state.books if matches(book)):
            return Answer(False, "it is halted: resume it first")
        holds.hold(desk, command, TradingState.REDUCING)
    else:
        changed = closing.move(desk, ts, Event.REDUCE, _text(command), command_id=command.command_id)
        desk.state.operator_hold = True
    outputs: list[Message] = []
    for book in filter(matches, desk.state.books):
        for order in book.working.values():
            if not order.closing and order.sign * book.position.quantity >= 0:
                outputs += desk.cancel(book, order, ts, "reduce")
    return Answer(True, _done(command, outputs), tuple(outputs), changed)


def _flatten(desk: Desk, command: Command, ts: int) -> Answer:
    matches = in_scope(desk, command)
    if holds.narrowed(command):
        return _flatten_part(desk, command, ts, matches)
    event = Event.FLATTEN
    if desk.state.trading is TradingState.HALTED:
        if not command.override:
            return Answer(False, "flatten while halted needs the override of a risk admin")
        event = Event.OVERRIDE
    if command.override:
        holds.soften(desk, matches)
    changed = closing.move(desk, ts, event, _text(command), command_id=command.command_id)
    desk.state.operator_hold = True
    return Answer(True, changed.reason, tuple(closing.begin(desk, ts, "flatten")), changed)


def _flatten_part(desk: Desk, command: Command, ts: int, matches: Callable[[Book], bool]) -> Answer:
    """Close a part and let it only be reduced until it is resumed; the rest trades on."""
    if desk.state.trading is TradingState.HALTED:
        return Answer(False, "trading is halted: flatten everything with the override of a risk admin")
    if any(holds.halted(desk, book) for book in desk.state.books if matches(book)):
        if not command.override:
            return Answer(False, "flatten while halted needs the override of a risk admin")
        holds.soften(desk, matches)
    holds.hold(desk, command, TradingState.REDUCING)
    outputs = closing.begin(desk, ts, "flatten", matches)
    return Answer(True, _closing(desk, command, outputs, matches), tuple(outputs))


def _close(desk: Desk, command: Command, ts: int) -> Answer:
    if command.order_id is not None or not holds.narrowed(command):
        return Answer(
            False, "close needs a strategy, instrument, venue or underlying: use flatten for everything"
        )
    matches = in_scope(desk, command)
    if desk.state.trading is TradingState.HALTED or any(
        holds.halted(desk, book) for book in desk.state.books if matches(book)
    ):
        return Answer(False, "close is not possible while halted")
    outputs = closing.begin(desk, ts, "close", matches)
    return Answer(True, _closing(desk, command, outputs, matches), tuple(outputs))


def _closing(desk: Desk, command: Command, outputs: list[Message], matches: Callable[[Book], bool]) -> str:
    closing_now = sum(1 for book in desk.state.books if matches(book) and book.closing)
    return (
        f"{_done(command, outputs)[:-1]}, {closing_now} position{'' if closing_now == 1 else 's'} to close)"
    )


def _cancel(desk: Desk, command: Command, ts: int) -> Answer:
    matches = in_scope(desk, command)
    found = [
        (book, order)
        for book in desk.state.books
        for order in book.working.values()
        if matches(book) and command.order_id in (None, order.order_id)
    ]
    if command.order_id is not None and not found:
        return Answer(False, f"no order {command.order_id} works there")
    outputs = [message for book, order in found for message in desk.cancel(book, order, ts, "command")]
    return Answer(True, _done(command, outputs), tuple(outputs))


def _limits(desk: Desk, command: Command, _ts: int) -> Answer:
    if not command.arguments:
        return Answer(False, "limits needs arguments: setting and value")
    try:
        configured(desk.base_config, {**desk.state.settings, **command.arguments})
    except (ValidationError, ValueError) as wrong:
        return Answer(False, _first_line(wrong))
    desk.state.settings.update(command.arguments)
    changes = ", ".join(f"{name} = {value}" for name, value in sorted(command.arguments.items()))
    return Answer(True, f"{_text(command)} ({changes})")


def configured(config: RiskConfig, settings: dict[str, str]) -> RiskConfig:
    """The settings with some replaced, by name. ValueError names the one that is wrong."""
    values = config.model_dump()
    unknown = sorted(name for name in settings if name not in values)
    if unknown:
        raise ValueError(f"risk has no setting {unknown[0]}")
    return RiskConfig.model_validate({**values, **settings})


def _first_line(wrong: ValueError) -> str:
    if isinstance(wrong, ValidationError):
        first = wrong.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(str(part) for part in first['loc']) or 'limits'}: {first['msg']}"
    return str(wrong)


VERBS: dict[str, Handler] = {
    "halt": _halt,
    "resume": _resume,
    "reduce": _reduce,
    "flatten": _flatten,
    "close": _close,
    "cancel": _cancel,
    "limits": _limits,
    "place": manual.place,
    "modify": manual.modify,
}
