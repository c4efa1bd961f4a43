"""`penstock sql`: a question to the database of all sessions, whether one runs or not."""

import asyncio
import json
from typing import Annotated

import typer
from penstock_runtime.errors import RuntimeFailure
from penstock_runtime.store.reading import BadQuery, read_only
from rich.table import Table

from penstock.commands import options
from penstock.commands.output import console
from penstock.errors import CannotRun, CommandError
from penstock.launch.database import database_url
from penstock.launch.paths import DataDir


def sql(
    query: Annotated[str, typer.Argument(help="One SELECT, such as 'SELECT * FROM fills'.")],
    rows: Annotated[int, typer.Option("--rows", min=1, help="Print no more than these.")] = 1000,
    data_dir: options.DataDirectory = options.DATA_DIR,
    as_json: options.Json = False,
) -> None:
    """Ask the database: all sessions' orders, fills, positions, bars. Only reads.

    Where no session runs the database's server is started for the time.
    """
    columns, found = asyncio.run(_ask(DataDir.at(data_dir), query, rows))
    if as_json:
        typer.echo(json.dumps([dict(zip(columns, row, strict=True)) for row in found], default=str, indent=2))
        return
    table = Table(*columns, box=None, header_style="dim")
    for row in found:
        table.add_row(*("" if each is None else str(each) for each in row))
    console().print(table)
    if len(found) == rows:
        console().print(f"the first {rows} rows; --rows shows more")


async def _ask(data_dir: DataDir, query: str, rows: int) -> tuple[list[str], list[tuple[object, ...]]]:
    async with database_url(data_dir) as url:
        try:
            return await read_only(url, query, rows)
        except BadQuery as error:
            raise CommandError(f"the database refuses it: {error}") from error
        except RuntimeFailure as error:
            raise CannotRun(str(error)) from error
