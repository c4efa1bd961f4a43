"""Builders of the messages that tests vary, each realistic as it is."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from penstock_contracts.columns import text_column
from penstock_contracts.control import Command
from penstock_contracts.features import FeatureBars, FeatureRows, Prices
from penstock_contracts.instrument import Instrument
from penstock_contracts.interval import Done
from penstock_contracts.market import (
    BarBatch,
    BookBatch,
    Mark,
    QuoteBatch,
    TradeBatch,
)
from penstock_contracts.orders import (
    LimitCheck,
    OrderApproved,
)
from penstock_contracts.signals import OrderStyle, Signal
from penstock_contracts.types import (
    Direction,
    InstrumentKind,
    Liquidity,
    OrderType,
    RowFlag,
    Side,
    TargetKind,
    TimeInForce,
)
from penstock_contracts.venue import Fill

START = 1_641_038_400_000_000_000
"""2022-01-01T12:00:00Z, ns."""
GRID = 100_000_000
KEY = "btc-usdt.binance"
PERPETUAL = "btc-perp.replay"
ORDER = "o-5b0d3c1f9e2a47d6c8b1"
SIGNAL = "s-0f4e8a3b2c6d5197ae04"


def i64(*values: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """Integers as a column."""
    return np.array(values, dtype=np.int64)


def i8(*values: int) -> "np.ndarray[tuple[int], np.dtype[np.int8]]":
    """Small integers as a column."""
    return np.array(values, dtype=np.int8)


def trades(
    times: Sequence[int] = (START + 1, START + 40_000_000),
    prices: Sequence[int] = (4_630_112, 4_630_150),
    *,
    instrument: str = KEY,
) -> TradeBatch:
    """Trades at these times and prices (two decimals), received when they happened."""
    count = len(times)
    return TradeBatch(
        instrument=instrument,
        source="binance",
        price_scale=2,
        size_scale=6,
        ts_event=i64(*times),
        ts_init=i64(*times),
        price=i64(*prices),
        size=i64(*(1_500 + 250 * number for number in range(count))),
        side=i8(*(1 - 2 * (number % 2) for number in range(count))),
        flags=i8(*([0] * count)),
        trade_id=text_column([str(1_198_112_450 + number) for number in range(count)]),
    )


def quotes() -> QuoteBatch:
    """Three quotes, the last off its tick."""
    times = i64(START + 5, START + 9, START + 22_000_000)
    return QuoteBatch(
        instrument=KEY,
        source="binance",
        price_scale=2,
        size_scale=6,
        ts_event=times,
        ts_init=times + 3_000_000,
        bid=i64(4_630_111, 4_630_112, 4_630_112),
        ask=i64(4_630_112, 4_630_114, 4_630_113),
        bid_size=i64(1_250_000, 0, 80_000),
        ask_size=i64(700_000, 12, 91_000),
        flags=i8(0, 0, RowFlag.OFF_TICK),
    )


def book() -> BookBatch:
    """A snapshot of two levels and an update that deletes one."""
    times = i64(START + 10, START + 10, START + 100)
    return BookBatch(
        instrument=KEY,
        source="binance",
        price_scale=2,
        size_scale=6,
        ts_event=times,
        ts_init=times,
        action=i8(0, 3, 3),
        side=i8(1, -1, -1),
        price=i64(4_630_111, 4_630_114, 4_630_114),
        size=i64(1_250_000, 400_000, 0),
        first_update_id=i64(15_000, 15_000, 15_001),
        last_update_id=i64(15_000, 15_000, 15_003),
    )


def bars() -> BarBatch:
    """Two minute bars of a perpetual whose volume is in quote units."""
    ends = i64(START + 60_000_000_000, START + 120_000_000_000)
    return BarBatch(
        instrument=PERPETUAL,
        source="btc-perp-1m",
        interval=60_000_000_000,
        price_scale=1,
        size_scale=4,
        ts_event=ends,
        ts_init=ends,
        open=i64(463_190, 463_770),
        high=i64(463_850, 464_110),
        low=i64(463_190, 463_770),
        close=i64(463_770, 464_110),
        volume=i64(23_004_137_295, 18_296_231_938),
        trades=i64(-1, -1),
        vwap=np.array([np.nan, 46_391.25]),
        flags=i8(0, RowFlag.PARTIAL),
    )


def feature_bars() -> FeatureBars:
    """Two bars; the slow average is still warming up in the first."""
    return FeatureBars(
        instrument=KEY,
        interval=1_000_000_000,
        source="trades",
        set_version="ma-cross-1",
        names=("fast", "slow"),
        price_scale=2,
        size_scale=6,
        ts=i64(START + 1_000_000_000, START + 2_000_000_000),
        open=i64(4_630_112, 4_630_150),
        high=i64(4_630_199, 4_630_150),
        low=i64(4_630_100, 4_629_990),
        close=i64(4_630_150, 4_630_001),
        volume=i64(3_250, 91_000),
        trades=i64(2, 17),
        vwap=np.array([46_301.32, 46_300.5]),
        flags=i8(0, RowFlag.LATE),
        values=np.array([[46_301.5, np.nan], [46_300.75, 46_310.125]]),
    )


def feature_rows() -> FeatureRows:
    """Two rows, one per trade."""
    return FeatureRows(
        instrument=KEY,
        trigger="trade",
        set_version="imbalance-3",
        names=("return", "volatility", "imbalance"),
        price_scale=2,
        size_scale=6,
        ts=i64(START + 1, START + 40_000_000),
        price=i64(4_630_112, 4_630_150),
        size=i64(1_500, 1_750),
        side=i8(1, -1),
        values=np.array([[np.nan, np.nan, 0.25], [8.207145e-06, 0.0125, -0.5]]),
    )


def prices() -> Prices:
    """Two instruments at one mark, one of them also at the mark before."""
    return Prices(
        instruments=("btc-usdt.binance", "eth-usdt.binance"),
        scales=(2, 2),
        index=np.array([0, 0, 1], dtype=np.int32),
        ts=i64(START, START + GRID, START + GRID),
        ts_data=i64(START - 7, START + GRID - 12, START + GRID),
        last=i64(4_630_112, 4_630_150, 372_055),
        bid=i64(4_630_111, 4_630_149, 0),
        ask=i64(4_630_113, 4_630_151, 0),
    )


def instrument(**changes: Any) -> Instrument:
    """An inferred linear perpetual."""
    fields: dict[str, Any] = {
        "instrument": PERPETUAL,
        "kind": InstrumentKind.PERPETUAL,
        "base": "BTC",
        "quote": "USDT",
        "settlement": "USDT",
        "tick_size": Decimal("0.5"),
        "lot_size": Decimal("0.001"),
        "price_decimals": 1,
        "size_decimals": 4,
        "fee_maker": Decimal("0.0002"),
        "fee_taker": Decimal("0.0005"),
        "margin_initial": Decimal("0.1"),
        "volume_unit": "quote",
        "assumptions": ("linear perpetual quoted in USDT",),
    }
    return Instrument(**{**fields, **changes})


def command(**changes: Any) -> Command:
    """An operator's halt."""
    fields: dict[str, Any] = {
        "command_id": "c-01HV3Z",
        "verb": "halt",
        "ts_issued": START,
        "ts_expires": START + 30_000_000_000,
        "by": "operator",
        "reason": "spread too wide",
    }
    return Command(**{**fields, **changes})


