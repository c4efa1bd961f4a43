"""What is done to a session under load. Each act leaves it able to go on, or says what it expected."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from random import Random

from penstock.launch.commands import command

from faults.world import READY_TIMEOUT_S, Unexpected, World, freeze

Act = Callable[[World, Random, bool], Awaitable[None]]
"""Does something once; the flag asks for shortened outages."""

QUICK_DEATHS_MAX = 3
"""In a row per service: the supervisor gives up at five."""
QUICK_S = 10.0
AIMED_SHARE, AIM_S = 0.5, 0.3
"""Half of the random kills wait a moment for an output that is made and not confirmed."""


def outage_s(rng: Random, quick: bool, short_s: float, *lengths_s: float) -> float:
    """How long something is away: shortened, or one of these lengths."""
    return short_s if quick else rng.choice(lengths_s)


# --- Rows 1 and 2: services --------------------------------------------------------------------------


def _recent(world: World, name: str) -> int:
    now = time.monotonic()
    return sum(each.service == name and now - each.at < QUICK_S * 2 for each in world.strikes.all)


async def kill_any(world: World, rng: Random, _quick: bool) -> None:
    """Kill one service at a random instant; now and then two at once."""
    await asyncio.sleep(rng.uniform(0.05, 0.8))
    names = chosen(world, rng, 2 if rng.random() < 0.15 else 1)
    if rng.random() < AIMED_SHARE:
        await world.until_unconfirmed(names[0], AIM_S)
    await asyncio.gather(*(world.kill(each) for each in names))
    await world.ready()


def chosen(world: World, rng: Random, count: int) -> list[str]:
    """Services at random, of those that may die once more without being given up."""
    names = [each for each in world.names if _recent(world, each) < QUICK_DEATHS_MAX]
    return rng.sample(names, min(len(names), count))


def kill_one(name: str) -> Act:
    """Kill a service of this name."""

    async def act(world: World, rng: Random, _quick: bool) -> None:
        await world.rested(name)
        await asyncio.sleep(rng.uniform(0.05, 0.3))
        await world.until_unconfirmed(name, AIM_S)
        await world.kill(name)
        await world.ready()

    return act


async def kill_everything(world: World, _rng: Random, _quick: bool) -> None:
    """Kill every service and both servers, then start the servers again."""
    for name in world.names:
        await world.rested(name, 2)
    pids = [await world.alive(each) for each in world.names]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    await asyncio.gather(world.nats.kill(), world.postgres.kill())
    await asyncio.gather(world.nats.start(), world.postgres.start())
    await asyncio.sleep(0.2)
    await world.ready()


def crash_at(failpoint: str, name: str) -> Act:
    """Have a service crash at a failpoint: it is killed, and the next process dies there."""

    async def act(world: World, rng: Random, _quick: bool) -> None:
        nth = rng.randrange(1, 40) if failpoint in {"before_publish", "after_publish", "after_confirm"} else 1
        if failpoint in {"before_mark", "after_mark"}:
            nth = rng.randrange(1, 200)
        await world.rested(name, 2)
        await world.kill(name)
        world.arm(name, failpoint, nth)
        deaths = len(world.exits)
        await world.watch.until(
            lambda: any(each == (name, -signal.SIGKILL) for each in world.exits[deaths:]),
            READY_TIMEOUT_S,
            f"{name} dies at {failpoint}",
        )
        await world.ready()

    return act


async def crash_at_the_end(world: World, _rng: Random, _quick: bool) -> None:
    """Have ingest crash when the session is over and its end is not written. The end comes later."""
    await world.rested("ingest", 2)
    await world.kill("ingest")
    world.arm("ingest", "before_end", 1)
    await world.ready()


# --- Rows 3 and 4: the log's server -------------------------------------------------------------------


async def kill_nats(world: World, rng: Random, _quick: bool) -> None:
    """Kill nats-server, and start it again at once or after a moment."""
    await world.nats.kill()
    await asyncio.sleep(rng.choice((0.0, 0.3, 1.5)))
    await world.nats.start()
    await spoken(world)


async def freeze_nats(world: World, rng: Random, quick: bool) -> None:
    """Stop nats-server's process for 1 to 120 s: connections stay, nothing answers."""
    away_s = outage_s(rng, quick, 2.0, 1.0, 1.0, 2.0, 2.0, 5.0, 5.0, 15.0, 40.0, 120.0)
    pid = world.nats.pid
    freeze(pid, on=True)
    try:
        await asyncio.sleep(0.3)  # what was on its way arrives
        orders = world.watch.orders
        await asyncio.sleep(away_s)
        if world.watch.orders != orders:
            raise Unexpected("orders came out of a log that was stopped")
    finally:
        freeze(pid, on=False)
    await spoken(world)


async def spoken(world: World) -> None:
    """Wait until every producer has said something new."""
    since = time.monotonic()
    heard = world.watch.heard
    producers = [each for each in world.names if each in heard]
    await world.watch.until(
        lambda: all(heard[each].at > since for each in producers),
        READY_TIMEOUT_S,
        "all producers speak again",
    )
    await world.ready()
    world.recovered.append((world.row, time.monotonic() - since))


# --- Row 5: the database ------------------------------------------------------------------------------


async def kill_postgres(world: World, rng: Random, quick: bool) -> None:
    """Kill the database server; trading goes on, and the recorder catches up after it is back."""
    await world.postgres.kill()
    await _trades_on(world)
    await asyncio.sleep(outage_s(rng, quick, 0.3, 0.0, 0.5, 2.0, 10.0))
    await world.postgres.start()
    await _recorder_follows(world)


