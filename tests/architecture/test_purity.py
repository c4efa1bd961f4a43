"""What import rules cannot show: clocks, chance and unordered iteration inside the modules that must be pure.

Each check reads the source. It goes by names, so it can be fooled; it is there for whoever forgets, and
the replay tests are there for the rest.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
ALL_SOURCES = ("libs", "services", "research", "cli")
PURE_SOURCES = (
    "libs/contracts",
    "libs/kernel",
    "services/ingest",
    "services/features",
    "services/strategy",
    "services/risk",
    "services/execution",
)
SHELLS = {
    "__main__.py",
    *(f"penstock_ingest/{name}.py" for name in ("answers", "behind", "door", "service")),
    *(
        f"penstock_execution/live/{name}.py"
        for name in ("alarm", "build", "line", "market", "past", "requests", "service")
    ),
}
"""What composes a stage with the runtime, and is not part of it."""

CLOCKS = {"now", "utcnow", "today", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"}
CHANCE = {"default_rng", "uuid1", "uuid4", "urandom", "token_hex", "token_bytes"}
CHANCE_MODULES = {"random", "secrets"}
PER_PROCESS = {"hash", "id"}
"""Builtins whose results differ from one process to the next."""

OUTSIDERS = {"annotated_types", "numpy", "pydantic", "pydantic_core"}
ALLOWED_IMPORTS = {
    "libs/contracts": OUTSIDERS | {"penstock_contracts"},
    "libs/kernel": OUTSIDERS | {"penstock_contracts", "penstock_kernel"},
}
"""Besides the standard library: every process imports these two packages, so they stay light."""

Finding = tuple[int, str]


def modules(*directories: str) -> list[Path]:
    found = {path for directory in directories for path in (REPOSITORY / directory).rglob("*.py")}
    return sorted(path for path in found if not is_shell(path))


def is_shell(path: Path) -> bool:
    return any(path.as_posix().endswith(f"/{shell}") for shell in SHELLS)


def findings(paths: list[Path], check: Callable[[ast.Module], Iterator[Finding]]) -> list[str]:
    return [
        f"{path.relative_to(REPOSITORY)}:{line}: {text}"
        for path in paths
        for line, text in check(ast.parse(path.read_text(encoding="utf-8"), filename=str(path)))
    ]


def imported(tree: ast.Module) -> Iterator[Finding]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.lineno, node.module
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def clocks_and_chance(tree: ast.Module) -> Iterator[Finding]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_clock_or_chance(node):
            yield node.lineno, f"{ast.unparse(node)} (time and randomness are arguments)"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in PER_PROCESS:
            yield node.lineno, f"{node.func.id}() (differs from one process to the next)"


def is_clock_or_chance(node: ast.Attribute) -> bool:
    owner = ast.unparse(node.value).split(".")[-1]
    if owner in CHANCE_MODULES or node.attr in CHANCE:
        return True
    return node.attr in CLOCKS and owner in {"datetime", "date", "time", "Timestamp"}


def unordered_iteration(tree: ast.Module) -> Iterator[Finding]:
    for node in ast.walk(tree):
        if isinstance(node, ast.For | ast.comprehension) and is_set(node.iter):
            yield node.iter.lineno, f"iterates over {ast.unparse(node.iter)} (sort it: a set has no order)"
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in {"list", "tuple"}
        ):
            for argument in node.args:
                if is_set(argument):
                    yield node.lineno, f"{ast.unparse(node)} (sort it: a set has no order)"


def is_set(node: ast.expr) -> bool:
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd | ast.BitOr | ast.Sub | ast.BitXor):
        return is_set(node.left) or is_set(node.right)
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"set", "frozenset"}
    )


def pickles(tree: ast.Module) -> Iterator[Finding]:
    for line, name in imported(tree):
        if name.split(".")[0] in {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}:
            yield line, f"imports {name} (reading it back runs code)"
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.keyword)
            and node.arg == "allow_pickle"
            and ast.unparse(node.value) != "False"
        ):
            yield node.value.lineno, "allow_pickle (reading it back runs code)"


def shells_imported(tree: ast.Module) -> Iterator[Finding]:
    for line, name in imported(tree):
        if ".__main__" in name or name.startswith(
            ("penstock_ingest.service", "penstock_execution.live.service")
        ):
            yield line, f"imports {name} (a shell composes the stages, not the other way round)"


def test_pure_modules_read_no_clock_and_draw_no_lots() -> None:
    assert findings(modules(*PURE_SOURCES), clocks_and_chance) == []


def test_pure_modules_iterate_over_nothing_unordered() -> None:
    assert findings(modules(*PURE_SOURCES), unordered_iteration) == []


def test_pure_modules_import_no_shell() -> None:
    assert findings(modules(*PURE_SOURCES, "research"), shells_imported) == []


def test_nothing_is_pickled() -> None:
    paths = sorted(path for directory in ALL_SOURCES for path in (REPOSITORY / directory).rglob("*.py"))
    assert findings(paths, pickles) == []


@pytest.mark.parametrize("directory", ALLOWED_IMPORTS)
def test_the_base_libraries_import_little(directory: str) -> None:
    allowed = ALLOWED_IMPORTS[directory] | set(sys.stdlib_module_names)

    def strangers(tree: ast.Module) -> Iterator[Finding]:
        for line, name in imported(tree):
            if name.split(".")[0] not in allowed:
                yield line, f"imports {name}"

    assert findings(modules(directory), strangers) == []


@pytest.mark.parametrize(
    ("check", "source"),
    [
        (clocks_and_chance, "from datetime import datetime\ndatetime.now()"),
        (clocks_and_chance, "import datetime as dt\ndt.datetime.now(dt.UTC)"),
        (clocks_and_chance, "import time\ntime.time_ns()"),
        (clocks_and_chance, "import numpy as np\nnp.random.default_rng(1)"),
        (clocks_and_chance, "key = hash(name)"),
        (unordered_iteration, "for a in {1, 2}: pass"),
        (unordered_iteration, "[a for a in set(b)]"),
        (unordered_iteration, "for a in set(b) - {1}: pass"),
        (unordered_iteration, "list({a for a in b})"),
        (pickles, "import pickle"),
        (pickles, "np.load(path, allow_pickle=True)"),
        (shells_imported, "from penstock_risk.__main__ import main"),
        (shells_imported, "from penstock_ingest import service"),
    ],
)
def test_each_check_finds_what_it_looks_for(
    check: Callable[[ast.Module], Iterator[Finding]], source: str
) -> None:
    assert list(check(ast.parse(source)))


@pytest.mark.parametrize(
    ("check", "source"),
    [
        (clocks_and_chance, "self.grid.time(mark)\nsession.now"),
        (unordered_iteration, "for a in sorted({1, 2}): pass"),
        (unordered_iteration, "for a in left - right: pass"),
        (pickles, "np.load(path, allow_pickle=False)"),
        (shells_imported, "from penstock_risk.stage import RiskStage"),
    ],
)
def test_no_check_objects_to_what_is_fine(
    check: Callable[[ast.Module], Iterator[Finding]], source: str
) -> None:
    assert not list(check(ast.parse(source)))
