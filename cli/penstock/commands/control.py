"""`penstock status`: look at the running session."""

import asyncio
import json
import time
from dataclasses import asdict
from typing import Annotated

import typer

from penstock.commands import options
from penstock.commands.output import console
from penstock.launch.paths import DataDir, Running
from penstock.launch.reach import looks, running_session, session_log
from penstock.launch.view import SessionView


def status(
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on until Ctrl-C.")] = False,
    data_dir: options.DataDirectory = options.DATA_DIR,
    as_json: options.Json = False,
) -> None:
    """Show the running session: money, positions, orders, services. Exit code 1 when none runs."""
    running = running_session(DataDir.at(data_dir))
    try:
        asyncio.run(_status(running, watch, as_json))
    except KeyboardInterrupt:
        return


async def _status(running: Running, watch: bool, as_json: bool) -> None:
    async with session_log(running) as log:
        if as_json:
            async for now in looks(running, log):
                document = {"session_id": running.session_id, **asdict(now)}
                typer.echo(json.dumps(document, default=str, indent=None if watch else 2))
                if not watch:
                    return
        with SessionView(console(), f"penstock   {running.session_id}") as view:
            async for now in looks(running, log):
                elapsed = (time.time_ns() - running.started_at) / 1e9
                view.show(now, elapsed, None)
                if not watch:
                    return
