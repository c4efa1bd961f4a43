"""The queries. They work on every tier, and read what the recorder has committed."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import asyncpg

from penstock_runtime.errors import Unavailable
from penstock_runtime.store.pool import Pool, is_lost
from penstock_runtime.store.queries.pages import Page, PageCursor
from penstock_runtime.store.queries.tables import (
    FillRow,
    OrderEventRow,
    OrderRow,
    PnlRow,
    PositionRow,
    RefusalRow,
    SessionRow,
    SignalRow,
)
from penstock_runtime.store.schema import Schema, Standing, schema_of
from penstock_runtime.store.tier import Tier, detect_tier

R = TypeVar("R")
P = TypeVar("P", SignalRow, RefusalRow, OrderRow, FillRow, PnlRow)


@dataclass(frozen=True, slots=True)
class Scope:
    """Which rows: of a strategy, of an instrument; None is any."""

    strategy: str | None = None
    instrument: str | None = None


EVERYTHING = Scope()


class Queries:
    """Reads one database. Every method raises Unavailable when it is away or not migrated yet."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def check(self, timeout_s: float = 1.0) -> tuple[Schema, Tier]:
        """How the database stands, when it answers and its schema is this version's; else Unavailable."""
        async with answered():
            async with asyncio.timeout(timeout_s):
                schema, tier = await schema_of(self._pool), await detect_tier(self._pool)
        if schema.standing is not Standing.CURRENT:
            raise Unavailable(schema.problem)
        return schema, tier

    async def tier(self) -> Tier:
        """What the database can do, migrated or not."""
        async with answered():
            return await detect_tier(self._pool)

    async def sessions(self, limit: int = 100) -> list[SessionRow]:
        """The sessions, the last one first."""
        sql = f"SELECT {columns_of(SessionRow)} FROM sessions ORDER BY started_at DESC, session LIMIT $1"  # noqa: S608
        return await self._rows(SessionRow, sql, limit)

    async def session(self, session: str) -> SessionRow | None:
        """One session."""
        sql = f"SELECT {columns_of(SessionRow)} FROM sessions WHERE session = $1"  # noqa: S608
        found = await self._rows(SessionRow, sql, session)
        return found[0] if found else None

    async def signals(
        self, session: str, scope: Scope = EVERYTHING, *, limit: int = 100, after: PageCursor | None = None
    ) -> Page[SignalRow]:
        """Signals with their outcomes, newest first."""
        return await self._page(SignalRow, "signals", session, scope, limit, after)

    async def refusals(
        self, session: str, scope: Scope = EVERYTHING, *, limit: int = 100, after: PageCursor | None = None
    ) -> Page[RefusalRow]:
        """Refusals, newest first."""
        return await self._page(RefusalRow, "refusals", session, scope, limit, after)

    async def orders(
        self, session: str, scope: Scope = EVERYTHING, *, limit: int = 100, after: PageCursor | None = None
    ) -> Page[OrderRow]:
        """Orders, newest first."""
        return await self._page(OrderRow, "orders", session, scope, limit, after)

    async def fills(
        self, session: str, scope: Scope = EVERYTHING, *, limit: int = 100, after: PageCursor | None = None
    ) -> Page[FillRow]:
        """Fills, newest first."""
        return await self._page(FillRow, "fills", session, scope, limit, after)

    async def pnl(self, session: str, *, limit: int = 100, after: PageCursor | None = None) -> Page[PnlRow]:
        """Samples of the account and of the strategies, newest first."""
        return await self._page(PnlRow, "pnl", session, EVERYTHING, limit, after)

    async def order_events(self, session: str, order_id: str) -> list[OrderEventRow]:
        """What happened to an order, in order."""
        sql = (
            f"SELECT {columns_of(OrderEventRow)} FROM order_events"  # noqa: S608
            " WHERE session = $1 AND order_id = $2 ORDER BY number"
        )
        return await self._rows(OrderEventRow, sql, session, order_id)

    async def positions(self, session: str) -> list[PositionRow]:
        """The last position of each strategy in each instrument, flat ones too."""
        sql = (
            f"SELECT DISTINCT ON (strategy, instrument) {columns_of(PositionRow)} FROM positions"  # noqa: S608
            " WHERE session = $1 ORDER BY strategy, instrument, ts DESC, sequence DESC"
        )
        return await self._rows(PositionRow, sql, session)

    async def _page(
        self, row: type[P], table: str, session: str, scope: Scope, limit: int, after: PageCursor | None
    ) -> Page[P]:
        conditions = ["session = $1"]
        values: list[Any] = [session]
        for column in ("strategy", "instrument"):
            value = getattr(scope, column)
            if value is not None:
                values.append(value)
                conditions.append(f"{column} = ${len(values)}")
        if after is not None:
            values += [after.ts, after.sequence]
            conditions.append(f"(ts, sequence) < (${len(values) - 1}, ${len(values)})")
        # One more than asked for tells whether there is a next page.
        values.append(limit + 1)
        sql = (
            f"SELECT {columns_of(row)} FROM {table} WHERE {' AND '.join(conditions)}"  # noqa: S608
            f" ORDER BY ts DESC, sequence DESC LIMIT ${len(values)}"
        )
        found = await self._rows(row, sql, *values)
        items = found[:limit]
        more = len(found) > limit
        return Page(items, str(PageCursor(items[-1].ts, items[-1].sequence)) if more else None)

    async def _rows(self, row: type[R], sql: str, *values: object) -> list[R]:
        async with answered():
            records: Sequence[asyncpg.Record] = await self._pool.fetch(sql, *values)
        return [row(**record) for record in records]


def columns_of(row: type[Any]) -> str:
    """The columns of a row, for SQL."""
    return ", ".join(f'"{each.name}"' for each in fields(row))


@asynccontextmanager
async def answered() -> AsyncIterator[None]:
    """Unavailable for what a database that is away, or empty, raises."""
    try:
        yield
    except asyncpg.UndefinedTableError as error:
        raise Unavailable("the database has no tables yet: the recorder makes them") from error
    except Exception as error:
        if is_lost(error):
            raise Unavailable(
                f"the database does not answer: {str(error) or type(error).__name__}"
            ) from error
        raise