def mark(ts: int = START + GRID, start: int = START, **changes: Any) -> Mark:
    """The end of the interval (start, ts]."""
    return Mark(ts=ts, start=start, **changes)


def done(ts: int = START + GRID, start: int = START, **changes: Any) -> Done:
    """A stage's end of the interval (start, ts]."""
    return Done(ts=ts, start=start, **changes)


def signal(**changes: Any) -> Signal:
    """A long signal, sized by a fraction of capital, as a limit order."""
    fields: dict[str, Any] = {
        "signal_id": SIGNAL,
        "strategy": "cross",
        "instrument": KEY,
        "ts": START + GRID,
        "ordinal": 1,
        "direction": Direction.LONG,
        "confidence": 0.75,
        "target_kind": TargetKind.FRACTION,
        "target": Decimal("0.25"),
        "price": Decimal("46301.50"),
        "style": OrderStyle(type=OrderType.LIMIT, limit_price=Decimal(46300), post_only=True),
        "regime": "trend",
        "metadata": {"fast": "46301.5", "slow": "46310.125"},
    }
    return Signal(**{**fields, **changes})


def approved(**changes: Any) -> OrderApproved:
    """The order that came of the signal."""
    fields: dict[str, Any] = {
        "order_id": ORDER,
        "client_order_id": ORDER,
        "signal_id": SIGNAL,
        "ordinal": 1,
        "strategy": "cross",
        "instrument": KEY,
        "ts": START + GRID,
        "side": Side.BUY,
        "type": OrderType.LIMIT,
        "quantity": Decimal("0.539"),
        "limit_price": Decimal("46300.0"),
        "time_in_force": TimeInForce.GTC,
        "post_only": True,
        "reference_price": Decimal("46301.50"),
        "collar_price": Decimal("46764.51"),
        "checks": (
            LimitCheck(rule="order_notional", limit=Decimal(25_000), value=Decimal("24955.70")),
            LimitCheck(rule="gross", limit=Decimal(100_000), value=Decimal("24955.70")),
        ),
    }
    return OrderApproved(**{**fields, **changes})


def fill(**changes: Any) -> Fill:
    """A first, partial fill of that order."""
    fields: dict[str, Any] = {
        "fill_id": "f-91c2b7e05da8f3460b1d",
        "order_id": ORDER,
        "order_ordinal": 1,
        "strategy": "cross",
        "instrument": KEY,
        "venue": "binance",
        "number": 3,
        "ts": START + 3 * GRID + 17,
        "ts_known": START + 3 * GRID + 20_000_017,
        "side": Side.BUY,
        "price": Decimal("46300.0"),
        "quantity": Decimal("0.2"),
        "fee": Decimal("1.852"),
        "fee_currency": "USDT",
        "liquidity": Liquidity.MAKER,
        "quantity_left": Decimal("0.339"),
    }
    return Fill(**{**fields, **changes})
