"""Live execution as a process: which gateway, and its own connection for the guard."""

from decimal import Decimal

import structlog
from penstock_runtime.errors import BadConfiguration
from penstock_runtime.log import Log
from penstock_runtime.settings import ServiceSettings
from penstock_venues.fake import FakeVenue
from penstock_venues.fake_gateway import FakeGateway
from penstock_venues.gateway import OrderGateway

from penstock_execution.config import ExecutionConfig
from penstock_execution.live.service import LiveExecution

_log = structlog.get_logger(__name__)


class LiveProcess:
    """The service with the connections that it closes at its end."""

    def __init__(self, log: Log, settings: ServiceSettings, config: ExecutionConfig) -> None:
        if not settings.live:
            raise BadConfiguration("execution.venue: live orders leave only with the flag --live")
        if config.live.gateway == "none":
            raise BadConfiguration("execution.live.gateway: no venue is configured for live execution")
        self._log, self._settings, self._config = log, settings, config
        self._service: LiveExecution | None = None
        self._guard_log: Log | None = None
        self._stopping = False

    async def start(self) -> None:
        """See `LiveExecution.start`. BadConfiguration where nothing may leave."""
        settings = self._settings
        # A connection of its own: a halt waits behind nothing that the other one carries.
        self._guard_log = await Log.connect(
            settings.nats_url, partition=settings.session.partition, name="execution-guard"
        )
        gateway = self._gateway()
        self._service = LiveExecution(self._log, self._guard_log, settings, self._config, gateway)
        await self._service.start()

    def _gateway(self) -> OrderGateway:
        _log.warning("fake_venue", text="orders go to a venue invented in this process, which forgets them")
        venue = self._settings.session.instruments[0].instrument.partition(".")[2]
        return FakeGateway(FakeVenue(venue, price_of=self._price))

    def _price(self, instrument: str) -> Decimal:
        assert self._service is not None
        price = self._service.guard.last_price(instrument)
        assert price is not None, "the guard lets no order pass without a price"
        return price

    async def run(self) -> None:
        """See `LiveExecution.run`."""
        assert self._service is not None
        assert self._guard_log is not None
        try:
            if not self._stopping:
                await self._service.run()
        finally:
            await self._guard_log.close()

    def stop(self) -> None:
        """See `LiveExecution.stop`."""
        self._stopping = True
        if self._service is not None:
            self._service.stop()
