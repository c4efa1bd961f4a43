"""`penstock doctor`: what is installed, what is missing, and the mend."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
import typer
from penstock_runtime.embedded.errors import EmbeddedServerError
from penstock_runtime.embedded.nats import nats_server_path
from penstock_runtime.embedded.postgres import postgres_bin
from penstock_runtime.embedded.server import free_port
from penstock_runtime.errors import BadConfiguration
from penstock_runtime.log import StreamLimits
from penstock_runtime.store.schema import Standing
from penstock_runtime.store.upkeep import standing

from penstock import __version__
from penstock.commands import options
from penstock.commands.output import console
from penstock.errors import CommandError
from penstock.launch.database import ADDRESS, database_at
from penstock.launch.finish import LIBRARIES
from penstock.launch.paths import DataDir
from penstock.launch.servers import STORE_BYTES

PYTHON_MIN = (3, 11)
DISK_FREE_MIN_BYTES = 1 << 30
MEMORY_FREE_MIN_BYTES = 1 << 30
PROGRAM_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    ok: bool
    found: str
    mend: str = ""


def doctor(data_dir: options.DataDirectory = options.DATA_DIR, as_json: options.Json = False) -> None:
    """Look at the installation, the data directory and the machine; say what is missing and the mend.

    Exit code 1 when something that Penstock needs is not there.
    """
    checks = list(examine(DataDir.at(data_dir)))
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in checks], indent=2))
    else:
        shown = console()
        for each in checks:
            mark = "[green]✓[/]" if each.ok else "[red]✗[/]"
            shown.print(f"{mark} {each.name}: {each.found}")
            if not each.ok:
                shown.print(f"  [yellow]{each.mend}[/]")
    broken = [each.name for each in checks if not each.ok]
    if broken:
        raise CommandError(f"not in order: {', '.join(broken)}")


def examine(data_dir: DataDir) -> Iterator[Check]:
    """Every check, in the order of what depends on what."""
    python = ".".join(str(part) for part in sys.version_info[:3])
    yield Check(
        "python",
        sys.version_info[:2] >= PYTHON_MIN,
        f"{python} ({sys.executable})",
        "install Python 3.11 or newer",
    )
    yield Check("penstock", True, f"{__version__}, in {Path(__file__).parents[1]}")
    yield from (_library(name) for name in LIBRARIES)
    yield _program("nats-server", nats_server_path)
    yield _program("postgres", lambda: postgres_bin() / "postgres")
    yield _ports()
    yield _directory(data_dir.path)
    yield _disk(data_dir.path)
    yield _memory()
    yield _streams(StreamLimits(), STORE_BYTES)
    yield asyncio.run(_database(data_dir))
    yield _session(data_dir)


def _library(name: str) -> Check:
    try:
        return Check(name, True, version(name))
    except PackageNotFoundError:
        return Check(name, False, "not installed", f"run `make env`, or `pip install {name}`")


def _program(name: str, find: Callable[[], Path]) -> Check:
    try:
        path = find()
        said = subprocess.run(
            [str(path), "--version"], capture_output=True, text=True, timeout=PROGRAM_TIMEOUT_S, check=True
        ).stdout
    except EmbeddedServerError as error:
        return Check(name, False, "not found", str(error))
    except (OSError, subprocess.SubprocessError) as error:
        return Check(name, False, f"does not run: {error}", "install its wheel again: `make clean env`")
    return Check(name, True, f"{said.strip()} ({path})")


def _ports() -> Check:
    try:
        return Check("ports", True, f"free ones on 127.0.0.1, such as {free_port()}")
    except OSError as error:
        return Check("ports", False, str(error), "allow this user to listen on 127.0.0.1")


def _directory(path: Path) -> Check:
    place = next(each for each in (path, *path.parents) if each.exists())
    ok = place.is_dir() and os.access(place, os.W_OK)
    found = f"{path}{'' if path.exists() else ' (will be made)'}"
    return Check("data directory", ok, found, f"make {place} writable, or choose another with --data-dir")


def _disk(path: Path) -> Check:
    place = next(each for each in (path, *path.parents) if each.exists())
    free = shutil.disk_usage(place).free
    return Check("disk", free >= DISK_FREE_MIN_BYTES, f"{free / 1e9:,.1f} GB free", "free at least 1 GB")


def _memory() -> Check:
    free = psutil.virtual_memory().available
    return Check(
        "memory", free >= MEMORY_FREE_MIN_BYTES, f"{free / 1e9:,.1f} GB available", "free at least 1 GB"
    )


def _streams(limits: StreamLimits, store_bytes: int) -> Check:
    """The streams leave room in the log's store (the limits as configured by default)."""
    found = f"the streams may take {limits.bytes_total / 1e9:,.1f} of the store's {store_bytes / 1e9:,.1f} GB"
    try:
        limits.fit(store_bytes)
    except BadConfiguration as error:
        return Check("streams", False, found, str(error))
    return Check("streams", True, found)


async def _database(data_dir: DataDir) -> Check:
    """Tier and schema of the database that runs; one that rests is not started for this."""
    running = data_dir.running()
    url = os.environ.get(ADDRESS) or (running.postgres_url if running is not None else "")
    if not url:
        rests = (data_dir.postgres / "data").is_dir()
        text = "rests; `penstock db status` looks into it" if rests else "none yet; a session makes one"
        return Check("database", True, text)
    try:
        async with database_at(url, any_schema=True) as pool:
            schema, tier = await standing(pool)
    except CommandError as error:
        return Check("database", False, str(error), f"see the server and {ADDRESS}")
    found = f"tier {tier}, schema {schema.standing}"
    return Check("database", schema.standing is Standing.CURRENT, found, schema.problem)


def _session(data_dir: DataDir) -> Check:
    running = data_dir.running()
    kill = " kill.txt is there: new sessions start halted" if data_dir.kill_file.exists() else ""
    mend = f"remove {data_dir.kill_file} when trading may go on"
    text = f"{running.session_id} runs (process {running.pid})" if running else "none runs"
    return Check("session", not kill, text + ("," + kill if kill else ""), mend)
