"""Books every fill again: positions, PnL and fees as risk should tell them (I1), and its reserves (I6)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from penstock_contracts.base import Message
from penstock_contracts.instrument import Instrument
from penstock_contracts.orders import PnlSampled, PositionChanged
from penstock_contracts.types import Liquidity
from penstock_contracts.venue import Fill
from penstock_kernel.ledger import Contract, Position, fit
from penstock_kernel.money import ONE, ZERO

from penstock_research.report.findings import Findings

TOLERANCE = Decimal("1e-18")
"""Of fees of inverse instruments, which divide by a price; everything else is exact."""

Key = tuple[str, str]
"""Strategy and instrument."""


@dataclass(frozen=True, slots=True)
class Holding:
    """A position as risk should tell it after a fill."""

    quantity: Decimal
    average_price: Decimal | None
    pnl_realized: Decimal
    fees: Decimal | None
    """None when some were paid in another currency than the position's."""


@dataclass(slots=True)
class MoneyAudit:
    """State of the audit of positions and money."""

    instruments: Mapping[str, Instrument]
    currency: str
    capital: Decimal
    fee_rates: Mapping[Liquidity, Decimal | None]
    """The paper venue's own rates, where it has some."""
    findings: Findings
    positions: dict[Key, Position] = field(default_factory=dict)
    _after: dict[str, tuple[Key, Holding]] = field(default_factory=dict)
    """By fill id: what risk should say next."""
    last_account: PnlSampled | None = None
    _told: dict[Key, PositionChanged] = field(default_factory=dict)
    """What risk said last of each position."""

    def take(self, message: Message) -> None:
        """Take the next event."""
        match message:
            case Fill():
                self._fill(message)
            case PositionChanged():
                self._position(message)
            case PnlSampled():
                self._sample(message)
            case _:
                pass

    def finish(self, open_orders: int) -> None:
        """After the last event: nothing untold, nothing reserved that no order holds."""
        for fill_id, (key, _) in self._after.items():
            self.findings.add("I1", f"fill {fill_id} of {' in '.join(key)} never reached a position")
        last = self.last_account
        if last is None:
            return
        if open_orders == 0:
            self.findings.expect(
                last.reserved == 0, "I6", f"{last.reserved} stays reserved with no order open"
            )
        rates = {self.currency: ONE, **last.rates}
        due = [(each.contract.currency, each.pnl_realized) for each in self.positions.values()]
        self._adds_up(last.pnl_realized, due, rates, "realised PnL of the account")
        due = [fee for each in self.positions.values() for fee in each.fees.items()]
        self._adds_up(last.fees, due, rates, "fees of the account")

    def _fill(self, fill: Fill) -> None:
        instrument = self.instruments.get(fill.instrument)
        if instrument is None:
            self.findings.add(
                "I1", f"fill {fill.fill_id} is in {fill.instrument}, which the session does not have"
            )
            return
        contract = Contract.of(instrument)
        self._fee(fill, instrument, contract)
        key = (fill.strategy, fill.instrument)
        position = self.positions.setdefault(key, Position(contract))
        position.apply_fill(fill.side, fill.quantity, fill.price, fill.fee, fill.fee_currency)
        self._after[fill.fill_id] = (key, holding(position))

    def _fee(self, fill: Fill, instrument: Instrument, contract: Contract) -> None:
        rate = self.fee_rates.get(fill.liquidity)
        if rate is None:
            rate = instrument.fee_maker if fill.liquidity is Liquidity.MAKER else instrument.fee_taker
        due = contract.notional(fill.quantity, fill.price) * rate
        near = abs(fill.fee - due) <= (TOLERANCE if instrument.inverse else ZERO)
        self.findings.expect(near, "I1", f"fill {fill.fill_id}: fee {fill.fee}, but {due} is due")
        self.findings.expect(
            fill.fee_currency == contract.currency,
            "I1",
            f"fill {fill.fill_id}: fee in {fill.fee_currency}, but it settles in {contract.currency}",
        )

    def _position(self, said: PositionChanged) -> None:
        key = (said.strategy, said.instrument)
        self._told[key] = said
        if said.fill_id is None:
            position = self.positions.get(key)
            expected = holding(position) if position else Holding(ZERO, None, ZERO, ZERO)
        else:
            found = self._after.pop(said.fill_id, None)
            if found is None or found[0] != key:
                self.findings.add(
                    "I1", f"position of {' in '.join(key)} after fill {said.fill_id}: no such fill"
                )
                return
            expected = found[1]
        for name in ("quantity", "average_price", "pnl_realized", "fees"):
            value, due = getattr(said, name), getattr(expected, name)
            if name == "fees" and due is None:
                continue
            self.findings.expect(
                value == due,
                "I1",
                f"position of {' in '.join(key)} after {said.fill_id}: {name} {value}, but fills give {due}",
            )

    def _sample(self, sample: PnlSampled) -> None:
        who = sample.strategy or "the account"
        self.findings.expect(sample.reserved >= 0, "I6", f"{who} at {sample.ts}: {sample.reserved} reserved")
        if sample.strategy is not None:
            return
        equity = self.capital + sample.pnl_realized + sample.pnl_unrealized - sample.fees
        self._equal(sample.equity, equity, f"equity at {sample.ts}")
        rates = {self.currency: ONE, **sample.rates}
        due = [(each.currency, each.pnl_realized) for each in self._told.values()]
        self._adds_up(sample.pnl_realized, due, rates, f"realised PnL at {sample.ts}")
        self.last_account = sample

    def _equal(self, said: Decimal, due: Decimal, what: str) -> None:
        self.findings.expect(said == due, "I1", f"{what}: {said}, but {due} follows from the fills")

    def _adds_up(
        self, said: Decimal, due: list[tuple[str, Decimal]], rates: Mapping[str, Decimal], what: str
    ) -> None:
        """Amounts by currency, each converted as risk does, are what it said; not told without a rate."""
        due = [(currency, amount) for currency, amount in due if amount]
        if all(currency in rates for currency, _ in due):
            parts = (amount if rates[each] == ONE else fit(amount * rates[each]) for each, amount in due)
            self._equal(said, sum(parts, ZERO), what)


def holding(position: Position) -> Holding:
    """What a position comes to."""
    currency = position.contract.currency
    foreign = any(paid_in != currency for paid_in in position.fees)
    return Holding(
        position.quantity,
        position.average_price,
        position.pnl_realized,
        None if foreign else position.fees.get(currency, ZERO),
    )


def fee_rates(execution: Mapping[str, Any]) -> dict[Liquidity, Decimal | None]:
    """The paper venue's own fee rates in the section `execution` of a configuration."""
    paper = execution.get("paper", {})
    given = {Liquidity.MAKER: paper.get("fee_maker"), Liquidity.TAKER: paper.get("fee_taker")}
    return {key: None if rate is None else Decimal(str(rate)) for key, rate in given.items()}
