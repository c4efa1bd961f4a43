"""All stages in one process: the same messages in the same log, one hop instead of four."""

import asyncio

from penstock_contracts.base import Message
from penstock_contracts.interval import Done
from penstock_execution.config import ExecutionConfig
from penstock_execution.stage import ExecutionStage
from penstock_features.config import FeaturesConfig
from penstock_features.stage import FeaturesStage
from penstock_ingest.build import build_schedule
from penstock_ingest.config import IngestConfig
from penstock_ingest.service import IngestService
from penstock_kernel.stage import Stage
from penstock_risk.config import RiskConfig
from penstock_risk.guarded import risk_stage
from penstock_runtime.drivers import ChainDriver
from penstock_runtime.log import Delivered, Log
from penstock_runtime.log.writer import Output
from penstock_runtime.service import StageService
from penstock_runtime.settings import ServiceSettings
from penstock_runtime.shell import run_shell
from penstock_strategy.config import StrategyConfig
from penstock_strategy.stage import StrategyStage


def stages(settings: ServiceSettings) -> dict[str, Stage]:
    """The four stages under their configuration."""
    session = settings.session
    return {
        "features": FeaturesStage(settings.section("features", FeaturesConfig), session),
        "strategy": StrategyStage(settings.section("strategy", StrategyConfig), session),
        "risk": risk_stage(settings.section("risk", RiskConfig), session),
        "execution": ExecutionStage(settings.section("execution", ExecutionConfig), session),
    }


class FusedService:
    """Ingest and the chain of stages side by side in one event loop."""

    def __init__(self, log: Log, settings: ServiceSettings) -> None:
        config = settings.section("ingest", IngestConfig)
        schedule = build_schedule(config, settings.session)
        self._ingest = IngestService(log, settings, config, schedule, stages_here=True)
        self._stages = StageService("fused", ChainDriver(stages(settings)), log, settings)
        self._stages.on_output = self._note
        self._fresh: dict[int, tuple[bytes, Message]] = {}
        """What ingest has put out and the stages have not yet taken from the log, by number."""
        self._ingest.on_output = self._keep
        self._stages.decode_with(self._decode)

    def _keep(self, output: Output, message: Message) -> None:
        self._fresh[output.index] = output.payload, message

    def _decode(self, delivered: Delivered) -> Message:
        """What the log holds, decoded; the object itself where its bytes are those that it was encoded to."""
        assert delivered.origin is not None
        payload, message = self._fresh.pop(delivered.origin.index, (None, None))
        if message is not None and payload == delivered.data:
            return message
        return delivered.decode()

    def _note(self, producer: str, index: int, message: Message) -> None:
        if isinstance(message, Done):
            self._ingest.note_done(producer, index, message)

    async def start(self) -> None:
        """Start the stages, then what feeds them."""
        await self._stages.start()
        await self._ingest.start()

    async def run(self) -> None:
        """Run both; what fails stops the other."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._stages.run())
            group.create_task(self._ingest.run())

    def stop(self) -> None:
        """Stop releasing, drain the stages."""
        self._ingest.stop()
        self._stages.stop()


if __name__ == "__main__":
    run_shell("fused", FusedService)
