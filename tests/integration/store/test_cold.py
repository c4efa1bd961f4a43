import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest
from penstock_contracts import codec
from penstock_contracts.control import Session
from penstock_runtime.errors import RuntimeFailure
from penstock_runtime.log.connection import session_subject
from penstock_runtime.log.past import Raw
from penstock_runtime.store.archive import pack, unpack
from penstock_runtime.store.cold import files
from penstock_runtime.store.cold.archiving import Choice, due
from penstock_runtime.store.cold.log_runs import archive_log, restore_log
from penstock_runtime.store.cold.restoring import found, restore
from penstock_runtime.store.migrate import migrate
from penstock_runtime.store.pool import Pool
from penstock_runtime.store.tables import Column
from support.cold import NEW, NOW, OLD, REPLAY, archived, fill, state
from support.market_rows import DAY
from support.store import database

HEADERS = b"NATS/1.0\r\na: b\r\n\r\n"
KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from penstock_runtime.store.cold import archiving, files
from penstock_runtime.store.pool import open_pool
check = files.check
def killed(*arguments):
    assert check(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
files.check = killed
async def main():
    pool = await open_pool(sys.argv[1], name="test")
    async for _ in archiving.archive(pool, archiving.Choice(int(sys.argv[3])), Path(sys.argv[2])):
        pass
asyncio.run(main())
"""


@pytest.fixture
async def pool(postgres_url: str) -> AsyncIterator[Pool]:
    """A database of old rows, of new ones, and of old events recorded today."""
    await migrate(postgres_url)
    async with database(postgres_url) as pool:
        await fill(pool)
        yield pool


async def back(pool: Pool, root: Path, session: str | None = None) -> int:
    return sum([each.rows async for each in restore(pool, found(root, session))])


async def sessions_in(pool: Pool, table: str) -> list[str]:
    return [row["session"] for row in await pool.fetch(f"SELECT DISTINCT session FROM {table} ORDER BY 1")]


async def test_old_rows_go_and_what_was_recorded_lately_stays(pool: Pool, tmp_path: Path) -> None:
    moved = await archived(pool, tmp_path)
    assert {(each.unit.rule.table, each.unit.session) for each in moved} >= {("trades", OLD)}
    assert await sessions_in(pool, "trades") == sorted([NEW, REPLAY])
    # A month of bars goes as a whole, and this one is not 90 days ago to its end.
    assert await sessions_in(pool, "bars") == sorted([OLD, REPLAY])
    # Who acted is kept as long as the session may go on.
    assert await sessions_in(pool, "audit") == [OLD]
    assert await archived(pool, tmp_path) == []


async def test_what_comes_back_is_what_went_and_only_once(pool: Pool, tmp_path: Path) -> None:
    before = await state(pool)
    moved = await archived(pool, tmp_path, Choice(NOW + 400 * DAY))
    assert sum(each.rows for each in moved) == await back(pool, tmp_path)
    assert await state(pool) == before
    assert await back(pool, tmp_path) == 0
    assert await state(pool) == before
    # Again, the same rows make the same files.
    again = await archived(pool, tmp_path, Choice(NOW + 400 * DAY))
    assert [each.file for each in again] == [each.file for each in moved]


async def test_rows_that_are_still_there_are_not_added_again(pool: Pool, tmp_path: Path) -> None:
    before = await state(pool)
    await archived(pool, tmp_path)
    await back(pool, tmp_path)
    await pool.execute(
        "DELETE FROM trades WHERE ctid IN (SELECT ctid FROM trades WHERE session = $1 LIMIT 7)", OLD
    )
    assert await back(pool, tmp_path) == 7
    assert await state(pool) == before


async def test_killed_after_the_file_and_before_the_rows_are_gone_nothing_is_lost_or_twice(
    pool: Pool, postgres_url: str, tmp_path: Path
) -> None:
    before = await state(pool)
    command = [sys.executable, "-c", KILLED, postgres_url, str(tmp_path), str(NOW)]
    killed = await asyncio.to_thread(subprocess.run, command, check=False)
    assert killed.returncode == -signal.SIGKILL
    (file,) = tmp_path.rglob("*.parquet")
    assert await state(pool) == before
    moved = await archived(pool, tmp_path)
    assert moved[0].file == file
    assert await state(pool) != before
    await back(pool, tmp_path)
    assert await state(pool) == before


async def test_a_file_that_cannot_be_proved_removes_nothing(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await state(pool)
    write = files.write

    def cut(*arguments: object) -> None:
        write(*arguments)  # type: ignore[arg-type]
        file = arguments[2]
        assert isinstance(file, Path)
        os.truncate(file, file.stat().st_size // 2)

    monkeypatch.setattr(files, "write", cut)
    with pytest.raises(files.FileDiffers, match="cannot be read"):
        await archived(pool, tmp_path)
    assert await state(pool) == before


async def test_a_file_in_which_one_digit_is_another_removes_nothing(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await state(pool)
    write = files.write

    def otherwise(rows: Path, columns: list[Column], file: Path, about: dict[str, str]) -> None:
        altered = tmp_path / "altered.csv"
        altered.write_bytes(rows.read_bytes().replace(b"1.500", b"1.501"))
        write(altered, columns, file, about)

    monkeypatch.setattr(files, "write", otherwise)
    with pytest.raises(files.FileDiffers, match="is not what the database gave"):
        await archived(pool, tmp_path)
    assert await state(pool) == before


async def test_a_damaged_file_is_written_again_while_the_rows_are_there_and_refused_after(
    pool: Pool, tmp_path: Path
) -> None:
    file = (await archived(pool, tmp_path))[0].file
    await back(pool, tmp_path)
    whole = file.read_bytes()
    file.write_bytes(whole[:200] + b"\x00" * 50 + whole[250:])
    await archived(pool, tmp_path)
    assert file.read_bytes() == whole
    file.write_bytes(whole[:200] + b"\x00" * 50 + whole[250:])
    before = await state(pool)
    with pytest.raises(files.FileDiffers, match=file.name):
        await back(pool, tmp_path)
    assert (await state(pool))["trades"] == before["trades"]


async def test_a_whole_session_goes_once_it_has_ended(pool: Pool, tmp_path: Path) -> None:
    with pytest.raises(RuntimeFailure, match="has not ended"):
        await archived(pool, tmp_path, Choice(NOW, session=REPLAY))
    with pytest.raises(RuntimeFailure, match="not in this database"):
        await archived(pool, tmp_path, Choice(NOW, session="other"))
    await pool.execute("UPDATE sessions SET ended_at = $1", NOW)
    before = await state(pool)
    await archived(pool, tmp_path, Choice(NOW, session=REPLAY))
    for table in ("trades", "bars"):
        assert REPLAY not in await sessions_in(pool, table)
    await back(pool, tmp_path, REPLAY)
    assert await state(pool) == before


async def test_a_table_can_be_chosen_and_an_age(pool: Pool) -> None:
    units = await due(pool, Choice(NOW, tables=frozenset({"trades"}), hot_days=0))
    assert {each.session for each in units} == {OLD, NEW, REPLAY}
    assert sum(each.rows for each in units if each.session == OLD) == 404


def message(sequence: int, session: str, phase: Literal["genesis", "end"]) -> Raw:
    told = Session(phase=phase, session_id=session, ts=1, config_hash="c", code_hash="d")
    return (sequence, session_subject(0, phase), HEADERS, codec.encode(told))


async def test_the_kept_log_of_ended_sessions_goes_too_and_comes_back_byte_for_byte(
    pool: Pool, tmp_path: Path
) -> None:
    noise: list[Raw] = [
        (n, "p0.md.v1.mark", b"NATS/1.0\r\na: b\r\n\r\n", os.urandom(40)) for n in range(2, 40)
    ]
    runs = {
        1: ([message(1, OLD, "genesis"), *noise[:18]], 1),
        20: ([*noise[18:], message(40, OLD, "end"), message(41, NEW, "genesis")], 41),
    }
    for first, (messages, genesis) in runs.items():
        add = "INSERT INTO archive VALUES ('FLOW-0@x:y', $1, $2, $3, $4)"
        await pool.execute(add, first, messages[-1][0], genesis, pack(messages))
    assert [each async for each in archive_log(pool, Choice(NOW), tmp_path)] == []
    await pool.execute("UPDATE sessions SET ended_at = $2 WHERE session = $1", OLD, NOW - 40 * DAY)
    moved = [each async for each in archive_log(pool, Choice(NOW), tmp_path)]
    # The second holds the beginning of a session that may go on.
    assert [(each.first, each.last) for each in moved] == [(1, 19)]
    assert await pool.fetchval("SELECT count(*) FROM archive") == 1
    assert [each.first async for each in restore_log(pool, tmp_path)] == [1]
    assert [each async for each in restore_log(pool, tmp_path)] == []
    rows = await pool.fetch("SELECT first_sequence, genesis, data FROM archive")
    assert {row["first_sequence"]: (unpack(row["data"]), row["genesis"]) for row in rows} == runs
