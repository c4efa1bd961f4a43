"""`penstock stack`: the parts of a session in containers. `compose.yaml` runs them."""

import asyncio
import os
import time
from pathlib import Path
from typing import Annotated, Literal

import typer
from penstock_runtime import health

from penstock.commands import options
from penstock.commands.output import console
from penstock.commands.summary import print_assumptions, print_report
from penstock.config.load import ConfigOptions
from penstock.errors import ConfigError
from penstock.launch.paths import DataDir
from penstock.launch.prepare import Place, resumable, resumed_plan
from penstock.launch.view import SessionView
from penstock.stack.credentials import Addresses, make
from penstock.stack.init import Servers, first_token, initialise, plan_of
from penstock.stack.warden import Warden

app = typer.Typer(
    help="What `compose.yaml` runs around the services: credentials, the session's begin and its warden.",
    no_args_is_help=True,
)

Credentials = Annotated[
    Path,
    typer.Option("--credentials", metavar="DIR", help="With the operator's nats.url and postgres.url."),
]
CREDENTIALS = Path("/credentials")
LINGER_S = 2.0
"""With the warden every command in its container ends: `penstock down --flatten` is still to say so."""


@app.command()
def credentials(
    into: Annotated[
        Path, typer.Option("--into", metavar="DIR", help="One folder in it for each.")
    ] = CREDENTIALS,
    log_sync: Annotated[
        Literal["interval", "always"],
        typer.Option("--log-sync", envvar="PENSTOCK_LOG_SYNC", help="always: for live trading."),
    ] = "interval",
    renew: Annotated[bool, typer.Option("--renew", help="Make new passwords for the log.")] = False,
) -> None:
    """Make every service's credentials, and the configuration of the log's server; keep what is there."""
    fresh = make(into, Addresses(), partition=0, sync=log_sync, renew=renew)
    console().print("credentials made" if fresh else "credentials as they were; permissions written anew")


@app.command()
def init(
    profile: options.Profile = None,
    config: options.ConfigFile = None,
    settings: options.Settings = None,
    out: options.Out = Path("/var/lib/penstock/out"),
    data_dir: options.DataDirectory = options.DATA_DIR,
    credentials: Credentials = CREDENTIALS,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start a new session in any case.")] = False,
) -> None:
    """Open the session (the last one unless it has ended), declare the streams, migrate the database.

    Its configuration comes from `--config`, then from variables PENSTOCK__SECTION__FIELD. A session that goes
    on keeps the one that it began with. Exit codes as those of `penstock paper`; 77 when a server refuses.
    """
    place = Place(DataDir.at(data_dir), out.absolute(), detached=True)
    shown, servers = console(), _servers(credentials)

    def say(text: str) -> None:
        shown.print(text, soft_wrap=True)

    first_token(place.data_dir, servers.token_file, say)
    plan = plan_of(place, ConfigOptions(profile, config, (), tuple(settings or ())), os.environ, fresh=fresh)
    if not plan.resume:
        print_assumptions(shown, plan)
    asyncio.run(initialise(plan, servers, say))


@app.command()
def warden(
    data_dir: options.DataDirectory = options.DATA_DIR,
    credentials: Credentials = CREDENTIALS,
    log_store: Annotated[
        Path, typer.Option("--log-store", metavar="DIR", help="Where the log's volume is mounted.")
    ] = Path("/log-store"),
    health_file: Annotated[
        Path | None, typer.Option(envvar="PENSTOCK_HEALTH_FILE", help="Written each second.")
    ] = None,
) -> None:
    """Watch the running session: its witness, who is silent, the end and the report."""
    place = DataDir.at(data_dir)
    last = resumable(place)
    if last is None:
        raise ConfigError(f"{place.path} has no session that runs: `penstock stack init` begins one")
    plan = resumed_plan(last.session_id, ConfigOptions(), Place(place, last.read().out, detached=True))
    health.write_to(health_file)
    shown = console()
    with SessionView(shown, f"penstock   {plan.session.session_id}") as view:
        report = asyncio.run(Warden(plan, _servers(credentials), log_store, view).run())
    if report is None:
        shown.print(f"session {plan.session.session_id}: the warden stops; positions stay")
        return
    print_report(shown, report, plan.out / report.session_id)
    time.sleep(LINGER_S)


def _servers(folder: Path) -> Servers:
    return Servers(
        folder / "nats.url", folder / "postgres.url", folder / "reader.password", folder / "api.token"
    )
