"""`penstock limits`: risk's limits, how much of each is used, and their change while a session runs."""

import asyncio
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import typer
from penstock_runtime.board import Board, listen
from rich.table import Table

from penstock.commands import options
from penstock.commands.output import console
from penstock.commands.steer import Reason
from penstock.errors import CannotRun, ConfigError
from penstock.launch.commands import command
from penstock.launch.giving import ANSWER_TIMEOUT_S, give
from penstock.launch.paths import DataDir, Running
from penstock.launch.reach import LOOK_S, running_session, session_log

Changes = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME=VALUE]...", help="Settings of section `risk`; all are changed, or none."),
]


def limits(
    changes: Changes = None, reason: Reason = "operator", data_dir: options.DataDirectory = options.DATA_DIR
) -> None:
    """Show each limit and how much of it is used, or change settings of risk while the session runs."""
    wanted = dict(_change(each) for each in changes or ())
    running = running_session(DataDir.at(data_dir))
    if wanted:
        told = give(running, replace(command("limits", reason, by="cli"), arguments=wanted))
        console().print(f"{told.reason}; trading is {told.state}", markup=False, soft_wrap=True)
        return
    table = Table("rule", "scope", "limit", "value", "used", box=None, header_style="dim")
    for row in asyncio.run(_heard(running)):
        table.add_row(row["rule"], row["scope"], row["limit"], row["value"], used(row))
    console().print(table)


def used(row: dict[str, Any]) -> str:
    """How much of a limit is used, in per cent; `-` for a limit of zero."""
    try:
        limit, value = Decimal(row["limit"]), Decimal(row["value"])
    except InvalidOperation:
        return "-"
    return f"{value / limit:.1%}" if limit else "-"


def _change(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name or not value:
        raise ConfigError(f"{text!r} is not allowed; must be NAME=VALUE, such as orders_per_minute_max=60")
    return name, value


async def _heard(running: Running) -> list[dict[str, Any]]:
    """The limits as risk reports them. CannotRun when it says nothing."""
    async with session_log(running) as log:
        board = Board()
        await listen(log, board)
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                while not (rows := board.view("risk").get("limits")):  # noqa: ASYNC110  (reports come as they come)
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            raise CannotRun("risk was not heard", hint="see `penstock status`") from None
    return list(rows)
