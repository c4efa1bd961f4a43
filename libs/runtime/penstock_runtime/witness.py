"""A witness of which log a session has, kept outside the log's own volume.

``<folder>/witness.json`` says what the log is (stream, time of its creation, genesis) and how far it went;
one writer, the session's launcher, keeps it. ``<folder>/witness-<service>.json`` names the snapshots that a
service has made, by hash; the service writes it before it stores one. A log or a snapshot that its witness
does not know is never traded on.
"""

import asyncio
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import structlog
from nats.errors import Error as NatsError
from nats.js.api import StreamInfo
from nats.js.errors import APIError, NotFoundError
from penstock_contracts.base import record
from penstock_contracts.codec import adapter

from penstock_runtime.embedded.ownership import write_private
from penstock_runtime.errors import Halt, LogLost, Unavailable
from penstock_runtime.log.connection import Log, reason
from penstock_runtime.snapshots import Snapshot, SnapshotStore

VERSION = 1
INTERVAL_S = 1.0
SNAPSHOTS_NAMED = 8
"""Per service. More than the last: one may be stored late, another not at all."""
NEVER_EMPTY = "a session never trades on an empty state"

_log = structlog.get_logger(__name__)
T = TypeVar("T")


@record
class Sighting:
    """A message that was seen in the log."""

    sequence: int
    digest: str


@record
class LogWitness:
    """What a session's log is, and how far it was seen to go."""

    version: int
    session_id: str
    stream: str
    created: datetime
    genesis: Sighting
    last: Sighting
    """Seen an interval before this was written: by then a server that is killed does not lose it."""


@record
class NamedSnapshot:
    """A snapshot that a service made."""

    sequence: int
    """Log sequence up to which the service's own outputs were confirmed."""
    digest: str


@record
class SnapshotWitness:
    """The snapshots that a service made last, the newest at the end."""

    version: int
    snapshots: tuple[NamedSnapshot, ...]


