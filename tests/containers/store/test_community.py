"""What TimescaleDB's Community edition adds; skipped by name where the image is the Apache edition."""

import pytest
from penstock_runtime.store.migrate import migrate
from penstock_runtime.store.pool import Pool
from penstock_runtime.store.queries import History
from penstock_runtime.store.series import SERIES
from penstock_runtime.store.tier import Tier, detect_tier
from support.cold import OLD, fill, state
from support.market_rows import KEY, MINUTE
from support.store import database


async def community(pool: Pool) -> None:
    tier = await detect_tier(pool)
    if tier is not Tier.TIMESCALE_COMMUNITY:
        pytest.skip(f"needs the Community edition of TimescaleDB; this one is {tier}")


async def test_old_chunks_are_compressed_by_policy_and_a_second_start_adds_none(timescale_url: str) -> None:
    await migrate(timescale_url)
    await migrate(timescale_url)
    async with database(timescale_url) as pool:
        await community(pool)
        policies = await pool.fetch(
            "SELECT hypertable_name FROM timescaledb_information.jobs WHERE proc_name = 'policy_compression'"
        )
        assert sorted(row["hypertable_name"] for row in policies) == sorted(each.table for each in SERIES)


async def test_compressed_rows_give_the_same_answers(timescale_url: str) -> None:
    await migrate(timescale_url)
    async with database(timescale_url) as pool:
        await community(pool)
        await fill(pool)
        before, bars = await state(pool), await History(pool, OLD).bars(KEY, 60 * MINUTE)
        for each in SERIES:
            await pool.execute(f"SELECT compress_chunk(c) FROM show_chunks('{each.table}') c")
        assert await state(pool) == before
        assert await History(pool, OLD).bars(KEY, 60 * MINUTE) == bars