async def freeze_postgres(world: World, rng: Random, quick: bool) -> None:
    """Stop all processes of the database server for a while: connections hang."""
    pid = world.postgres.pid
    freeze(pid, on=True)
    try:
        await _trades_on(world)
        await asyncio.sleep(outage_s(rng, quick, 1.0, 1.0, 2.0, 5.0, 60.0))
    finally:
        freeze(pid, on=False)
    await _recorder_follows(world)


async def _trades_on(world: World) -> None:
    marks = world.watch.marks
    await world.watch.until(lambda: world.watch.marks > marks + 5, 30, "marks while the database is away")
    await world.watch.more_fills(timeout_s=60)


async def _recorder_follows(world: World) -> None:
    since, began = time.time_ns(), time.monotonic()
    mark = world.board.mark

    def caught_up() -> bool:
        report = world.board.reports.get("recorder")
        return report is not None and report.ts > since and report.mark >= mark

    await world.watch.until(caught_up, 60, "the recorder catches up")
    world.recovered.append((world.row, time.monotonic() - began))


# --- Rows 7 and 8: copies -----------------------------------------------------------------------------


async def noise(world: World, rng: Random, quick: bool) -> None:
    """Publish copies of stored messages again: late, twice, in another order."""
    raws = list(world.watch.recent)
    for _ in range(200 if quick else 5_000):
        subject, block, data = rng.choice(raws)
        world.log.publish_block(subject, block, data)
        if rng.random() < 0.05:
            await asyncio.sleep(rng.uniform(0, 0.01))
            raws = list(world.watch.recent)


def second_copy(name: str) -> Act:
    """Run a second copy of a stage, pause one of both, go on, and kill the second."""

    async def act(world: World, rng: Random, quick: bool) -> None:
        standby = rng.random() < 0.5
        process = await world.second(name, **({"PENSTOCK_STANDBY": "true"} if standby else {}))
        await asyncio.sleep(2.0)
        if process.returncode is not None:
            raise Unexpected(f"the second {name} ended with {process.returncode}: {world.said(f'{name}-2')}")
        paused = await world.alive(name) if rng.random() < 0.5 else process.pid
        freeze(paused, on=True)
        try:
            await world.watch.more_fills()
            await asyncio.sleep(outage_s(rng, quick, 0.5, 0.5, 1.0, 2.0, 5.0, 60.0))
        finally:
            freeze(paused, on=False)
        await spoken(world)
        if process.returncode is not None:
            raise Unexpected(f"the second {name} ended with {process.returncode}: {world.said(f'{name}-2')}")
        process.kill()
        await process.wait()

    return act


async def second_ingest(world: World, rng: Random, quick: bool) -> None:
    """Pause ingest, let a second one take over, wake the first: it must stop and say why."""
    pid = await world.alive("ingest")
    freeze(pid, on=True)
    await asyncio.sleep(rng.uniform(0.0, 0.3))
    second = await world.second("ingest")
    marks = world.watch.marks
    try:
        await world.watch.until(lambda: world.watch.marks > marks + 20, 30, "the second ingest releases")
        await asyncio.sleep(outage_s(rng, quick, 0.0, 0.0, 1.0, 5.0, 60.0))
    finally:
        freeze(pid, on=False)
    codes = await world.until_ended(["ingest"], 20)
    if codes["ingest"] != 71 or "claimed the market data" not in world.said("ingest"):
        raise Unexpected(f"the first ingest ended with {codes['ingest']}: {world.said('ingest')[-300:]}")
    second.kill()
    await second.wait()
    await world.again("ingest")
    marks = world.watch.marks
    await world.watch.until(lambda: world.watch.marks > marks + 20, 30, "ingest releases again")


# --- Row 19: drains -----------------------------------------------------------------------------------


async def rolling_restart(world: World, _rng: Random, _quick: bool) -> None:
    """SIGTERM one service after another; each drains within 10 s, ends with 0 and is started again."""
    for name in world.names:
        began = time.monotonic()
        await world.kill(name, signal.SIGTERM)
        took_s = time.monotonic() - began
        ended = world.supervisor.services[name].ended
        if ended is None or ended.code != 0 or took_s > 10:
            raise Unexpected(f"{name} ended after {took_s:.1f} s with {ended}")
        await world.again(name)
        since = time.monotonic()
        if name in world.watch.heard:
            await world.watch.until(
                lambda name=name, since=since: world.watch.heard[name].at > since + 0.1,  # type: ignore[misc]
                READY_TIMEOUT_S,
                f"{name} speaks after its restart",
            )


# --- Commands -----------------------------------------------------------------------------------------

HALT_S = 0.25
"""After a halt at 1x, no new order later than this (I3)."""


async def halt_and_resume(world: World, _rng: Random, _quick: bool) -> None:
    """Halt at 1x: no new order after 250 ms, nothing works after 1 s; then go on."""
    given = time.monotonic()
    await world.log.publish_command(command("halt", "a trial", by="faults"))
    await world.watch.until(lambda: world.watch.state == "halted", 10, "the halt takes effect")
    world.halt_ms.append(1000 * (world.watch.state_at - given))
    await asyncio.sleep(max(0.0, given + HALT_S - time.monotonic()))
    orders = world.watch.orders
    await asyncio.sleep(1.5)
    if world.watch.orders != orders:
        raise Unexpected(f"{world.watch.orders - orders} orders were approved after the halt")
    if world.board.view("execution").get("working"):
        raise Unexpected(f"orders work 1 s after the halt: {world.board.view('execution')}")
    await world.log.publish_command(command("resume", "the trial is over", by="faults"))
    await world.watch.until(lambda: world.watch.state == "active", 10, "trading resumes")
