"""Market hours: what an instrument's calendar, or its expiry, has said last, and what follows from that.

A market is open in (open, close], as intervals are: a datum stamped at the close belongs to the session, one
stamped at the open comes before it. What is decided at the close comes too late for the session.
"""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime

from penstock_contracts.instrument import Instrument
from penstock_contracts.market import InstrumentStatus
from penstock_contracts.types import MarketStatus

from penstock_kernel.grid import NS_PER_SECOND


@dataclass(slots=True)
class Hours:
    """The last scheduled status of an instrument."""

    ts: int
    """When it was said, ns."""
    open: bool
    since: int
    """Since when the market is open, or closed, as far as was said, ns."""
    ahead: tuple[int, ...] = ()
    """When it will close or open, in turn, ns."""
    day: str = ""
    """Date of the session."""
    day_end: int | None = None
    """When the session ends, ns."""

    @classmethod
    def said(cls, message: InstrumentStatus, before: "Hours | None") -> "Hours":
        """What a scheduled status says."""
        ts, is_open = message.ts_event, message.status is MarketStatus.TRADING
        since = before.since if before is not None and before.open is is_open else ts
        return cls(ts, is_open, since, message.ahead, message.day, message.day_end)

    def open_at(self, ts: int) -> bool:
        """Whether what is decided at `ts`, not before this was said, is in time; False where nobody knows."""
        passed = bisect_right(self.ahead, ts)
        if passed and passed == len(self.ahead):
            return False
        return self.open if passed % 2 == 0 else not self.open

    def closed_since(self, ts: int) -> int:
        """When the market closed that is not open at `ts`, ns."""
        passed = bisect_right(self.ahead, ts)
        return self.ahead[passed - 1] if passed else self.since

    def opens_after(self, ts: int) -> int | None:
        """When the market that is not open at `ts` opens, ns; None where nobody knows."""
        passed = bisect_right(self.ahead, ts)
        return self.ahead[passed] if passed < len(self.ahead) else None


def opened(instrument: Instrument, hours: Hours | None) -> bool:
    """Whether the schedule lets an instrument trade now; one that names a calendar waits for its word."""
    return hours.open if hours is not None else instrument.calendar is None


def expired(instrument: Instrument, ts: int) -> bool:
    """Whether an instrument's time is over."""
    return instrument.expiry is not None and ts >= instrument.expiry


def utc_text(ns: int) -> str:
    """A time for people: whole seconds, UTC."""
    return f"{datetime.fromtimestamp(ns // NS_PER_SECOND, UTC):%Y-%m-%dT%H:%M:%SZ}"
