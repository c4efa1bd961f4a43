"""Memory for ten million trades, and how time grows with trades and with instruments."""

from math import log
from pathlib import Path
from typing import Any

from rich.table import Table

from bench.figures import amount
from bench.peers.environment import in_process, read_result

MEMORY_MUST = 2.0
EXPONENT_MUST = 1.1
"""Linear, with what two measurements of the same thing differ by."""
TRADES = {"memory": (10_000_000,), "growth-trades": (1_000_000, 7_000_000, 50_000_000)}
INSTRUMENTS = (1, 10, 100)
TRADES_EACH = 50_000
NAMES = (*TRADES, "growth-instruments")


def measure(name: str, folder: Path, *, quick: bool) -> dict[str, Any]:
    """The runs of one row, and what they say."""
    if name == "growth-instruments":
        each = TRADES_EACH // 5 if quick else TRADES_EACH
        sizes = [(instruments, each * instruments) for instruments in INSTRUMENTS]
    else:
        sizes = [(1, rows // 20 if quick else rows) for rows in TRADES[name]]
    runs = [_run(folder / name, *size) for size in sizes]
    if name == "memory":
        (run,) = runs
        ratio = (run["highest_mb"] - run["base_mb"]) / run["columns_mb"]
        return {"runs": runs, "measured": ratio, "must": MEMORY_MUST}
    return {"runs": runs, "measured": exponent(runs), "must": EXPONENT_MUST}


def exponent(runs: list[dict[str, Any]]) -> float:
    """The slope of processor time over rows, both as logarithms, by least squares: 1 is linear."""
    points = [(log(run["rows"]), log(run["cpu_s"])) for run in runs]
    x_mean, y_mean = (sum(each) / len(points) for each in zip(*points, strict=True))
    over = sum((x - x_mean) * (y - y_mean) for x, y in points)
    return over / sum((x - x_mean) ** 2 for x, _ in points)


def table(rows: dict[str, dict[str, Any]]) -> Table:
    """For the terminal."""
    made = Table()
    for heading in HEADINGS:
        made.add_column(heading, justify="left" if heading in {"row", "runs"} else "right")
    for name, row in rows.items():
        good = row["measured"] <= row["must"]
        made.add_row(*cells(name, row), style=None if good else "red")
    return made


HEADINGS = ("row", "measured", "at most", "reached", "runs")


def cells(name: str, row: dict[str, Any]) -> tuple[str, ...]:
    """A row under the `HEADINGS`."""
    if name == "memory":
        (run,) = row["runs"]
        what = f"{amount(row['measured'])} x the columns"
        told = (
            f"{amount(run['columns_mb'])} MB of columns, {amount(run['highest_mb'] - run['base_mb'])} MB "
            f"more than the base of {amount(run['base_mb'])} MB"
        )
    else:
        what = f"exponent {row['measured']:.2f}"
        told = "; ".join(
            f"{run['instruments']} x {run['rows'] // run['instruments']:,}: {run['cpu_s']:.2f} s"
            for run in row["runs"]
        )
    good = row["measured"] <= row["must"]
    return name, what, f"{row['must']:g}", "yes" if good else "**no**", told


def _run(folder: Path, instruments: int, rows: int) -> dict[str, Any]:
    place = folder / f"{instruments}-{rows}"
    place.mkdir(parents=True)
    in_process(None, "ours_growth", str(place), str(instruments), str(rows))
    return read_result(place / f"growth-{instruments}-{rows}.json")
