"""Risk before whose door stand the modes and guardrails of single strategies.

A session without shadow strategies and guardrails runs `RiskStage` alone; `risk_stage` decides.
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

from penstock_risk import shadow
from penstock_risk.config import RiskConfig
from penstock_risk.decide import gate
from penstock_risk.guardrails import Record, refusal_of
from penstock_risk.limits import Refusal
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


_STATE = TypeAdapter(GuardedState)


def risk_stage(config: RiskConfig, session: SessionConfig) -> "RiskStage | GuardedRisk":
    """The risk stage of a session, behind a door where its strategies need one."""
    guarded = any(each.mode == "shadow" or each.guardrails.any for each in session.strategies)
    return GuardedRisk(config, session) if guarded else RiskStage(config, session)


class GuardedRisk:
    """Shadow strategies are turned aside into a virtual ledger; guardrails refuse; all else is risk's."""

    def __init__(self, config: RiskConfig, session: SessionConfig) -> None:
        self.risk = RiskStage(config, session)
        self._specs = {each.name: each for each in session.strategies}
        self._state = GuardedState()

    def process(self, message: Message) -> Outputs:
        """As risk; signals pass the door first, and what becomes of positions is noted."""
        if type(message) is Signal:
            return self._signal(message)
        outputs = self.risk.process(message)
        for each in outputs:
            if type(each) is PositionChanged:
                desk = self.risk.desk
                day = desk.day_of(each.strategy, each.ts)
                self._record(each.strategy).changed(each, day, desk.strategies[each.strategy].guardrails)
        return outputs

    def _signal(self, signal: Signal) -> Outputs:
        spec = self._specs.get(signal.strategy)
        if spec is None:
            return self.risk.process(signal)
        outputs = self.risk.settle()
        if spec.mode == "shadow":
            state = self._state
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
        """Book virtual fills, then as risk."""
        state = self._state
        virtual = shadow.end_interval(self.risk.desk, state.shadow, state.records, end.ts, ended=end.ended)
        state.mark = end.ts
        return [*virtual, *self.risk.end_interval(end)]

    def status(self) -> StageStatus:
        """As risk; also due in the interval after a virtual order."""
        status = self.risk.status()
        if any(book.pending is not None for book in self._state.shadow.books):
            return status._replace(next_due=min(status.next_due, self._state.mark + 1, NEVER))
        return status

    def quiet_rows(self, message: Message, begin: int = 0, end: int | None = None) -> int:
        """As risk: prices bring no virtual fill."""
        return self.risk.quiet_rows(message, begin, end)

    def process_rows(self, message: Message, begin: int, end: int) -> Outputs:
        """As `process` of these rows."""
        return self.risk.process_rows(message, begin, end)

    def next_due_apart(self) -> int:
        """As `status`: virtual fills wait for intervals of their own."""
        return self.status().next_due

    def pass_run(self, rows: tuple[Prices, int, int] | None, end: IntervalEnd) -> Outputs:
        """As `process_rows` and `end_interval`."""
        outputs = self.risk.process_rows(*rows) if rows is not None else NOTHING
        return [*outputs, *self.end_interval(end)]

    def describe(self) -> dict[str, Any]:
        """As risk, and the virtual ledgers, each position's money in its settlement currency."""
        return {
            **self.risk.describe(),
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
        self._state = restored
