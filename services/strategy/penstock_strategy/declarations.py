"""What all strategies of a session need together: the features service is configured with it."""

from collections.abc import Iterable

from penstock_kernel.declarations import BarSpec, FeatureSpec, RowSpec
from penstock_kernel.session import SessionConfig

from penstock_strategy.context import Context
from penstock_strategy.loader import load
from penstock_strategy.strategy import Needs


def declarations(session: SessionConfig) -> tuple[tuple[BarSpec, ...], tuple[RowSpec, ...]]:
    """The union of what the session's strategies declare: bars by instrument and interval, then rows.

    A feature is named by its content (`ema_20`), so that strategies which want the same share a column.
    StrategyLoadError when a strategy cannot be loaded.
    """
    bars: dict[tuple[str, int], dict[str, FeatureSpec]] = {}
    rows: dict[tuple[str, str], dict[str, FeatureSpec]] = {}
    for each_set in session.feature_sets:
        for instrument in each_set.instruments:
            bars.setdefault((instrument, each_set.interval), {}).update(_by_column(each_set.features))
    for spec in session.strategies:
        loaded = load(spec)
        needs = loaded.declared(loaded.build(Context(spec, session)))
        for bar in needs.bars:
            bars.setdefault((bar.instrument, bar.interval), {}).update(_by_column(bar.features))
            for each in bar.features:
                if each.other is not None:
                    bars.setdefault((each.other, bar.interval), {})
        if session.regime is not None:
            for instrument, interval in shortest(needs).items():
                bars[instrument, interval].update(_by_column((session.regime,)))
        for row in needs.rows:
            rows.setdefault((row.instrument, row.trigger), {}).update(_by_column(row.features))
    return (
        tuple(
            BarSpec(instrument=instrument, interval=interval, features=tuple(features.values()))
            for (instrument, interval), features in sorted(bars.items())
        ),
        tuple(
            RowSpec.model_validate(
                {"instrument": instrument, "trigger": trigger, "features": tuple(features.values())}
            )
            for (instrument, trigger), features in sorted(rows.items())
        ),
    )


def shortest(needs: Needs) -> dict[str, int]:
    """The shortest interval of each instrument's declared bars, ns."""
    intervals: dict[str, int] = {}
    for bar in needs.bars:
        intervals[bar.instrument] = min(bar.interval, intervals.get(bar.instrument, bar.interval))
    return intervals


def columns_of(features: Iterable[FeatureSpec]) -> dict[str, str]:
    """What a strategy calls each feature -> its column."""
    return {each.name: each.column for each in features}


def _by_column(features: Iterable[FeatureSpec]) -> dict[str, FeatureSpec]:
    return {each.column: each.model_copy(update={"name": each.column}) for each in features}
