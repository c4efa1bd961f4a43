"""A session under load: faults one after another, then the end, then everything is checked."""

import asyncio
import traceback
from bisect import bisect_right
from collections import deque
from dataclasses import dataclass, field
from random import Random

from penstock.launch.finish import write_report

from faults.acts import Act
from faults.database import check_database
from faults.evidence import read, working_at
from faults.invariants import (
    Verdict,
    check_acknowledged,
    check_against_undisturbed,
    check_log,
    check_report,
)
from faults.strikes import Strike
from faults.watch import DataOver, ServiceGone
from faults.world import Unexpected, World


@dataclass(frozen=True, slots=True)
class Job:
    """One fault to be worked."""

    row: int
    name: str
    act: Act


@dataclass(slots=True)
class Outcome:
    """What became of a session."""

    done: list[Job] = field(default_factory=list)
    failed: list[tuple[Job, str]] = field(default_factory=list)
    """Jobs after which the session was not as expected: the session ends there."""
    strikes: list[Strike] = field(default_factory=list)
    verdict: Verdict = field(default_factory=Verdict)
    recovered: list[tuple[int, float]] = field(default_factory=list)
    halt_ms: list[float] = field(default_factory=list)
    fills: int = 0
    marks: int = 0


async def under_load(
    world: World, jobs: deque[Job], rng: Random, *, quick: bool, undisturbed: bool
) -> Outcome:
    """Work the jobs until there is none left or the data end; jobs that were not worked stay in the queue."""
    outcome = Outcome()
    try:
        await world.start()
        await _work(world, jobs, rng, outcome, quick)
        if not outcome.failed:
            await world.end()
            await check(world, outcome, undisturbed=undisturbed)
    except Exception as error:  # whatever it is, it is the outcome: the other sessions go on
        outcome.verdict.add("harness", "".join(traceback.format_exception(error))[-2000:])
    finally:
        outcome.strikes, outcome.halt_ms = world.strikes.all, world.halt_ms
        outcome.recovered = world.recovered
        await asyncio.shield(world.stop())
    return outcome


async def _work(world: World, jobs: deque[Job], rng: Random, outcome: Outcome, quick: bool) -> None:
    try:
        await world.watch.more_fills(5)
        while jobs:
            job = jobs[0]
            world.row, world.fault = job.row, job.name
            try:
                await world.watch.more_fills(timeout_s=world.patience_s)
                await job.act(world, rng, quick)
                await world.watch.more_fills(timeout_s=world.patience_s)
            except (Unexpected, ServiceGone, TimeoutError) as error:
                outcome.failed.append((jobs.popleft(), f"{error}; {world.state()}"))
                return
            outcome.done.append(jobs.popleft())
    except DataOver:
        return


async def check(world: World, outcome: Outcome, *, undisturbed: bool) -> None:
    """Everything that can be known of a session that has ended, against its log, report and database."""
    plan, verdict = world.plan, outcome.verdict
    evidence = await read(world.log, plan.document)
    check_log(evidence, verdict)
    check_acknowledged(world.watch.digests, evidence, verdict)
    if world.watch.identified:
        verdict.add("log", f"{world.watch.identified} messages carry a Nats-Msg-Id")
    if undisturbed:
        check_against_undisturbed(evidence, verdict)
    await write_report(plan, world.log, world.board)
    check_report(plan.out / plan.session.session_id, verdict)
    await check_database(world.log, world.postgres, plan.session.session_id, evidence, verdict)
    outcome.fills, outcome.marks = evidence.kinds["ven.fill"], evidence.kinds["md.mark"]
    sequences, counts = working_at(evidence)
    for strike in world.strikes.all:
        strike.working = counts[bisect_right(sequences, strike.sequence) - 1]
