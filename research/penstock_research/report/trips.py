"""Round trips: what a strategy did in an instrument from flat, or from a flip, to flat or the next flip."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from penstock_contracts.instrument import Instrument
from penstock_contracts.venue import Fill
from penstock_kernel.ledger import Contract, Position, RoundTrip, fit
from penstock_kernel.money import ZERO


@dataclass(frozen=True, slots=True)
class Trip:
    """One closed trade."""

    strategy: str
    instrument: str
    side: Literal["long", "short"]
    ts_open: int
    ts_close: int
    currency: str
    """Settlement currency."""
    pnl: Decimal
    """Realised, without fees."""
    fees: Decimal | None
    """None when some were paid in another currency: then the net is not one number."""
    quantity: Decimal = ZERO
    """All that was opened."""
    price_open: Decimal = ZERO
    """Mean price of what opened it, by quantity."""
    price_close: Decimal = ZERO

    @property
    def net(self) -> Decimal | None:
        """PnL after fees: what decides whether the trade won."""
        return None if self.fees is None else self.pnl - self.fees


@dataclass(slots=True)
class _Sums:
    """Quantities and turnovers of a trade under way."""

    opened: Decimal = ZERO
    opened_value: Decimal = ZERO
    closed: Decimal = ZERO
    closed_value: Decimal = ZERO


def round_trips(fills: Iterable[Fill], instruments: Mapping[str, Instrument]) -> list[Trip]:
    """The closed trades of fills in event order, in the order of their ends."""
    positions: dict[tuple[str, str], Position] = {}
    opened_at: dict[tuple[str, str], int] = {}
    sums: dict[tuple[str, str], _Sums] = {}
    trips: list[Trip] = []
    for fill in fills:
        key = (fill.strategy, fill.instrument)
        position = positions.get(key)
        if position is None:
            position = positions[key] = Position(Contract.of(instruments[fill.instrument]))
        held = position.quantity
        effect = position.apply_fill(fill.side, fill.quantity, fill.price, fill.fee, fill.fee_currency)
        own = sums.setdefault(key, _Sums())
        own.closed += effect.quantity_closed
        own.closed_value += effect.quantity_closed * fill.price
        if effect.round_trip is not None:
            times = (opened_at[key], fill.ts)
            trips.append(_trip(key, held, times, effect.round_trip, position.contract.currency, own))
            own = sums[key] = _Sums()
        if held == 0 or effect.round_trip is not None:
            opened_at[key] = fill.ts
        opened = fill.quantity - effect.quantity_closed
        own.opened += opened
        own.opened_value += opened * fill.price
    return trips


def _trip(
    key: tuple[str, str],
    held: Decimal,
    times: tuple[int, int],
    closed: RoundTrip,
    currency: str,
    sums: _Sums,
) -> Trip:
    foreign = any(paid_in != currency for paid_in in closed.fees)
    return Trip(
        strategy=key[0],
        instrument=key[1],
        side="long" if held > 0 else "short",
        ts_open=times[0],
        ts_close=times[1],
        currency=currency,
        pnl=closed.pnl_realized,
        fees=None if foreign else closed.fees.get(currency, ZERO),
        quantity=sums.opened,
        price_open=fit(sums.opened_value / sums.opened),
        price_close=fit(sums.closed_value / sums.closed),
    )
