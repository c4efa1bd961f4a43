"""Which day it is: the UTC day, or the session date where what is traded keeps one calendar.

Days are numbered from the epoch. A session date comes with the scheduled statuses of an instrument
(`penstock_kernel.hours`), so a day lasts from one session's beginning to that of the next: across midnight,
however early the market closes, and whatever its country does to its clocks.
"""

from collections.abc import Iterable, Mapping
from datetime import date

from penstock_kernel.grid import NS_PER_DAY
from penstock_kernel.hours import Hours
from penstock_kernel.session import SessionConfig

NO_BOUNDARY = 2**62
"""A length of days, ns, that puts all times into one: nothing but the calendar begins another."""
_EPOCH = date(1970, 1, 1).toordinal()


class Days:
    """The days of a session's strategies, and of its account."""

    __slots__ = ("_account", "_strategies")

    def __init__(self, session: SessionConfig) -> None:
        traded = {spec.name: spec.instruments for spec in session.strategies}
        self._strategies = {name: _of_one_calendar(session, keys) for name, keys in traded.items()}
        keys = [key for each in traded.values() for key in each]
        self._account = frozenset(_of_one_calendar(session, keys or session.by_key))

    @property
    def length(self) -> int:
        """How long an account's day is as far as times tell, ns."""
        return NO_BOUNDARY if self._account else NS_PER_DAY

    def begun(self, instrument: str, day: str) -> int | None:
        """The account's day that a session date means; None where it means nothing for the account."""
        return _number(day) if day and instrument in self._account else None

    def of_strategy(self, strategy: str, ts: int, hours: Mapping[str, Hours]) -> int:
        """A strategy's day at an event time, as far as its instruments' hours are known."""
        keys = self._strategies.get(strategy)
        if not keys:
            return (ts - 1) // NS_PER_DAY
        known = [hours[key].day for key in keys if key in hours and hours[key].day]
        return _number(max(known)) if known else 0


def _of_one_calendar(session: SessionConfig, keys: Iterable[str]) -> tuple[str, ...]:
    """The instruments if all keep the same calendar; empty otherwise, for then days are UTC days."""
    found = tuple(dict.fromkeys(keys))
    calendars = {session.by_key[key].calendar if key in session.by_key else None for key in found}
    return found if len(calendars) == 1 and None not in calendars else ()


def _number(day: str) -> int:
    return date.fromisoformat(day).toordinal() - _EPOCH
