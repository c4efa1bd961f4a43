"""The servers of a session: NATS with the session's log, PostgreSQL with the database of all sessions."""

import asyncio
from dataclasses import dataclass, field

from penstock_runtime.embedded import EmbeddedNats, EmbeddedPostgres, EmbeddedServerError
from penstock_runtime.errors import RuntimeFailure
from penstock_runtime.store.migrate import migrate

from penstock.errors import CannotRun
from penstock.launch.paths import DataDir, SessionFolder

STORE_BYTES = 12 << 30
"""Of the log's server: the streams' limits (`StreamLimits`) stay under 80 % of it."""


@dataclass(slots=True)
class Servers:
    """Both servers; they die with this process."""

    nats: EmbeddedNats
    postgres: EmbeddedPostgres
    _database: asyncio.Task[str] | None = field(default=None)

    @classmethod
    def of(cls, data_dir: DataDir, folder: SessionFolder) -> "Servers":
        """The servers on their directories, not started."""
        nats = EmbeddedNats(folder.path, file_store_bytes=STORE_BYTES)
        return cls(nats, EmbeddedPostgres(data_dir.postgres))

    async def start(self) -> str:
        """Start both; returns the log's address as soon as the log is there. CannotRun when it cannot be."""
        self._database = asyncio.create_task(self._start_database(), name="start postgres")
        try:
            await self.nats.start()
        except EmbeddedServerError as error:
            raise CannotRun(str(error)) from error
        return self.nats.url

    async def database(self) -> str:
        """The database's address, once it is there and migrated. CannotRun when it cannot be."""
        assert self._database is not None, "start the servers first"
        return await asyncio.shield(self._database)

    async def _start_database(self) -> str:
        try:
            await self.postgres.start()
            url = self.postgres.url
            await migrate(url)
        except (EmbeddedServerError, RuntimeFailure) as error:
            raise CannotRun(str(error)) from error
        return url

    async def stop(self) -> None:
        """Stop what was started."""
        if self._database is not None:
            self._database.cancel()
            await asyncio.gather(self._database, return_exceptions=True)
        # Both are tried, whatever happens to the other.
        ended = await asyncio.gather(self.nats.stop(), self.postgres.stop(), return_exceptions=True)
        for error in ended:
            if isinstance(error, BaseException):
                raise CannotRun(f"a server did not stop: {error}") from error
