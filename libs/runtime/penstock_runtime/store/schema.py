"""How a database's schema stands to the one that this code knows."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files

from penstock_runtime.errors import BadConfiguration
from penstock_runtime.store.pool import Connection, Pool

_TABLE = re.compile(r"^CREATE TABLE (\w+)", re.MULTILINE)
UPGRADE = "upgrade this Penstock, or give it a database of its own"
MIGRATE = "`penstock db migrate` brings it up to date, as does every start of the recorder"


class Standing(StrEnum):
    """A database, seen from this version."""

    EMPTY = "empty"
    OLDER = "older"
    CURRENT = "current"
    NEWER = "newer"
    HALF = "half-applied"


@dataclass(frozen=True, slots=True)
class Schema:
    """What was found, and in one line what is wrong with it."""

    standing: Standing
    applied: tuple[str, ...]
    problem: str = ""


def known_migrations() -> dict[str, str]:
    """The migrations of this version, by name: their SQL."""
    return dict(sorted(_read()))


def _read() -> Iterator[tuple[str, str]]:
    for each in (files("penstock_runtime.store") / "migrations").iterdir():
        if each.name.endswith(".sql"):
            yield each.name.removesuffix(".sql"), each.read_text(encoding="utf-8")


async def schema_of(database: Pool | Connection) -> Schema:
    """Read how the schema stands; changes nothing."""
    known = known_migrations()
    if not await database.fetchval("SELECT to_regclass('public._pogo_migration') IS NOT NULL"):
        return await _of(database, known, set())
    rows = await database.fetch(
        "SELECT migration_id FROM public._pogo_migration WHERE schema_name = 'public'"
    )
    return await _of(database, known, {row["migration_id"] for row in rows})


async def _of(database: Pool | Connection, known: dict[str, str], applied: set[str]) -> Schema:
    there = {row["tablename"] for row in await database.fetch(_TABLES)}
    names = tuple(sorted(applied))
    unknown = sorted(applied - known.keys())
    if unknown:
        problem = f"the database was migrated by a newer Penstock ({', '.join(unknown)}): {UPGRADE}"
        return Schema(Standing.NEWER, names, problem)
    for name, text in known.items():
        due = set(_TABLE.findall(text))
        if name in applied and due - there:
            gone = ", ".join(sorted(due - there))
            return Schema(Standing.HALF, names, f"migration {name} is half applied: no table {gone}")
        if name not in applied and due & there:
            extra = ", ".join(sorted(due & there))
            problem = f"migration {name} is half applied: {extra} is there, but not recorded as migrated"
            return Schema(Standing.HALF, names, problem)
    missing = [name for name in known if name not in applied]
    if not missing:
        return Schema(Standing.CURRENT, names)
    if not applied:
        return Schema(Standing.EMPTY, names, f"the database has no tables yet: {MIGRATE}")
    problem = f"the database's schema is older than this Penstock ({', '.join(missing)} missing): {MIGRATE}"
    return Schema(Standing.OLDER, names, problem)


def refuse(schema: Schema) -> None:
    """BadConfiguration where no migration can help."""
    if schema.standing is Standing.HALF:
        raise BadConfiguration(f"{schema.problem}; restore a back-up, or begin with an empty database")
    if schema.standing is Standing.NEWER:
        raise BadConfiguration(schema.problem)


_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
