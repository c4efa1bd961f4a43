"""Bars of longer intervals: how they are made, and the copies of them that outlive what they are made of.

The same statement makes a bar for a query and for the table `bar_rollups`, on every tier, so that the
answer is the same whether the copy is there or not.
"""

from penstock_runtime.store.pool import Connection, Pool

MINUTE_NS = 60 * 10**9
ROLLED_NS = (5 * MINUTE_NS, 60 * MINUTE_NS, 1440 * MINUTE_NS)
"""Intervals that are kept: five minutes, an hour, a day (UTC)."""
DERIVED = frozenset({"bar_rollups", "rollup_progress"})
"""Tables that hold nothing of their own."""

# Twice the same bar: the one that came last counts.
_ONCE = """
SELECT DISTINCT ON (source, ts) * FROM bars
WHERE session = {session} AND instrument = {instrument} AND interval = {base} AND {condition}
ORDER BY source, ts, ts_init DESC
"""
_MADE = """
SELECT source, penstock_bucket_end(ts, {width}) AS ts,
    (array_agg(open ORDER BY ts))[1] AS open, max(high) AS high, min(low) AS low,
    (array_agg(close ORDER BY ts DESC))[1] AS close, sum(volume) AS volume,
    CASE WHEN count(trades) = count(*) THEN sum(trades)::bigint END AS trades,
    CASE WHEN bool_and(vwap IS NOT NULL OR volume = 0)
        THEN (sum(vwap::numeric * volume) / NULLIF(sum(volume), 0))::double precision END AS vwap,
    bit_or(flags) AS flags, count(*) AS bars
FROM ({once}) AS once GROUP BY source, penstock_bucket_end(ts, {width})
"""


def made(*, session: str, instrument: str, base: str, width: str, condition: str) -> str:
    """SQL that makes bars of `width` from those of `base`. All arguments are SQL, none a user's text."""
    once = _ONCE.format(session=session, instrument=instrument, base=base, condition=condition)
    return _MADE.format(once=once, width=width)


async def roll_up(pool: Pool) -> int:
    """Bring the kept bars of all sessions up to date; returns how many were made or made again."""
    sessions = [row["session"] for row in await pool.fetch("SELECT session FROM sessions ORDER BY 1")]
    count = 0
    for session in sessions:
        async with pool.acquire() as connection, connection.transaction():
            count += await _session(connection, session)
    return count


async def _session(connection: Connection, session: str) -> int:
    # The place is locked: two at once would do the same work twice.
    await connection.execute(
        "INSERT INTO rollup_progress VALUES ($1, 0) ON CONFLICT (session) DO NOTHING", session
    )
    before: int = await connection.fetchval(
        "SELECT ts_init FROM rollup_progress WHERE session = $1 FOR UPDATE", session
    )
    until: int | None = await connection.fetchval("SELECT max(mark) FROM cursors WHERE session = $1", session)
    if until is None or until <= before:
        return 0
    count = 0
    for row in await connection.fetch(_INSTRUMENTS, session, MINUTE_NS, before, until):
        for width in ROLLED_NS:
            status = await connection.execute(
                _ROLL, session, row["instrument"], MINUTE_NS, width, before, until, row["oldest"]
            )
            count += int(status.rpartition(" ")[2])
    await connection.execute("UPDATE rollup_progress SET ts_init = $2 WHERE session = $1", session, until)
    return count


_INSTRUMENTS = """
SELECT instrument, min(ts) AS oldest FROM bars
WHERE session = $1 AND interval = $2 AND ts_init > $3 AND ts_init <= $4 GROUP BY instrument ORDER BY 1
"""
# From where the previous time left off, or from the oldest late bar's bucket, to the last whole bucket. A bar
# whose own bars have gone to the archive is not made again from the few that came later.
_ROLL = f"""
INSERT INTO bar_rollups (
    session, instrument, interval, source, ts, open, high, low, close, volume, trades, vwap, flags, bars
)
SELECT $1, $2, $4, m.* FROM ({
    made(
        session="$1",
        instrument="$2",
        base="$3",
        width="$4",
        condition="ts > LEAST($7::bigint - 1, $5::bigint) / $4 * $4 AND ts <= $6::bigint / $4 * $4",
    )
}) AS m
ON CONFLICT (session, instrument, source, interval, ts) DO UPDATE SET
    open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
    volume = excluded.volume, trades = excluded.trades, vwap = excluded.vwap, flags = excluded.flags,
    bars = excluded.bars
WHERE excluded.bars >= bar_rollups.bars
"""  # noqa: S608
