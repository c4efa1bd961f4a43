from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from penstock_runtime.store.migrate import migrate
from penstock_runtime.store.pool import Pool
from penstock_runtime.store.queries import BarRow, History, Kind, Window
from penstock_runtime.store.queries.history import choose
from penstock_runtime.store.rollups import roll_up
from support.market_rows import BEGAN, DAY, KEY, MINUTE, SOURCE, add_bars, add_session, add_trades, bars
from support.store import database

S = "20220103T000000-aaaa"
HOUR = 60 * MINUTE
INTERVALS = (MINUTE, 5 * MINUTE, 7 * MINUTE, HOUR, DAY)


@pytest.fixture
async def pool(postgres_url: str) -> AsyncIterator[Pool]:
    """A database with two days of one-minute bars, some missing."""
    await migrate(postgres_url)
    async with database(postgres_url) as pool:
        await add_session(pool, S, BEGAN + 2880 * MINUTE)
        await add_bars(pool, bars(S, [n for n in range(1, 2881) if n % 97]))
        yield pool


async def answers(pool: Pool) -> dict[int, list[BarRow]]:
    history = History(pool, S)
    window = Window(BEGAN, None, 100_000)
    return {each: (await history.bars(KEY, each, window)).items for each in INTERVALS}


def by_hand(rows: list[BarRow], width: int) -> dict[int, tuple[Decimal, ...]]:
    made: dict[int, tuple[Decimal, ...]] = {}
    for each in rows:
        end = -(-each.ts // width) * width
        opened, high, low, _, volume = made.get(end, (each.open, each.high, each.low, each.close, Decimal(0)))
        made[end] = (opened, max(high, each.high), min(low, each.low), each.close, volume + each.volume)
    return made


async def test_longer_bars_are_made_of_the_shorter_ones(pool: Pool) -> None:
    found = await answers(pool)
    assert len(found[MINUTE]) == 2880 - 29
    for width in INTERVALS:
        told = {each.ts: (each.open, each.high, each.low, each.close, each.volume) for each in found[width]}
        assert told == by_hand(found[MINUTE], width)
    assert [each.bars for each in found[DAY]] == [1440 - 14, 1440 - 15]
    assert [each.complete for each in found[7 * MINUTE]][-2:] == [True, False]


async def test_the_answer_is_the_same_with_and_without_the_kept_copies(pool: Pool) -> None:
    before = await answers(pool)
    assert await roll_up(pool) == 2880 // 5 + 48 + 2
    assert await roll_up(pool) == 0
    assert await answers(pool) == before
    await add_session(pool, S, BEGAN + 3000 * MINUTE)
    await add_bars(pool, bars(S, range(2881, 3001)))
    unrolled = await answers(pool)
    assert len(unrolled[HOUR]) == 50
    assert await roll_up(pool) == 24 + 2
    assert await answers(pool) == unrolled


async def test_a_late_bar_is_in_the_copies_after_the_next_time(pool: Pool) -> None:
    await roll_up(pool)
    await add_bars(pool, bars(S, [97], late=2900 * MINUTE))
    await add_session(pool, S, BEGAN + 3000 * MINUTE)
    assert await roll_up(pool) > 0
    found = await answers(pool)
    assert {each.ts: each.bars for each in found[5 * MINUTE]}[BEGAN + 100 * MINUTE] == 5
    told = {each.ts: each.volume for each in found[HOUR]}
    assert told == {end: values[4] for end, values in by_hand(found[MINUTE], HOUR).items()}


async def test_the_copies_outlive_the_bars_that_they_were_made_of(pool: Pool) -> None:
    await roll_up(pool)
    before = await answers(pool)
    await pool.execute("DELETE FROM bars")
    after = await answers(pool)
    assert after[DAY] == before[DAY]
    assert after[HOUR] == before[HOUR]
    assert after[MINUTE] == []


async def test_the_same_bar_twice_counts_once_and_the_last_one_holds(pool: Pool) -> None:
    before = await answers(pool)
    await add_bars(pool, bars(S, [3, 4], late=1))
    assert (await answers(pool))[HOUR] == before[HOUR]


async def test_bars_from_trades_where_no_bars_are_stored(pool: Pool) -> None:
    other = "20220103T000000-bbbb"
    await add_session(pool, other, BEGAN + 100 * MINUTE)
    await add_trades(pool, other, 600)
    found = await History(pool, other).bars(KEY, MINUTE)
    assert (found.made_from, [each.bars for each in found.items]) == (None, [60] * 10)
    assert sum(each.volume for each in found.items) == await pool.fetchval("SELECT sum(size) FROM trades")
    first = await pool.fetch("SELECT price FROM trades ORDER BY ts LIMIT 60")
    prices = [row["price"] for row in first]
    bar = found.items[0]
    assert (bar.open, bar.high, bar.low, bar.close) == (prices[0], max(prices), min(prices), prices[-1])
    trade = await History(pool, other).trade(KEY, BEGAN + 5_500_000_000)
    assert trade is not None
    assert (trade.ts, trade.trade_id) == (BEGAN + 5 * 10**9, "5")
    assert await History(pool, other).quote(KEY) is None


async def test_a_window_bounds_the_bars(pool: Pool) -> None:
    window = Window(BEGAN + 10 * MINUTE, BEGAN + 20 * MINUTE)
    found = (await History(pool, S).bars(KEY, 5 * MINUTE, window)).items
    assert [each.ts for each in found] == [BEGAN + 15 * MINUTE, BEGAN + 20 * MINUTE]
    last = (await History(pool, S).bars(KEY, HOUR, Window(limit=3))).items
    assert [each.ts for each in last] == [BEGAN + n * HOUR for n in (46, 47, 48)]


def test_bars_are_made_of_what_is_stored_then_of_minutes_then_of_the_longest_that_divide() -> None:
    five, minute, second = Kind(5 * MINUTE, SOURCE), Kind(MINUTE, SOURCE), Kind(10**9, SOURCE)
    ours = Kind(MINUTE, "features.bars")
    assert choose([second, minute, ours, five], 5 * MINUTE, None) == five
    assert choose([second, minute, ours, five], HOUR, None) == minute
    assert choose([second, minute, ours, five], HOUR, "features.bars") == ours
    assert choose([second, five], HOUR, None) == five
    assert choose([five], MINUTE, None) is None
