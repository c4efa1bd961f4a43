"""`penstock archive|restore`: old rows to Parquet files, and back."""

import asyncio
import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from penstock_ingest.config import parse_duration
from penstock_runtime.store.cold import archiving, log_runs, restoring
from penstock_runtime.store.cold.archiving import Choice
from penstock_runtime.store.cold.rules import DAY_NS, TABLES
from penstock_runtime.store.pool import Pool
from rich.table import Table

from penstock.commands import options
from penstock.commands.output import console
from penstock.errors import ConfigError
from penstock.launch.database import database
from penstock.launch.paths import DataDir

LOG = "log"
Session = Annotated[
    str | None, typer.Option("--session", metavar="SESSION", help="Only of this one, which has ended.")
]
Tables = Annotated[
    list[str] | None, typer.Option("--table", metavar="TABLE", help=f"Only {', '.join(TABLES)} or {LOG}.")
]
Folder = Annotated[
    Path | None, typer.Option("--dir", metavar="DIR", help="Of the files. Default: DATA-DIR/archive.")
]


def archive(
    session: Session = None,
    table: Tables = None,
    older_than: Annotated[
        str | None,
        typer.Option("--older-than", metavar="TIME", help="Such as 90d. Default: each table's own."),
    ] = None,
    directory: Folder = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go, and change nothing.")
    ] = False,
    data_dir: options.DataDirectory = options.DATA_DIR,
    as_json: options.Json = False,
) -> None:
    """Move old rows to Parquet files. Rows leave the database only when their file was read back.

    By age (whole days and months), or everything of one session. Repeat it at will; cut off, nothing is lost.
    """
    place = DataDir.at(data_dir)
    choice = Choice(time.time_ns(), session, _tables(table), _days(older_than))
    told = asyncio.run(_archive(place, choice, directory or place.archive, dry_run))
    _tell(told, "would go" if dry_run else "archived", as_json)


def restore(
    session: Annotated[
        str | None, typer.Option("--session", metavar="SESSION", help="Only this one's rows. Default: all.")
    ] = None,
    table: Tables = None,
    directory: Folder = None,
    data_dir: options.DataDirectory = options.DATA_DIR,
    as_json: options.Json = False,
) -> None:
    """Bring archived rows back into the database; what is there already is not added again."""
    place = DataDir.at(data_dir)
    root = directory or place.archive
    if not root.is_dir():
        raise ConfigError(f"--dir {root}: there is no such folder")
    told = asyncio.run(_restore(place, root, session, _tables(table)))
    _tell(told, "restored", as_json)


async def archive_into(pool: Pool, choice: Choice, root: Path) -> list[dict[str, Any]]:
    """Move what is due; tells what went."""
    told: list[dict[str, Any]] = []
    if choice.tables != {LOG}:
        async for moved in archiving.archive(pool, choice, root):
            unit = moved.unit
            told.append(_line(unit.rule.table, unit.session, unit.name, moved.rows, moved.file))
    if not choice.tables or LOG in choice.tables:
        told += [_run(each) async for each in log_runs.archive_log(pool, choice, root)]
    return told


async def _archive(place: DataDir, choice: Choice, root: Path, dry_run: bool) -> list[dict[str, Any]]:
    async with database(place) as pool:
        if not dry_run:
            return await archive_into(pool, choice, root)
        due = await archiving.due(pool, choice)
        return [_line(each.rule.table, each.session, each.name, each.rows, None) for each in due]


async def _restore(
    place: DataDir, root: Path, session: str | None, tables: frozenset[str]
) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    async with database(place) as pool:
        if tables != {LOG}:
            paths = restoring.found(root, session, tables)
            told += [
                _line(each.table, each.session, each.file.stem, each.rows, each.file)
                async for each in restoring.restore(pool, paths)
            ]
        if session is None and (not tables or LOG in tables):
            told += [_run(each) async for each in log_runs.restore_log(pool, root)]
    return told


def _run(moved: log_runs.Moved) -> dict[str, Any]:
    count = moved.last - moved.first + 1
    return _line(LOG, moved.stream, f"{moved.first}-{moved.last}", count, moved.file)


def _line(table: str, session: str, part: str, rows: int, file: Path | None) -> dict[str, Any]:
    return {"table": table, "session": session, "part": part, "rows": rows, "file": file and str(file)}


def _tell(told: list[dict[str, Any]], verb: str, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(told, indent=2))
        return
    shown = console()
    table = Table("table", "session", "part", "rows", "bytes", box=None, header_style="dim")
    for each in told:
        size = f"{Path(each['file']).stat().st_size:,}" if each["file"] else ""
        table.add_row(each["table"], each["session"], each["part"], f"{each['rows']:,}", size)
    if told:
        shown.print(table)
    shown.print(f"{sum(each['rows'] for each in told):,} rows in {len(told)} files {verb}")


def _tables(chosen: list[str] | None) -> frozenset[str]:
    for each in chosen or ():
        if each not in {*TABLES, LOG}:
            raise ConfigError(f"--table {each}: there are {', '.join((*TABLES, LOG))}")
    return frozenset(chosen or ())


def _days(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        span = parse_duration(text)
    except ValueError as error:
        raise ConfigError(f"--older-than {text}: {error}") from error
    if not isinstance(span, int) or span % DAY_NS:
        raise ConfigError(f"--older-than {text}: whole days, such as 90d")
    return span // DAY_NS
