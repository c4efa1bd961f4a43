"""Before the services of a stack start: streams, session, schema. Goes on with the last session."""

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from penstock_api.access.roles import Role
from penstock_api.access.tokens import FILE, TokenFile
from penstock_runtime.board import Board, listen
from penstock_runtime.embedded.ownership import write_private
from penstock_runtime.errors import BadConfiguration, Halt, NotPermitted, RuntimeFailure, Unavailable
from penstock_runtime.log import Log
from penstock_runtime.settings import read_address
from penstock_runtime.snapshots import SnapshotStore
from penstock_runtime.store.archive import DatabasePast
from penstock_runtime.store.migrate import migrate
from penstock_runtime.store.roles import grant_reading

from penstock.config.document import dump
from penstock.config.load import ConfigOptions
from penstock.errors import CannotRun, CommandError, ConfigError, Refused, ServiceHalted
from penstock.launch.advice import advice_on
from penstock.launch.opening import open_session, record_of
from penstock.launch.paths import DataDir
from penstock.launch.plan import STAGES, Plan
from penstock.launch.prepare import Place, new_plan, resumable, resumed_plan
from penstock.stack.credentials import READER

CURRENT = "current"
"""A link in the data directory to the folder of the session that runs."""
CONNECT_S = 60.0
DATABASE_S = 60.0
RETRY_S = 1.0
HEARD_S = 2.5
"""A service reports each second: one that was not heard for so long does not run."""

FIRST = "stack"
"""Name of the api's first token."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Servers:
    """Files with the addresses of the stack's servers, and with the password for those who only read."""

    nats_url_file: Path
    postgres_url_file: Path
    reader_password_file: Path
    token_file: Path
    """For the api's first token."""


def told(error: RuntimeFailure) -> CommandError:
    """A failure of the runtime as the end of a command, with the exit code that the services use."""
    hint = advice_on(error)
    match error:
        case NotPermitted():
            return Refused(str(error), hint)
        case BadConfiguration():
            return ConfigError(str(error), hint)
        case Halt():
            return ServiceHalted(str(error), hint)
        case _:
            return CannotRun(str(error), hint)


def plan_of(place: Place, options: ConfigOptions, environment: Mapping[str, str], *, fresh: bool) -> Plan:
    """The last session goes on, with the configuration that it has; where none is left a new one begins."""
    last = None if fresh else resumable(place.data_dir)
    if last is None:
        return new_plan(options, place, environment)
    return resumed_plan(last.session_id, ConfigOptions(), place)


async def initialise(plan: Plan, servers: Servers, say: Say) -> None:
    """Open the session and bring the database up to date. CommandError says what stands in the way."""
    try:
        log = await connect(plan, servers)
        try:
            with log.refusals():
                await _open(log, plan, say)
        finally:
            await log.close()
        await _migrate(servers, say)
    except RuntimeFailure as error:
        raise told(error) from error


async def connect(plan: Plan, servers: Servers) -> Log:
    """The log, once its server answers. Unavailable when it does not within a minute."""
    address = read_address(servers.nats_url_file)
    past = DatabasePast(lambda: read_address(servers.postgres_url_file))
    try:
        async with asyncio.timeout(CONNECT_S):
            return await Log.connect(address, partition=plan.session.partition, name="launcher", past=past)
    except TimeoutError as error:
        place = urlsplit(address).netloc.rpartition("@")[2]
        raise Unavailable(f"no log at {place} within {CONNECT_S:.0f} s") from error


async def _open(log: Log, plan: Plan, say: Say) -> None:
    folder = plan.folder
    if not plan.resume:
        await _alone(log)
        folder.path.mkdir(parents=True, exist_ok=True)
        folder.config.write_text(dump(plan.document), encoding="utf-8")
    said = await open_session(log, plan)
    await SnapshotStore(log).open()
    # Last: what has a record has a genesis.
    folder.write(record_of(plan))
    _point(plan.data_dir, folder.path)
    verb = "goes on" if plan.resume else "begins"
    say(f"session {folder.session_id} {verb}: {plan.source}, {', '.join(plan.strategies)}")
    if said:
        say(said)


async def _alone(log: Log) -> None:
    """Make sure that no service of an earlier session runs: it would end, and nobody would start it again."""
    board = Board()
    await listen(log, board)
    await asyncio.sleep(HEARD_S)
    running = sorted(set(board.reports) & set(STAGES))
    if running:
        raise CannotRun(
            f"the last session has ended, and services of it still run: {', '.join(running)}",
            hint="`docker compose down`, then `docker compose up`",
        )


def first_token(data_dir: DataDir, file: Path, say: Say) -> None:
    """The api is open to others than its own machine, so it must know somebody: who can read this file.

    To be made before the plan, which refuses an api that is open to everybody.
    """
    tokens = TokenFile(data_dir.path / FILE)
    if file.exists() and any(each.name == FIRST for each in tokens.all()):
        return
    if file.exists() or not tokens.any():
        tokens.revoke(FIRST)
        write_private(file, tokens.add(FIRST, Role.RISK_ADMIN) + "\n")
        say(f"the api's first token is in {file}: `docker compose exec warden cat {file}`")


def _point(data_dir: DataDir, folder: Path) -> None:
    link = data_dir.path / CURRENT
    staged = data_dir.path / f"{CURRENT}.new"
    staged.unlink(missing_ok=True)
    staged.symlink_to(folder.relative_to(data_dir.path))
    os.replace(staged, link)  # noqa: PTH105  (Path.replace would follow a link to a folder elsewhere)


async def _migrate(servers: Servers, say: Say) -> None:
    """Trading does not wait for a database: while it is away the recorder waits, and migrates when it can."""
    address = read_address(servers.postgres_url_file)
    deadline = asyncio.get_running_loop().time() + DATABASE_S
    while True:
        try:
            applied = await migrate(address)
            await grant_reading(address, READER, servers.reader_password_file.read_text().strip())
        except Unavailable as error:
            if asyncio.get_running_loop().time() > deadline:
                return say(f"{error}; trading begins without it, the recorder migrates once it answers")
            await asyncio.sleep(RETRY_S)
        else:
            return say(f"schema: {len(applied)} migrations applied" if applied else "schema: up to date")
