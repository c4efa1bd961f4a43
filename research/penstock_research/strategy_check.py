"""Whether a strategy is a function of its input and state: by reading it, and by running it again.

``python -m penstock_research.strategy_check SOURCE INSTRUMENTS PARAMETERS`` prints what a rehearsal puts out,
a line each: the check runs it in a process of its own, whose sets have another order.
"""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from penstock_contracts.headers import rfc3339
from penstock_strategy.errors import StrategyLoadError
from penstock_strategy.loader import source_file
from penstock_strategy.purity import Impurity, impurities

from penstock_research.rehearsal import Rehearsal, rehearse

RESTART_EVERY = 7
"""Bars; no divisor of the periods that people like."""
_INSTRUMENTS_MAX = 2
_TEXT_MAX = 300
Elsewhere = Callable[[str, int, dict[str, Any]], list[str]]
"""Runs a rehearsal in another process: what it put out, a line each."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found."""

    impurities: tuple[Impurity, ...]
    differences: tuple[str, ...]
    """How repeated runs differed, in words."""
    errors: tuple[str, ...]
    """What the strategy raised."""
    signals: int
    fills: int

    @property
    def passed(self) -> bool:
        """Whether nothing was found."""
        return not (self.impurities or self.differences or self.errors)


def check_strategy(source: str, parameters: dict[str, Any], elsewhere: Elsewhere) -> Verdict:
    """Read a strategy's file and run it three times. StrategyLoadError when it cannot be loaded."""
    file = source_file(source)
    found = tuple(impurities(Path(file).read_text(encoding="utf-8"), file))
    count, first = _first_run(source, parameters)
    lines = lines_of(first)
    again = elsewhere(source, count, parameters)
    restarted = lines_of(rehearse(source, instruments=count, restart_every=RESTART_EVERY, **parameters))
    differences = [
        text
        for text in (
            _difference("a second run", lines, again),
            _difference(f"a run restored from a snapshot every {RESTART_EVERY} bars", lines, restarted),
        )
        if text
    ]
    errors = tuple(f"{note.location}: {note.text}" for note in first.notes if note.level == "error")
    return Verdict(found, tuple(differences), errors, len(first.signals), len(first.fills))


def lines_of(rehearsal: Rehearsal) -> list[str]:
    """What was put out, a line each, to compare."""
    return [f"{rfc3339(each.ts)} {each!r}" for each in rehearsal.outputs]


def _first_run(source: str, parameters: dict[str, Any]) -> tuple[int, Rehearsal]:
    """With one instrument, or with two when it does not load with one."""
    problem: StrategyLoadError | None = None
    for count in range(1, _INSTRUMENTS_MAX + 1):
        try:
            return count, rehearse(source, instruments=count, **parameters)
        except StrategyLoadError as error:
            problem = problem or error
    assert problem is not None
    raise problem


def _difference(what: str, expected: Sequence[str], lines: Sequence[str]) -> str:
    for number, (before, now) in enumerate(zip_longest(expected, lines, fillvalue="nothing"), 1):
        if before != now:
            return f"{what} differs at output {number}: {_short(now)} instead of {_short(before)}"
    return ""


def _short(line: str) -> str:
    return line if len(line) <= _TEXT_MAX else f"{line[:_TEXT_MAX]}…"


if __name__ == "__main__":
    source, instruments, given = sys.argv[1:]
    seen = rehearse(source, instruments=int(instruments), **json.loads(given))
    sys.stdout.write("".join(f"{line}\n" for line in lines_of(seen)))
