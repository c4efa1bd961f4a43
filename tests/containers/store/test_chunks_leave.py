from pathlib import Path

from penstock_runtime.store.cold.restoring import found, restore
from penstock_runtime.store.migrate import migrate
from support.cold import OLD, archived, fill, state
from support.store import database


async def test_archived_days_leave_as_whole_chunks_and_come_back_exact(
    timescale_url: str, tmp_path: Path
) -> None:
    await migrate(timescale_url)
    async with database(timescale_url) as pool:
        await fill(pool)
        await pool.execute("DELETE FROM trades WHERE session LIKE '%replay'")
        before = await state(pool)
        chunks = await pool.fetchval("SELECT count(*) FROM show_chunks('trades')")
        moved = await archived(pool, tmp_path)
        days = [each for each in moved if each.unit.rule.table == "trades"]
        assert {each.unit.session for each in days} == {OLD}
        assert await pool.fetchval("SELECT count(*) FROM show_chunks('trades')") == chunks - len(days)
        assert sum([each.rows async for each in restore(pool, found(tmp_path, None))]) > 0
        assert await state(pool) == before
