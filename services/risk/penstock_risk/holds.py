"""Parts of the account that an operator halted or reduced while the rest trades on.

A hold has the filters of the command that made it: venue, instrument, underlying, strategy; what it does not
name it does not restrict. It means for its part what the trading state means for everything.
"""

from collections.abc import Callable

from penstock_contracts.control import Command
from penstock_contracts.types import TradingState

from penstock_risk.desk import Desk
from penstock_risk.state import Book, Hold

FILTERS = ("venue", "instrument", "underlying", "strategy")


def narrowed(command: Command) -> bool:
    """Whether a command is about a part only."""
    return any(getattr(command, name) is not None for name in FILTERS)


def unknown(desk: Desk, command: Command) -> str:
    """What a command names that the session does not have; empty where it has everything.

    A command that means nothing must say so: whoever misspells a strategy believes that it was halted.
    """
    known = [*desk.session.by_key, *desk.state.instruments]
    found = {
        "venue": {key.rpartition(".")[2] for key in known},
        "instrument": set(known),
        "underlying": {each.base for key in known if (each := desk.definition(key)) is not None},
        "strategy": set(desk.strategies),
    }
    for name in FILTERS:
        value = getattr(command, name)
        if value is not None and value not in found[name]:
            return f"the session has no {name} {value}"
    return ""


def covers(desk: Desk, part: Command | Hold, strategy: str, instrument: str) -> bool:
    """Whether a strategy in an instrument belongs to the part that the filters of a command or hold mean."""
    definition = desk.definition(instrument)
    return (
        part.strategy in (None, strategy)
        and part.instrument in (None, instrument)
        and part.venue in (None, instrument.rpartition(".")[2])
        and (part.underlying is None or (definition is not None and definition.base == part.underlying))
    )


def state_of(desk: Desk, strategy: str, instrument: str) -> TradingState:
    """The strictest hold on a strategy in an instrument; ACTIVE where there is none."""
    found = TradingState.ACTIVE
    for hold in desk.state.holds:
        if covers(desk, hold, strategy, instrument):
            if hold.state is TradingState.HALTED:
                return TradingState.HALTED
            found = hold.state
    return found


def halted(desk: Desk, book: Book) -> bool:
    """Whether a book is in a part that is halted: its position stays as it is."""
    return bool(desk.state.holds) and (state_of(desk, book.strategy, book.instrument) is TradingState.HALTED)


def hold(desk: Desk, command: Command, state: TradingState) -> None:
    """Halt or reduce a part; what the same filters held before is replaced."""
    part = {name: getattr(command, name) for name in FILTERS}
    kept = [each for each in desk.state.holds if _filters(each) != part]
    desk.state.holds = [*kept, Hold(state=state, **part)]


def lift(desk: Desk, command: Command) -> list[Hold]:
    """End the holds that lie within a command's filters, all of them without any; returns what was held."""
    given = {name: value for name in FILTERS if (value := getattr(command, name)) is not None}
    gone = [each for each in desk.state.holds if given.items() <= _filters(each).items()]
    desk.state.holds = [each for each in desk.state.holds if each not in gone]
    return gone


def soften(desk: Desk, within: Callable[[Book], bool]) -> None:
    """Let closing orders pass where a risk admin overrides: parts that were halted are reduced."""
    books = [book for book in desk.state.books if within(book) and halted(desk, book)]
    for each in desk.state.holds:
        if any(covers(desk, each, book.strategy, book.instrument) for book in books):
            each.state = TradingState.REDUCING


def told(desk: Desk) -> tuple[str, ...]:
    """The holds in words: `halted: strategy a, venue replay`."""
    return tuple(f"{each.state.value}: {_part(each)}" for each in desk.state.holds)


def _part(hold: Hold) -> str:
    return ", ".join(f"{name} {value}" for name, value in _filters(hold).items() if value)


def _filters(part: Hold) -> dict[str, str | None]:
    return {name: getattr(part, name) for name in FILTERS}
