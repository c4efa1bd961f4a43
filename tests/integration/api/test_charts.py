"""What a chart has already is not read again; what it shows is what the database says."""

from collections.abc import AsyncIterator

import pytest
from penstock_api.charts import KEPT_S, Charts
from penstock_runtime.store.migrate import migrate
from penstock_runtime.store.pool import Pool
from penstock_runtime.store.queries import History, Window
from support.market_rows import BEGAN, KEY, MINUTE, add_bars, add_session, bars
from support.store import database

S = "20220103T000000-aaaa"
HOUR = 60 * MINUTE


@pytest.fixture
async def pool(postgres_url: str) -> AsyncIterator[Pool]:
    """A database with ten hours of one-minute bars, some missing."""
    await migrate(postgres_url)
    async with database(postgres_url) as pool:
        await grow(pool, 1, 601)
        yield pool


async def grow(pool: Pool, first: int, end: int) -> None:
    await add_session(pool, S, BEGAN + (end - 1) * MINUTE)
    await add_bars(pool, bars(S, [n for n in range(first, end) if n % 97]))


@pytest.mark.servers
@pytest.mark.parametrize(("interval", "limit"), [(MINUTE, 50), (7 * MINUTE, 20), (HOUR, 6), (HOUR, 100)])
async def test_a_chart_that_is_brought_up_shows_what_the_database_says(
    pool: Pool, interval: int, limit: int
) -> None:
    charts, history, window = Charts(pool, lambda: 0.0), History(pool, S), Window(limit=limit)
    for first in (601, 602, 610, 640, 661, 720):
        assert await charts.bars(S, KEY, interval, window) == await history.bars(KEY, interval, window)
        await grow(pool, first, {601: 602, 602: 610, 610: 640, 640: 661, 661: 720, 720: 721}[first])
    assert await charts.bars(S, KEY, interval, window) == await history.bars(KEY, interval, window)


@pytest.mark.servers
async def test_a_bar_that_comes_late_shows_up_after_a_while(pool: Pool) -> None:
    now = [0.0]
    charts, window = Charts(pool, lambda: now[0]), Window(limit=5)
    seen = []
    for at, late in ((0.0, ()), (0.0, (97 * 4,)), (KEPT_S, ())):
        now[0] = at
        await add_bars(pool, bars(S, late, late=600 * MINUTE))
        seen.append([each.bars for each in (await charts.bars(S, KEY, HOUR, window)).items])
    assert seen == [[60, 59, 60, 59, 59], [60, 59, 60, 59, 59], [60, 60, 60, 59, 59]]
