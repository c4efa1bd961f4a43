"""The log that the database keeps (`archive`) goes to Parquet too, once nobody can need it any more.

A session that may go on can be read again from its genesis by anybody, so its part stays. What belongs to
sessions that ended a while ago leaves: message by message in the files, and packed again when it returns.
"""

import re
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from penstock_contracts import codec, subjects
from penstock_contracts.control import Session

from penstock_runtime.log.past import Raw
from penstock_runtime.store.archive import pack, unpack
from penstock_runtime.store.cold.archiving import Choice
from penstock_runtime.store.cold.files import FileDiffers, flush
from penstock_runtime.store.cold.rules import DAY_NS, LOG_DAYS
from penstock_runtime.store.pool import Connection, Pool

FOLDER = "log"
_SCHEMA = pa.schema(
    [("sequence", pa.int64()), ("subject", pa.string()), ("headers", pa.binary()), ("data", pa.binary())]
)
_UNSAFE = re.compile(r"[^A-Za-z0-9.-]+")


@dataclass(frozen=True, slots=True)
class Moved:
    """A run of the log that is in a file now."""

    stream: str
    first: int
    last: int
    file: Path


async def archive_log(pool: Pool, choice: Choice, root: Path) -> AsyncIterator[Moved]:
    """Move the runs that only ended sessions would need. FileDiffers when a file cannot be proved."""
    over = await _over(pool, choice)
    for row in await pool.fetch("SELECT DISTINCT stream FROM archive ORDER BY 1"):
        stream: str = row["stream"]
        current = ""
        for run in await pool.fetch(_RUNS, stream):
            needed = {current} if current else set()
            if run["genesis"] is not None:
                current = await _session_of(pool, stream, run["first_sequence"], run["genesis"])
                needed.add(current)
            if needed and needed <= over:
                async with pool.acquire() as connection, connection.transaction():
                    moved = await _move(connection, stream, run["first_sequence"], root)
                if moved is not None:
                    yield moved


async def restore_log(pool: Pool, root: Path, streams: Iterable[str] = ()) -> AsyncIterator[Moved]:
    """Bring runs back; those that are there stay as they are. FileDiffers for a damaged file."""
    wanted = {folder_of(each) for each in streams}
    for file in sorted((root / FOLDER).glob("*/*.parquet")):
        if wanted and file.parent.name not in wanted:
            continue
        about, messages = read(file)
        genesis = int(about["genesis"]) if about["genesis"] else None
        first, last = messages[0][0], messages[-1][0]
        status = await pool.execute(_ADD, about["stream"], first, last, genesis, pack(messages))
        if status.endswith(" 1"):
            yield Moved(about["stream"], first, last, file)


def folder_of(stream: str) -> str:
    """A stream's name and time of creation as a folder's name."""
    return _UNSAFE.sub("_", stream)


async def _over(pool: Pool, choice: Choice) -> set[str]:
    """Sessions whose part of the log nobody needs."""
    days = LOG_DAYS if choice.hot_days is None else choice.hot_days
    until = (1 << 62) if choice.session is not None else choice.now - days * DAY_NS
    rows = await pool.fetch(
        "SELECT session FROM sessions WHERE ended_at < $1::bigint AND ($2::text IS NULL OR session = $2)",
        until,
        choice.session,
    )
    return {row["session"] for row in rows}


async def _session_of(pool: Pool, stream: str, first: int, genesis: int) -> str:
    data: bytes = await pool.fetchval(_DATA, stream, first)
    for sequence, subject, _, payload in unpack(data):
        if sequence == genesis and (parsed := subjects.parse(subject)) is not None:
            message = codec.decode(parsed.family, parsed.kind, parsed.major, payload)
            if isinstance(message, Session):
                return message.session_id
    raise FileDiffers(f"the run of {stream} from {first} does not hold the genesis {genesis} that it names")


async def _move(connection: Connection, stream: str, first: int, root: Path) -> Moved | None:
    row = await connection.fetchrow(_TAKE, stream, first)
    if row is None:
        return None  # somebody else has moved it
    messages = unpack(row["data"])
    digest = sha256(row["data"]).hexdigest()[:16]
    name = f"{first:012d}-{row['last_sequence']:012d}-{digest}.parquet"
    file = root / FOLDER / folder_of(stream) / name
    about = {"stream": stream, "genesis": str(row["genesis"] or "")}
    if not file.exists() or not _holds(file, messages):
        _write(file, messages, about)
        if not _holds(file, messages):
            raise FileDiffers(f"{file}: does not hold what was written")
    await connection.execute("DELETE FROM archive WHERE stream = $1 AND first_sequence = $2", stream, first)
    return Moved(stream, first, row["last_sequence"], file)


def _write(file: Path, messages: list[Raw], about: Mapping[str, str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    columns = [list(each) for each in zip(*messages, strict=True)]
    table = pa.table(columns, schema=_SCHEMA.with_metadata(dict(about)))
    staged = file.with_name(f".{file.name}")
    pq.write_table(table, staged, compression="zstd", write_page_checksum=True)
    flush(staged)
    staged.replace(file)
    flush(file.parent)


def _holds(file: Path, messages: list[Raw]) -> bool:
    try:
        return read(file)[1] == messages
    except FileDiffers:
        return False


def read(file: Path) -> tuple[dict[str, str], list[Raw]]:
    """What a file says of itself, and its messages. FileDiffers when it is damaged or none of ours."""
    try:
        table = pq.read_table(file, page_checksum_verification=True)
    except (OSError, pa.ArrowException) as error:
        raise FileDiffers(f"{file}: cannot be read: {error}") from error
    about = {name.decode(): value.decode() for name, value in (table.schema.metadata or {}).items()}
    if table.column_names != _SCHEMA.names or "stream" not in about or not table.num_rows:
        raise FileDiffers(f"{file}: not a part of a log")
    columns = [table.column(each).to_pylist() for each in _SCHEMA.names]
    return about, list(zip(*columns, strict=True))


_RUNS = "SELECT first_sequence, genesis FROM archive WHERE stream = $1 ORDER BY first_sequence"
_DATA = "SELECT data FROM archive WHERE stream = $1 AND first_sequence = $2"
_TAKE = (
    "SELECT last_sequence, genesis, data FROM archive WHERE stream = $1 AND first_sequence = $2 FOR UPDATE"
)
_ADD = "INSERT INTO archive VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING"
