"""`python -m faults [--rounds N] [--row R …] [--seed S]`: the matrix on the terminal, and a results file."""

import asyncio
import json
import shutil
import tempfile
import time
import traceback
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Annotated, Any

import typer
from penstock_runtime import logs
from penstock_runtime.embedded import EmbeddedPostgres
from rich.console import Console

from bench.machine import machine, versions
from faults import market
from faults.alone import TRIALS, Ground, NotHere
from faults.matrix import READY_P99_S, Line, figures, invalid, slowest, table
from faults.rows import ROWS, Row, live_jobs, load_jobs, repeats
from faults.trial import Job, Outcome, under_load
from faults.world import Terms, Unexpected, World

RESULTS = Path(__file__).resolve().parents[1] / "bench" / "faults.json"
BARS = 60_000
JOBS_PER_SESSION = 40
"""Then a new session: evidence is checked every so many faults."""


@dataclass(slots=True)
class Run:
    """All sessions of one run of the harness."""

    folder: Path
    rows: tuple[Row, ...]
    rounds: int
    """0: everything once, with shortened outages."""
    seed: int
    console: Console
    lines: dict[int, Line] = field(default_factory=dict)
    halt_ms: list[float] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    postgres: EmbeddedPostgres = field(init=False)
    bars: Path = field(init=False)

    def __post_init__(self) -> None:
        self.lines = {row.number: Line(row) for row in self.rows}
        self.postgres = EmbeddedPostgres(self.folder / "data" / "postgres")
        self.bars = market.write_bars(self.folder / "btc-perp-1m.csv", BARS, self.seed)

    async def run(self) -> None:
        """Everything, one session after another."""
        rng = Random(self.seed)
        try:
            await self._sessions(load_jobs(self.rows, self.rounds, rng), rng, live=False)
            await self._sessions(live_jobs(self.rows, self.rounds), rng, live=True)
            for row in self.rows:
                for name in row.alone:
                    await self._alone(row, name)
        finally:
            await self.postgres.stop()

    async def _sessions(self, jobs: list[Job], rng: Random, *, live: bool) -> None:
        left = deque(jobs)
        while left:
            part = deque(left.popleft() for _ in range(min(JOBS_PER_SESSION, len(left))))
            settings = market.live(self.seed) if live else market.replay(self.bars)
            world = World.of(self.folder / "data", Terms(settings), self.postgres)
            before = len(part)
            outcome = await under_load(world, part, rng, quick=not self.rounds, undisturbed=not live)
            self._book(outcome, live)
            if len(part) == before:
                self.console.print("[red]a session in which nothing could be done: given up[/]")
                return
            left.extendleft(reversed(part))

    def _book(self, outcome: Outcome, live: bool) -> None:
        done = Counter(job.row for job in outcome.done)
        touched = set(done) | {job.row for job, _ in outcome.failed}
        for number in sorted(touched & self.lines.keys()):
            self.lines[number].book(outcome, done[number])
        self.halt_ms += outcome.halt_ms
        texts = [f"{name}: {text}" for name, found in outcome.verdict.broken.items() for text in found]
        texts += [f"row {job.row}, {job.name}: {text}" for job, text in outcome.failed]
        self.broken += texts
        kind = "1x" if live else "replay"
        self.console.print(
            f"session ({kind}): {len(outcome.done)} faults, {len(outcome.strikes)} kills, {outcome.marks} "
            f"marks, {outcome.fills} fills: {'as it should be' if not texts else 'NOT as it should be'}",
            highlight=False,
        )
        for text in texts:
            self.console.print(f"  {text}", style="red", highlight=False, markup=False)

    async def _alone(self, row: Row, name: str) -> None:
        line = self.lines[row.number]
        for repeat in range(repeats(row, self.rounds)):
            await self._trial(line, name, self.seed + repeat)

    async def _trial(self, line: Line, name: str, seed: int) -> None:
        folder = self.folder / f"{name}-{seed}"
        folder.mkdir()
        began = time.monotonic()
        ground = Ground(folder, self.bars, self.postgres, seed, self.rounds)
        try:
            line.rounds += await TRIALS[name](ground) or 1
            said = "as it should be"
        except NotHere as error:
            line.not_run.append(f"{name}: {error}")
            said = f"not run: {error}"
        except Unexpected as error:
            line.failed.append(f"{name}: {error}")
            said = f"NOT as it should be: {error}"
        except Exception as error:  # the other trials are run all the same
            line.failed.append(f"{name}: {''.join(traceback.format_exception(error))[-1500:]}")
            said = f"NOT as it should be: {type(error).__name__}: {error}"
        for world in ground.worlds:
            line.restarted_s += [each.ready_s for each in world.strikes.all if each.ready_s is not None]
        shutil.rmtree(folder, ignore_errors=True)
        self.console.print(
            f"{name}: {said} ({time.monotonic() - began:.0f} s)", highlight=False, markup=False
        )

    def document(self) -> dict[str, Any]:
        """What is written to the results file."""
        lines = list(self.lines.values())
        strikes = [each for line in lines for each in line.strikes]
        recovered_s = [each for line in lines for each in line.recovered_s + line.restarted_s]
        whole = figures(sum(each.rounds for each in lines), strikes, recovered_s)
        return {
            "seed": self.seed,
            "rounds_wanted": self.rounds,
            **whole,
            **{name: max((getattr(each, name) for each in lines), default=0) for name in (
                "lost", "duplicate", "divergent", "invariants_failed")},
            "slowest": slowest(strikes),
            "halt_ms": [round(each, 1) for each in self.halt_ms],
            "invalid": invalid(strikes),
            "broken": self.broken,
            "rows": [each.as_json() for each in lines],
        }  # fmt: skip


