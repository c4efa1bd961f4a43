"""What a measurement is: a number, what it must reach, and how far the repeats lay apart."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Literal

from rich.table import Table

Bound = Literal["at least", "at most", "below"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure."""

    name: str
    measured: float
    unit: str
    bound: Bound
    limit: float
    repeats: tuple[float, ...] = ()
    """The single measurements that `measured` was taken from, in their order; empty where there is one."""
    details: dict[str, Any] = field(default_factory=dict)
    """Whatever else was measured, for `results.json`."""

    @property
    def reached(self) -> bool:
        """Whether the figure is what it must be."""
        if self.bound == "at least":
            return self.measured >= self.limit
        return self.measured <= self.limit if self.bound == "at most" else self.measured < self.limit

    def as_json(self) -> dict[str, Any]:
        """For `results.json`."""
        return {
            "name": self.name,
            "measured": self.measured,
            "unit": self.unit,
            "must": f"{self.bound} {amount(self.limit)}",
            "reached": self.reached,
            "repeats": list(self.repeats),
            "details": self.details,
        }


def of_repeats(
    name: str, repeats: Sequence[float], unit: str, bound: Bound, limit: float, **details: Any
) -> Figure:
    """The median of repeats as a figure."""
    return Figure(name, median(repeats), unit, bound, limit, tuple(repeats), details)


def amount(value: float) -> str:
    """A number as it is read: separated thousands, and no more digits than matter."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:,.2f}" if abs(value) < 10 else f"{value:,.1f}"


def spread(repeats: Sequence[float]) -> str:
    """Lowest to highest of several measurements; a dash for one."""
    if len(repeats) < 2:
        return "\N{EN DASH}"
    return f"{amount(min(repeats))} \N{EN DASH} {amount(max(repeats))} ({len(repeats)})"


HEADINGS = ("figure", "measured", "must reach", "reached", "spread")


def row(figure: Figure) -> tuple[str, ...]:
    """A figure under the `HEADINGS`."""
    return (
        figure.name,
        f"{amount(figure.measured)} {figure.unit}".replace(" /s", "/s").rstrip(),
        f"{figure.bound} {amount(figure.limit)}",
        "yes" if figure.reached else "no",
        spread(figure.repeats),
    )


def table(figures: Sequence[Figure]) -> Table:
    """All figures for the terminal."""
    made = Table()
    for heading in HEADINGS:
        made.add_column(heading, justify="left" if heading == "figure" else "right")
    for each in figures:
        made.add_row(*row(each), style=None if each.reached else "red")
    return made


def markdown(figures: Sequence[Figure]) -> str:
    """All figures for `docs/performance.md`."""
    lines = [HEADINGS, ("---", "---:", "---:", "---:", "---:"), *(row(each) for each in figures)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
