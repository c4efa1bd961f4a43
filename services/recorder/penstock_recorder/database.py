"""The recorder's side of the database: waits while it is away, and knows when it is not to blame."""

from collections.abc import AsyncIterator

import stamina
import structlog
from penstock_runtime.errors import Unavailable
from penstock_runtime.store.cursors import CursorKey, CursorMoved, StoredCursor, load_cursor
from penstock_runtime.store.migrate import migrate
from penstock_runtime.store.pool import Pool, is_lost
from penstock_runtime.store.projection import commit
from penstock_runtime.store.tier import Tier

from penstock_recorder.changes import Changes

_RETRY_S_MIN = 0.1
_log = structlog.get_logger(__name__)


class Database:
    """Writes with one cursor; every call lasts until the database has answered."""

    def __init__(
        self, pool: Pool, url: str, key: CursorKey, retry_s_max: float, tier_min: Tier = Tier.PLAIN
    ) -> None:
        self._pool = pool
        self._url = url
        self.key = key
        self._retry_s_max = retry_s_max
        self._tier_min = tier_min
        self.away = False
        """Whether the last attempt failed for want of a database."""
        self.transactions = 0
        self.rows = 0
        """Rows added by this process."""

    async def prepare(self) -> None:
        """Apply the migrations that are missing."""
        async for attempt in self._attempts():
            with attempt:
                await migrate(self._url, self._tier_min)
        self._answered()

    async def cursor(self) -> StoredCursor | None:
        """How far the session is recorded."""
        async for attempt in self._attempts():
            with attempt:
                stored = await load_cursor(self._pool, self.key)
                self._answered()
                return stored
        raise AssertionError("the attempts are not limited")

    async def write(self, changes: Changes, before: int | None, after: StoredCursor) -> None:
        """Write changes and cursor, once. CursorMoved if it is not at `before`; Halt if a row is refused."""
        async for attempt in self._attempts():
            with attempt:
                await self._write(changes, before, after)
        self._answered()
        self.transactions += 1
        self.rows += changes.rows

    async def _write(self, changes: Changes, before: int | None, after: StoredCursor) -> None:
        async with self._pool.acquire() as connection:
            try:
                await commit(connection, changes, self.key, before, after)
            except CursorMoved:
                # Unless an attempt of ours had been committed and only its answer was lost.
                if await load_cursor(connection, self.key) != after:
                    raise

    def _attempts(self) -> AsyncIterator[stamina.Attempt]:
        return aiter(
            stamina.retry_context(
                on=self._worth_another,
                attempts=None,
                timeout=None,
                wait_initial=_RETRY_S_MIN,
                wait_max=self._retry_s_max,
                wait_jitter=_RETRY_S_MIN,
            )
        )

    def _worth_another(self, error: Exception) -> bool:
        lost = is_lost(error) or isinstance(error, Unavailable)
        if lost and not self.away:
            self.away = True
            _log.warning("database_away", error=str(error) or type(error).__name__)
        return lost

    def _answered(self) -> None:
        if self.away:
            self.away = False
            _log.info("database_back")
