"""TimescaleDB and plain PostgreSQL give the same answers to the same questions."""

from collections.abc import Sequence
from typing import Any

from penstock_runtime.store.migrate import migrate
from penstock_runtime.store.queries import History, Window
from penstock_runtime.store.rollups import roll_up
from support.market_rows import BEGAN, DAY, KEY, MINUTE, add_bars, add_session, add_trades, bars
from support.store import database

S = "20220103T000000-aaaa"
INTERVALS = (MINUTE, 5 * MINUTE, 7 * MINUTE, 60 * MINUTE, DAY)


async def answers(url: str) -> list[Sequence[Any]]:
    await migrate(url)
    window = Window(BEGAN, None, 100_000)
    async with database(url) as pool:
        for session in (S, "trades"):
            await add_session(pool, session, BEGAN + 45 * DAY)
        await add_bars(pool, bars(S, [n for n in range(1, 2881) if n % 97]))
        await add_bars(pool, bars(S, range(1, 100), began=BEGAN + 44 * DAY))
        await add_trades(pool, "trades", 3000, step=100 * 10**9)
        found: list[Sequence[Any]] = []
        for rolled in (False, True):
            if rolled:
                await roll_up(pool)
            for width in INTERVALS:
                found.append((await History(pool, S).bars(KEY, width, window)).items)
                found.append((await History(pool, "trades").bars(KEY, width, window)).items)
        found.append(
            [await History(pool, "trades").trade(KEY, BEGAN + DAY), await History(pool, S).kinds(KEY)]
        )
        return found


async def test_bars_of_any_interval_are_the_same_on_plain_postgresql_and_on_hypertables(
    timescale_url: str, postgres_url: str
) -> None:
    plain = await answers(postgres_url)
    assert await answers(timescale_url) == plain
    assert all(plain)
