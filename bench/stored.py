"""What a finished session left behind: its log and its database, opened again to count and to time."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import asyncpg
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from penstock.launch.notes import Notes
from penstock.launch.paths import DataDir
from penstock.launch.servers import Servers
from penstock_contracts.codec import rows_of
from penstock_contracts.market import TradeBatch
from penstock_contracts.subjects import subject
from penstock_runtime.log import Log


@dataclass(frozen=True, slots=True)
class Stored:
    """Facts of a session's log. Times are the server's, wall clock, seconds."""

    first_data_s: float
    """The first row of market data."""
    first_mark_s: float
    last_mark_s: float
    marks: int
    messages: int
    trades: int = 0
    """Rows of all trade messages."""
    trades_in_database: int = 0


def read(folder: Path, *, count_trades: bool = False) -> Stored:
    """Open the log, and the database where trades are to be counted, of the session below `folder`."""
    return asyncio.run(_read(folder, count_trades))


async def _read(folder: Path, count_trades: bool) -> Stored:
    data_dir = DataDir.at(folder / "data")
    session = data_dir.last_session()
    if session is None:
        raise FileNotFoundError(f"no session below {data_dir.path}")
    servers = Servers.of(data_dir, session, Notes(lambda _text, _style: None))
    url = await servers.start()
    try:
        log = await Log.connect(url, name="bench")
        try:
            marks, rows = await _counted(log)
            recorded = await _recorded(await servers.database(), session.session_id) if count_trades else 0
            return await _facts(log, marks, rows, recorded)
        finally:
            await log.close()
    finally:
        await servers.stop()


async def _facts(log: Log, marks: int, rows: int, recorded: int) -> Stored:
    info = await log.js.stream_info(log.stream)
    data = [f"p0.md.*.{kind}.>" for kind in ("trade", "bar", "mark")]
    firsts = [at for each in data if (at := await _first_after(log.js, log.stream, each)) is not None]
    last = await log.js.get_last_msg(log.stream, subject(log.partition, "md", 1, "mark"))
    first_mark = await _first_after(log.js, log.stream, "p0.md.*.mark.>")
    assert first_mark is not None
    assert last.time is not None
    return Stored(
        first_data_s=min(firsts),
        first_mark_s=first_mark,
        last_mark_s=_seconds(last.time),
        marks=marks,
        messages=info.state.messages,
        trades=rows,
        trades_in_database=recorded,
    )


async def _first_after(js: JetStreamContext, stream: str, filtered: str) -> float | None:
    try:
        found = await js.get_msg(stream, seq=1, subject=filtered, next=True)
    except NotFoundError:
        return None
    assert found.time is not None
    return _seconds(found.time)


def _seconds(at: datetime) -> float:
    return at.timestamp()


async def _counted(log: Log) -> tuple[int, int]:
    """Marks in the log, and rows of its trade messages."""
    last = await log.last_sequence()
    reader = await log.reader(("md",))
    marks = rows = 0
    while True:
        while (delivered := reader.poll()) is not None:
            marks += delivered.kind == "mark"
            if delivered.kind == "trade":
                message = delivered.decode()
                assert isinstance(message, TradeBatch)
                rows += rows_of(message)
        if reader.sequence >= last or not await reader.wait(2.0):
            return marks, rows


async def _recorded(url: str, session_id: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        found = await connection.fetchval("SELECT count(*) FROM trades WHERE session = $1", session_id)
    finally:
        await connection.close()
    assert isinstance(found, int)
    return found
