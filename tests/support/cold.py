"""Old and new rows in a database, and what it holds in all."""

from __future__ import annotations

from pathlib import Path

from penstock_runtime.store.cold.archiving import Archived, Choice, archive
from penstock_runtime.store.cold.rules import TABLES
from penstock_runtime.store.pool import Pool
from support.market_rows import BEGAN, DAY, KEY, add_bars, add_session, add_trades, bars

OLD, NEW, REPLAY = "20220103T000000-old", "20220401T000000-new", "20220401T000000-replay"
NOW = BEGAN + 100 * DAY
STATE = "SELECT count(*) AS rows, sum(hashtextextended(t::text, 0)::numeric) AS sum FROM {} t"

ODD_TRADES = """
INSERT INTO trades VALUES ($1, $2, $3, $3, 1.500, 0.10, NULL, 3, E'a "quoted"\\nline, ünï', ''),
    ($1, $2, $3, $3, 1e-18, 99999999999999999999.5, 'buy', 0, '', 'x'),
    ($1, $2, $3, $3, 1, 1, 'sell', 0, NULL, 'x'),
    ($1, $2, $3, $3, 1, 1, 'sell', 0, NULL, 'x')
"""
ODD_FEATURES = "INSERT INTO features VALUES ($1, $2, $3, 'bar', NULL, 'fs', '{a,b,c}', '{NaN,Infinity,0.1}')"


async def fill(pool: Pool) -> None:
    """A session of long ago, one of today, and one of today that replays what is long ago."""
    await add_session(pool, OLD, BEGAN + 3 * DAY, BEGAN)
    for session in (NEW, REPLAY):
        await add_session(pool, session, NOW, NOW - DAY)
    for session in (OLD, REPLAY):
        await add_trades(pool, session, 400, step=600 * 10**9)
        await add_bars(pool, bars(session, range(1, 2000)))
    await add_trades(pool, NEW, 50, began=NOW - DAY)
    await pool.execute(ODD_TRADES, OLD, KEY, BEGAN + 7)
    await pool.execute(ODD_FEATURES, OLD, KEY, BEGAN + 7)
    await pool.execute(
        "INSERT INTO metrics VALUES ($1, 'm', $2, 'NaN', '{}'), ($1, 'm', $2, '-Infinity', '{\"k\": 1}')",
        OLD, BEGAN + 7,
    )  # fmt: skip
    await pool.execute(
        "INSERT INTO audit VALUES ($1, $2, 9, 'op', 'halt', 'issued', E'a\\nb', NULL, '{\"x\": \"1.50\"}')",
        OLD, BEGAN + 7,
    )  # fmt: skip


async def state(pool: Pool) -> dict[str, tuple[int, object]]:
    """What every table holds, whatever the order."""
    found = {}
    for table in TABLES:
        row = await pool.fetchrow(STATE.format(table))
        assert row is not None
        found[table] = (row["rows"], row["sum"])
    return found


async def archived(pool: Pool, root: Path, choice: Choice | None = None) -> list[Archived]:
    """Archive by age, as of `NOW`."""
    return [each async for each in archive(pool, choice or Choice(NOW), root)]
