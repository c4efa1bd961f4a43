import pytest
from penstock.errors import CommandError
from penstock.launch.rebuild import compare, rebuilt, replace
from support.message_examples import example
from support.messages import START, approved, bars, book, fill, quotes, signal, trades
from support.store import SESSION, database, record, session_log


async def test_rows_made_again_from_the_log_equal_those_that_are_there_and_mend_them(
    nats_url: str, postgres_url: str
) -> None:
    async with session_log(nats_url) as log:
        await log.put("md", trades(), bars(), quotes(), book(), example("md", "instrument"))
        await log.put("sig", signal())
        await log.put("ord", approved(), example("ord", "pnl"), example("ord", "position"))
        await log.put("ven", example("ven", "submitted"), fill(number=2))
        await record(nats_url, postgres_url, await log.end(START + 99))
        async with database(postgres_url) as pool:
            async with rebuilt(log.log, pool, postgres_url, SESSION) as scratch:
                compared = await compare(pool, scratch, SESSION)
                assert {each.table for each in compared if each.rebuilt} >= {
                    "trades",
                    "bars",
                    "fills",
                    "pnl",
                    "orders",
                }
                assert [each.table for each in compared if not each.same] == []
            await pool.execute("UPDATE fills SET price = price + 1")
            await pool.execute("DELETE FROM trades WHERE ctid = (SELECT max(ctid) FROM trades)")
            await pool.execute("UPDATE cursors SET sequence = 3")
            async with rebuilt(log.log, pool, postgres_url, SESSION) as scratch:
                compared = await compare(pool, scratch, SESSION)
                assert [each.table for each in compared if not each.same] == ["fills", "trades"]
                await replace(pool, scratch, SESSION)
                assert all(each.same for each in await compare(pool, scratch, SESSION))
                await pool.execute("UPDATE cursors SET sequence = sequence + 1")
                with pytest.raises(CommandError, match="it goes on"):
                    await replace(pool, scratch, SESSION)
            assert (
                await pool.fetchval("SELECT count(*) FROM pg_database WHERE datname = 'penstock_rebuild'")
                == 0
            )
