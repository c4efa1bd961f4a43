"""The commands of the database, as somebody types them."""

import asyncio
import json
from pathlib import Path

import pytest
from penstock.main import run
from penstock_runtime.store.migrate import migrate
from support.cold import NEW, OLD, fill
from support.market_rows import DAY
from support.store import database


@pytest.fixture
def typed(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> object:
    """Runs a command on the test's database; gives exit code, output and complaint."""
    monkeypatch.setenv("PENSTOCK_POSTGRES_URL", postgres_url)

    async def run_it(*arguments: str) -> tuple[int, str, str]:
        code = await asyncio.to_thread(run, [*arguments, "--data-dir", str(tmp_path)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run_it


async def test_an_empty_database_is_told_migrated_and_told_again(typed) -> None:  # type: ignore[no-untyped-def]
    code, told, complaint = await typed("db", "status")
    assert (code, "tier plain, schema empty" in told) == (1, True)
    assert "has no tables yet: `penstock db migrate`" in complaint
    assert (await typed("query", "pnl"))[0] == 78
    assert "applied 0001-projection" in (await typed("db", "migrate"))[1]
    assert (await typed("db", "migrate"))[1] == "nothing to apply\n"
    code, told, _ = await typed("db", "status", "--json")
    assert (code, json.loads(told)["schema"]) == (0, "current")
    assert "database: tier plain, schema current" in (await typed("doctor"))[1]


async def test_upkeep_makes_longer_bars_and_moves_what_is_old(  # type: ignore[no-untyped-def]
    typed, postgres_url: str, tmp_path: Path
) -> None:
    await migrate(postgres_url)
    async with database(postgres_url) as pool:
        await fill(pool)
        code, told, _ = await typed("archive", "--dry-run", "--table", "trades")
        assert (code, "rows in 7 files would go" in told) == (0, True)
        code, told, _ = await typed("db", "maintain")
        assert code == 0
        assert f"files, {tmp_path}/archive" in told
        assert await pool.fetchval("SELECT count(*) FROM trades") == 0
        # They are years old, too; daily ones are kept for longer.
        assert await pool.fetchval("SELECT count(*) FROM bar_rollups WHERE interval < $1", DAY) == 0
        code, told, _ = await typed("restore", "--session", OLD, "--table", "trades")
        assert (code, "404 rows in 3 files restored" in told) == (0, True)
        assert await pool.fetchval("SELECT count(DISTINCT session) FROM trades") == 1
        assert f"session {NEW} has not ended" in (await typed("archive", "--session", NEW))[2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["archive", "--older-than", "90"], "--older-than 90: no duration is written '90'"),
        (["archive", "--older-than", "36h"], "whole days"),
        (["archive", "--table", "sessions"], "--table sessions: there are trades"),
        (["restore", "--dir", "/nowhere"], "--dir /nowhere: there is no such folder"),
        (["db", "maintain", "--every", "0s"], "--every 0s: must be more than nothing"),
    ],
)
async def test_what_cannot_be_meant_is_told_in_one_line(  # type: ignore[no-untyped-def]
    typed, arguments: list[str], said: str
) -> None:
    code, _, complaint = await typed(*arguments)
    assert (code, said in complaint) == (78, True)
