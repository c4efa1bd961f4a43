"""Where things lie in a data directory, and the lock that gives it to one session at a time.

::

    <data-dir>/lock              held by the launcher of the running session
    <data-dir>/running.json      how to reach that session; readable by its owner only
    <data-dir>/kill.txt          present: trading halts
    <data-dir>/postgres/         the database of all sessions
    <data-dir>/sessions/<id>/    config.json, session.json, logs/, and the log itself in jetstream/
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from penstock_runtime.embedded.ownership import write_private
from pydantic import BaseModel, ConfigDict, ValidationError

from penstock.errors import CommandError, DirectoryInUse

DEFAULT_DATA_DIR = Path(".penstock")
DEFAULT_OUT_DIR = Path("out")


class Running(BaseModel):
    """How to reach the session that runs on a data directory."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session_id: str
    pid: int
    """Of the launcher."""
    started_at: int
    """Wall time, ns."""
    partition: int
    nats_url: str
    postgres_url: str = ""
    api_url: str = ""
    services: tuple[str, ...] = ()
    """As their health reports name them."""
    detached: bool = False
    stack: bool = False
    """Its services run in containers that somebody else starts and stops."""


class SessionRecord(BaseModel):
    """`session.json`: what became of a session."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session_id: str
    created_at: int
    """Wall time, ns."""
    config_hash: str
    profile: str = ""
    source: str
    strategies: tuple[str, ...]
    out: Path
    fused: bool = False
    standby: tuple[str, ...] = ()
    status: str = "running"
    """`running`, `ended` (with a report), `stopped` (drained; can go on), `failed`."""
    stop_reason: str = ""


@dataclass(frozen=True, slots=True)
class SessionFolder:
    """One session's folder."""

    path: Path

    @property
    def session_id(self) -> str:
        """The session's id is its folder's name."""
        return self.path.name

    @property
    def config(self) -> Path:
        """The resolved configuration."""
        return self.path / "config.json"

    @property
    def logs(self) -> Path:
        """One file for each service."""
        return self.path / "logs"

    @property
    def database_file(self) -> Path:
        """The database's address while the session runs; readable by its owner only."""
        return self.path / "postgres.url"

    def database_url(self) -> str:
        """The database's address; empty while it is not known."""
        try:
            return self.database_file.read_text(encoding="utf-8").strip()
        except OSError:
            return ""

    def read(self) -> SessionRecord:
        """What became of the session; CommandError when its record cannot be read."""
        file = self.path / "session.json"
        try:
            return SessionRecord.model_validate_json(file.read_bytes())
        except (OSError, ValidationError) as error:
            raise CommandError(f"{file}: cannot be read: {str(error).splitlines()[0]}") from error

    def write(self, record: SessionRecord) -> None:
        """Replace the session's record."""
        write_private(self.path / "session.json", record.model_dump_json(indent=2) + "\n")


@dataclass(frozen=True, slots=True)
class DataDir:
    """A data directory."""

    path: Path

    @classmethod
    def at(cls, path: Path) -> "DataDir":
        """The directory at a path; it need not exist."""
        return cls(path.expanduser().absolute())

    @property
    def postgres(self) -> Path:
        """The database server's directory."""
        return self.path / "postgres"

    @property
    def archive(self) -> Path:
        """Where rows go as Parquet files that leave the database."""
        return self.path / "archive"

    @property
    def kill_file(self) -> Path:
        """Its presence halts trading."""
        return self.path / "kill.txt"

    def session(self, session_id: str) -> SessionFolder:
        """A session's folder, which need not exist."""
        return SessionFolder(self.path / "sessions" / session_id)

    def sessions(self) -> list[SessionFolder]:
        """All sessions, the oldest first: ids begin with their time."""
        folders = sorted((self.path / "sessions").glob("*/session.json"))
        return [SessionFolder(each.parent) for each in folders]

    def last_session(self) -> SessionFolder | None:
        """The session that was started last."""
        found = self.sessions()
        return found[-1] if found else None

    def running(self) -> Running | None:
        """The session that runs now, or None. The lock decides, not the file."""
        if not self._held():
            return None
        try:
            return Running.model_validate_json((self.path / "running.json").read_bytes())
        except (OSError, ValidationError):
            return None  # it holds the lock and has not written the file yet

    def announce(self, running: Running) -> None:
        """Tell other commands how to reach this session."""
        write_private(self.path / "running.json", json.dumps(running.model_dump(mode="json")) + "\n")

    @contextmanager
    def exclusively(self) -> Iterator[None]:
        """Hold the directory; DirectoryInUse when another launcher does."""
        self.path.mkdir(parents=True, exist_ok=True)
        descriptor = self._try_lock()
        if descriptor is None:
            running = self.running()
            who = f"session {running.session_id} (process {running.pid})" if running else "another session"
            raise DirectoryInUse(
                f"{self.path}: {who} is running here",
                hint="stop it with `penstock down`, or give this one its own --data-dir",
            )
        try:
            yield
        finally:
            (self.path / "running.json").unlink(missing_ok=True)
            os.close(descriptor)

    def _held(self) -> bool:
        if not (self.path / "lock").exists():
            return False
        descriptor = self._try_lock()
        if descriptor is None:
            return True
        os.close(descriptor)
        return False

    def _try_lock(self) -> int | None:
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor
