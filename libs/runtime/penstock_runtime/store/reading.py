"""One question to the database, for an operator's eyes: nothing can be changed by it."""

import asyncpg

from penstock_runtime.errors import RuntimeFailure, Unavailable
from penstock_runtime.store.pool import is_lost

TIMEOUT_S = 60.0


class BadQuery(RuntimeFailure):
    """The database refuses the query; the text is the database's own."""


async def read_only(url: str, query: str, rows_max: int) -> tuple[list[str], list[tuple[object, ...]]]:
    """The columns and at most `rows_max` rows of a query, in a transaction that may only read.

    BadQuery when the database refuses it, Unavailable when it does not answer.
    """
    try:
        connection = await asyncpg.connect(url, timeout=TIMEOUT_S, command_timeout=TIMEOUT_S)
        try:
            async with connection.transaction(readonly=True):
                prepared = await connection.prepare(query)
                columns = [each.name for each in prepared.get_attributes()]
                cursor = await prepared.cursor()
                rows = await cursor.fetch(rows_max)
        finally:
            await connection.close()
    except Exception as error:
        if is_lost(error):
            raise Unavailable(f"the database does not answer: {error}") from error
        if isinstance(error, asyncpg.PostgresError):
            raise BadQuery(str(error)) from error
        raise
    return columns, [tuple(row.values()) for row in rows]
