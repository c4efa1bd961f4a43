"""Snapshots of stages, in a JetStream object store of their own."""

import asyncio
import zlib
from dataclasses import field
from typing import TYPE_CHECKING

import structlog
from nats.errors import Error as NatsError
from nats.js.api import ObjectStoreConfig
from nats.js.errors import (
    APIError,
    BucketNotFoundError,
    DigestMismatchError,
    NotFoundError,
    ObjectNotFoundError,
)
from nats.js.object_store import ObjectStore
from penstock_contracts.base import record
from penstock_contracts.codec import adapter

from penstock_runtime import failpoints
from penstock_runtime.errors import Halt, Unavailable
from penstock_runtime.log.cursor import Cursor
from penstock_runtime.log.streams import SNAPSHOTS_BYTES

if TYPE_CHECKING:
    from penstock_runtime.log.connection import Log

VERSION = 1
_ATTEMPTS = 5
_ATTEMPT_S = 2.0

_log = structlog.get_logger(__name__)


@record
class Snapshot:
    """All that a restarted service needs to go on: state, place in every family, count of outputs."""

    version: int
    session_epoch: int
    """Log sequence of the session's genesis."""
    config_hash: str
    code_hash: str
    state: str
    """The driver's state, as its `snapshot` made it."""
    cursors: dict[str, Cursor]
    """Per family read."""
    own: Cursor
    """Place in the service's own families: what lies before it is confirmed."""
    made: dict[str, int]
    """Number of the last output per producer."""
    lineage: dict[str, dict[str, tuple[str, int]]] = field(default_factory=dict)
    """Trace contexts of the orders that are under way."""


class SnapshotStore:
    """Saves and loads the newest snapshot of each service of a partition."""

    def __init__(self, log: "Log") -> None:
        self._log = log
        self._bucket = f"SNAPSHOTS-{log.partition}"
        self._store: ObjectStore | None = None

    async def open(self) -> None:
        """Find the bucket, or make it."""
        try:
            self._store = await self._log.js.object_store(self._bucket)
        except (BucketNotFoundError, NotFoundError):
            self._store = await self._log.js.create_object_store(
                self._bucket, config=ObjectStoreConfig(bucket=self._bucket, max_bytes=SNAPSHOTS_BYTES)
            )

    async def save(self, name: str, snapshot: Snapshot) -> int:
        """Replace the service's snapshot; returns its size in bytes. Unavailable when it was not stored."""
        assert self._store is not None, "open the store first"
        data = zlib.compress(adapter(Snapshot).dump_json(snapshot), 1)
        failpoints.hit("before_snapshot")
        try:
            await self._store.put(name, data)
        except (NatsError, APIError, TimeoutError) as error:
            raise Unavailable(f"snapshot of {name} was not stored: {error}") from error
        failpoints.hit("after_snapshot")
        return len(data)

    async def load(self, name: str) -> Snapshot | None:
        """The newest snapshot, or None when there is none.

        Halt when it cannot be read, Unavailable when the store does not answer.
        """
        data = await self._read(name)
        if data is None:
            return None
        try:
            snapshot: Snapshot = adapter(Snapshot).validate_json(zlib.decompress(data))
        except (ValueError, zlib.error) as error:
            raise Halt(
                f"the snapshot of {name} cannot be read: {error}; delete it to rebuild from the log"
            ) from error
        if snapshot.version != VERSION:
            raise Halt(f"the snapshot of {name} has version {snapshot.version}, this code reads {VERSION}")
        return snapshot

    async def _read(self, name: str) -> bytes | None:
        """The stored bytes. A copy that saves meanwhile takes the chunks away: then it is read again."""
        assert self._store is not None, "open the store first"
        for _ in range(_ATTEMPTS):
            try:
                found = await asyncio.wait_for(self._store.get(name), _ATTEMPT_S)
            except (ObjectNotFoundError, NotFoundError):
                return None
            except (TimeoutError, DigestMismatchError) as error:
                _log.warning("snapshot_read_again", name=name, error=str(error) or type(error).__name__)
                continue
            return found.data or b""
        raise Unavailable(f"the snapshot of {name} could not be read in {_ATTEMPTS} attempts")
