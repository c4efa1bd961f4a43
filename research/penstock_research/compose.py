"""A session composed in Python: the document that a configuration file resolves to."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_DOWN, Decimal
from inspect import getfile
from typing import Any

from penstock_execution.config import ExecutionConfig, GuardConfig
from penstock_features.config import FeaturesConfig
from penstock_ingest.config import IngestConfig, parse_duration
from penstock_ingest.feed import Feed
from penstock_ingest.sources import choose_grid, instruments_of, quoted_of, session_start
from penstock_kernel.declarations import FeatureSpec
from penstock_kernel.grid import NS_PER_SECOND
from penstock_kernel.session import SessionConfig, StrategySpec
from penstock_risk.config import PROFILES
from penstock_strategy.config import StrategyConfig
from penstock_strategy.declarations import declarations
from penstock_strategy.strategy import Strategy

SESSION = "backtest"
SAMPLE_S_MAX = 3600
REGIME = FeatureSpec(
    name="regime", function="regime", parameters={"period": 20, "trend": 0.3, "volatile": 1.8}
)

StrategyLike = str | type[Strategy[Any, Any]] | Mapping[str, Any]
"""A built-in's name or `file.py:Class`; a class of a file; or the fields of a `StrategySpec`."""


def compose(
    feeds: Sequence[Feed],
    ingest: IngestConfig,
    strategies: Sequence[StrategyLike],
    *,
    capital: Decimal,
    currency: str | None,
    interval: int | None,
    profile: str,
    risk: Mapping[str, Any],
    execution: Mapping[str, Any],
    regime: FeatureSpec | None,
) -> dict[str, Any]:
    """The resolved document. ValueError says what cannot be."""
    if profile not in PROFILES:
        raise ValueError(f"profile {profile!r}: there are {', '.join(PROFILES)}")
    instruments = instruments_of(feeds)
    quotes = sorted({each.quote for each in instruments})
    if currency is None and len(quotes) != 1:
        raise ValueError(f"the instruments are quoted in {', '.join(quotes)}: name the account's currency")
    grid = choose_grid(feeds, ingest.grid, realtime=False)
    session = SessionConfig(
        session_id=SESSION,
        currency=currency or quotes[0],
        capital=capital,
        grid=grid,
        start=session_start(feeds, grid),
        instruments=instruments,
        strategies=_specs(strategies, feeds, interval),
        quoted=quoted_of(feeds),
        realtime=False,
        regime=regime,
    )
    bounds = GUARD_OPEN if profile == "open" else GuardConfig()
    limits = PROFILES[profile].model_dump() | {"sample_interval_s": _sample_s(session)} | dict(risk)
    venue = {"guard": bounds.model_dump(), **execution}
    return {
        "session": session.model_dump(mode="json"),
        "ingest": ingest.model_dump(mode="json"),
        "features": FeaturesConfig.of(*declarations(session)).model_dump(mode="json"),
        "strategy": StrategyConfig().model_dump(mode="json"),
        "risk": type(PROFILES[profile]).model_validate(limits).model_dump(mode="json"),
        "execution": ExecutionConfig.model_validate(venue).model_dump(mode="json"),
    }


GUARD_OPEN = GuardConfig(collar=Decimal(10), orders_per_second_max=100_000, approval_age_ns_max=10**18)
"""The guard of the profile `open`."""


def nanoseconds(interval: int | str | None) -> int | None:
    """An interval in ns, or as text: `1m`. ValueError for anything else."""
    if interval is None:
        return None
    parsed = parse_duration(interval)
    if not isinstance(parsed, int) or parsed <= 0:
        raise ValueError(f"interval {interval!r}: write nanoseconds, or text such as 1m")
    return parsed


def _specs(
    strategies: Sequence[StrategyLike], feeds: Sequence[Feed], interval: int | None
) -> tuple[StrategySpec, ...]:
    keys = tuple(each.instrument for each in instruments_of(feeds))
    share = (Decimal(1) / len(strategies)).quantize(Decimal("1e-6"), rounding=ROUND_DOWN)
    specs: dict[str, StrategySpec] = {}
    for each in strategies:
        values: dict[str, Any] = dict(each) if isinstance(each, Mapping) else {"source": each}
        values["source"] = _source(values["source"])
        name, count = values["source"].rpartition(":")[2], 1
        while (unique := name if count == 1 else f"{name}-{count}") in specs:
            count += 1
        instruments = tuple(values.pop("instruments", ())) or keys
        own = nanoseconds(values.pop("interval", None)) or interval or _interval(feeds, instruments)
        spec = StrategySpec.model_validate(
            {"name": unique, "capital_fraction": share, **values, "instruments": instruments, "interval": own}
        )
        specs[spec.name] = spec
    return tuple(specs.values())


def _source(source: str | type[Strategy[Any, Any]]) -> str:
    if isinstance(source, str):
        return source
    try:
        return f"{getfile(source)}:{source.__qualname__}"
    except (OSError, TypeError):
        raise ValueError(
            f"{source.__name__} is in no file: write it to one, so that every process can load it"
        ) from None


def _interval(feeds: Sequence[Feed], keys: Sequence[str]) -> int:
    mine = [each for each in feeds if each.makes is not None and each.instrument.instrument in keys]
    intervals = [feed.bar_interval for feed in mine]
    bars = [each for each in intervals if each is not None]
    return max(bars) if bars and len(bars) == len(intervals) else NS_PER_SECOND


def _sample_s(session: SessionConfig) -> int:
    """As often as the strategies see bars; hourly where these are a minute or longer."""
    finest = min(each.interval for each in session.strategies)
    return SAMPLE_S_MAX if finest >= 60 * NS_PER_SECOND else max(finest // NS_PER_SECOND, 1)
