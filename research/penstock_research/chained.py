"""A session's resolved configuration through the chained stages: no bus, no database, virtual time."""

from dataclasses import dataclass, field
from typing import Any, TypeVar

from penstock_contracts.base import Message
from penstock_contracts.venue import Fill
from penstock_execution.config import ExecutionConfig
from penstock_execution.stage import ExecutionStage
from penstock_features.config import FeaturesConfig
from penstock_features.stage import FeaturesStage
from penstock_ingest.build import build_schedule
from penstock_ingest.config import IngestConfig
from penstock_ingest.schedule import Schedule
from penstock_kernel.chain import Chain
from penstock_kernel.fills_hash import fills_hash
from penstock_kernel.session import SessionConfig
from penstock_risk.config import RiskConfig
from penstock_risk.guarded import GuardedRisk, risk_stage
from penstock_risk.stage import RiskStage
from penstock_strategy.config import StrategyConfig
from penstock_strategy.stage import StrategyStage
from pydantic import BaseModel

from penstock_research.chunks import Chunks
from penstock_research.history import ENDED_MARKS_MAX, HistoryRun, Sink

M = TypeVar("M", bound=BaseModel)


@dataclass(slots=True)
class ChainedRun:
    """What the stages put out, in order, `done` and (unless asked for) features left out."""

    outputs: dict[str, list[Message]] = field(
        default_factory=lambda: {each: [] for each in ("features", "strategy", "risk", "execution")}
    )
    presented: int = 0
    """Intervals and runs of intervals that were handed over."""

    @property
    def fills(self) -> list[Fill]:
        """All fills, in order."""
        return [each for each in self.outputs["execution"] if type(each) is Fill]

    @property
    def fills_hash(self) -> str:
        """Identity of the run's fills."""
        return fills_hash(self.fills)


@dataclass(frozen=True, slots=True)
class Stages:
    """The four stages under one configuration."""

    session: SessionConfig
    features: FeaturesStage
    strategy: StrategyStage
    risk: RiskStage | GuardedRisk
    execution: ExecutionStage
    compares: bool = False
    """Whether a feature compares two instruments: then none may run ahead of another."""

    @staticmethod
    def of(document: dict[str, Any], *, commands: bool = True) -> "Stages":
        """Stages for a resolved document. ValidationError for one that is not.

        Without `commands` no operator's will come that switches a strategy's mode.
        """
        session = SessionConfig.model_validate(document["session"])
        features = _section(document, "features", FeaturesConfig)
        return Stages(
            session,
            FeaturesStage(features, session),
            StrategyStage(_section(document, "strategy", StrategyConfig), session),
            risk_stage(_section(document, "risk", RiskConfig), session, commands=commands),
            ExecutionStage(_section(document, "execution", ExecutionConfig), session),
            any(spec.other is not None for bar in features.bars for spec in bar.features),
        )

    def history(self, sink: Sink) -> HistoryRun:
        """What runs them over history."""
        return HistoryRun(
            self.features,
            self.strategy,
            self.risk,
            self.execution,
            self.session.grid,
            sink,
            ahead=not self.compares,
        )

    def by_name(self) -> dict[str, Any]:
        """As the chain takes them."""
        return {
            "features": self.features,
            "strategy": self.strategy,
            "risk": self.risk,
            "execution": self.execution,
        }


def run_chained(document: dict[str, Any], *, runs: bool = True, keep_features: bool = False) -> ChainedRun:
    """Run the sources of a resolved document to their end. With `runs` quiet intervals pass at once.

    Without, every interval is presented as the services see it, by a driver of its own: the outputs are
    the same.
    """
    stages = Stages.of(document, commands=False)
    config = _section(document, "ingest", IngestConfig)
    schedule = build_schedule(config, stages.session)
    result = ChainedRun()
    if not runs:
        _run_intervals(stages, schedule, result, keep_features)
        return result

    def sink(producer: str, made: list[Message]) -> None:
        if keep_features or producer != "features":
            result.outputs[producer] += made

    run = stages.history(sink)
    run.run(chunks_of(schedule, config.duration), schedule.start)
    result.presented = run.presented
    return result


def chunks_of(schedule: Schedule, duration: int | None) -> Chunks:
    """The data of a schedule from its start, up to its duration."""
    until = None if duration is None else schedule.start + duration
    return Chunks(schedule.feeds, schedule.grid, schedule.start, until)


def _run_intervals(stages: Stages, schedule: Schedule, result: ChainedRun, keep_features: bool) -> None:
    chain = Chain(stages.by_name())
    ended = 0
    while ended < ENDED_MARKS_MAX:
        messages, mark = schedule.next_interval()
        outputs = chain.interval(messages, mark)
        result.presented += 1
        for producer, made in outputs.items():
            if keep_features or producer != "features":
                result.outputs[producer] += made[:-1]
        done = [made[-1] for made in outputs.values()]
        risk = outputs["risk"][-1]
        if risk.stop and risk.flat:
            schedule.end()
        if mark.ended and risk.flat:
            return
        ended += mark.ended
        if not schedule.over and not messages and all(each.quiet for each in done):
            schedule.skip_to(min(each.next_due for each in done))
    raise RuntimeError(f"{ENDED_MARKS_MAX} marks after the data the account is still not flat")


def _section(document: dict[str, Any], name: str, model: type[M]) -> M:
    return model.model_validate(document.get(name, {}))
