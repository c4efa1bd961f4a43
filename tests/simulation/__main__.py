"""`python -m simulation [--seeds N] [--first F] [--trace SEED] [--plant RULE]`: the long run, as a table."""

import multiprocessing
import os
import time
from collections import Counter
from typing import Annotated

import pytest
import typer
from rich.console import Console
from rich.table import Table

from simulation.planted import BETWEEN_PROCESSES, PLANTS
from simulation.run import Result, quiet, simulate

_PLANTS = PLANTS | BETWEEN_PROCESSES
_CHUNK = 25
_SHOWN = 10
"""Violations that are printed in full."""


def _job(job: tuple[range, str]) -> tuple[list[Result], float]:
    """Results, and the processor time that they took, s."""
    seeds, plant = job
    began = time.process_time()
    with quiet(), pytest.MonkeyPatch.context() as patch:
        if plant:
            _PLANTS[plant](patch)
        return [simulate(seed) for seed in seeds], time.process_time() - began


def _table(results: list[Result], faults: Counter[str], seconds: float, busy_s: float) -> Table:
    table = Table(title="Simulation", show_header=False)
    table.add_column(justify="left")
    table.add_column(justify="right")
    violations = sum(bool(each.violation) for each in results)
    crashes = faults.pop("crash", 0)
    table.add_row("seeds", f"{len(results):,}")
    table.add_row("seeds a minute", f"{len(results) / seconds * 60:,.0f}")
    table.add_row("  of one processor's time", f"{len(results) / busy_s * 60:,.0f}")
    table.add_row("violations", f"{violations:,}", end_section=True)
    table.add_row("crashes", f"{crashes:,}")
    for kind in ("unconfirmed", "order working"):
        count = faults.pop(f"crash, {kind}", 0)
        table.add_row(f"  with an {'output ' * (kind == 'unconfirmed')}{kind}", f"{count:,}")
    for fault in sorted(faults):
        table.add_row(fault, f"{faults[fault]:,}")
    return table


def main(
    seeds: Annotated[int, typer.Option(min=1, help="How many.")] = 1000,
    first: Annotated[int, typer.Option(min=0, help="The first of them.")] = 0,
    trace: Annotated[
        int | None, typer.Option(min=0, help="Run this seed alone and tell what happens.")
    ] = None,
    plant: Annotated[str, typer.Option(help=f"Break a rule first: {', '.join(_PLANTS)}.")] = "",
    digests: Annotated[bool, typer.Option(help="Print what each seed came to, and no table.")] = False,
    processes: Annotated[int, typer.Option(min=1)] = os.cpu_count() or 1,
) -> None:
    """Run sessions with seeded faults; the exit code is 1 when a rule was broken."""
    console = Console()
    if plant and plant not in _PLANTS:
        raise typer.BadParameter(f"choose from {', '.join(_PLANTS)}", param_hint="--plant")
    if trace is not None:
        with pytest.MonkeyPatch.context() as patch:
            if plant:
                _PLANTS[plant](patch)
            result = simulate(trace, speak=console.out)
        console.out(result.violation or f"all is well: {result.digest}")
        raise typer.Exit(bool(result.violation))
    began = time.monotonic()
    jobs = [(range(at, min(at + _CHUNK, first + seeds)), plant) for at in range(first, first + seeds, _CHUNK)]
    results: list[Result] = []
    busy_s = 0.0
    with multiprocessing.Pool(processes) as pool:
        for some, took_s in pool.imap_unordered(_job, jobs):
            results += some
            busy_s += took_s
    results.sort(key=lambda each: each.seed)
    if digests:
        for each in results:
            console.out(f"{each.seed} {each.digest}")
    else:
        faults = sum((each.faults for each in results), Counter[str]())
        console.print(_table(results, faults, time.monotonic() - began, busy_s))
    broken = [each for each in results if each.violation]
    for each in broken[:_SHOWN]:
        console.out(f"seed {each.seed}: {each.violation[:600]}\n  python -m simulation --trace {each.seed}")
    raise typer.Exit(bool(broken))


if __name__ == "__main__":
    typer.run(main)
