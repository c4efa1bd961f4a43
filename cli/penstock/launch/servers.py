"""The servers of a session: NATS with the session's log, PostgreSQL with the database of all sessions."""

import asyncio
from dataclasses import dataclass, field

from penstock_runtime.embedded import EmbeddedNats, EmbeddedPostgres, EmbeddedServerError
from penstock_runtime.errors import RuntimeFailure
from penstock_runtime.store.migrate import migrate

from penstock.errors import CannotRun
from penstock.launch.keeper import Keeper
from penstock.launch.notes import Notes
from penstock.launch.paths import DataDir, SessionFolder

STORE_BYTES = 12 << 30
"""Of the log's server: the streams' limits (`StreamLimits`) stay under 80 % of it."""
FAILURES_MAX = 5
"""Deaths and failed starts in a row after which the log's server is given up."""


@dataclass(slots=True)
class Servers:
    """Both servers; they die with this process."""

    nats: EmbeddedNats
    postgres: EmbeddedPostgres
    notes: Notes
    log_keeper: Keeper
    database_keeper: Keeper
    _database: asyncio.Task[str] | None = field(default=None)
    _keeping: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    @classmethod
    def of(cls, data_dir: DataDir, folder: SessionFolder, notes: Notes, *, live: bool = False) -> "Servers":
        """The servers, not started. For a live venue the log flushes before it acknowledges."""
        sync = "always" if live else "2m"
        nats = EmbeddedNats(folder.path, file_store_bytes=STORE_BYTES, sync_interval=sync)
        postgres = EmbeddedPostgres(data_dir.postgres)
        return cls(
            nats,
            postgres,
            notes,
            Keeper(nats, notes, "nothing trades until then", FAILURES_MAX),
            Keeper(postgres, notes, f"trading goes on, the recorder waits; see {postgres.log_path}", None),
        )

    async def start(self) -> str:
        """Start both; returns the log's address as soon as the log is there. CannotRun when it cannot be."""
        self._database = asyncio.create_task(self._start_database(), name="start postgres")
        try:
            await self.nats.start()
        except EmbeddedServerError as error:
            raise CannotRun(str(error)) from error
        self._keep(self.log_keeper)
        return self.nats.url

    async def gone(self) -> None:
        """Wait for the log's server to be given up: CannotRun then."""
        await asyncio.shield(self._keeping[self.log_keeper.server.NAME])

    @property
    def restarts(self) -> int:
        """How often any server was started again."""
        return self.log_keeper.restarts + self.database_keeper.restarts

    def _keep(self, keeper: Keeper) -> None:
        name = keeper.server.NAME
        self._keeping[name] = asyncio.create_task(keeper.run(), name=f"keep {name}")

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
        self._keep(self.database_keeper)
        return url

    async def stop(self) -> None:
        """Stop what was started."""
        tasks = [*self._keeping.values(), *([self._database] if self._database is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # Both are tried, whatever happens to the other.
        ended = await asyncio.gather(self.nats.stop(), self.postgres.stop(), return_exceptions=True)
        for error in ended:
            if isinstance(error, BaseException):
                raise CannotRun(f"a server did not stop: {error}") from error
