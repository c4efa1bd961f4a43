"""The table of features: what exists, and with which parameters.

A feature is one small class, registered by a decorator::

    @feature("sma", period=(1, 100_000))
    @dataclass(slots=True)
    class Sma:
        period: int
        window: list[int] = field(default_factory=list)
        unit: int = 1

        def column(self, rows: Rows) -> list[float]: ...

Its fields are the parameters first, then the state, with defaults; a snapshot holds all of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

from penstock_kernel.declarations import FeatureSpec
from pydantic import TypeAdapter

Trigger = Literal["bar", "trade", "quote"]
"""What a series has a row for."""
Input = Literal["size", "weight_price", "side", "bid", "ask", "bid_size", "ask_size", "other"]
"""Columns beyond prices; each is made only where a declared feature reads it."""
EVERYWHERE: tuple[Trigger, ...] = ("bar", "trade", "quote")


class Rows(NamedTuple):
    """Consecutive rows of one series. Of a trade or quote all four prices are its price.

    The columns after `unit` are inputs: empty where no feature of the series declares them.
    """

    open: list[float]
    high: list[float]
    low: list[float]
    close: list[float]
    exact: list[int]
    """The closes exactly, in multiples of 1 / `unit`."""
    unit: int
    size: Sequence[float] = ()
    """Amount traded; of a bar in base units."""
    weight_price: Sequence[float] = ()
    """The price that stands for the row's amount: a trade's own; a bar's volume-weighted price, where that
    is unknown its typical price, the mean of high, low and close."""
    side: Sequence[int] = ()
    """Aggressor: +1 buy, -1 sell, 0 unknown."""
    bid: Sequence[float] = ()
    ask: Sequence[float] = ()
    bid_size: Sequence[float] = ()
    """0 is unknown."""
    ask_size: Sequence[float] = ()
    other: Sequence[float] = ()
    """The close of another instrument's bar as of each row; NaN before its first."""


class Indicator(Protocol):
    """A recurrence with explicit state."""

    def column(self, rows: Rows) -> list[float]:
        """Advance over the rows; returns one value a row, NaN while warming up.

        Advancing over rows at once or one by one gives the same bits.
        """
        ...


@dataclass(frozen=True, slots=True)
class FeatureType:
    """A registered feature: its class, and for each parameter the lowest and highest value."""

    name: str
    cls: type[Any]
    bounds: dict[str, tuple[int | float, int | float]]
    on: tuple[Trigger, ...]
    """The kinds of rows that it can be declared on."""
    inputs: frozenset[Input]


T = TypeVar("T")
_FEATURES: dict[str, FeatureType] = {}
_STATE_CONFIG = {"ser_json_inf_nan": "constants", "extra": "forbid"}


def feature(
    name: str,
    *,
    on: tuple[Trigger, ...] = EVERYWHERE,
    inputs: tuple[Input, ...] = (),
    **bounds: tuple[int | float, int | float],
) -> Callable[[type[T]], type[T]]:
    """Register a class under `name`; integer bounds make an integer parameter."""

    def register(cls: type[T]) -> type[T]:
        if name in _FEATURES:
            raise TypeError(f"feature {name} is registered twice")
        cls.__pydantic_config__ = _STATE_CONFIG  # type: ignore[attr-defined]
        _FEATURES[name] = FeatureType(name, cls, bounds, on, frozenset(inputs))
        return cls

    return register


def feature_types() -> tuple[FeatureType, ...]:
    """Every registered feature, by name."""
    return tuple(_FEATURES[name] for name in sorted(_FEATURES))


def check(spec: FeatureSpec, on: Trigger) -> FeatureType:
    """The type of a declared feature. ValueError, one line, for what is wrong with the declaration."""
    entry = _FEATURES.get(spec.function)
    if entry is None:
        near = get_close_matches(spec.function, _FEATURES, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise ValueError(f"unknown feature {spec.function!r}{hint}; there are {', '.join(sorted(_FEATURES))}")
    if on not in entry.on:
        needed = " or ".join(f"{each}s" for each in entry.on)
        raise ValueError(f"feature {spec.function} needs {needed}; it is declared on {on}s")
    if ("other" in entry.inputs) is not (spec.other is not None):
        wanted = "needs another instrument" if spec.other is None else "takes no other instrument"
        raise ValueError(f"feature {spec.function} {wanted}: other={spec.other}")
    if unknown := sorted(set(spec.parameters) - set(entry.bounds)):
        raise ValueError(f"feature {spec.function} has no parameter {unknown[0]!r}")
    for name, (low, high) in entry.bounds.items():
        value = spec.parameters.get(name)
        whole = isinstance(low, int)
        if value is None or (whole and not isinstance(value, int)) or not low <= value <= high:
            kind = "an integer" if whole else "a number"
            got = "missing" if value is None else repr(value)
            raise ValueError(
                f"feature {spec.function}: {name} must be {kind} from {low} to {high}, not {got}"
            )
    entry.cls(**spec.parameters)  # what no parameter says alone: ValueError
    return entry


def inputs_of(specs: tuple[FeatureSpec, ...]) -> frozenset[Input]:
    """The columns beyond prices that these features read."""
    return frozenset().union(*(_FEATURES[spec.function].inputs for spec in specs))


def build(spec: FeatureSpec, on: Trigger) -> Indicator:
    """A fresh indicator for a declared feature. ValueError as `check`."""
    entry = check(spec, on)
    indicator: Indicator = entry.cls(**spec.parameters)
    return indicator


def adapter(spec: FeatureSpec) -> TypeAdapter[Any]:
    """What writes and reads an indicator's state."""
    return TypeAdapter(_FEATURES[spec.function].cls)
