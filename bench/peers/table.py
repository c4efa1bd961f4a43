"""The rows as tables: speed, and what the engines made of the same data."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from bench.figures import amount
from bench.peers import growth

Rows = Mapping[str, Mapping[str, Any]]
_SPEED = (
    "row",
    "work",
    "Penstock",
    "peer",
    "ratio",
    "of CPU time",
    "cold",
    "must",
    "aim",
    "reached",
    "ratios",
)
_MADE = ("row", "peer", "fills", "final equity", "largest deviation", "fill price, ours worse by", "fees")


def reached(row: Mapping[str, Any]) -> bool:
    """Whether a row is what it must be, its fills included."""
    return bool(row["ratio"] >= row["must"] and row["comparison"]["fills_agree"])


def table(rows: Rows) -> list[Table]:
    """For the terminal."""
    tables = []
    for headings, cells in ((_SPEED, _speed), (_MADE, _made)):
        made = Table()
        for heading in headings:
            made.add_column(heading, justify="left" if heading in {"row", "work", "peer"} else "right")
        for name, row in rows.items():
            made.add_row(*cells(name, row), style=None if reached(row) else "red")
        tables.append(made)
    return tables


def markdown(rows: Rows, grown: Mapping[str, dict[str, Any]] | None = None) -> str:
    """For `docs/performance.md`."""
    lines = []
    for headings, cells in ((_SPEED, _speed), (_MADE, _made)):
        lines += [headings, tuple("---:" if at > 1 else "---" for at in range(len(headings)))]
        lines += [cells(name, row) for name, row in rows.items()] + [()]
    if grown:
        lines += [growth.HEADINGS, ("---", "---:", "---:", "---:", "---")]
        lines += [growth.cells(name, row) for name, row in grown.items()]
    return "\n".join(f"| {' | '.join(cells)} |" if cells else "" for cells in lines)


def _speed(name: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    unit = row["unit"]
    return (
        name,
        f"{amount(row['events'])} {unit}: {row['title']}",
        f"{amount(row['ours_per_s'])}/s",
        f"{row['peer']} {amount(row['peer_per_s'])}/s",
        f"{amount(row['ratio'])} x",
        f"{amount(row['ratio_cpu'])} x",
        f"{amount(row['ratio_cold'])} x",
        f"{row['must']:g} x",
        f"{row['aim']:g} x",
        "yes" if row["ratio"] >= row["must"] else "**no**",
        ", ".join(amount(each) for each in row["ratios"]),
    )


def _made(name: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    found = row["comparison"]
    worse = found.get("price_difference_bps")
    return (
        name,
        row["peer"],
        _both(found["fills"]) + ("" if found["fills_agree"] else " **no**"),
        _both(found["equity_final"]),
        amount(found["equity_deviation"]) if "equity_deviation" in found else "\N{EN DASH}",
        "\N{EN DASH}" if worse is None else f"{worse:g} bp",
        _both(found["fees"]) if "fees" in found else "\N{EN DASH}",
    )


def _both(values: list[float]) -> str:
    return " / ".join(f"{each:,.10g}" for each in values)
