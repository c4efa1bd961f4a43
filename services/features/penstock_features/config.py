"""Configuration of the features service: what is computed, composed from what the strategies declare."""

from typing import Self

from penstock_contracts.types import Name
from penstock_kernel.declarations import BarSpec, FeatureSpec, RowSpec
from penstock_kernel.ids import make_id
from pydantic import BaseModel, ConfigDict, Field, model_validator

from penstock_features import flow, indicators, oscillators, pairs, regime, registry

__all__ = ["FeaturesConfig"]

_ = (flow, indicators, oscillators, pairs, regime)  # importing them fills the registry


class FeaturesConfig(BaseModel):
    """The feature set: bars and rows, each with the features on them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bars: tuple[BarSpec, ...] = Field(
        default=(), description="Bars to build or pass on, one entry per instrument and interval (ns)."
    )
    rows: tuple[RowSpec, ...] = Field(
        default=(), description="Feature rows, one entry per instrument and trigger (trade or quote)."
    )
    set_version: Name = Field(
        default="none", description="Version of the feature set, written into every message with features."
    )

    @classmethod
    def of(cls, bars: tuple[BarSpec, ...], rows: tuple[RowSpec, ...]) -> Self:
        """The configuration for these declarations; its `set_version` is a function of them."""
        parts = [each.model_dump_json(exclude_none=True) for each in (*bars, *rows)]
        return cls(bars=bars, rows=rows, set_version=make_id("fs", *parts))

    @model_validator(mode="after")
    def _declarations_hold(self) -> Self:
        places = [(each.instrument, each.interval) for each in self.bars]
        triggers = [(each.instrument, each.trigger) for each in self.rows]
        if len(set(places)) < len(places) or len(set(triggers)) < len(triggers):
            raise ValueError("an instrument is declared twice for one interval or trigger")
        for bar in self.bars:
            if bar.interval <= 0:
                raise ValueError(f"bars of {bar.instrument}: the interval must be positive")
            _check(bar.features, "bar")
            for other in sorted({spec.other for spec in bar.features if spec.other is not None}):
                if other == bar.instrument or (other, bar.interval) not in places:
                    raise ValueError(
                        f"bars of {bar.instrument}: a feature compares with {other}, "
                        f"of which no bars of {bar.interval} ns are declared"
                    )
        for row in self.rows:
            _check(row.features, row.trigger)
        return self


def _check(specs: tuple[FeatureSpec, ...], on: registry.Trigger) -> None:
    names = [spec.name for spec in specs]
    if len(set(names)) < len(names):
        raise ValueError(f"two features share a name: {', '.join(names)}")
    for spec in specs:
        registry.check(spec, on)
