"""`python -m faults.month FILE`: bars replayed in every topology, and under kills; one hash must come out.

The chained stages say what the fills are. Then the same bars go through services in processes of their own
and through fused ones, each under two hash seeds, and once more through services of which a random one is
killed at each of so many random marks. The killed run is checked as every session of the harness is.
"""

import asyncio
import shutil
import tempfile
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Annotated

import typer
from penstock_contracts.venue import Fill
from penstock_kernel.fills_hash import fills_hash
from penstock_research.chained import run_chained
from penstock_runtime import logs
from penstock_runtime.embedded import EmbeddedPostgres
from penstock_runtime.log import Log
from rich.console import Console
from rich.table import Table

from bench.market import first_bars
from faults import acts, market
from faults.evidence import QUIET_S
from faults.strikes import share_unconfirmed
from faults.trial import Outcome, check
from faults.watch import DataOver
from faults.world import Terms, World

HASH_SEEDS = ("1", "2")
END_TIMEOUT_S = 900.0
KILLED = "separate, killed"


@dataclass(slots=True)
class Hashed:
    """One run and what came out."""

    name: str
    fills: int
    fills_hash: str
    seconds: float
    kills: int = 0


@dataclass(slots=True)
class Month:
    """All runs over one file."""

    file: Path
    folder: Path
    kills: int
    seed: int
    settings: tuple[str, ...] = ()
    """More than a replay of the file at full speed."""
    runs: list[Hashed] = field(default_factory=list)
    killed: Outcome = field(default_factory=Outcome)

    async def run(self, tell: Callable[[Hashed], None]) -> None:
        """All runs, one after another."""
        postgres = EmbeddedPostgres(self.folder / "data" / "postgres")
        try:
            tell(self._add(self._chained(self._world(postgres, {}))))
            for fused in (False, True):
                for hash_seed in HASH_SEEDS:
                    name = f"{'fused' if fused else 'separate'}, PYTHONHASHSEED={hash_seed}"
                    world = self._world(postgres, {"PYTHONHASHSEED": hash_seed}, fused=fused)
                    tell(self._add(await self._undisturbed(name, world)))
            tell(self._add(await self._killed(self._world(postgres, {}))))
        finally:
            await postgres.stop()

    @property
    def wrong(self) -> list[str]:
        """What is not as it should be."""
        hashes = {each.fills_hash for each in self.runs}
        found = [f"{len(hashes)} hashes of the fills, not one"] if len(hashes) > 1 else []
        found += ["nothing was filled"] if not any(each.fills for each in self.runs) else []
        found += [f"{name}: {each}" for name, texts in self.killed.verdict.broken.items() for each in texts]
        return found

    def _add(self, made: Hashed) -> Hashed:
        self.runs.append(made)
        return made

    def _world(
        self, postgres: EmbeddedPostgres, environment: Mapping[str, str], *, fused: bool = False
    ) -> World:
        settings = (
            f'ingest.sources=["replay:{self.file}"]',
            'ingest.speed="max"',
            market.ANY_PORT,
            *self.settings,
        )
        terms = Terms(settings, environment=environment, fused=fused)
        return World.of(self.folder / "data", terms, postgres)

    def _chained(self, world: World) -> Hashed:
        began = time.monotonic()
        run = run_chained(world.plan.document)
        return Hashed("chained", len(run.fills), run.fills_hash, time.monotonic() - began)

    async def _undisturbed(self, name: str, world: World) -> Hashed:
        began = time.monotonic()
        try:
            await world.start()
            await world.ended(END_TIMEOUT_S)
            return await _hashed(name, world.log, began)
        finally:
            await world.stop()

    async def _killed(self, world: World) -> Hashed:
        began, rng = time.monotonic(), Random(self.seed)
        try:
            await world.start()
            await self._kill(world, rng)
            await world.ended(END_TIMEOUT_S)
            made = await _hashed(KILLED, world.log, began)
            await check(world, self.killed, undisturbed=True)
        finally:
            await world.stop()
        self.killed.strikes = world.strikes.all
        made.kills = len(world.strikes.all)
        return made

    async def _kill(self, world: World, rng: Random) -> None:
        bars = market.bars_in(self.file)
        due = deque(sorted(rng.sample(range(1, bars), self.kills)))
        try:
            while due:
                mark = due[0]
                await world.watch.until(lambda: world.watch.marks >= mark, END_TIMEOUT_S, f"mark {mark}")  # noqa: B023
                await world.kill(acts.chosen(world, rng, 1)[0])
                due.popleft()
                await world.ready()
        except DataOver:
            if due:
                self.killed.verdict.add("harness", f"the data ended before {len(due)} of the kills")


async def _hashed(name: str, log: Log, began: float) -> Hashed:
    """The fills that the log holds, by the rule that every reader follows."""
    seconds = time.monotonic() - began
    fills: list[Fill] = []
    reader = await log.reader(("ven",))
    last = await log.last_sequence()
    try:
        while True:
            while (delivered := reader.poll()) is not None:
                if delivered.kind == "fill":
                    message = delivered.decode()
                    assert isinstance(message, Fill)
                    fills.append(message)
            if reader.sequence >= last or not await reader.wait(QUIET_S):
                return Hashed(name, len(fills), fills_hash(fills), seconds)
    finally:
        await reader.stop()


def table(runs: Sequence[Hashed]) -> Table:
    """All runs for the terminal."""
    made = Table("run", "fills", "fills_hash", "kills", "seconds")
    for each in runs:
        made.add_row(each.name, str(each.fills), each.fills_hash[:16], str(each.kills), f"{each.seconds:.0f}")
    return made


def main(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Bars, as `replay:` reads them.")],
    kills: Annotated[int, typer.Option(min=0, help="Random kills, spread over the bars.")] = 50,
    bars: Annotated[int, typer.Option(min=0, help="Only the first so many; 0: all.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same kills at the same marks.")] = 1,
) -> None:
    """Replay bars in every topology and under kills. Exit code 1 unless all fills are the same."""
    console = Console(width=None if Console().is_terminal else 120)
    folder = Path(tempfile.mkdtemp(prefix="penstock-month-"))
    logs.configure("faults", folder / "faults.jsonl")
    part = first_bars(file, folder / file.name, bars) if bars else file.resolve()
    month = Month(part, folder, kills, seed)
    asyncio.run(month.run(lambda made: console.print(f"{made.name}: {made.seconds:.0f} s", highlight=False)))
    console.print(table(month.runs))
    share = share_unconfirmed(month.killed.strikes)
    if share is not None:
        console.print(f"{share:.0%} of the kills hit a service with an output unconfirmed", highlight=False)
    for text in month.wrong:
        console.print(text, style="red", highlight=False, markup=False)
    shutil.rmtree(folder, ignore_errors=True)
    raise typer.Exit(int(bool(month.wrong)))


if __name__ == "__main__":
    typer.run(main)
