"""Whether an instrument may be traded: its venue's word, its calendar, its expiry."""

from decimal import Decimal

from penstock_contracts.instrument import Instrument
from penstock_contracts.types import MarketStatus
from penstock_kernel.grid import NS_PER_SECOND
from penstock_kernel.hours import Hours, expired, utc_text

from penstock_risk.limits import Refusal
from penstock_risk.state import RiskState


def closed(state: RiskState, definition: Instrument, ts: int) -> Refusal | None:
    """What refuses an order decided at `ts`; None while the market trades.

    Limit and value of what the schedule refuses are seconds since the epoch: of the close, and `ts`.
    """
    if definition.expiry is not None and expired(definition, ts):
        return _since("market_closed", definition.expiry, ts, f"expired at {utc_text(definition.expiry)}")
    refusal = off_hours(state, definition, ts)
    if refusal is not None:
        return refusal
    status = state.statuses.get(definition.instrument, definition.status)
    return None if status is MarketStatus.TRADING else Refusal("market_closed", text=status.value)


def off_hours(state: RiskState, definition: Instrument, ts: int) -> Refusal | None:
    """What refuses an order because of the instrument's calendar alone."""
    hours = state.hours.get(definition.instrument)
    if definition.calendar is None:
        return None
    if hours is None:
        return Refusal("market_closed", text=f"nothing was heard of {definition.calendar} yet")
    if hours.open_at(ts):
        return None
    return _since(
        "market_closed", hours.closed_since(ts), ts, f"{definition.calendar} is closed{_until(hours, ts)}"
    )


def closing_waits(state: RiskState, definition: Instrument, ts: int) -> bool:
    """Whether an order that closes a position has to wait for the market to open.

    Not when the data is over: no session will come. Nor for what has expired: that is settled.
    """
    return not (state.ended or expired(definition, ts)) and off_hours(state, definition, ts) is not None


def _until(hours: Hours, ts: int) -> str:
    opens = hours.opens_after(ts)
    return f" until {utc_text(opens)}" if opens is not None else ""


def _since(rule: str, limit: int, ts: int, text: str) -> Refusal:
    return Refusal(rule, Decimal(limit) / NS_PER_SECOND, Decimal(ts) / NS_PER_SECOND, text)
