"""Feature sets: named and versioned, computed and recorded for every session that declares them."""

from collections.abc import Sequence

from penstock_contracts.types import InstrumentKey, Name
from penstock_features.registry import check
from penstock_ingest.config import Duration
from penstock_kernel.declarations import FeatureSetSpec, FeatureSpec
from pydantic import BaseModel, ConfigDict, Field

from penstock.config.explain import near
from penstock.errors import ConfigError


class FeatureChoice(BaseModel):
    """One feature of a set: its function, and the function's parameters beside it."""

    model_config = ConfigDict(frozen=True, extra="allow")

    function: Name = Field(description="A function of the features service, such as ema or rsi.")
    other: InstrumentKey | None = Field(default=None, description="The instrument that it compares with.")
    __pydantic_extra__: dict[str, int | float] = Field(init=False)

    def spec(self, name: str) -> FeatureSpec:
        """The declaration under a name."""
        parameters = dict(self.__pydantic_extra__ or {})
        return FeatureSpec(name=name, function=self.function, parameters=parameters, other=self.other)


class FeatureSetChoice(BaseModel):
    """A set of features on bars."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name = Field(description="How strategies call the set.")
    version: int = Field(ge=1, description="Counts the changes of the set.")
    features: dict[Name, FeatureChoice] = Field(
        min_length=1, description="By the name that a bar has them under."
    )
    instruments: tuple[InstrumentKey, ...] = Field(default=(), description="Default: all of the session.")
    interval: Duration | None = Field(default=None, description="Of the bars; default: run.bar_interval.")
    digest: str | None = Field(
        default=None,
        description="Identity of version and features; when it is given and differs, nothing starts.",
    )


class FeaturesSection(BaseModel):
    """What is computed beside what the strategies declare."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sets: tuple[FeatureSetChoice, ...] = Field(default=(), description="Feature sets.")


def feature_sets(
    choices: Sequence[FeatureSetChoice], known: tuple[str, ...], interval: int
) -> tuple[FeatureSetSpec, ...]:
    """The sets of a session over its instruments. ConfigError for what cannot be, and for another digest."""
    specs: dict[str, FeatureSetSpec] = {}
    for choice in choices:
        path = f"features.sets.{choice.name}"
        if choice.name in specs:
            raise ConfigError(f"{path}: there are two sets of this name")
        for key in choice.instruments:
            if key not in known:
                raise ConfigError(f"{path}: the session has no {key}; {near(key, known)}")
        spec = FeatureSetSpec(
            name=choice.name,
            version=choice.version,
            instruments=choice.instruments or known,
            interval=choice.interval or interval,
            features=tuple(each.spec(name) for name, each in choice.features.items()),
        )
        for feature in spec.features:
            try:
                check(feature, "bar")
            except ValueError as error:
                raise ConfigError(f"{path}.features.{feature.name}: {error}") from error
        if choice.digest is not None and choice.digest != spec.digest:
            raise ConfigError(
                f"{path}: version {choice.version} is {spec.digest}, not {choice.digest}: "
                "a set that changed needs a new version and its digest"
            )
        specs[choice.name] = spec
    return tuple(specs.values())
