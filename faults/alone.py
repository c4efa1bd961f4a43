"""Trials with a session of their own: what they do to it, it does not survive, or not unchanged."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from penstock_contracts import headers, subjects
from penstock_runtime.embedded import EmbeddedPostgres
from penstock_runtime.log.streams import DEAD_LETTERS

from faults import live, market
from faults.evidence import read
from faults.invariants import LOG_INVARIANTS
from faults.planted import POISONS
from faults.world import ROOT, Terms, Unexpected, World, freeze

HALT = 70
SEEDS_MIN, SEEDS_PER_ROUND = 300, 35
"""Of the simulation: ten thousand in a run of 300 rounds."""
STAGES = ("features", "strategy", "risk", "execution")


class NotHere(Exception):
    """This machine cannot do it."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a trial takes place."""

    folder: Path
    bars: Path
    postgres: EmbeddedPostgres
    seed: int
    rounds: int
    """Of the whole run; 0: everything shortened."""
    worlds: list[World] = field(default_factory=list)

    def world(self, plant: str = "", plant_in: str = "") -> World:
        """A session on the replay."""
        return self.on(Terms(market.replay(self.bars), plant, plant_in))

    def on(self, terms: Terms) -> World:
        """A session on these terms."""
        world = World.of(self.folder / "data", terms, self.postgres)
        self.worlds.append(world)
        return world


Alone = Callable[[Ground], Awaitable[int | None]]
"""Returns how many rounds it was, one where it says nothing. Raises Unexpected or NotHere."""


async def _halts(world: World, names: tuple[str, ...], *words: str, timeout_s: float = 45) -> None:
    codes = await world.until_ended(names, timeout_s)
    for name, code in codes.items():
        said = world.said(name)
        if code != HALT or not any(each in said for each in words):
            raise Unexpected(f"{name} ended with {code}, and said {said[-300:]!r}, not one of {words}")


# --- Row 6 --------------------------------------------------------------------------------------------


async def volume_lost(ground: Ground) -> None:
    """The log's volume is gone: every service halts, running or started anew, and nothing trades."""
    world = ground.world()
    try:
        await world.start()
        await world.watch.more_fills(5)
        await world.nats.kill()
        shutil.rmtree(world.nats.store_dir)
        await world.nats.start()
        producers = (*STAGES, "ingest")
        await _halts(world, producers, "is gone", "was lost", "holds no session")
        for name in producers:
            await world.again(name)
        await _halts(world, producers, "holds no session", "was lost")
    finally:
        await world.stop()


async def tail_lost(ground: Ground) -> None:
    """The log comes back as it was some seconds ago: whoever read more halts."""
    world = ground.world()
    saved = ground.folder / "saved"
    try:
        await world.start()
        await world.watch.more_fills(5)
        freeze(world.nats.pid, on=True)
        shutil.copytree(world.nats.store_dir, saved)
        freeze(world.nats.pid, on=False)
        await world.watch.more_fills(20)
        await world.nats.kill()
        await world.watch.cut_off()
        orders = world.watch.orders
        shutil.rmtree(world.nats.store_dir)
        shutil.move(saved, world.nats.store_dir)
        await world.nats.start()
        await _halts(world, STAGES, "was lost", "is gone", "holds another message")
        if world.watch.orders > orders:
            raise Unexpected("orders were approved on a log that had lost its tail")
    finally:
        await world.stop()


async def snapshots_lost(ground: Ground) -> None:
    """The snapshots are gone: killed stages come back from the log alone, to the same state."""
    world = ground.world()
    try:
        await world.start()
        await world.watch.more_fills(20)
        await world.log.js.delete_object_store(f"SNAPSHOTS-{world.log.partition}")
        for name in STAGES:
            await world.kill(name)
        await world.ready()
        await world.watch.more_fills(5)
        await world.end()
        await _sound(world)
    finally:
        await world.stop()


async def _sound(world: World) -> None:
    evidence = await read(world.log, world.plan.document)
    if evidence.outputs != evidence.expected:
        raise Unexpected("the log holds other outputs than the chained stages make")
    _invariants(evidence)


