"""Rows of the projection that operators look at: the audit, notes, what was quarantined, single orders."""

import json
from dataclasses import dataclass
from typing import Any

from penstock_runtime.store.queries.pages import Page, PageCursor
from penstock_runtime.store.queries.queries import Queries
from penstock_runtime.store.queries.tables import OrderRow


@dataclass(frozen=True, slots=True)
class AuditRow:
    """Who did what, and what came of it."""

    ts: int
    sequence: int
    who: str
    what: str
    outcome: str
    reason: str
    command_id: str | None
    details: dict[str, Any]

    def __post_init__(self) -> None:
        if isinstance(self.details, str):  # as the database gives JSON
            object.__setattr__(self, "details", json.loads(self.details))


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """Something that was not believed, and why."""

    ts: int
    sequence: int
    family: str
    kind: str
    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """Features of an instrument, NaN while they warm up; `interval` is that of the bar, None of a row."""

    ts: int
    trigger: str
    interval: int | None
    set_version: str
    names: list[str]
    values: list[float]


class Records(Queries):
    """Reads one database, as Queries do."""

    async def audited(self, session: str, command_id: str) -> bool:
        """Whether the audit has a command of this id."""
        sql = (
            "SELECT ts, sequence, who, what, outcome, reason, command_id, details FROM audit"
            " WHERE command_id = $2 AND session = $1 LIMIT 1"
        )
        return bool(await self._rows(AuditRow, sql, session, command_id))

    async def audit(
        self, session: str, *, who: str | None = None, limit: int = 100, after: PageCursor | None = None
    ) -> Page[AuditRow]:
        """The audit in the log's order, newest first: of everybody, or of one.

        What operators did has wall time, what came of it event time: in a replay they are far apart.
        """
        sql = (
            "SELECT ts, sequence, who, what, outcome, reason, command_id, details FROM audit"
            " WHERE session = $1 AND ($2::text IS NULL OR who = $2) AND sequence < $3"
            " ORDER BY sequence DESC LIMIT $4"
        )
        rows = await self._rows(AuditRow, sql, session, who, (after or _END).sequence, limit + 1)
        return _page(rows, limit)

    async def quarantine(
        self, session: str, *, limit: int = 100, after: PageCursor | None = None
    ) -> Page[QuarantineRow]:
        """What was quarantined, newest first; bytes that are no text are shown as such."""
        sql = (
            "SELECT ts, sequence, family, kind, reason, encode(raw, 'escape') AS raw FROM quarantine"
            " WHERE session = $1 AND (ts, sequence) < ($2, $3) ORDER BY ts DESC, sequence DESC LIMIT $4"
        )
        place = after or _END
        return _page(
            await self._rows(QuarantineRow, sql, session, place.ts, place.sequence, limit + 1), limit
        )

    async def features(self, session: str, instrument: str, limit: int = 1) -> list[FeatureRow]:
        """The last rows of an instrument's features, newest first."""
        sql = (
            'SELECT ts, trigger, interval, set_version, names, "values" FROM features'
            " WHERE instrument = $2 AND session = $1 ORDER BY ts DESC LIMIT $3"
        )
        return await self._rows(FeatureRow, sql, session, instrument, limit)

    async def order(self, session: str, order_id: str) -> OrderRow | None:
        """One order."""
        names = ", ".join(f'"{name}"' for name in OrderRow.__slots__)
        sql = f"SELECT {names} FROM orders WHERE session = $1 AND order_id = $2"  # noqa: S608
        found = await self._rows(OrderRow, sql, session, order_id)
        return found[0] if found else None


_END = PageCursor(2**63 - 1, 2**63 - 1)
"""Behind everything."""


def _page(rows: list[Any], limit: int) -> Page[Any]:
    items = rows[:limit]
    more = len(rows) > limit
    return Page(items, str(PageCursor(items[-1].ts, items[-1].sequence)) if more else None)
