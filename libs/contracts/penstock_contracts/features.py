"""Family `feat`: what features computes. Also passes on `instrument`, `status` and `rate` from `md`."""

from typing import Literal

from penstock_contracts.base import message
from penstock_contracts.columns import F64, I8, I32, I64, Matrix
from penstock_contracts.types import Finite, InstrumentKey, Name, Ns, Scale


@message("feat", "bar")
class FeatureBars:
    """Complete bars with the feature values as of their end, one row a bar."""

    instrument: InstrumentKey
    interval: Ns
    source: Literal["trades", "quotes", "bars"]
    set_version: Name
    names: tuple[str, ...]
    """Feature names: the columns of `values`."""
    price_scale: Scale
    size_scale: Scale
    ts: I64
    """End of the bar, ns; event time of the row."""
    open: I64
    high: I64
    low: I64
    close: I64
    volume: I64
    trades: I64
    vwap: F64
    flags: I8
    values: Matrix
    """NaN while a feature warms up."""


@message("feat", "row")
class FeatureRows:
    """Feature values per trade or per quote, for strategies that declare it."""

    instrument: InstrumentKey
    trigger: Literal["trade", "quote"]
    set_version: Name
    names: tuple[str, ...]
    price_scale: Scale
    size_scale: Scale
    ts: I64
    price: I64
    """Trade price, or the middle of the quote (`price_scale` then has one decimal more)."""
    size: I64
    side: I8
    values: Matrix


@message("feat", "price")
class Prices:
    """The price of each instrument at each mark where it changed; rows ordered by mark, then instrument."""

    instruments: tuple[InstrumentKey, ...]
    scales: tuple[Scale, ...]
    index: I32
    """Which of `instruments` the row is of."""
    ts: I64
    """The mark."""
    ts_data: I64
    """Event time of the datum that gave the price: staleness is judged by it."""
    last: I64
    bid: I64
    """0 where the instrument has no quotes."""
    ask: I64


@message("feat", "regime")
class RegimeTagged:
    """The regime that an instrument's market is in from `ts` on."""

    instrument: InstrumentKey
    ts: Ns
    regime: Literal["trend", "range", "volatile"]


@message("feat", "drift")
class DriftMeasured:
    """Distance of a feature's recent values from those that a model was trained on."""

    instrument: InstrumentKey
    ts: Ns
    feature: Name
    psi: Finite
    ks: Finite
    alarm: bool
