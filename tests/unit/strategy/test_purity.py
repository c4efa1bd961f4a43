"""What a strategy's source must not do is found with its line; what it may do is not complained of."""

from pathlib import Path

import pytest
from penstock_strategy.purity import impurities

HEAD = "from penstock_strategy import *\n"


def found(body: str) -> list[str]:
    return [f"{each.line} {each.rule}" for each in impurities(HEAD + body, "mine.py")]


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ("import time", "clock"),
        ("from time import monotonic", "clock"),
        ("import datetime\nx = 1\ny = datetime.datetime.now()", "clock"),
        ("from datetime import datetime as d\n\nx = d.utcnow()", "clock"),
        ("from datetime import date\n\nx = date.today()", "clock"),
        ("import random", "randomness"),
        ("import numpy as np\n\nx = np.random.default_rng()", "randomness"),
        ("from numpy import random", "randomness"),
        ("import numpy.random as r", "randomness"),
        ("from uuid import uuid4", "randomness"),
        ("def f(x): return 1 + hash(x)", "randomness"),
        ("import requests", "network"),
        ("from urllib.request import urlopen", "network"),
        ("import os.path", "outside"),
        ("def f(): return open('x')", "outside"),
        ("N = 0\ndef f():\n    global N", "undeclared state"),
        ("SEEN = []\ndef f(x):\n    SEEN.append(x)", "undeclared state"),
        ("SEEN = {}\ndef f(x):\n    SEEN[x] = 1", "undeclared state"),
        ("SEEN = {}\ndef f(x):\n    SEEN[x].append(1)", "undeclared state"),
        ("SEEN = {}\ndef f(x):\n    del SEEN[x]", "undeclared state"),
        ("class S:\n\n    seen = []", "undeclared state"),
        ("class S:\n    def f(self):\n        self.count = 1", "undeclared state"),
        ("class S:\n    def f(self):\n        self.count += 1", "undeclared state"),
        ("class S:\n    def f(self):\n        S.count = 1", "undeclared state"),
        ("def f(self):\n\n    object.__setattr__(self, 'x', 1)", "undeclared state"),
        ("\n\ndef f(x, seen=[]): return x", "undeclared state"),
        ("from functools import cache\n\n@cache\ndef f(x): return x", "undeclared state"),
        ("def f(x):\n\n    for y in {1, x}: print(y)", "unordered"),
        ("def f(x):\n\n    return [y for y in set(x)]", "unordered"),
    ],
)
def test_an_impurity_is_found_where_it_is(body: str, rule: str) -> None:
    lines = (HEAD + body).splitlines()
    place, _, named = found(body)[0].partition(" ")
    assert named == rule
    words = ("import", "now", "utcnow", "today", "random", "hash", "open", "global", "SEEN", "seen", "count",
             "__setattr__", "@cache", "{1", "set(")  # fmt: skip
    assert any(word in lines[int(place) - 1] for word in words)


@pytest.mark.parametrize(
    "body",
    [
        "import math\nfrom datetime import UTC, datetime, timedelta\nx = datetime(2020, 1, 1, tzinfo=UTC)",
        "import numpy as np\ndef f(x): return np.log(x)",
        "LEVELS = [1, 2]\ndef f(x):\n    levels = [x]\n    levels.append(1)\n    return LEVELS[0]",
        "SEEN = [1]\ndef f(x):\n    SEEN = []\n    SEEN.append(x)\n    return SEEN",
        "class S:\n    def f(self):\n        self.state.seen.append(1)\n        self.state = K()",
        "def f(x):\n    return 3 in {1, x} and sorted({1, x})",
        "def f(bar, time):\n    return time.now() + bar.time",
        "class S:\n    levels = (1, 2)",
    ],
)
def test_what_is_pure_is_left_alone(body: str) -> None:
    assert found(body) == []


def test_what_comes_with_penstock_and_the_guides_example_are_pure() -> None:
    root = Path(__file__).resolve().parents[3]
    for path in (root / "services/strategy/penstock_strategy/builtin").glob("*.py"):
        if path.name != "__init__.py":
            assert impurities(path.read_text(), str(path)) == []
    guide = (root / "docs/strategies.md").read_text().split("```python\n")[1].split("```")[0]
    assert impurities(guide, "breakout.py") == []


def test_it_is_told_with_file_line_and_what_to_do_instead() -> None:
    (each,) = impurities("\nimport time\n", "/somewhere/mine.py")
    assert str(each) == "mine.py:2: clock: import time; the time is self.now"
