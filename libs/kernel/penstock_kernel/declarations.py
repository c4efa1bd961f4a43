"""What a strategy declares that it needs, and features therefore computes."""

from typing import Literal

from penstock_contracts.types import InstrumentKey, Name, Ns
from pydantic import BaseModel, ConfigDict

from penstock_kernel.ids import make_id

_COLUMN_MAX = 80


class FeatureSpec(BaseModel):
    """One feature: a named function with its parameters, for example `ema` with `{"period": 20}`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    """How the strategy calls it; the column's name."""
    function: Name
    """A function of the features service, such as `ema` or `atr`."""
    parameters: dict[str, int | float] = {}
    other: InstrumentKey | None = None
    """The instrument that it compares with, for features of two."""

    @property
    def column(self) -> str:
        """What its column is called: features of equal function and parameters share one."""
        parts = [self.function, *(str(self.parameters[name]) for name in sorted(self.parameters))]
        if self.other is not None:
            parts.append(self.other)
        name = "_".join(parts)
        return name if len(name) <= _COLUMN_MAX else make_id(self.function, *parts)


class BarSpec(BaseModel):
    """Bars of one instrument and interval, with features on them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instrument: InstrumentKey
    interval: Ns
    features: tuple[FeatureSpec, ...] = ()


class FeatureSetSpec(BaseModel):
    """A named, versioned set of features on bars, computed whether a strategy asks for it or not."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    version: int
    instruments: tuple[InstrumentKey, ...]
    interval: Ns
    features: tuple[FeatureSpec, ...]

    @property
    def digest(self) -> str:
        """Identity of what it computes: its version and features, wherever they are computed."""
        parts = [each.model_dump_json(exclude_none=True) for each in self.features]
        return make_id("set", self.name, self.version, *parts)


class RowSpec(BaseModel):
    """A feature row on every trade or quote of an instrument."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instrument: InstrumentKey
    trigger: Literal["trade", "quote"]
    features: tuple[FeatureSpec, ...] = ()
