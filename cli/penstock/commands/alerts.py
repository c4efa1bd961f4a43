"""`penstock alerts test|list`: whether operators can be told, and what they would be told now."""

import asyncio
import os
from typing import Annotated, Any

import typer
from penstock_api.alerts.config import TargetConfig
from penstock_api.alerts.standing import Notice
from penstock_api.alerts.targets import NotTold, Target
from penstock_runtime.board import Board, listen
from rich.table import Table

from penstock.commands import options
from penstock.commands.output import console
from penstock.config.explain import near
from penstock.config.load import ConfigOptions, load
from penstock.errors import CannotRun, ConfigError
from penstock.launch.paths import DataDir, Running
from penstock.launch.reach import HEARD_TIMEOUT_S, LOOK_S, running_session, session_log

app = typer.Typer(name="alerts", help="Tell operators what is wrong.", no_args_is_help=True)

TEST = Notice("test", "test", "warning", "somebody ran `penstock alerts test`", 0.0)


@app.callback()
def _alerts() -> None:
    """Tell operators what is wrong."""


@app.command("test")
def tell_test(
    target: Annotated[
        str | None, typer.Option("--target", metavar="NAME", help="Only this one; default: all.")
    ] = None,
    profile: options.Profile = None,
    config: options.ConfigFile = None,
    settings: options.Settings = None,
) -> None:
    """Send a test notice to the configured targets; no session need run. Exit code 1 if one fails."""
    loaded = load(ConfigOptions(profile, config, (), tuple(settings or ())), os.environ)
    known = {each.name: each for each in loaded.root.alerts.targets}
    if target is not None and target not in known:
        raise ConfigError(f"--target {target}: there is no such target; {near(target, known)}")
    if not known:
        raise ConfigError("alerts.targets: none is configured; see docs/operating.md")
    chosen = [each for name, each in known.items() if target in (None, name)]
    outcomes = asyncio.run(_tell(chosen))
    for each, error in zip(chosen, outcomes, strict=True):
        said = f"[red]{error}[/]" if error else "[green]told[/]"
        console().print(f"{each.name} ({each.kind}): {said}", soft_wrap=True)
    if any(outcomes):
        raise typer.Exit(1)


async def _tell(targets: list[TargetConfig]) -> list[str]:
    async def one(config: TargetConfig) -> str:
        try:
            await Target(config, lambda: "").tell(TEST)
        except NotTold as error:
            return str(error)
        return ""

    return list(await asyncio.gather(*(one(each) for each in targets)))


@app.command("list")
def show(data_dir: options.DataDirectory = options.DATA_DIR) -> None:
    """Show what stands in the running session, and how telling its targets went."""
    view = asyncio.run(_heard(running_session(DataDir.at(data_dir))))
    shown = console()
    for text in view["firing"]:
        shown.print(text, style="red", markup=False, soft_wrap=True)
    if not view["firing"]:
        shown.print("nothing is wrong")
    if view["targets"]:
        table = Table("target", "sent", "failed", "dropped", "last error", box=None, header_style="dim")
        for name, each in view["targets"].items():
            table.add_row(name, *(str(each[key]) for key in ("sent", "failed", "dropped", "error")))
        shown.print(table)


async def _heard(running: Running) -> dict[str, Any]:
    """What the api service says of its alerts."""
    async with session_log(running) as log:
        board = Board()
        await listen(log, board)
        for _ in range(int(HEARD_TIMEOUT_S / LOOK_S)):
            if (found := board.view("api").get("alerts")) is not None:
                return dict(found)
            await asyncio.sleep(LOOK_S)
    raise CannotRun("the api service was not heard", hint="see `penstock status`")
