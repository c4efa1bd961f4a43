"""Risk before whose door stand the modes and guardrails of single strategies.

Where nobody can switch a mode, a session without shadow strategies and guardrails runs `RiskStage` alone;
`risk_stage` decides.
"""

from dataclasses import dataclass, field
from typing import Any

from penstock_contracts.base import Message
from penstock_contracts.features import Prices
from penstock_contracts.orders import PositionChanged
from penstock_contracts.signals import Signal
from penstock_contracts.types import NEVER
from penstock_kernel.money import ZERO
from penstock_kernel.session import SessionConfig, StrategySpec
from penstock_kernel.stage import NOTHING, IntervalEnd, Outputs, StageStatus
from pydantic import TypeAdapter, ValidationError

from penstock_risk import modes, shadow
from penstock_risk.commands import told
from penstock_risk.config import RiskConfig
from penstock_risk.decide import gate
from penstock_risk.guardrails import Record, refusal_of
from penstock_risk.limits import Refusal
from penstock_risk.modes import Mode
from penstock_risk.shadow import ShadowState
from penstock_risk.stage import RiskStage


@dataclass(slots=True)
class GuardedState:
    """Everything that a snapshot holds."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    risk: str = ""
    """The snapshot of the stage behind the door."""
    shadow: ShadowState = field(default_factory=ShadowState)
    records: dict[str, Record] = field(default_factory=dict)
    mark: int = 0
    modes: dict[str, Mode] = field(default_factory=dict)
    """Of strategies that a command switched."""


_STATE = TypeAdapter(GuardedState)


def risk_stage(
    config: RiskConfig, session: SessionConfig, *, commands: bool = True
) -> "RiskStage | GuardedRisk":
    """The risk stage of a session, behind a door where its strategies need one, or come to by `commands`."""
    guarded = commands or any(each.mode == "shadow" or each.guardrails.any for each in session.strategies)
    return GuardedRisk(config, session) if guarded else RiskStage(config, session)


class GuardedRisk:
    """Shadow strategies are turned aside into a virtual ledger; guardrails refuse; all else is risk's."""

    ignores = RiskStage.ignores

    def __init__(self, config: RiskConfig, session: SessionConfig) -> None:
        self.risk = RiskStage(config, session)
        self._specs = {each.name: each for each in session.strategies}
        self._railed = {each.name for each in session.strategies if each.guardrails.any}
        self._adopt(GuardedState())

    def _adopt(self, state: GuardedState) -> None:
        self._state = state
        self._apart = self._railed | {
            name for name, spec in self._specs.items() if modes.mode_of(spec, state.modes) == "shadow"
        }
        """Strategies whose signals may not simply pass."""

    def process(self, message: Message) -> Outputs:
        """As risk; signals pass the door first, and what becomes of positions is noted."""
        if type(message) is Signal:
            return self._signal(message)
        outputs = self.risk.process(message)
        if not self._railed:
            return outputs
        for each in outputs:
            if type(each) is PositionChanged and each.strategy in self._railed:
                desk = self.risk.desk
                day = desk.day_of(each.strategy, each.ts)
                self._record(each.strategy).changed(each, day, desk.strategies[each.strategy].guardrails)
        return outputs

    def _signal(self, signal: Signal) -> Outputs:
        if signal.strategy not in self._apart:
            return self.risk.process(signal)
        spec, state = self._specs[signal.strategy], self._state
        outputs = self.risk.settle()
        if modes.mode_of(spec, state.modes) == "shadow":
            virtual = shadow.take_signal(self.risk.desk, state.shadow, state.records, spec, signal)
            return [*outputs, *virtual]
        refusal = self._refusal(spec, signal)
        if refusal is None:
            return [*outputs, *self.risk.process(signal)]
        desk = self.risk.desk
        return [*outputs, desk.refuse(signal, max(signal.ts, desk.state.now), refusal)]

    def _refusal(self, spec: StrategySpec, signal: Signal) -> Refusal | None:
        """What the guardrails refuse; what risk would refuse anyway is left to risk."""
        desk = self.risk.desk
        if not spec.guardrails.any or gate(desk, signal) is not None:
            return None
        book = desk.find(spec.name, signal.instrument)
        quantity = book.position.quantity if book is not None else ZERO

        def trades_open() -> int:
            return sum(
                1 for each in desk.state.books
                if each.strategy == spec.name
                # What works or waits in this instrument gives way to the signal.
                and (each.position.quantity or (each is not book and (each.working or each.waiting)))
            )  # fmt: skip

        day = desk.day_of(spec.name, max(signal.ts, desk.state.now))
        return refusal_of(self._record(spec.name), spec.guardrails, signal, quantity, day, trades_open)

    def _record(self, strategy: str) -> Record:
        return self._state.records.setdefault(strategy, Record())

    def end_interval(self, end: IntervalEnd) -> Outputs:
        """Book virtual fills, then as risk; modes are switched when everything else has been done."""
        virtual, outputs = self._virtual(end), self.risk.end_interval(end)
        if not virtual and not end.commands:
            return outputs
        return [*virtual, *outputs, *self._switched(end)]

    def _virtual(self, end: IntervalEnd) -> list[Message]:
        state = self._state
        state.mark = end.ts
        if not state.shadow.books:
            state.shadow.ended = state.shadow.ended or end.ended
            return []
        return shadow.end_interval(self.risk.desk, state.shadow, state.records, end.ts, ended=end.ended)

    def _switched(self, end: IntervalEnd) -> list[Message]:
        """Act on the commands that switch a mode."""
        state, desk = self._state, self.risk.desk
        outputs: list[Message] = []
        for command in end.commands:
            if command.verb == modes.VERB:
                answer = modes.switch(desk, state.shadow, state.modes, command)
                outputs += told(desk, command, end.ts, answer)
        if outputs:
            self._adopt(state)
        return outputs

    def status(self) -> StageStatus:
        """As risk; also due in the interval after a virtual order."""
        status = self.risk.status()
        if self._pending():
            return status._replace(next_due=min(status.next_due, self._state.mark + 1, NEVER))
        return status

    def _pending(self) -> bool:
        """Whether a virtual order is on its way."""
        books = self._state.shadow.books
        return bool(books) and any(book.pending is not None for book in books)

    def quiet_rows(self, message: Message, begin: int = 0, end: int | None = None) -> int:
        """As risk: prices bring no virtual fill."""
        return self.risk.quiet_rows(message, begin, end)

    def process_rows(self, message: Message, begin: int, end: int) -> Outputs:
        """As `process` of these rows."""
        return self.risk.process_rows(message, begin, end)

    def next_due_apart(self) -> int:
        """As `status`: virtual fills wait for intervals of their own."""
        return self.status().next_due if self._pending() else self.risk.next_due_apart()

    def pass_run(self, rows: tuple[Prices, int, int] | None, end: IntervalEnd) -> Outputs:
        """As `process_rows` and `end_interval`."""
        if not self._pending() and not end.ended and not end.commands:
            self._state.mark = end.ts
            return self.risk.pass_run(rows, end)
        outputs = self.risk.process_rows(*rows) if rows is not None else NOTHING
        return [*outputs, *self.end_interval(end)]

    def describe(self) -> dict[str, Any]:
        """As risk, the modes, and the virtual ledgers, each position's money in its settlement currency."""
        return {
            **self.risk.describe(),
            "modes": {name: modes.mode_of(spec, self._state.modes) for name, spec in self._specs.items()},
            "shadow": [self._described(book) for book in self._state.shadow.books],
        }

    def _described(self, book: shadow.ShadowBook) -> dict[str, Any]:
        return {
            "strategy": book.strategy,
            "instrument": book.instrument,
            "quantity": str(book.position.quantity),
            "pnl_realized": str(book.position.pnl_realized),
            "pnl_unrealized": str(shadow.unrealized(self.risk.desk, book)),
            "fees": str(sum(book.position.fees.values())),
            "currency": book.position.contract.currency,
            "trades": book.trades,
            "trades_won": book.trades_won,
        }

    def snapshot(self) -> bytes:
        """The whole state as JSON."""
        self._state.risk = self.risk.snapshot().decode()
        return _STATE.dump_json(self._state)

    def restore(self, state: bytes) -> None:
        """Take over a snapshot. ValueError when it is not one of this stage's."""
        try:
            restored = _STATE.validate_json(state)
        except ValidationError as wrong:
            first = wrong.errors(include_url=False, include_input=False)[0]
            raise ValueError(f"no snapshot of guarded risk: {first['loc']}: {first['msg']}") from wrong
        self.risk.restore(restored.risk.encode())
        self._adopt(restored)
