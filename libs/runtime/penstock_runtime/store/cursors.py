"""The recorder's place in the log, kept in the transaction of the rows."""

from dataclasses import dataclass

from penstock_runtime.errors import RuntimeFailure
from penstock_runtime.store.pool import Connection, Pool


class CursorMoved(RuntimeFailure):
    """Somebody else recorded on from the place where this recorder stood: its rows were not written."""

    exit_code = 75


@dataclass(frozen=True, slots=True)
class StoredCursor:
    """How far a session of a partition is recorded."""

    session: str
    sequence: int
    """Log sequence of the last message looked at; 0 before the first."""
    mark: int
    """Event time, ns, of the last mark that is recorded."""
    cursor: str
    """The reader's cursor as JSON."""


@dataclass(frozen=True, slots=True)
class CursorKey:
    """Whose cursor it is."""

    session: str
    recorder: str
    partition: int


async def load_cursor(database: Pool | Connection, key: CursorKey) -> StoredCursor | None:
    """The cursor, or None where this recorder recorded nothing of the session yet."""
    row = await database.fetchrow(
        "SELECT sequence, mark, cursor FROM cursors WHERE session = $1 AND recorder = $2 AND partition = $3",
        key.session,
        key.recorder,
        key.partition,
    )
    return StoredCursor(key.session, row["sequence"], row["mark"], row["cursor"]) if row else None


async def move_cursor(
    connection: Connection, key: CursorKey, before: int | None, after: StoredCursor
) -> None:
    """Move the cursor on from the sequence `before` (None: it has none). CursorMoved if it is elsewhere."""
    if before is None:
        status = await connection.execute(
            "INSERT INTO cursors (session, recorder, partition, sequence, mark, cursor)"
            " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
            key.session,
            key.recorder,
            key.partition,
            after.sequence,
            after.mark,
            after.cursor,
        )
    else:
        status = await connection.execute(
            "UPDATE cursors SET sequence = $4, mark = $5, cursor = $6"
            " WHERE session = $1 AND recorder = $2 AND partition = $3 AND sequence = $7",
            key.session,
            key.recorder,
            key.partition,
            after.sequence,
            after.mark,
            after.cursor,
            before,
        )
    if not status.endswith(" 1"):
        raise CursorMoved(f"{key.recorder} of session {key.session} does not stand at {before} any more")
