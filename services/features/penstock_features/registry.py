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

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, NamedTuple, Protocol, TypeVar

from penstock_kernel.declarations import FeatureSpec
from pydantic import TypeAdapter


class Rows(NamedTuple):
    """Prices of consecutive rows; of a trade or quote all four are its price."""

    open: list[float]
    high: list[float]
    low: list[float]
    close: list[float]
    exact: list[int]
    """The closes exactly, in multiples of 1 / `unit`."""
    unit: int


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
    bars_only: bool


T = TypeVar("T")
_FEATURES: dict[str, FeatureType] = {}
_STATE_CONFIG = {"ser_json_inf_nan": "constants", "extra": "forbid"}


def feature(
    name: str, *, bars_only: bool = False, **bounds: tuple[int | float, int | float]
) -> Callable[[type[T]], type[T]]:
    """Register a class under `name`; integer bounds make an integer parameter."""

    def register(cls: type[T]) -> type[T]:
        if name in _FEATURES:
            raise TypeError(f"feature {name} is registered twice")
        cls.__pydantic_config__ = _STATE_CONFIG  # type: ignore[attr-defined]
        _FEATURES[name] = FeatureType(name, cls, bounds, bars_only)
        return cls

    return register


def feature_types() -> tuple[FeatureType, ...]:
    """Every registered feature, by name."""
    return tuple(_FEATURES[name] for name in sorted(_FEATURES))


def check(spec: FeatureSpec, *, on_bars: bool) -> FeatureType:
    """The type of a declared feature. ValueError, one line, for what is wrong with the declaration."""
    entry = _FEATURES.get(spec.function)
    if entry is None:
        near = get_close_matches(spec.function, _FEATURES, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise ValueError(f"unknown feature {spec.function!r}{hint}; there are {', '.join(sorted(_FEATURES))}")
    if entry.bars_only and not on_bars:
        raise ValueError(f"feature {spec.function} needs bars; it is declared on trades or quotes")
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
    return entry


def build(spec: FeatureSpec, *, on_bars: bool) -> Indicator:
    """A fresh indicator for a declared feature. ValueError as `check`."""
    entry = check(spec, on_bars=on_bars)
    indicator: Indicator = entry.cls(**spec.parameters)
    return indicator


def adapter(spec: FeatureSpec) -> TypeAdapter[Any]:
    """What writes and reads an indicator's state."""
    return TypeAdapter(_FEATURES[spec.function].cls)
