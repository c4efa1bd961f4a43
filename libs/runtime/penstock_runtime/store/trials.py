"""Results of searches in a database of the user's choice: the schema `research`, made where it is missing.

It is no part of a session's schema: a search needs no session, and its results outlive all of them.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from penstock_runtime.errors import Unavailable
from penstock_runtime.store.pool import is_lost, is_refused

CONNECT_S = 10.0
FIGURES = (
    "return", "sharpe", "sortino", "calmar", "drawdown", "trades", "win_rate", "profit_factor", "fees",
    "fills", "seconds",
)  # fmt: skip
"""Columns of a trial that are numbers."""


async def keep_trials(
    url: str, kind: str, about: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
) -> str:
    """Keep a search and its trials, in one transaction; the same search again replaces them.

    `about` says which search it is: its hash is the id, which is returned. Unavailable when the database
    cannot be asked or refuses.
    """
    told = json.dumps(about, sort_keys=True)
    search_id = hashlib.sha256(f"{kind} {told}".encode()).hexdigest()[:16]
    try:
        connection = await asyncpg.connect(url, timeout=CONNECT_S)
        try:
            async with connection.transaction():
                await connection.execute(_SCHEMA)
                await connection.execute(_SEARCH, search_id, kind, told)
                await connection.execute("DELETE FROM research.trials WHERE search_id = $1", search_id)
                await connection.executemany(_TRIAL, [_values(search_id, row) for row in rows])
        finally:
            await connection.close()
    except ValueError as error:
        raise Unavailable(f"the database's address cannot be used: {error}") from error
    except Exception as error:
        if is_lost(error) or is_refused(error):
            raise Unavailable(f"the database cannot be asked: {_said(error)}") from error
        raise
    return search_id


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__


def _values(search_id: str, row: Mapping[str, Any]) -> tuple[Any, ...]:
    parameters = {name[2:]: value for name, value in row.items() if name.startswith("p.")}
    figures = (None if row.get(name) is None else float(row[name]) for name in FIGURES)
    texts = (row["status"], row["error"], row.get("fills_hash", ""))
    return search_id, row.get("fold", 0), json.dumps(parameters, sort_keys=True), *texts, *figures


_SCHEMA = f"""
CREATE SCHEMA IF NOT EXISTS research;
CREATE TABLE IF NOT EXISTS research.searches (
    search_id text PRIMARY KEY,
    kind text NOT NULL,
    about jsonb NOT NULL,
    kept_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS research.trials (
    search_id text NOT NULL REFERENCES research.searches,
    fold integer NOT NULL,
    parameters jsonb NOT NULL,
    status text NOT NULL,
    error text NOT NULL,
    fills_hash text NOT NULL,
    {", ".join(f'"{name}" double precision' for name in FIGURES)},
    PRIMARY KEY (search_id, fold, parameters)
);
"""
_SEARCH = """
INSERT INTO research.searches (search_id, kind, about) VALUES ($1, $2, $3)
ON CONFLICT (search_id) DO UPDATE SET kept_at = now()
"""
_PLACES = ", ".join(f"${number}" for number in range(1, 7 + len(FIGURES)))
_TRIAL = f"INSERT INTO research.trials VALUES ({_PLACES})"  # noqa: S608  (placeholders only)
