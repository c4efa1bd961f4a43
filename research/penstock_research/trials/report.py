"""What a search leaves behind: all trials as Parquet, a page with a ranked table and a heat map."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl

from penstock_research.trials.space import Dimension, Value

ROWS_SHOWN = 200
NOTHING = "\N{EN DASH}"
COLUMNS = ("return", "sharpe", "sortino", "calmar", "drawdown", "trades", "win_rate", "profit_factor", "fees")
_STYLE = """
:root{color-scheme:light dark;--line:#8884;--dim:#888}
body{font:14px/1.45 system-ui,"DejaVu Sans",sans-serif;margin:24px auto;max-width:1200px;padding:0 20px}
h1{font-size:20px}h2{font-size:15px;margin-top:28px}p,th{color:var(--dim);font-weight:400}
table{border-collapse:collapse;font-size:12.5px;font-variant-numeric:tabular-nums}
td,th{padding:4px 10px;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
.heat td{border:2px solid transparent;text-align:center;min-width:52px}.wide{overflow-x:auto}
"""


def write_trials(rows: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """`trials.parquet`, in the order given."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: [row.get(name) for row in rows] for name in names}
    pl.DataFrame(columns, strict=False).write_parquet(folder / "trials.parquet")


def write_page(
    title: str,
    note: str,
    rows: Sequence[Mapping[str, Any]],
    dimensions: Sequence[Dimension],
    objective: str,
    file: Path,
) -> None:
    """`sweep.html`: self-contained, without scripts."""
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        f"<title>{escape(title)}</title><style>{_STYLE}</style><h1>{escape(title)}</h1><p>{escape(note)}</p>",
    ]
    if len(dimensions) >= 2:
        parts += heat_map(rows, dimensions[0].name, dimensions[1].name, objective)
    parts += _table(rows, dimensions)
    file.write_text("".join(parts) + "</html>\n", encoding="utf-8")


def heat_map(rows: Sequence[Mapping[str, Any]], down: str, across: str, objective: str) -> list[str]:
    """The median of the objective for each pair of two parameters' values."""
    cells: dict[tuple[Value, Value], list[float]] = {}
    for row in rows:
        value = row.get(objective)
        if value is not None:
            cells.setdefault((row[f"p.{down}"], row[f"p.{across}"]), []).append(value)
    if not cells:
        return []
    middle = {key: median(values) for key, values in cells.items()}
    largest = max(abs(value) for value in middle.values()) or 1.0
    tops = sorted({key[1] for key in cells}, key=_order)
    lines = [
        f"<h2>{escape(objective)} by {escape(down)} (down) and {escape(across)} (across)</h2>",
        "<p>the median where other parameters vary too</p><div class=wide><table class=heat><tr><th></th>",
        *(f"<th>{escape(_text(each))}</th>" for each in tops),
    ]
    for left in sorted({key[0] for key in cells}, key=_order):
        lines.append(f"</tr><tr><th>{escape(_text(left))}</th>")
        for top in tops:
            found = middle.get((left, top))
            if found is None:
                lines.append(f"<td>{NOTHING}</td>")
                continue
            share = round(12 + 60 * abs(found) / largest)
            colour = "#2a9d6f" if found >= 0 else "#d1493f"
            lines.append(
                f'<td style="background:color-mix(in srgb,{colour} {share}%,transparent)">{_text(found)}</td>'
            )
    return [*lines, "</tr></table></div>"]


def _table(rows: Sequence[Mapping[str, Any]], dimensions: Sequence[Dimension]) -> list[str]:
    names = [f"p.{each.name}" for each in dimensions]
    heads = [*(each.name for each in dimensions), *COLUMNS, "status"]
    shown = f", the first {ROWS_SHOWN} of {len(rows)}" if len(rows) > ROWS_SHOWN else ""
    lines = [f"<h2>Trials, best first{shown}</h2><div class=wide><table><tr>"]
    lines += [f"<th>{escape(each)}</th>" for each in heads]
    for row in rows[:ROWS_SHOWN]:
        status = row["status"] if row["status"] == "done" else f"{row['status']}: {row['error']}"
        values = [*(row.get(name) for name in (*names, *COLUMNS)), status]
        lines += ["</tr><tr>", *(f"<td>{escape(_text(each))}</td>" for each in values)]
    return [*lines, "</tr></table></div>"]


def _order(value: Value) -> tuple[bool, float, str]:
    """Numbers before words."""
    return (True, 0.0, value) if isinstance(value, str) else (False, float(value), "")


def _text(value: Any) -> str:
    if value is None:
        return NOTHING
    return f"{value:.4g}" if isinstance(value, float) else str(value)