def _invariants(evidence: object) -> None:
    found = [f"{name}: {text}" for name, check in LOG_INVARIANTS.items() for text in check(evidence)]  # type: ignore[arg-type]
    if found:
        raise Unexpected("; ".join(found[:5]))


# --- Row 16 -------------------------------------------------------------------------------------------


async def _letters(world: World) -> int:
    return int((await world.log.js.stream_info(DEAD_LETTERS)).state.messages)


def _flows(producer: str) -> Alone:
    async def trial(ground: Ground) -> int:
        world = ground.world("poison", producer)
        try:
            await world.start()
            deadline = time.monotonic() + 60
            while await _letters(world) < POISONS and time.monotonic() < deadline:
                await asyncio.sleep(0.1)
            await world.watch.more_fills(5)
            await world.end()
            if (letters := await _letters(world)) != POISONS:
                raise Unexpected(f"{POISONS} messages were poison, {letters} dead letters were kept")
            _invariants(await read(world.log, world.plan.document))
            return POISONS
        finally:
            await world.stop()

    return trial


def _stops(producer: str, readers: tuple[str, ...], plant: str = "poison") -> Alone:
    """One of the readers halts; a stage that stops makes the others wait, so they may not get that far."""

    async def trial(ground: Ground) -> None:
        world = ground.world(plant, producer)
        try:
            await world.start()
            first = await world.first_end(readers, timeout_s=60)
            await _halts(world, (first,), "Invalid JSON", "not a message")
        finally:
            await world.stop()

    return trial


async def poison_ctl(ground: Ground) -> None:
    """A command that cannot be read stops ingest, and with it everything."""
    world = ground.world()
    try:
        await world.start()
        await world.watch.more_fills(5)
        subject = subjects.subject(world.log.partition, "ctl", 1, "command")
        block = headers.unnumbered("penstock.control.command.v1", "c-poison", 1, partition=0, source="faults")
        await world.log.js.publish(subject, b"{not json", headers=headers.parse(block))
        await _halts(world, ("ingest",), "cannot be read and may have been a halt")
    finally:
        await world.stop()


# --- Rows 5, 17 and 20 --------------------------------------------------------------------------------


async def disk_full(ground: Ground) -> None:
    """The database's disk is full: trading goes on; with room again everything is recorded."""
    disk = ground.folder / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300m", "none", str(disk)],  # noqa: S607
        capture_output=True, check=False,
    )  # fmt: skip
    if mounted.returncode:
        raise NotHere(f"a small disk cannot be mounted: {mounted.stderr.decode().strip()}")
    postgres = EmbeddedPostgres(disk / "postgres")
    world = World.of(ground.folder / "data", Terms(market.replay(ground.bars)), postgres)
    try:
        await world.start()
        await world.watch.more_fills(5)
        ballast = disk / "ballast"
        _fill(ballast)
        await world.watch.more_fills(20)
        ballast.unlink()
        if not postgres.running:
            await postgres.kill()
            await postgres.start()
        await world.end()
        await _sound(world)
    finally:
        await world.stop()
        await postgres.stop()
        subprocess.run(["umount", str(disk)], check=False)  # noqa: S607


def _fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as opened:
        for size in (1 << 20, 1 << 12, 1 << 8):
            try:
                while opened.write(bytes(size)):
                    pass
            except OSError:
                continue


async def lagging(ground: Ground) -> None:
    """At 1x a stage falls behind by more than half of what the log keeps: trading halts, and it is said."""
    settings = (*market.live(ground.seed), "ingest.synthetic.rate=1000", "ingest.batch_rows=1")
    world = ground.on(Terms(settings, stream_bytes=8 << 20))
    try:
        await world.start()
        await world.watch.more_fills(2)
        pid = await world.alive("features")
        freeze(pid, on=True)
        try:
            deadline = time.monotonic() + 60
            while "is behind: by" not in world.said("ingest"):
                if time.monotonic() > deadline:
                    raise Unexpected(f"nobody said that features is behind: {world.said('ingest')[-300:]}")
                await asyncio.sleep(0.2)
        finally:
            freeze(pid, on=False)
        # On paper at the mark that carries it: what lies before that is worked off first.
        await world.watch.until(lambda: world.watch.state == "halted", 120, "the halt")
        orders = world.watch.orders
        await asyncio.sleep(1.5)
        if world.watch.orders != orders:
            raise Unexpected(f"{world.watch.orders - orders} orders were approved after the halt")
        await world.end()
    finally:
        await world.stop()


