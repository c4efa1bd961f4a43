"""`python -m bench [NAME...] [--quick]`: measure, print one table, write `bench/results.json`."""

import json
import logging
import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer
from rich.console import Console

from bench import (
    api,
    breadth,
    chained,
    halt,
    latency,
    sessions,
    snapshots,
    store,
    streaming,
    tracing,
    visitors,
)
from bench.figures import Figure, markdown, table
from bench.machine import machine, versions

Measure = Callable[..., list[Figure]]
MEASUREMENTS: dict[str, Measure] = {
    "chained": chained.measure,
    "latency": latency.measure,
    "lockstep": sessions.lockstep,
    "throughput": sessions.throughput,
    "breadth": breadth.measure,
    "startup": sessions.startup,
    "snapshots": snapshots.measure,
    "halt": halt.measure,
    "memory": sessions.memory,
    "store": store.measure,
    "api": api.measure,
    "tracing": tracing.measure,
    "streaming": streaming.measure,
    "visitors": visitors.measure,
}
LONG = frozenset({"memory", "halt", "snapshots", "store", "tracing", "streaming", "visitors"})
"""Measured only by name: they take twenty minutes, five, ten, fifteen, twelve, fifteen, and an hour."""
RESULTS = Path(__file__).with_name("results.json")


def main(
    names: Annotated[
        list[str] | None,
        typer.Argument(help=f"Of {', '.join(MEASUREMENTS)}; default: all but {', '.join(sorted(LONG))}."),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Short runs, to see that it works.")] = False,
    results: Annotated[Path, typer.Option("--results", metavar="FILE", help="Written at the end.")] = RESULTS,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="The table for the documentation.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the sessions' folders.")] = False,
) -> None:
    """Measure. Exit code 1 when a figure is not what it must be, or could not be taken."""
    unknown = sorted(set(names or ()) - set(MEASUREMENTS))
    if unknown:
        raise typer.BadParameter(f"no measurement {unknown[0]}; there are {', '.join(MEASUREMENTS)}")
    chosen = names or [name for name in MEASUREMENTS if name not in LONG]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    console = Console(width=None if Console().is_terminal else 140)
    document: dict[str, Any] = {
        "began": _now(),
        "quick": quick,
        "machine": machine(),
        "versions": versions(),
        "figures": {},
        "failed": {},
    }
    figures: list[Figure] = []
    folder = Path(tempfile.mkdtemp(prefix="penstock-bench-"))
    for name in chosen:
        console.print(f"{name} …", highlight=False)
        place = folder / name
        place.mkdir()
        try:
            taken = MEASUREMENTS[name](place, quick=quick)
        except Exception as error:  # the others are measured all the same; the exit code tells
            console.print(f"{name}: {error}", style="red", highlight=False, markup=False)
            document["failed"][name] = str(error)
            continue
        figures += taken
        document["figures"][name] = [each.as_json() for each in taken]
    document["ended"] = _now()
    results.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    if as_markdown:
        print(markdown(figures))
    else:
        console.print(table(figures))
    console.print(
        f"{document['machine']['processor']}, {document['machine']['cores']} cores; details in {results}"
    )
    if keep:
        console.print(f"sessions in {folder}")
    else:
        shutil.rmtree(folder)
    raise typer.Exit(int(bool(document["failed"]) or not all(each.reached for each in figures)))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


if __name__ == "__main__":
    typer.run(main)
