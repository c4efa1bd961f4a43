"""Penstock's side of the sweep: `python -m bench.peers.ours_sweep WORK FOLDER`.

Each pair is a run of its own through all four stages, on one core; the columns are read once. The lockstep
path is far slower, so it makes the rows of a few pairs only, which must be those of the timed runs.
"""

import time
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any

import typer
from penstock_contracts.base import Message
from penstock_contracts.venue import Fill
from penstock_research.trials.run import with_parameters

from bench.peers.compare import curve, minute_prices
from bench.peers.data import read
from bench.peers.ours import (
    Prepared,
    Seconds,
    beginning,
    document_of,
    lockstep_rows,
    rows_of,
    write_result,
)
from bench.peers.works import CAPITAL, WINDOWS, WORKS

CHECKED_EVERY = 52
"""Of the pairs, those that the lockstep path makes as well."""


def pairs_of(document: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    """A document for each pair of windows."""
    for at, (fast, slow) in enumerate(combinations(WINDOWS, 2)):
        yield at, with_parameters(document, {"fast": fast, "slow": slow})


def main(
    name: Annotated[str, typer.Argument()],
    folder: Annotated[Path, typer.Argument(help="With the data; the result is written there.")],
    lockstep: Annotated[bool, typer.Option("--lockstep", help="Every interval alone; not timed.")] = False,
) -> None:
    """Measure, or make what measurements are compared with."""
    work = WORKS[name]
    file = next((folder / work.data).glob("*.parquet"))
    began = time.perf_counter()
    document = document_of(work, file)
    if lockstep:
        found: dict[str, list[str]] = {}
        for at, changed in pairs_of(document):
            if at % CHECKED_EVERY == 0:
                found |= {f"{kind} of pair {at}": row for kind, row in lockstep_rows(changed).items()}
        write_result(folder / f"{name}.lockstep.json", {"rows": found})
        return
    prepared = Prepared(document)
    result: dict[str, Any] = {"load_s": time.perf_counter() - began, "runs_s": [], "cpu_s": []}
    ts, prices = minute_prices(read(file))
    for _ in range(2):
        taken: list[Seconds] = []
        fills, finals, rows = 0, [], {}
        for at, changed in pairs_of(document):
            by_stage: dict[str, list[Message]] = {"strategy": [], "risk": [], "execution": []}

            def keep(producer: str, made: list[Message], into: dict[str, list[Message]] = by_stage) -> None:
                if producer != "features":
                    into[producer] += made

            taken.append(prepared.run(keep, document=changed))
            own = [each for each in by_stage["execution"] if type(each) is Fill and each.ts <= ts[-1]]
            fills += len(own)
            bare = [(e.ts, e.side.sign * float(e.quantity), float(e.price), float(e.fee)) for e in own]
            finals.append(float(curve(bare, ts[-1:], prices[-1:], CAPITAL)[0]))
            if at % CHECKED_EVERY == 0:
                outputs = [each for kept in by_stage.values() for each in kept]
                until = beginning(changed)[1]
                rows |= {f"{kind} of pair {at}": row for kind, row in rows_of(outputs, until).items()}
        result["runs_s"].append(sum(each.wall for each in taken))
        result["cpu_s"].append(sum(each.cpu for each in taken))
        result |= {
            "beginning": rows,
            "fills_count": fills,
            "equity_final": round(sum(finals) / len(finals), 2),
        }
    result["events"] = prepared.rows * len(finals)
    write_result(folder / f"{name}.ours.json", result)


if __name__ == "__main__":
    typer.run(main)