async def gone(ground: Ground) -> None:
    """What a stage without snapshot must read has left the log unarchived: it halts, and says so."""
    world = ground.world()
    try:
        await world.start()
        await world.watch.more_fills(20)
        js, last = world.log.js, world.watch.sequence
        await js.delete_object_store(f"SNAPSHOTS-{world.log.partition}")
        await js.purge_stream(world.log.stream, seq=last // 2)
        await world.kill("risk")
        await _halts(world, ("risk",), "aged out", "not in the archive", "has left")
        orders = world.watch.orders
        await asyncio.sleep(1.5)
        if world.watch.orders != orders:
            raise Unexpected(f"{world.watch.orders - orders} orders were approved by a risk without a past")
    finally:
        await world.stop()


async def simulated(ground: Ground) -> int:
    """Sessions in one process, in which messages are lost, repeated, delayed and reordered."""
    seeds = max(SEEDS_MIN, ground.rounds * SEEDS_PER_ROUND)
    command = (
        sys.executable,
        "-m",
        "simulation",
        "--first",
        str(ground.seed * 100_000),
        "--seeds",
        str(seeds),
    )
    path = os.pathsep.join((str(ROOT / "tests"), *filter(None, [os.environ.get("PYTHONPATH")])))
    process = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, "PYTHONPATH": path}, cwd=ROOT,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    if process.returncode:
        raise Unexpected(f"of {seeds} seeds: {said.decode(errors='replace')[-1500:]}")
    return seeds


async def upgrade(ground: Ground) -> None:
    """Other code refuses an unread tail and says how to drain it; after a drain it goes on."""
    world = ground.world()
    try:
        await world.start()
        await world.watch.more_fills(20)
        world.plant("strategy", "other_code")
        await world.kill("strategy")
        await _halts(world, ("strategy",), "made by other code")
        world.plant("strategy", "")
        await world.again("strategy")
        await world.watch.more_fills(5)
        for name in ("ingest", *STAGES, *STAGES):  # the second time for what the first brought about
            await world.kill(name, signal.SIGTERM)
            await _restart(world, name)
        for name in STAGES:
            await world.kill(name, signal.SIGTERM)
            world.plant(name, "other_code")
        for name in STAGES:
            await world.again(name)
        await asyncio.sleep(2.0)
        await world.again("ingest")
        await world.watch.more_fills(5)
        await world.end()
        await _sound(world)
    finally:
        await world.stop()


async def _restart(world: World, name: str) -> None:
    if name == "ingest":
        await asyncio.sleep(1.0)  # the stages work off what it had released
        return
    await world.again(name)
    await asyncio.sleep(1.0)


def _at_a_venue(trial: live.Trial) -> Alone:
    """A trial of live execution, on a log of its own."""

    async def alone(ground: Ground) -> int:
        rounds = max(1, trial.rounds * ground.rounds // 300) if ground.rounds else trial.quick
        return await live.run(trial, ground.folder, rounds, ground.seed)

    return alone


TRIALS: dict[str, Alone] = {
    "volume_lost": volume_lost,
    "tail_lost": tail_lost,
    "snapshots_lost": snapshots_lost,
    "poison_feat": _flows("features"),
    "poison_sig": _flows("strategy"),
    "poison_ord": _stops("risk", ("execution",)),
    "poison_ven": _stops("execution", ("risk", "strategy")),
    "poison_ctl": poison_ctl,
    "poison_done": _stops("features", ("strategy",), "poison_done"),
    "disk_full": disk_full,
    "lagging": lagging,
    "gone": gone,
    "simulated": simulated,
    **{name: _at_a_venue(trial) for name, trial in live.TRIALS.items()},
    "upgrade": upgrade,
}
"""By name, as the table of rows gives it."""
