"""Accounts of the database beside its owner's."""

import re

import asyncpg

from penstock_runtime.errors import Unavailable
from penstock_runtime.store.pool import is_lost

_NAME = re.compile(r"[a-z][a-z_]{0,62}")
CONNECT_TIMEOUT_S = 10.0


async def grant_reading(url: str, name: str, password: str) -> None:
    """Have an account that reads everything and writes nothing; its password is set again.

    `url` is the owner's. Unavailable when the database does not answer.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"not a name for an account: {name!r}")
    try:
        connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_S)
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", name):
                await connection.execute(f"CREATE ROLE {name} LOGIN")
            quoted = await connection.fetchval("SELECT quote_literal($1)", password)
            await connection.execute(f"ALTER ROLE {name} WITH LOGIN PASSWORD {quoted}")
            await connection.execute(f"GRANT pg_read_all_data TO {name}")
        finally:
            await connection.close()
    except Exception as error:
        if is_lost(error):
            raise Unavailable(f"no database: {str(error) or type(error).__name__}") from error
        raise
