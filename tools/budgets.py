"""Check that files and functions stay small: `python tools/budgets.py <directory> …`.

A budget that is exceeded is printed with its offenders, the largest first, and the exit code is 1.
Files called __init__.py only export; they would make the median meaningless and are left out.
"""

from __future__ import annotations

import ast
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

FILE_LINES_MEDIAN = 120
FILE_LINES = 400
FUNCTION_LINES = 40
FUNCTION_LINES_MAX = 70
SHARE = 0.95
"""The share of files, and of functions, that must stay below their limit."""


@dataclass(frozen=True, slots=True)
class Sized:
    """A file or a function, and its number of lines."""

    where: str
    lines: int


def source_files(directories: Sequence[Path]) -> list[Path]:
    """The Python files below the directories that are subject to the budgets."""
    found = {path for directory in directories for path in directory.rglob("*.py")}
    return sorted(path for path in found if path.name != "__init__.py")


def functions(path: Path, text: str) -> Iterator[Sized]:
    """The functions and methods of a file, nested ones too."""
    for node in ast.walk(ast.parse(text, filename=str(path))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            yield Sized(f"{path}:{node.lineno} {node.name}", lines)


def exceeding_share(what: str, measured: Sequence[Sized], limit: int) -> list[str]:
    """What is wrong if too many of the measured reach the limit."""
    over = [sized for sized in measured if sized.lines >= limit]
    if len(over) <= (1 - SHARE) * len(measured):
        return []
    headline = (
        f"{len(over)} of {len(measured)} {what} have {limit} lines or more; at most {1 - SHARE:.0%} may:"
    )
    return [headline, *listed(over)]


def listed(offenders: Sequence[Sized]) -> list[str]:
    """One line for each offender, the largest first."""
    return [f"  {sized.lines:5} {sized.where}" for sized in sorted(offenders, key=lambda sized: -sized.lines)]


def check(directories: Sequence[Path]) -> list[str]:
    """The budgets that are exceeded, as lines to print."""
    texts = {path: path.read_text(encoding="utf-8") for path in source_files(directories)}
    files = [Sized(str(path), text.count("\n")) for path, text in texts.items()]
    all_functions = [sized for path, text in texts.items() for sized in functions(path, text)]
    findings: list[str] = []
    median = statistics.median([sized.lines for sized in files] or [0])
    if median >= FILE_LINES_MEDIAN:
        findings += [
            f"the median file has {median:g} lines; it needs fewer than {FILE_LINES_MEDIAN}. The largest:",
            *listed(files)[:10],
        ]
    findings += exceeding_share("files", files, FILE_LINES)
    findings += exceeding_share("functions", all_functions, FUNCTION_LINES)
    if too_long := [sized for sized in all_functions if sized.lines > FUNCTION_LINES_MAX]:
        findings += [f"no function may have more than {FUNCTION_LINES_MAX} lines:", *listed(too_long)]
    return findings


def main() -> int:
    """Check the directories that the command line names."""
    findings = check([Path(argument) for argument in sys.argv[1:]])
    print("\n".join(findings) or "Budgets kept.")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
