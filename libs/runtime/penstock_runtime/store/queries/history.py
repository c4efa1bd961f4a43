"""Questions about the market and money over time: bars of any interval, the last quote, profit and loss."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from penstock_runtime.store.pool import Pool
from penstock_runtime.store.queries.queries import answered, columns_of
from penstock_runtime.store.queries.tables import Amount, PnlRow, QuoteRow, TradeRow
from penstock_runtime.store.rollups import MINUTE_NS, ROLLED_NS, made

TRADES = "trades"
"""What bars are made of where no stored bars can be."""
_LOOKED_AT = 100


@dataclass(frozen=True, slots=True)
class BarRow:
    """A bar that covers the open interval before `ts`, its end (ns)."""

    ts: int
    open: Amount
    high: Amount
    low: Amount
    close: Amount
    volume: Amount
    trades: int | None
    vwap: float | None
    flags: int
    bars: int
    """How many stored bars (or trades) it is made of."""
    complete: bool
    """False for the last one while its interval is not over."""


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars of one interval, and where they are from."""

    interval: int
    source: str
    made_from: int | None
    """Interval of the stored bars, ns; None: from trades."""
    items: list[BarRow]


@dataclass(frozen=True, slots=True)
class Kind:
    """Bars that are stored."""

    interval: int
    source: str


@dataclass(frozen=True, slots=True)
class Window:
    """Which bars: those that end in (since, until], the last `limit` of them. None: as far as they go."""

    since: int | None = None
    until: int | None = None
    limit: int = 1000


LAST = Window()


