"""Snapshots of stages, in a JetStream object store of their own."""

import zlib
from typing import TYPE_CHECKING

from nats.errors import Error as NatsError
from nats.js.api import ObjectStoreConfig
from nats.js.errors import APIError, BucketNotFoundError, NotFoundError, ObjectNotFoundError
from nats.js.object_store import ObjectStore
from penstock_contracts.base import record
from penstock_contracts.codec import adapter

from penstock_runtime import failpoints
from penstock_runtime.errors import Halt, Unavailable
from penstock_runtime.log.cursor import Cursor

if TYPE_CHECKING:
    from penstock_runtime.log.connection import Log

VERSION = 1


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
                self._bucket, config=ObjectStoreConfig(bucket=self._bucket, max_bytes=1 << 30)
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
        """The newest snapshot, or None when there is none. Halt when it cannot be read."""
        assert self._store is not None, "open the store first"
        try:
            found = await self._store.get(name)
        except (ObjectNotFoundError, NotFoundError):
            return None
        try:
            snapshot: Snapshot = adapter(Snapshot).validate_json(zlib.decompress(found.data or b""))
        except (ValueError, zlib.error) as error:
            raise Halt(
                f"the snapshot of {name} cannot be read: {error}; delete it to rebuild from the log"
            ) from error
        if snapshot.version != VERSION:
            raise Halt(f"the snapshot of {name} has version {snapshot.version}, this code reads {VERSION}")
        return snapshot
