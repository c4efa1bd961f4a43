"""The values that a search tries: `fast=5..30:5`, `slow=50,100`, `entry=1.0..3.0`."""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

Value = int | float | str
GRID_MAX = 1_000_000
_RANGE = re.compile(r"(-?[\d.]+)\.\.(-?[\d.]+)(?::([\d.]+))?")


class SpaceError(ValueError):
    """A parameter's values cannot be read."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """The values of one parameter of one strategy."""

    name: str
    """`parameter`, or `strategy.parameter` where there are several strategies."""
    values: tuple[Value, ...] = ()
    """All of them; empty for a continuous range."""
    low: float = 0.0
    high: float = 0.0

    def draw(self, rng: np.random.Generator) -> Value:
        """One of them, evenly."""
        if self.values:
            return self.values[int(rng.integers(len(self.values)))]
        return float(self.low + (self.high - self.low) * rng.random())


def parse(text: str) -> Dimension:
    """A dimension as it is written on the command line. SpaceError says what is wrong."""
    name, equals, written = (part.strip() for part in text.partition("="))
    if not equals or not name or not written:
        raise SpaceError(f"{text}: write name=values, as in fast=5..30:5 or slow=50,100")
    match = _RANGE.fullmatch(written)
    if match is None:
        return Dimension(name, tuple(_value(each.strip()) for each in written.split(",")))
    low, high = Decimal(match[1]), Decimal(match[2])
    if high < low:
        raise SpaceError(f"{text}: the range ends before it begins")
    whole = "." not in written.replace("..", "")
    if match[3] is None and not whole:
        return Dimension(name, low=float(low), high=float(high))
    step = Decimal(match[3] or 1)
    if step <= 0:
        raise SpaceError(f"{text}: the step must be above zero")
    count = int((high - low) / step) + 1
    if count > GRID_MAX:
        raise SpaceError(f"{text}: {count} values")
    steps = [low + step * at for at in range(count)]
    return Dimension(name, tuple(int(each) if whole else float(each) for each in steps))


def grid(dimensions: Sequence[Dimension]) -> Iterator[dict[str, Value]]:
    """Every combination, the last dimension changing fastest. SpaceError for a continuous range."""
    for each in dimensions:
        if not each.values:
            raise SpaceError(f"{each.name}: a grid needs a step, as in {each.low}..{each.high}:0.5")
    size = 1
    for each in dimensions:
        size *= len(each.values)
    if size > GRID_MAX:
        raise SpaceError(f"{size} combinations; draw some of them at random, or search with optuna")
    for values in itertools.product(*(each.values for each in dimensions)):
        yield dict(zip((each.name for each in dimensions), values, strict=True))


def draws(dimensions: Sequence[Dimension], count: int, seed: int) -> Iterator[dict[str, Value]]:
    """So many combinations, evenly at random; the same for the same seed."""
    rng = np.random.Generator(np.random.PCG64(seed))
    for _ in range(count):
        yield {each.name: each.draw(rng) for each in dimensions}


def _value(text: str) -> Value:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
