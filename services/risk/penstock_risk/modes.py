"""A strategy's mode is switched while the session runs, where nothing of the strategy is open in the old one.

What it holds would else change its owner: a real position would be traded by nobody, a virtual one would
appear out of nowhere.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Literal, get_args

from penstock_contracts.control import Command
from penstock_kernel.ledger import plain
from penstock_kernel.money import ONE, ZERO
from penstock_kernel.session import StrategySpec

from penstock_risk.answers import Answer
from penstock_risk.desk import Desk
from penstock_risk.shadow import ShadowState

Mode = Literal["trade", "shadow"]
VERB = "strategy_mode"


def mode_of(spec: StrategySpec, modes: Mapping[str, Mode]) -> Mode:
    """How a strategy's signals are taken now: as switched, else as configured."""
    return modes.get(spec.name, spec.mode)


def switch(desk: Desk, shadow: ShadowState, modes: dict[str, Mode], command: Command) -> Answer:
    """Put a strategy into the mode that `arguments` name, or say what keeps it in the other."""
    specs = {each.name: each for each in desk.session.strategies}
    spec, wanted = specs.get(command.strategy or ""), command.arguments.get("mode", "")
    if spec is None:
        return Answer(False, f"the session has no strategy {command.strategy or ''}".rstrip())
    if wanted not in get_args(Mode) or len(command.arguments) > 1:
        return Answer(False, "strategy_mode needs one argument: mode = trade or shadow")
    mode: Mode = "shadow" if wanted == "shadow" else "trade"
    if desk.state.stop or desk.state.ended:
        return Answer(False, f"the session is ending: {desk.state.stop or 'the data is over'}")
    done = f"mode {mode} of {spec.name} by {command.by}" + (f": {command.reason}" if command.reason else "")
    if mode_of(spec, modes) == mode:
        return Answer(True, f"{done} (it was in it already)")
    open_now = list(_real(desk, spec.name) if mode == "shadow" else _virtual(shadow, spec.name))
    if open_now:
        return Answer(False, f"{spec.name} is not flat: {'; '.join(open_now)}")
    if mode == "trade" and (over := _overdrawn(spec, specs, modes)):
        return Answer(False, over)
    modes[spec.name] = mode
    return Answer(True, done)


def _real(desk: Desk, strategy: str) -> Iterator[str]:
    """What a strategy has in the account, in words."""
    for book in desk.state.books:
        if book.strategy != strategy:
            continue
        if book.position.quantity:
            yield f"it holds {plain(book.position.quantity)} {book.instrument}"
        if book.working:
            count = len(book.working)
            yield f"{count} order{'' if count == 1 else 's'} in {book.instrument} work{'s' * (count == 1)}"
        elif book.waiting is not None:
            yield f"a signal in {book.instrument} waits"


def _virtual(shadow: ShadowState, strategy: str) -> Iterator[str]:
    """What a strategy has in the virtual ledger, in words."""
    for book in shadow.books:
        if book.strategy != strategy:
            continue
        if book.position.quantity:
            yield f"it holds {plain(book.position.quantity)} {book.instrument} virtually"
        if book.pending is not None:
            yield f"a virtual order in {book.instrument} is on its way"


def _overdrawn(spec: StrategySpec, specs: Mapping[str, StrategySpec], modes: Mapping[str, Mode]) -> str:
    """That strategies would trade more than the capital, or than the session began with; else empty."""
    begun = sum((each.capital_fraction for each in specs.values() if each.mode == "trade"), ZERO)
    trading = [each for each in specs.values() if each is spec or mode_of(each, modes) == "trade"]
    shares: Decimal = sum((each.capital_fraction for each in trading), ZERO)
    if shares <= max(ONE, begun):
        return ""
    names = ", ".join(each.name for each in trading)
    return f"{names} would trade {plain(shares)} of the capital: put another one into the shadow first"
