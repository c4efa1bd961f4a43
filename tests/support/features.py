"""Market data in integers, and features stages over it."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray
from penstock_contracts.base import Message
from penstock_contracts.features import FeatureBars, FeatureRows, Prices
from penstock_contracts.instrument import Instrument
from penstock_contracts.market import BarBatch, Mark, QuoteBatch, TradeBatch
from penstock_contracts.types import InstrumentKind
from penstock_features.config import FeaturesConfig
from penstock_features.stage import FeaturesStage
from penstock_kernel.declarations import BarSpec, FeatureSpec, RowSpec
from penstock_kernel.session import SessionConfig

S = 1_000_000_000
MINUTE = 60 * S
START = 1_700_000_040 * S
"""A full minute."""
BTC = "btc-usdt.test"
ETH = "eth-usdt.test"

Trade = tuple[int, int, int]
"""Nanoseconds after START, price, size."""


def instrument(key: str = BTC) -> Instrument:
    return Instrument(
        instrument=key,
        kind=InstrumentKind.PERPETUAL,
        base="BTC",
        quote="USDT",
        settlement="USDT",
        lot_size=Decimal("0.001"),
        price_decimals=2,
        size_decimals=3,
        fee_maker=Decimal("0.0002"),
        fee_taker=Decimal("0.0005"),
    )


def session(grid: int = S, start: int = START, keys: Sequence[str] = (BTC, ETH)) -> SessionConfig:
    return SessionConfig(
        session_id="test",
        currency="USDT",
        capital=Decimal(100_000),
        grid=grid,
        start=start,
        instruments=tuple(instrument(key) for key in keys),
        strategies=(),
    )


def feature(function: str, **parameters: int | float) -> FeatureSpec:
    spec = FeatureSpec(name="x", function=function, parameters=parameters)
    return spec.model_copy(update={"name": spec.column})


def bars_of(interval: int = 10 * S, *features: FeatureSpec, key: str = BTC) -> BarSpec:
    return BarSpec(instrument=key, interval=interval, features=features)


def stage(*specs: BarSpec | RowSpec, grid: int = S, start: int = START) -> FeaturesStage:
    bars = tuple(each for each in specs if isinstance(each, BarSpec))
    rows = tuple(each for each in specs if isinstance(each, RowSpec))
    return FeaturesStage(FeaturesConfig.of(bars, rows), session(grid, start))


def trades(
    rows: Iterable[Trade],
    *,
    key: str = BTC,
    price_scale: int = 2,
    size_scale: int = 3,
    ts_event: Sequence[int] | None = None,
) -> TradeBatch:
    listed = list(rows)
    ts = np.array([START + row[0] for row in listed], dtype=np.int64)
    return TradeBatch(
        instrument=key,
        source="test",
        price_scale=price_scale,
        size_scale=size_scale,
        ts_event=ts if ts_event is None else START + np.array(ts_event, dtype=np.int64),
        ts_init=ts,
        price=np.array([row[1] for row in listed], dtype=np.int64),
        size=np.array([row[2] for row in listed], dtype=np.int64),
        side=np.ones(len(listed), dtype=np.int8),
        flags=np.zeros(len(listed), dtype=np.int8),
        trade_id=np.array([b"t"] * len(listed), dtype="S1"),
    )


def quotes(rows: Iterable[tuple[int, int, int]], *, key: str = BTC, price_scale: int = 2) -> QuoteBatch:
    """Rows of (ns after START, bid, ask)."""
    listed = list(rows)
    ts = np.array([START + row[0] for row in listed], dtype=np.int64)
    sizes = np.ones(len(listed), dtype=np.int64)
    return QuoteBatch(
        instrument=key,
        source="test",
        price_scale=price_scale,
        size_scale=3,
        ts_event=ts,
        ts_init=ts,
        bid=np.array([row[1] for row in listed], dtype=np.int64),
        ask=np.array([row[2] for row in listed], dtype=np.int64),
        bid_size=sizes,
        ask_size=sizes,
        flags=np.zeros(len(listed), dtype=np.int8),
    )


def md_bars(
    rows: Iterable[tuple[int, int, int, int, int, int]],
    *,
    interval: int = MINUTE,
    key: str = BTC,
    delay: int = 0,
    vwap: Sequence[float] | None = None,
) -> BarBatch:
    """Rows of (end in intervals after START, open, high, low, close, volume)."""
    listed = list(rows)
    ends = START + np.array([row[0] for row in listed], dtype=np.int64) * interval
    columns = [np.array([row[field] for row in listed], dtype=np.int64) for field in range(1, 6)]
    return BarBatch(
        instrument=key,
        source="test",
        interval=interval,
        price_scale=2,
        size_scale=3,
        ts_event=ends,
        ts_init=ends + delay,
        open=columns[0],
        high=columns[1],
        low=columns[2],
        close=columns[3],
        volume=columns[4],
        trades=np.full(len(listed), 3, dtype=np.int64),
        vwap=np.full(len(listed), np.nan) if vwap is None else np.array(vwap, dtype=np.float64),
        flags=np.zeros(len(listed), dtype=np.int8),
    )


def mark(end: int, start: int | None = None, *, ended: bool = False, grid: int = S) -> Mark:
    """A mark `end` ns after START."""
    return Mark(ts=START + end, start=START + (end - grid if start is None else start), ended=ended)


def bar_rows(messages: Iterable[Message]) -> list[tuple[object, ...]]:
    """All bars, in the order in which they came, with their instrument and interval; NaN as text."""
    rows: list[tuple[object, ...]] = []
    for each in messages:
        if isinstance(each, FeatureBars):
            columns: list[NDArray[Any]] = [
                each.ts,
                each.open,
                each.high,
                each.low,
                each.close,
                each.volume,
                each.trades,
                each.flags,
            ]
            plain = zip(*(column.tolist() for column in columns), strict=True)
            exact = zip(each.vwap.tolist(), each.values.tolist(), strict=True)
            rows += [
                (each.instrument, each.interval, *one, *(repr(value) for value in (vwap, *values)))
                for one, (vwap, values) in zip(plain, exact, strict=True)
            ]
    return rows


def feature_rows(messages: Iterable[Message]) -> list[tuple[object, ...]]:
    """All feature rows, NaN as text."""
    return [
        (each.instrument, ts, price, each.price_scale, size, side, *map(repr, values))
        for each in messages
        if isinstance(each, FeatureRows)
        for ts, price, size, side, values in zip(
            each.ts.tolist(), each.price.tolist(), each.size.tolist(), each.side.tolist(),
            each.values.tolist(),
            strict=True,
        )
    ]  # fmt: skip


def price_rows(messages: Iterable[Message]) -> list[tuple[object, ...]]:
    """All prices: (mark, instrument, time of the datum, last, bid, ask), times after START, as decimals."""
    rows: list[tuple[object, ...]] = []
    for each in messages:
        if isinstance(each, Prices):
            columns = (each.ts, each.index, each.ts_data, each.last, each.bid, each.ask)
            for ts, index, data, *values in zip(*(column.tolist() for column in columns), strict=True):
                scale = each.scales[index]
                exact = (Decimal(value).scaleb(-scale).normalize() for value in values)
                rows.append((ts - START, each.instruments[index], data - START, *exact))
    return rows