class History:
    """Reads one session of a database; every method raises Unavailable when it is away or has no tables."""

    def __init__(self, pool: Pool, session: str) -> None:
        self._pool = pool
        self._session = session

    async def instruments(self) -> list[str]:
        """The instruments of the session."""
        rows = await self._rows(
            "SELECT DISTINCT instrument FROM instruments WHERE session = $1 ORDER BY 1", self._session
        )
        return [row["instrument"] for row in rows]

    async def kinds(self, instrument: str) -> list[Kind]:
        """Which bars are stored, the best first: short intervals, and what a source gave before our own."""
        found = []
        for row in await self._rows(_INTERVALS, instrument):
            sources = await self._rows(_SOURCES, self._session, instrument, row["interval"], _LOOKED_AT)
            found += [Kind(row["interval"], each["source"]) for each in sources]
        # What one-minute bars have left behind when they went to the archive.
        kept = await self._rows(_KEPT_SOURCES, self._session, instrument)
        found += [each for row in kept if (each := Kind(MINUTE_NS, row["source"])) not in found]
        return sorted(
            found, key=lambda each: (each.interval, each.source.startswith("features."), each.source)
        )

    async def bars(
        self,
        instrument: str,
        interval: int,
        window: Window = LAST,
        source: str | None = None,
        base: Kind | None = None,
    ) -> Bars:
        """Bars of `interval` (ns): as stored, or made from one-minute bars, else from the longest stored that
        divide it, else from trades. Without a beginning, the last `limit` intervals. `base`: what they are
        made of, where that is known already.
        """
        base = base or choose(await self.kinds(instrument), interval, source)
        until = await self._until(instrument, base, window)
        since = window.since if window.since is not None else until - window.limit * interval
        bounds = (since // interval * interval, -(-until // interval) * interval)
        mark = await self._value("SELECT max(mark) FROM cursors WHERE session = $1", self._session) or 0
        rows = await self._bars(instrument, interval, base, bounds)
        items = [_bar(row, mark) for row in rows if window.until is None or row["ts"] <= window.until]
        kind = base or Kind(0, TRADES)
        return Bars(interval, kind.source, kind.interval or None, items[-window.limit :])

    async def quote(self, instrument: str, ts: int | None = None) -> QuoteRow | None:
        """The last quote, or the last one known at a time (ns)."""
        row = await self._last(columns_of(QuoteRow), "quotes", instrument, ts)
        return QuoteRow(**row) if row is not None else None

    async def trade(self, instrument: str, ts: int | None = None) -> TradeRow | None:
        """The last trade, or the last one known at a time (ns)."""
        row = await self._last(columns_of(TradeRow), "trades", instrument, ts)
        return TradeRow(**row) if row is not None else None

    async def _last(self, columns: str, table: str, instrument: str, ts: int | None) -> asyncpg.Record | None:
        sql = (
            f"SELECT {columns} FROM {table} WHERE session = $1 AND instrument = $2 AND ts <= $3"  # noqa: S608
            " ORDER BY ts DESC LIMIT 1"
        )
        rows = await self._rows(sql, self._session, instrument, (1 << 63) - 1 if ts is None else ts)
        return rows[0] if rows else None

    async def pnl(self, interval: int, window: Window = LAST, strategy: str | None = None) -> list[PnlRow]:
        """The account, or a strategy: the last sample in each interval that has one."""
        rows = await self._rows(
            _PNL,
            self._session,
            strategy,
            window.since or 0,
            window.until or (1 << 62),
            interval,
            window.limit,
        )
        return [PnlRow(**row) for row in reversed(rows)]

    async def _until(self, instrument: str, base: Kind | None, window: Window) -> int:
        if window.until is not None:
            return window.until
        if base is None:
            last = await self._value(_LAST_TRADE, self._session, instrument)
        else:
            last = await self._value(_LAST_BAR, self._session, instrument, base.interval, base.source)
        return int(last or 0)

    async def _bars(
        self, instrument: str, interval: int, base: Kind | None, bounds: tuple[int, int]
    ) -> Sequence[asyncpg.Record]:
        if base is None:
            return await self._rows(_FROM_TRADES, self._session, instrument, interval, *bounds)
        own = (self._session, instrument, base.interval)
        if base.interval == interval:
            return await self._rows(_STORED, *own, base.source, *bounds)
        since = bounds[0]
        kept: Sequence[asyncpg.Record] = []
        if base.interval == MINUTE_NS and interval in ROLLED_NS:
            kept = await self._rows(_KEPT, self._session, instrument, base.source, interval, *bounds)
            rolled = await self._value(_ROLLED, self._session, interval)
            since = max(since, int(rolled or 0))
        return [*kept, *await self._rows(_COMPUTED, *own, interval, base.source, since, bounds[1])]

    async def _rows(self, sql: str, *values: object) -> Sequence[asyncpg.Record]:
        async with answered():
            found: Sequence[asyncpg.Record] = await self._pool.fetch(sql, *values)
        return found

    async def _value(self, sql: str, *values: object) -> int | None:
        rows = await self._rows(sql, *values)
        return rows[0][0] if rows else None


def choose(kinds: Sequence[Kind], interval: int, source: str | None) -> Kind | None:
    """What bars of an interval are made of; None: trades."""
    usable = [each for each in kinds if source in {None, each.source} and interval % each.interval == 0]
    for wanted in (interval, MINUTE_NS):
        for each in usable:
            if each.interval == wanted:
                return each
    longest = max((each.interval for each in usable), default=0)
    return next((each for each in usable if each.interval == longest), None)


def _bar(row: asyncpg.Record, mark: int) -> BarRow:
    values = {name: value for name, value in row.items() if name != "source"}
    return BarRow(**values, complete=row["ts"] <= mark)


# Each step is one look into the index, however many bars there are.
_INTERVALS = """
WITH RECURSIVE found AS (
    (SELECT interval FROM bars WHERE instrument = $1 ORDER BY interval LIMIT 1)
    UNION ALL
    SELECT (SELECT b.interval FROM bars b WHERE b.instrument = $1 AND b.interval > found.interval
            ORDER BY b.interval LIMIT 1)
    FROM found WHERE found.interval IS NOT NULL
)
SELECT interval FROM found WHERE interval IS NOT NULL
"""
_SOURCES = """
SELECT DISTINCT source FROM (
    SELECT source FROM bars WHERE session = $1 AND instrument = $2 AND interval = $3 ORDER BY ts DESC LIMIT $4
) AS newest
"""
_LAST_BAR = """
SELECT GREATEST(
    (SELECT ts FROM bars WHERE session = $1 AND instrument = $2 AND interval = $3 AND source = $4
        ORDER BY ts DESC LIMIT 1),
    (SELECT max(ts) FROM bar_rollups WHERE session = $1 AND instrument = $2 AND source = $4)
)
"""
_KEPT_SOURCES = "SELECT DISTINCT source FROM bar_rollups WHERE session = $1 AND instrument = $2"
_LAST_TRADE = "SELECT ts FROM trades WHERE session = $1 AND instrument = $2 ORDER BY ts DESC LIMIT 1"
_ROLLED = "SELECT ts_init / $2 * $2 FROM rollup_progress WHERE session = $1"
_ORDERED = ' ORDER BY "ts"'
_COMPUTED = (
    made(
        session="$1",
        instrument="$2",
        base="$3::bigint",
        width="$4::bigint",
        condition="source = $5 AND ts > $6::bigint AND ts <= $7::bigint",
    )
    + _ORDERED
)
_STORED = """
SELECT DISTINCT ON (ts)
    source, ts, open, high, low, close, volume, trades, vwap, flags, 1::bigint AS bars
FROM bars WHERE session = $1 AND instrument = $2 AND interval = $3 AND source = $4 AND ts > $5 AND ts <= $6
ORDER BY ts, ts_init DESC
"""
_KEPT = """
SELECT source, ts, open, high, low, close, volume, trades, vwap, flags, bars FROM bar_rollups
WHERE session = $1 AND instrument = $2 AND source = $3 AND interval = $4 AND ts > $5 AND ts <= $6
ORDER BY ts
"""
_FROM_TRADES = """
SELECT penstock_bucket_end(ts, $3) AS ts,
    (array_agg(price ORDER BY ts))[1] AS open, max(price) AS high, min(price) AS low,
    (array_agg(price ORDER BY ts DESC))[1] AS close, sum(size) AS volume, count(*) AS trades,
    (sum(price * size) / NULLIF(sum(size), 0))::double precision AS vwap,
    bit_or(flags) AS flags, count(*) AS bars
FROM trades WHERE session = $1 AND instrument = $2 AND ts > $4::bigint AND ts <= $5::bigint
GROUP BY penstock_bucket_end(ts, $3) ORDER BY 1
"""
_PNL = """
SELECT * FROM (
    SELECT DISTINCT ON (ts / $5) ts, sequence, strategy, currency, equity, pnl_realized, pnl_unrealized, fees,
        gross_exposure, net_exposure, reserved, equity_peak, drawdown_max
    FROM pnl WHERE session = $1 AND strategy IS NOT DISTINCT FROM $2 AND ts > $3::bigint AND ts <= $4::bigint
    ORDER BY ts / $5 DESC, ts DESC, sequence DESC
) AS sampled ORDER BY ts DESC LIMIT $6
"""