def main(
    rounds: Annotated[int, typer.Option(min=0, help="Random kills; 0: every fault once, quickly.")] = 0,
    row: Annotated[list[int] | None, typer.Option(help="Only these rows; repeat for several.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same faults in the same order.")] = 1,
    results: Annotated[Path, typer.Option(metavar="FILE", help="Written at the end.")] = RESULTS,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the sessions' folders.")] = False,
) -> None:
    """Hurt real sessions and check what they leave. Exit code 1 when anything is not as it should be."""
    console = Console(width=None if Console().is_terminal else 150)
    rows = tuple(each for each in ROWS if not row or each.number in row)
    folder = Path(tempfile.mkdtemp(prefix="penstock-faults-"))
    logs.configure("faults", folder / "faults.jsonl")
    began = datetime.now(UTC).isoformat(timespec="seconds")
    run = Run(folder, rows, rounds, seed, console)
    asyncio.run(run.run())
    document = {"began": began, "machine": machine(), "versions": versions(), **run.document()}
    document["ended"] = datetime.now(UTC).isoformat(timespec="seconds")
    results.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    console.print(table(list(run.lines.values())))
    for each in document["rows"]:
        for text in each["not_run"]:
            console.print(
                f"row {each['row']}, not run: {text}", style="yellow", highlight=False, markup=False
            )
    for text in document["invalid"]:
        console.print(f"invalid: {text}", style="red", highlight=False)
    console.print(f"{document['kills']} kills; details in {results}", highlight=False)
    if keep:
        console.print(f"sessions in {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    raise typer.Exit(int(bool(_reasons(run, document))))


def _reasons(run: Run, document: dict[str, Any]) -> list[str]:
    """Why the run has failed."""
    reasons = [
        *document["invalid"],
        *run.broken,
        *(each for line in run.lines.values() for each in line.failed),
    ]
    p99 = document["ready_s"]["p99"]
    if p99 is not None and p99 >= READY_P99_S:
        reasons.append(f"ready again after {p99} s at p99, {READY_P99_S:.0f} s are allowed")
    return reasons


if __name__ == "__main__":
    typer.run(main)
