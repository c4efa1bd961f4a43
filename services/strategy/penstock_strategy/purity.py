"""What a strategy's source must not do: found by reading it, told with file and line.

A strategy is a function of what it is given and of its state. What follows cannot know everything: a value
that comes from elsewhere through a library is not seen here. `penstock check-strategy` therefore also runs
the strategy several times and compares.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath

CLOCK = "clock"
RANDOMNESS = "randomness"
NETWORK = "network"
OUTSIDE = "outside"
STATE = "undeclared state"
ORDER = "unordered"

_MODULES: dict[str, tuple[str, ...]] = {
    CLOCK: ("time", "sched", "timeit"),
    RANDOMNESS: ("random", "secrets", "uuid"),
    NETWORK: (
        "socket", "ssl", "http", "urllib", "ftplib", "smtplib", "asyncio", "requests", "httpx", "aiohttp",
        "websockets", "websocket", "nats", "asyncpg", "ccxt",
    ),
    OUTSIDE: (
        "os", "sys", "io", "pathlib", "tempfile", "shutil", "glob", "subprocess", "threading",
        "multiprocessing", "concurrent", "signal", "sqlite3", "pickle", "shelve", "ctypes", "gc", "weakref",
        "inspect", "logging", "builtins", "importlib",
    ),
}  # fmt: skip
_INSTEAD = {
    CLOCK: "the time is self.now",
    RANDOMNESS: "two runs would differ",
    NETWORK: "a replay cannot ask again",
    OUTSIDE: "a replay finds something else there",
    STATE: "a restart loses it: declare a field of the state",
    ORDER: "the order differs from run to run: use sorted(…), a list or a dict",
}
_CALLS = {
    "now": CLOCK, "utcnow": CLOCK, "today": CLOCK, "time_ns": CLOCK, "perf_counter": CLOCK,
    "monotonic": CLOCK,
}  # fmt: skip
_BUILTINS = {
    "open": OUTSIDE, "input": OUTSIDE, "exec": OUTSIDE, "eval": OUTSIDE, "compile": OUTSIDE,
    "__import__": OUTSIDE, "globals": STATE, "vars": STATE, "setattr": STATE,
    "id": RANDOMNESS, "hash": RANDOMNESS,
}  # fmt: skip
_CACHES = frozenset({"cache", "lru_cache", "cached_property"})
_MUTABLE = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
_MUTATORS = frozenset(
    {
        "append", "extend", "insert", "pop", "remove", "clear", "update", "setdefault", "add", "discard",
        "popitem", "sort", "reverse", "appendleft", "popleft",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, order=True)
class Impurity:
    """One thing that makes a strategy more than a function of its input and state."""

    file: str
    line: int
    rule: str
    text: str

    def __str__(self) -> str:
        """`file:line: rule: what; why`."""
        return f"{PurePath(self.file).name}:{self.line}: {self.rule}: {self.text}; {_INSTEAD[self.rule]}"


def impurities(source: str, file: str) -> list[Impurity]:
    """What in this source is impure, by line. SyntaxError when it is no Python."""
    tree = ast.parse(source, filename=file)
    reader = _Reader(tree)
    found = {Impurity(file, line, rule, text) for line, rule, text in reader.findings()}
    return sorted(found)


Finding = tuple[int, str, str]


class _Reader:
    """Walks a module once; knows which names are modules' and which module values are mutable."""

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self._imported: dict[str, str] = {}
        """Name in the module -> what was imported, dotted."""
        self._shared = {
            target.id
            for node in tree.body
            for target, value in _assigned(node)
            if isinstance(target, ast.Name) and _is_mutable(value)
        }
        self._classes = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}

    def findings(self) -> Iterator[Finding]:
        """Everything that is impure."""
        for node in ast.walk(self._tree):
            yield from self._imports(node)
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Call):
                yield from self._call(node)
            elif isinstance(node, ast.Attribute):
                yield from self._attribute(node)
            elif isinstance(node, ast.Global | ast.Nonlocal):
                yield node.lineno, STATE, f"{type(node).__name__.lower()} {', '.join(node.names)}"
            elif isinstance(node, ast.ClassDef):
                yield from _class(node)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from self._function(node)
            elif isinstance(node, ast.For | ast.comprehension) and _is_set(node.iter):
                yield node.iter.lineno, ORDER, "iteration over a set"

    def _imports(self, node: ast.AST) -> Iterator[Finding]:
        if isinstance(node, ast.Import):
            for each in node.names:
                self._imported[each.asname or each.name.partition(".")[0]] = (
                    each.name if each.asname else each.name.partition(".")[0]
                )
                yield from _module(node.lineno, each.name)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            for each in node.names:
                self._imported[each.asname or each.name] = f"{node.module}.{each.name}"
            names = [f"{node.module}.{each.name}" for each in node.names]
            if any(_is_random(name) for name in names):
                yield node.lineno, RANDOMNESS, f"from {node.module} import random"
            yield from _module(node.lineno, node.module)

    def _call(self, node: ast.Call) -> Iterator[Finding]:
        called = node.func
        if isinstance(called, ast.Name) and called.id in _BUILTINS and called.id not in self._imported:
            yield node.lineno, _BUILTINS[called.id], f"{called.id}()"
        if not isinstance(called, ast.Attribute):
            return
        owner = self._dotted(called.value)
        if called.attr in _CALLS and owner is not None and owner.partition(".")[0] in {"datetime", "time"}:
            yield node.lineno, _CALLS[called.attr], f"{owner.rpartition('.')[2]}.{called.attr}()"
        if called.attr == "__setattr__":
            yield node.lineno, STATE, "__setattr__ goes around the check of attributes"

    def _attribute(self, node: ast.Attribute) -> Iterator[Finding]:
        dotted = self._dotted(node)
        if dotted is not None and _is_random(dotted):
            yield node.lineno, RANDOMNESS, dotted

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Finding]:
        for each in node.decorator_list:
            name = each.func if isinstance(each, ast.Call) else each
            called = name.attr if isinstance(name, ast.Attribute) else getattr(name, "id", "")
            if called in _CACHES:
                yield each.lineno, STATE, f"@{called} keeps results in the process"
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None and _is_mutable(default):
                yield default.lineno, STATE, f"a mutable default of {node.name} is shared by all calls"
        own = _own_names(node)
        for inner in ast.walk(node):
            yield from self._written(inner, own)

    def _written(self, node: ast.AST, own: set[str]) -> Iterator[Finding]:
        """What a function writes that is neither its own nor declared."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            holder = _holder(node.func.value)
            if node.func.attr in _MUTATORS and holder in self._shared - own:
                yield node.lineno, STATE, f"{holder}.{node.func.attr}() changes a value of the module"
            return
        for target, _ in _assigned(node):
            if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
                name = target.value.id
                if name == "self" and target.attr != "state":
                    yield target.lineno, STATE, f"self.{target.attr} is set"
                elif name in self._classes - own:
                    yield target.lineno, STATE, f"{name}.{target.attr} is set on the class"
            elif isinstance(target, ast.Subscript) and _holder(target) in self._shared - own:
                yield target.lineno, STATE, f"{_holder(target)}[…] changes a value of the module"

    def _dotted(self, node: ast.expr) -> str | None:
        """What an expression of names and dots was imported as; None for any other."""
        if isinstance(node, ast.Name):
            return self._imported.get(node.id)
        if isinstance(node, ast.Attribute):
            owner = self._dotted(node.value)
            return None if owner is None else f"{owner}.{node.attr}"
        return None


def _class(node: ast.ClassDef) -> Iterator[Finding]:
    """Values of a class that all its instances share and may change."""
    for each in node.body:
        for target, value in _assigned(each):
            if isinstance(target, ast.Name) and _is_mutable(value):
                yield each.lineno, STATE, f"{node.name}.{target.id} is shared by the class, and mutable"


def _module(line: int, name: str) -> Iterator[Finding]:
    if _is_random(name):
        yield line, RANDOMNESS, f"import {name}"
        return
    top = name.partition(".")[0]
    for rule, modules in _MODULES.items():
        if top in modules:
            yield line, rule, f"import {name}"


def _is_random(dotted: str) -> bool:
    parts = dotted.split(".")
    return len(parts) > 1 and parts[0] in {"numpy", "scipy", "np"} and parts[1] == "random"


def _assigned(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr | None]]:
    """(target, value) of each assignment that a statement makes."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            elements = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
            yield from ((element, node.value) for element in elements)
    elif isinstance(node, ast.AnnAssign | ast.AugAssign):
        yield node.target, node.value
    elif isinstance(node, ast.Delete):
        yield from ((target, None) for target in node.targets)


def _is_mutable(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        return value.func.id in {"list", "dict", "set", "deque", "defaultdict", "Counter", "bytearray"}
    return isinstance(value, _MUTABLE)


def _is_set(value: ast.expr) -> bool:
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        return value.func.id in {"set", "frozenset"}
    return isinstance(value, ast.Set | ast.SetComp)


def _holder(value: ast.expr) -> str:
    """The name at the root of `name[…][…]`; empty for anything else."""
    while isinstance(value, ast.Subscript):
        value = value.value
    return value.id if isinstance(value, ast.Name) else ""


def _own_names(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """Names that are a function's own: arguments, and what it assigns without saying `global`."""
    arguments = function.args
    every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    own = {each.arg for each in (*every, arguments.vararg, arguments.kwarg) if each is not None}
    named: set[str] = set()
    for node in ast.walk(function):
        own |= {target.id for target, _ in _assigned(node) if isinstance(target, ast.Name)}
        if isinstance(node, ast.For | ast.comprehension) and isinstance(node.target, ast.Name):
            own.add(node.target.id)
        if isinstance(node, ast.Global):
            named |= set(node.names)
    return own - named
