"""A harness that cannot fail is worth nothing: with a fault planted in the services it must find it."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from random import Random

import pytest
from penstock_runtime.embedded import EmbeddedPostgres

from faults import acts, market
from faults.planted import PLANTS
from faults.trial import Job, Outcome, under_load
from faults.world import Terms, World

pytestmark = [pytest.mark.servers, pytest.mark.slow]

JOBS = ("kill_execution", "kill_nats")


def job(name: str) -> Job:
    act = getattr(acts, name, None) or acts.kill_one(name.removeprefix("kill_"))
    return Job(0, name, act)


async def session(folder: Path, names: tuple[str, ...], plant: str = "", *, live: bool = False) -> Outcome:
    file = market.write_bars(folder / "btc-perp-1m.csv", 30_000, 1)
    settings = market.live(1) if live else market.replay(file)
    postgres = EmbeddedPostgres(folder / "data" / "postgres")
    world = World.of(folder / "data", Terms(settings, plant), postgres)
    world.patience_s = 12.0
    try:
        jobs = deque(job(name) for name in names)
        return await under_load(world, jobs, Random(1), quick=True, undisturbed=not live)
    finally:
        await postgres.stop()


async def test_without_a_planted_fault_it_finds_nothing(tmp_path: Path) -> None:
    outcome = await session(tmp_path, JOBS)
    assert [each.name for each in outcome.done] == list(JOBS)
    assert outcome.verdict.clean
    assert outcome.fills > 0


@pytest.mark.parametrize("plant", [name for name, each in PLANTS.items() if each.reveal])
async def test_it_finds_a_planted_fault(tmp_path: Path, plant: str) -> None:
    chosen = PLANTS[plant]
    outcome = await session(tmp_path, chosen.reveal, plant, live=chosen.live)
    assert outcome.failed or not outcome.verdict.clean
    assert "harness" not in outcome.verdict.broken, outcome.verdict.broken
