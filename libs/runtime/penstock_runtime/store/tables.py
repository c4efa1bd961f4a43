"""What the database says of its own tables."""

from dataclasses import dataclass

from penstock_runtime.store.pool import Connection


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table, and its type by PostgreSQL's name."""

    name: str
    kind: str


async def columns_of(connection: Connection, table: str) -> list[Column]:
    """The columns that are written: all but those that the database derives."""
    rows = await connection.fetch(_COLUMNS, table)
    return [Column(row["column_name"], row["data_type"]) for row in rows]


_COLUMNS = """
SELECT column_name, data_type FROM information_schema.columns
WHERE table_schema = 'public' AND table_name = $1 AND is_generated = 'NEVER' ORDER BY ordinal_position
"""
