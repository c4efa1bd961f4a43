"""`penstock db status|migrate|maintain|rebuild`: the database itself."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from penstock_ingest.config import parse_duration
from penstock_runtime.log import Log
from penstock_runtime.store.archive import DatabasePast
from penstock_runtime.store.cold.archiving import Choice
from penstock_runtime.store.migrate import migrate as migrate_database
from penstock_runtime.store.rollups import roll_up
from penstock_runtime.store.upkeep import Size, analyze, sizes, standing
from rich.table import Table

from penstock.commands import options
from penstock.commands.archive import Folder, archive_into
from penstock.commands.output import console
from penstock.commands.sessions import find_session
from penstock.errors import CommandError, ConfigError
from penstock.launch.database import database, database_at, database_url, told
from penstock.launch.paths import DataDir
from penstock.launch.rebuild import Compared, compare, rebuilt, replace
from penstock.launch.recorded import partition_of, session_log_of

app = typer.Typer(
    help="The database: its state, migrations, upkeep, and rebuilding it.", no_args_is_help=True
)

LOG_ADDRESS = "PENSTOCK_NATS_URL"


@app.callback()
def _group() -> None:
    """The database: its state, migrations, upkeep, and rebuilding it."""


@app.command()
def status(data_dir: options.DataDirectory = options.DATA_DIR, as_json: options.Json = False) -> None:
    """Tier, schema and sizes. Exit code 1 when the schema is not this version's."""

    async def ask() -> tuple[dict[str, Any], list[Size]]:
        place = DataDir.at(data_dir)
        async with database_url(place) as url, database_at(url, any_schema=True) as pool:
            schema, tier = await standing(pool)
            document = {"tier": tier, "schema": schema.standing, "migrations": schema.applied}
            return {**document, "problem": schema.problem}, await sizes(pool)

    document, tables = asyncio.run(ask())
    if as_json:
        typer.echo(json.dumps({**document, "tables": [asdict(each) for each in tables]}, indent=2))
    else:
        shown = console()
        shown.print(f"tier {document['tier']}, schema {document['schema']}")
        table = Table("table", "rows", "bytes", "chunks", box=None, header_style="dim")
        for each in tables:
            table.add_row(each.table, f"{each.rows:,}", f"{each.bytes:,}", str(each.chunks or ""))
        shown.print(table)
    if document["problem"]:
        raise CommandError(document["problem"])


@app.command()
def migrate(data_dir: options.DataDirectory = options.DATA_DIR) -> None:
    """Apply the migrations that are missing, and make hypertables where TimescaleDB is. Safe to repeat."""

    async def run() -> tuple[str, ...]:
        async with database_url(DataDir.at(data_dir)) as url:
            try:
                return await migrate_database(url)
            except Exception as error:
                raise told(error) from error

    applied = asyncio.run(run())
    console().print(f"applied {', '.join(applied)}" if applied else "nothing to apply")


@app.command()
def maintain(
    every: Annotated[
        str | None,
        typer.Option("--every", metavar="TIME", help="Again after so long, such as 24h, until stopped."),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Archive nothing: only make longer bars, and analyze.")
    ] = False,
    directory: Folder = None,
    data_dir: options.DataDirectory = options.DATA_DIR,
) -> None:
    """Upkeep: make five-minute, hourly and daily bars, archive what is old to Parquet, renew statistics."""
    place = DataDir.at(data_dir)
    pause_s = _seconds(every)
    while True:
        asyncio.run(_maintain(place, None if keep else directory or place.archive))
        if pause_s is None:
            return
        time.sleep(pause_s)


async def _maintain(place: DataDir, root: Path | None) -> None:
    shown = console()
    async with database(place) as pool:
        # Longer bars first: they are made of what may leave next.
        shown.print(f"longer bars: {await roll_up(pool):,} made")
        if root is not None:
            gone = await archive_into(pool, Choice(time.time_ns()), root)
            shown.print(f"archived: {sum(each['rows'] for each in gone):,} rows in {len(gone)} files, {root}")
        await analyze(pool)
        shown.print("statistics renewed")


@app.command()
def rebuild(
    session: Annotated[str | None, typer.Argument(help="A session's id; default: the last.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only compare; exit code 1 for a difference.")
    ] = False,
    data_dir: options.DataDirectory = options.DATA_DIR,
    as_json: options.Json = False,
) -> None:
    """Make a session's rows again from archive and log, compare them, and put them in place of what is there.

    What went to Parquet comes back with it. Refused while the session runs.
    """
    place = DataDir.at(data_dir)
    compared = asyncio.run(_rebuild(place, session, check))
    different = [each.table for each in compared if not each.same]
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in compared], indent=2))
    else:
        table = Table("table", "rows there", "rows rebuilt", "", box=None, header_style="dim")
        for each in compared:
            mark = "[green]same[/]" if each.same else "[red]different[/]"
            table.add_row(each.table, f"{each.there:,}", f"{each.rebuilt:,}", mark)
        console().print(table)
    if check and different:
        raise CommandError(
            f"the database is not what archive and log say: {', '.join(different)}",
            hint="`penstock restore` brings back what was archived, `penstock db rebuild` what else differs",
        )
    if not as_json:
        console().print("replaced" if different and not check else "equal")


async def _rebuild(place: DataDir, session: str | None, check: bool) -> list[Compared]:
    async with (
        database_url(place) as url,
        database_at(url) as pool,
        _log_of(place, session, url) as (log, session_id),
    ):
        running = place.running()
        if running is not None and running.session_id == session_id:
            raise CommandError(f"session {session_id} runs: stop it first", hint="`penstock down`")
        async with rebuilt(log, pool, url, session_id) as scratch:
            compared = await compare(pool, scratch, session_id)
            if not check and not all(each.same for each in compared):
                await replace(pool, scratch, session_id)
            return compared


@asynccontextmanager
async def _log_of(place: DataDir, session: str | None, url: str) -> AsyncIterator[tuple[Log, str]]:
    """The log of a session: of PENSTOCK_NATS_URL, else of the data directory."""
    address = os.environ.get(LOG_ADDRESS)
    if address:
        if session is None:
            raise ConfigError(f"which session? {LOG_ADDRESS} is given, so say its id")
        log = await Log.connect(address, name="rebuild", past=DatabasePast(lambda: url))
        try:
            yield log, session
        finally:
            await log.close()
        return
    folder = find_session(place, session)
    async with session_log_of(folder, partition_of(folder), postgres_url=url) as log:
        yield log, folder.session_id


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        span = parse_duration(text)
    except ValueError as error:
        raise ConfigError(f"--every {text}: {error}") from error
    if not isinstance(span, int) or span <= 0:
        raise ConfigError(f"--every {text}: must be more than nothing")
    return span / 1e9
