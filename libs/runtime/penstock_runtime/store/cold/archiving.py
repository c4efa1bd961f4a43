"""Rows that are old go to Parquet files, and leave the database when the files have been read back.

A unit (a day of a session's trades, say) goes in one transaction that sees one state of the database: its
rows are written to a file, the file is on disk and read back, and then just these rows are deleted. Cut off
anywhere, the rows are in the database, in the file, or in both; done again, the same rows make the same file.
"""

import re
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from penstock_runtime.errors import RuntimeFailure
from penstock_runtime.store.cold import files
from penstock_runtime.store.cold.rules import DAY_NS, RULES, Rule
from penstock_runtime.store.pool import Connection, Pool
from penstock_runtime.store.tables import Column, columns_of
from penstock_runtime.store.tier import Tier, detect_tier

_log = structlog.get_logger(__name__)

NO_SESSION = "_none"
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Choice:
    """What is to go: by age, as the rules or `hot_days` say, or everything of one session."""

    now: int
    """Wall time, ns."""
    session: str | None = None
    tables: frozenset[str] = frozenset()
    """Only these; empty: all."""
    hot_days: int | None = None
    """In place of the rules' own."""

    def cutoff(self, rule: Rule) -> int:
        """Rows before this time go, ns: whole days, or whole months, where files hold such."""
        if self.session is not None:
            return 1 << 62
        days = rule.hot_days if self.hot_days is None else self.hot_days
        day = datetime.fromtimestamp((self.now - days * DAY_NS) // 10**9, UTC).date()
        if rule.period == "month":
            day = day.replace(day=1)
        return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 10**9


@dataclass(frozen=True, slots=True)
class Unit:
    """Rows that go together."""

    rule: Rule
    session: str
    name: str
    since: int
    until: int
    """Event time, ns; the end is not in it."""
    rows: int


@dataclass(frozen=True, slots=True)
class Archived:
    """A unit that is in a file now, and no longer in the database."""

    unit: Unit
    file: Path
    rows: int


async def due(pool: Pool, choice: Choice) -> list[Unit]:
    """What is to go now."""
    units: list[Unit] = []
    for rule in RULES:
        if choice.tables and rule.table not in choice.tables:
            continue
        rows = await pool.fetch(
            _DUE.format(table=rule.table, where=rule.where, period=_PERIODS[rule.period]),
            choice.cutoff(rule),
            choice.session,
            rule.ended_only and choice.session is None,
        )
        units += [_unit(rule, row["session"], row["began"], row["rows"], choice.cutoff(rule)) for row in rows]
    return units


async def archive(pool: Pool, choice: Choice, root: Path) -> AsyncIterator[Archived]:
    """Move what is due, unit by unit. FileDiffers when a file cannot be proved; its rows stay."""
    if choice.session is not None:
        await _not_going_on(pool, choice.session)
    tier = await detect_tier(pool)
    touched: dict[str, None] = {}
    for unit in await due(pool, choice):
        async with pool.acquire() as connection:
            moved = await _move(connection, unit, root, tier)
        touched[unit.rule.table] = None
        yield moved
    for table in touched:
        await _give_back(pool, table, tier)


async def _order(connection: Connection, rule: Rule, tier: Tier) -> str:
    """By time and key; without a key as they came, where the tier can tell: compressed rows have no place."""
    if not rule.keyed:
        return "ts" if tier is Tier.TIMESCALE_COMMUNITY else "ts, ctid"
    key = [row["attname"] for row in await connection.fetch(_KEY, rule.table)]
    return ", ".join(f'"{each}"' for each in ("ts", *(each for each in key if each != "ts")))


async def _not_going_on(pool: Pool, session: str) -> None:
    row = await pool.fetchrow("SELECT ended_at FROM sessions WHERE session = $1", session)
    if row is None:
        raise RuntimeFailure(f"session {session} is not in this database")
    if row["ended_at"] is None:
        raise RuntimeFailure(f"session {session} has not ended; what it needs stays")


async def _move(connection: Connection, unit: Unit, root: Path, tier: Tier) -> Archived:
    rule = unit.rule
    with tempfile.TemporaryDirectory(prefix="penstock-archive-") as folder:
        rows = Path(folder) / "rows.csv"
        async with connection.transaction(isolation="repeatable_read"):
            columns = await columns_of(connection, rule.table)
            names = ", ".join(f'"{each.name}"' for each in columns)
            chosen = f"session = $1 AND ts >= $2 AND ts < $3 AND {rule.where}"
            order = await _order(connection, rule, tier)
            key = (unit.session, unit.since, unit.until)
            await connection.copy_from_query(
                f"SELECT {names} FROM {rule.table} WHERE {chosen} ORDER BY {order}",  # noqa: S608
                *key,
                output=rows,
                format="csv",
            )
            file, count = _proved(rows, columns, unit, root)
            status = await connection.execute(f"DELETE FROM {rule.table} WHERE {chosen}", *key)  # noqa: S608
            deleted = int(status.rpartition(" ")[2])
            if deleted != count:
                raise files.FileDiffers(f"{file}: {count} rows, but {deleted} were to be removed")
    _log.info("rows_archived", table=rule.table, session=unit.session, file=str(file), rows=count)
    return Archived(unit, file, count)


def _proved(rows: Path, columns: Sequence[Column], unit: Unit, root: Path) -> tuple[Path, int]:
    """The file that holds the rows, read back."""
    digest = files.digest_of(rows)
    file = root / unit.rule.table / folder_of(unit.session) / f"{unit.name}-{digest}.parquet"
    if file.exists():
        try:
            return file, files.check(rows, columns, file)
        except files.FileDiffers as error:
            _log.warning("written_again", error=str(error))
    about = {"table": unit.rule.table, "session": unit.session, "digest": digest, "since": str(unit.since),
             "until": str(unit.until)}  # fmt: skip
    files.write(rows, columns, file, about)
    return file, files.check(rows, columns, file)


def folder_of(session: str) -> str:
    """A session's id as a folder's name. RuntimeFailure for what cannot be one."""
    if not session:
        return NO_SESSION
    if not _SAFE.fullmatch(session):
        raise RuntimeFailure(f"session {session!r} is no name for a folder")
    return session


async def _give_back(pool: Pool, table: str, tier: Tier) -> None:
    """Give the space back: empty chunks go as a whole; elsewhere it is kept for new rows."""
    if tier is not Tier.PLAIN:
        for row in await pool.fetch(_CHUNKS, table):
            async with pool.acquire() as connection, connection.transaction():
                # Nobody may add to it between the look and the drop: a replay may be writing old events.
                await connection.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
                if not await connection.fetchval(f"SELECT EXISTS (SELECT FROM {row['chunk']})"):  # noqa: S608
                    await connection.execute(_DROP, table, row["range_end"], row["range_start"])
    await pool.execute(f"VACUUM (ANALYZE) {table}")


def _unit(rule: Rule, session: str, began: int, rows: int, cutoff: int) -> Unit:
    if rule.period == "session":
        return Unit(rule, session, "all", 0, cutoff, rows)
    day = datetime.fromtimestamp(began // 10**9, UTC)
    if rule.period == "day":
        return Unit(rule, session, f"{day:%Y-%m-%d}", began, min(began + DAY_NS, cutoff), rows)
    after = datetime(day.year + day.month // 12, day.month % 12 + 1, 1, tzinfo=UTC)
    until = int(after.timestamp()) * 10**9
    return Unit(rule, session, f"{day:%Y-%m}", began, min(until, cutoff), rows)


_DAY = f"ts / {DAY_NS} * {DAY_NS}"
_MONTH = (
    "(extract(epoch FROM date_trunc('month', to_timestamp(ts / 1000000000) AT TIME ZONE 'UTC'))"
    "::bigint * 1000000000)"
)
_PERIODS = {"day": _DAY, "month": _MONTH, "session": "0::bigint"}
_DUE = """
SELECT t.session, {period} AS began, count(*) AS rows
FROM {table} t LEFT JOIN sessions s ON s.session = t.session
WHERE ts < $1::bigint AND COALESCE(s.started_at, 0) < $1::bigint
    AND ($2::text IS NULL OR t.session = $2) AND ({where})
    AND (NOT $3::boolean OR s.ended_at IS NOT NULL)
GROUP BY 1, 2 ORDER BY 1, 2
"""
_KEY = """
SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
WHERE i.indrelid = $1::text::regclass AND i.indisprimary ORDER BY array_position(i.indkey::int2[], a.attnum)
"""
_CHUNKS = """
SELECT format('%I.%I', chunk_schema, chunk_name) AS chunk, range_start_integer AS range_start,
    range_end_integer AS range_end
FROM timescaledb_information.chunks WHERE hypertable_schema = 'public' AND hypertable_name = $1 ORDER BY 2
"""
_DROP = "SELECT drop_chunks($1::regclass, older_than => $2::bigint, newer_than => $3::bigint)"
