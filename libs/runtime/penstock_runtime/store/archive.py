"""The archive of a log in the database: what has left the log, byte for byte, in runs without a hole."""

import asyncio
import struct
import zlib
from collections.abc import Callable, Sequence

import asyncpg

from penstock_runtime.errors import Halt, LogAgedOut, Unavailable
from penstock_runtime.log.past import Raw
from penstock_runtime.store.pool import Pool, is_lost, open_pool

_FRAME = struct.Struct(">QHII")
"""Log sequence, and the lengths of subject, header block and payload, which follow."""
_LEVEL = 1


def pack(messages: Sequence[Raw]) -> bytes:
    """Messages as the archive keeps them."""
    parts: list[bytes] = []
    for sequence, subject, block, data in messages:
        name = subject.encode()
        parts += (_FRAME.pack(sequence, len(name), len(block), len(data)), name, block, data)
    return zlib.compress(b"".join(parts), _LEVEL)


def unpack(packed: bytes) -> list[Raw]:
    """What was packed. Halt when it is not what `pack` made."""
    messages: list[Raw] = []
    try:
        whole = zlib.decompress(packed)
        at = 0
        while at < len(whole):
            sequence, name, block, data = _FRAME.unpack_from(whole, at)
            begin = at + _FRAME.size
            at = begin + name + block + data
            if at > len(whole):
                raise Halt("a run of the archive is cut off")
            subject, rest = whole[begin : begin + name].decode(), whole[begin + name : at]
            messages.append((sequence, subject, rest[:block], rest[block:]))
    except (zlib.error, struct.error, UnicodeDecodeError) as error:
        raise Halt(f"a run of the archive cannot be read: {error}") from error
    return messages


class Archive:
    """Reads and writes the archive over a pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def last(self, stream: str) -> int | None:
        """The last log sequence that is archived; None before the first."""
        last: int | None = await self._pool.fetchval(_LAST, stream)
        return last

    async def add(self, stream: str, messages: Sequence[Raw], genesis: int | None) -> None:
        """Append a run; one that somebody else has appended meanwhile is not written again.

        `genesis` is the sequence of the last genesis in it. Where the run does not follow the last one, what
        lies between stays missing: a reader says so when it comes there.
        """
        first, last = messages[0][0], messages[-1][0]
        packed = await asyncio.to_thread(pack, messages)
        await self._pool.execute(_ADD, stream, first, last, genesis, packed)

    async def run_after(self, stream: str, sequence: int) -> tuple[int, bytes] | None:
        """The run that holds the first message archived after a sequence: its own first, and its bytes."""
        row = await self._pool.fetchrow(_AFTER, stream, sequence)
        return (row["first_sequence"], row["data"]) if row else None

    async def genesis(self, stream: str) -> int | None:
        """Log sequence of the last genesis that is archived."""
        found: int | None = await self._pool.fetchval(_GENESIS, stream)
        return found


class DatabasePast:
    """The archive as the past of a log's readers; connects when it is first asked.

    `address` gives the database's address as of now, empty while it is not known.
    """

    def __init__(self, address: Callable[[], str]) -> None:
        self._address = address
        self._archive: Archive | None = None
        self._pool: Pool | None = None

    async def after(self, stream: str, sequence: int) -> Sequence[Raw]:
        """See `Past`."""
        try:
            found = await (await self._open()).run_after(stream, sequence)
        except Exception as error:
            raise await self._told(error) from error
        if found is None:
            return []
        first, packed = found
        if first > sequence + 1:
            raise LogAgedOut(
                f"what follows {sequence} has left {stream} and is not in the archive before {first}"
            )
        messages = await asyncio.to_thread(unpack, packed)
        return [each for each in messages if each[0] > sequence]

    async def genesis(self, stream: str) -> int | None:
        """See `Past`."""
        try:
            return await (await self._open()).genesis(stream)
        except Exception as error:
            raise await self._told(error) from error

    async def close(self) -> None:
        """Close the connections, if there are any."""
        pool, self._pool, self._archive = self._pool, None, None
        if pool is not None:
            pool.terminate()

    async def _open(self) -> Archive:
        if self._archive is None:
            self._pool = await open_pool(self._address(), name="past")
            self._archive = Archive(self._pool)
        return self._archive

    async def _told(self, error: Exception) -> Exception:
        if isinstance(error, asyncpg.UndefinedTableError):
            return Unavailable("the database has no archive yet")
        if is_lost(error):
            await self.close()  # it may be at another address when it is back
            return Unavailable(f"the archive cannot be asked: {str(error) or type(error).__name__}")
        return error


_LAST = "SELECT last_sequence FROM archive WHERE stream = $1 ORDER BY first_sequence DESC LIMIT 1"
_GENESIS = "SELECT max(genesis) FROM archive WHERE stream = $1"

# The run that holds the next message, or where there is none, the first that begins later.
_AFTER = """
SELECT first_sequence, data
FROM (
    SELECT first_sequence, last_sequence, data FROM archive
    WHERE stream = $1 AND first_sequence <= $2 + 1 ORDER BY first_sequence DESC LIMIT 1
) AS before WHERE last_sequence > $2
UNION ALL
(
    SELECT first_sequence, data FROM archive
    WHERE stream = $1 AND first_sequence > $2 + 1 ORDER BY first_sequence LIMIT 1
)
LIMIT 1
"""

_ADD = f"""
INSERT INTO archive (stream, first_sequence, last_sequence, genesis, data)
SELECT $1, $2, $3, $4, $5 WHERE COALESCE(({_LAST}), 0) < $2
ON CONFLICT DO NOTHING
"""
