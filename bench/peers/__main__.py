"""`python -m bench.peers [ROW...] [--quick]`: Penstock and other engines in turns, and `bench/peers.json`.

Every measurement is a process of its own. Ours and the peer's follow each other; the figure is the median of
the pairs' ratios, so that what slows the machine down for a while slows both.
"""

import json
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from bench.machine import machine, versions
from bench.peers import growth
from bench.peers.environment import PEERS, peer_versions
from bench.peers.measure import measure
from bench.peers.table import markdown, reached, table
from bench.peers.works import WORKS

NAMES = (*WORKS, *growth.NAMES)
RESULTS = Path(__file__).parents[1] / "peers.json"


def main(
    names: Annotated[list[str] | None, typer.Argument(help=f"Of {', '.join(NAMES)}; default: all.")] = None,
    pairs: Annotated[int, typer.Option("--pairs", min=1, help="Measurements of each engine.")] = 3,
    quick: Annotated[bool, typer.Option("--quick", help="Little data, to see that it works.")] = False,
    peers: Annotated[Path, typer.Option("--peers", help="Python of the peers' environment.")] = PEERS,
    results: Annotated[Path, typer.Option("--results", metavar="FILE", help="Written at the end.")] = RESULTS,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="The table for the documentation.")] = False,
) -> None:
    """Measure. Exit code 1 when a figure is not what it must be, or could not be taken."""
    unknown = sorted(set(names or ()) - set(NAMES))
    if unknown:
        raise typer.BadParameter(f"no row {unknown[0]}; there are {', '.join(NAMES)}")
    console = Console(width=None if Console().is_terminal else 150)
    document: dict[str, Any] = {
        "began": _now(), "quick": quick, "machine": machine(),
        "versions": {**versions(), **peer_versions(peers)}, "rows": {}, "growth": {}, "failed": {},
    }  # fmt: skip
    folder = Path(tempfile.mkdtemp(prefix="penstock-peers-"))
    try:
        for name in names or NAMES:
            console.print(f"{name} …", highlight=False)
            try:
                if name in growth.NAMES:
                    document["growth"][name] = growth.measure(name, folder, quick=quick)
                    continue
                document["rows"][name] = measure(WORKS[name], folder, peers, pairs, quick=quick)
            except Exception as error:  # the others are measured all the same; the exit code tells
                console.print(f"{name}: {error}", style="red", highlight=False, markup=False)
                document["failed"][name] = str(error)
    finally:
        shutil.rmtree(folder)
    document["ended"] = _now()
    results.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    if as_markdown:
        print(markdown(document["rows"], document["growth"]))
    else:
        shown = table(document["rows"]) if document["rows"] else []
        for each in [*shown, *([growth.table(document["growth"])] if document["growth"] else [])]:
            console.print(each)
    console.print(
        f"{document['machine']['processor']}, {document['machine']['cores']} cores; details in {results}"
    )
    good = all(reached(row) for row in document["rows"].values())
    good = good and all(row["measured"] <= row["must"] for row in document["growth"].values())
    raise typer.Exit(int(bool(document["failed"]) or not good))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


if __name__ == "__main__":
    typer.run(main)