class Witness:
    """The witness files of one session's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def path(self) -> Path:
        """Where the log is described."""
        return self._folder / "witness.json"

    def read(self) -> LogWitness | None:
        """What is known of the log; None for a session without. Halt when the file cannot be read."""
        return _read(self.path, LogWitness)

    def write(self, witness: LogWitness) -> None:
        """Replace what is known of the log."""
        write_private(self.path, adapter(LogWitness).dump_json(witness, indent=2).decode() + "\n")

    def snapshots(self) -> dict[str, SnapshotWitness]:
        """The snapshots that each service has made."""
        found = {}
        for path in sorted(self._folder.glob("witness-*.json")):
            known = _read(path, SnapshotWitness)
            if known is not None:
                found[path.stem.removeprefix("witness-")] = known
        return found

    def name_snapshot(self, service: str, named: NamedSnapshot) -> None:
        """Add a snapshot that is about to be stored. Durable when this returns."""
        path = self._of(service)
        with _locked(path.with_suffix(".lock")):
            known = _read(path, SnapshotWitness)
            before = known.snapshots if known is not None else ()
            witness = SnapshotWitness(version=VERSION, snapshots=(*before, named)[-SNAPSHOTS_NAMED:])
            write_private(path, adapter(SnapshotWitness).dump_json(witness).decode() + "\n")
            _flush(path)

    def named(self, service: str) -> SnapshotWitness | None:
        """The snapshots that a service has made; None when nothing is known of it here."""
        return _read(self._of(service), SnapshotWitness)

    def _of(self, service: str) -> Path:
        return self._folder / f"witness-{service}.json"


class WitnessedSnapshots(SnapshotStore):
    """A snapshot store that takes back only what its service has made. Without a witness, any."""

    def __init__(self, log: Log, folder: Path | None) -> None:
        super().__init__(log)
        self._witness = Witness(folder) if folder is not None else None

    async def save(self, name: str, snapshot: Snapshot) -> int:
        """Name the snapshot in the witness, then store it."""
        if self._witness is not None:
            named = NamedSnapshot(sequence=snapshot.own.sequence, digest=snapshot_digest(snapshot))
            try:
                await asyncio.to_thread(self._witness.name_snapshot, name, named)
            except OSError as error:
                raise Unavailable(f"snapshot of {name} was not stored: its witness: {error}") from error
        return await super().save(name, snapshot)

    async def load(self, name: str) -> Snapshot | None:
        """The newest snapshot. Halt when it is none of those that the service made."""
        snapshot = await super().load(name)
        known = self._witness.named(name) if self._witness is not None else None
        if known is None:
            return snapshot
        if snapshot is None:
            _log.warning("snapshot_lost", name=name, consequence="the state is rebuilt from the log")
            return None
        if snapshot_digest(snapshot) not in [each.digest for each in known.snapshots]:
            raise Halt(
                f"the snapshot of {name} is none of those that it made (see witness-{name}.json): "
                "remove it from the store to rebuild the state from the log"
            )
        return snapshot


def snapshot_digest(snapshot: Snapshot) -> str:
    """Identifies a snapshot by what it says, however it is stored."""
    hasher = sha256()
    for part in (
        f"{snapshot.version} {snapshot.session_epoch} {snapshot.config_hash} {snapshot.code_hash}",
        snapshot.state,
        *(f"{family} {cursor.to_json()}" for family, cursor in sorted(snapshot.cursors.items())),
        snapshot.own.to_json(),
        json.dumps(snapshot.made, sort_keys=True),
    ):
        hasher.update(f"{len(part)}:{part}".encode())
    return hasher.hexdigest()


async def describe(log: Log, session_id: str) -> LogWitness:
    """The log as it is now, right after its genesis. LogLost when it has none."""
    genesis = await sight(log, await log.genesis())
    assert genesis is not None, "it was found a moment ago"
    info = await log.js.stream_info(log.stream)
    assert info.created is not None, "the server tells when a stream was created"
    return LogWitness(
        version=VERSION,
        session_id=session_id,
        stream=log.stream,
        created=info.created,
        genesis=genesis,
        last=genesis,
    )


async def sight(log: Log, sequence: int) -> Sighting | None:
    """The message at a log sequence; None when it is not there."""
    try:
        stored = await log.js.get_msg(log.stream, sequence)
    except NotFoundError:
        return None
    hasher = sha256((stored.subject or "").encode())
    hasher.update(json.dumps(stored.headers or {}, sort_keys=True).encode())
    hasher.update(stored.data or b"")
    return Sighting(sequence=sequence, digest=hasher.hexdigest()[:32])


async def check(log: Log, witness: LogWitness, snapshots: dict[str, SnapshotWitness]) -> str:
    """Make sure that this is the session's log, with all that was seen of it.

    Returns what to tell the operator when it no longer reaches back to the session's beginning. LogLost when
    it is empty, another one, or ends before its witness; Unavailable when the server does not answer.
    """
    who = f"the log of session {witness.session_id} was lost"
    try:
        info = await log.js.stream_info(log.stream)
    except NotFoundError as error:
        raise LogLost(
            f"{who}: the store holds no stream {log.stream}; bring it back from a copy, or start a new "
            f"session: {NEVER_EMPTY}"
        ) from error
    except (NatsError, APIError, TimeoutError) as error:
        raise Unavailable(f"{log.stream} cannot be looked at: {reason(error)}") from error
    _same_stream(info, witness)
    for name, seen in (("genesis", witness.genesis), ("last message known", witness.last)):
        if seen.sequence < info.state.first_seq:
            continue
        found = await sight(log, seen.sequence)
        if found is None or found.digest != seen.digest:
            raise LogLost(
                f"{who}: at {seen.sequence}, its {name}, lies {'another' if found else 'no'} message"
            )
    if witness.genesis.sequence < info.state.first_seq:
        return _aged_out(witness, info.state.first_seq, snapshots)
    return ""


def _same_stream(info: StreamInfo, witness: LogWitness) -> None:
    who = f"the log of session {witness.session_id} was lost"
    created = info.created
    assert created is not None, "the server tells when a stream was created"
    if created != witness.created:
        raise LogLost(
            f"{who}: {witness.stream} was created at {created.isoformat()}, the session's own at "
            f"{witness.created.isoformat()}; bring the store back from a copy, or start a new session: "
            f"{NEVER_EMPTY}"
        )
    if info.state.last_seq < witness.last.sequence:
        missing = witness.last.sequence - info.state.last_seq
        raise LogLost(
            f"the end of the log of session {witness.session_id} was lost: it ends at {info.state.last_seq}, "
            f"but {witness.last.sequence} was seen; at least {missing} messages may be missing, orders and "
            f"fills among them: bring the store back from a later copy, or start a new session"
        )


def _aged_out(witness: LogWitness, first: int, snapshots: dict[str, SnapshotWitness]) -> str:
    text = (
        f"the log of session {witness.session_id} is not lost, but its beginning aged out: it begins at "
        f"{first}, the session at {witness.genesis.sequence}"
    )
    for name, known in snapshots.items():
        place = known.snapshots[-1].sequence if known.snapshots else 0
        usable = (
            f"reads on from its snapshot at {place}" if place >= first else "has no snapshot to go on from"
        )
        text += f"; {name} {usable}"
    return f"{text}; what is missing is read from the archive in the database"


async def keep(log: Log, witness: Witness) -> None:
    """Note how far the log goes, every second, until cancelled. LogLost when it goes back or is another."""
    known = witness.read()
    assert known is not None, "described when the session began"
    before: Sighting | None = None
    while True:
        try:
            info = await log.js.stream_info(log.stream)
            _same_stream(info, known)
            now = await sight(log, info.state.last_seq)
        except NotFoundError as error:
            raise LogLost(f"the log of session {known.session_id} was lost while it ran") from error
        except (NatsError, APIError, TimeoutError):
            now = None  # away: readers and writers wait for it as well
        if before is not None and before != known.last:
            known = replace(known, last=before)
            try:
                witness.write(known)
            except OSError as error:  # an older witness still holds; trading does not end for it
                _log.warning("witness_not_written", error=str(error))
        before = now
        await asyncio.sleep(INTERVAL_S)


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        found: T = adapter(kind).validate_json(content)  # type: ignore[arg-type]  # kind is a concrete record type
    except ValueError as error:
        raise Halt(f"{path}: cannot be read: {error}") from error
    version = getattr(found, "version", None)
    if version != VERSION:
        raise Halt(f"{path} has version {version}, this code reads {VERSION}")
    return found


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _flush(path: Path) -> None:
    for each in (path, path.parent):
        descriptor = os.open(each, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
