"""Rows come back from Parquet files; what is there already is not added again."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path

from penstock_runtime.store.cold import files
from penstock_runtime.store.cold.archiving import folder_of
from penstock_runtime.store.cold.rules import RULES, TABLES
from penstock_runtime.store.pool import Connection, Pool
from penstock_runtime.store.tables import columns_of

_KEYED = {rule.table: rule.keyed for rule in RULES}


@dataclass(frozen=True, slots=True)
class Restored:
    """A file whose rows are in the database now."""

    file: Path
    table: str
    session: str
    rows: int
    """Those that were missing."""


def found(root: Path, session: str | None, tables: Iterable[str] = ()) -> list[Path]:
    """The files of a session, of all without one, in the order of tables and time."""
    chosen = [each for each in TABLES if not tables or each in set(tables)]
    below = folder_of(session) if session is not None else "*"
    return [file for table in chosen for file in sorted((root / table).glob(f"{below}/*.parquet"))]


async def restore(pool: Pool, paths: Iterable[Path]) -> AsyncIterator[Restored]:
    """Bring files back, each in a transaction. FileDiffers for one that is damaged or not ours."""
    for file in paths:
        async with pool.acquire() as connection, connection.transaction():
            restored = await _restore(connection, file)
        yield restored


async def _restore(connection: Connection, file: Path) -> Restored:
    about = files.about(file)
    table, session = about["table"], about["session"]
    if table not in TABLES:
        raise files.FileDiffers(f"{file}: of a table {table!r} that this version does not archive")
    known = {each.name for each in await columns_of(connection, table)}
    names = files.columns_in(file)
    if set(names) - known:
        strange = ", ".join(sorted(set(names) - known))
        raise files.FileDiffers(f"{file}: has columns that table {table} does not: {strange}")
    columns = ", ".join(f'"{each}"' for each in names)
    await connection.execute(
        f"CREATE TEMP TABLE coming ON COMMIT DROP AS SELECT {columns} FROM {table} LIMIT 0"  # noqa: S608
    )
    for part in files.csv_of(file):
        await connection.copy_to_table("coming", source=_stream(part), columns=names, format="csv")
    if _KEYED[table]:
        status = await connection.execute(_ADD_KEYED.format(table=table, columns=columns))
    else:
        span = (session, int(about["since"]), int(about["until"]))
        there = await connection.fetchval(_THERE.format(table=table), *span)
        add = _ADD_MISSING if there else _ADD
        status = await connection.execute(add.format(table=table, columns=columns), *(span if there else ()))
    await connection.execute("DROP TABLE coming")
    return Restored(file, table, session, int(status.rpartition(" ")[2]))


async def _stream(part: bytes) -> AsyncIterator[bytes]:
    yield part


_ADD = "INSERT INTO {table} ({columns}) SELECT {columns} FROM coming ORDER BY ctid"
_ADD_KEYED = _ADD + " ON CONFLICT DO NOTHING"
_THERE = "SELECT EXISTS (SELECT FROM {table} WHERE session = $1 AND ts >= $2 AND ts < $3)"
# As many of the same row as the file has, and no more.
_ADD_MISSING = """
INSERT INTO {table} ({columns})
SELECT {columns} FROM coming
EXCEPT ALL
SELECT {columns} FROM {table} WHERE session = $1 AND ts >= $2 AND ts < $3
"""
