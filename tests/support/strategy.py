"""Sessions of strategies, bars with features on them, and what becomes of their signals."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from penstock_contracts.base import Message
from penstock_contracts.control import Command, Verb
from penstock_contracts.features import FeatureBars, FeatureRows
from penstock_contracts.market import Mark
from penstock_contracts.orders import OrderApproved, SignalRefused
from penstock_contracts.signals import Note, Signal
from penstock_contracts.types import Liquidity, OrderState, OrderType, Side
from penstock_contracts.venue import Fill, OrderChanged
from penstock_kernel.session import SessionConfig, StrategySpec
from penstock_strategy.config import StrategyConfig
from penstock_strategy.stage import StrategyStage
from support.features import BTC, ETH, MINUTE, START, instrument


def spec(
    source: str,
    *,
    name: str = "one",
    instruments: Sequence[str] = (BTC,),
    interval: int = MINUTE,
    capital_fraction: str = "1",
    **parameters: Any,
) -> StrategySpec:
    return StrategySpec(
        name=name,
        source=source,
        parameters=parameters,
        instruments=tuple(instruments),
        interval=interval,
        capital_fraction=Decimal(capital_fraction),
    )


def session(*specs: StrategySpec, grid: int = MINUTE) -> SessionConfig:
    return SessionConfig(
        session_id="test",
        currency="USDT",
        capital=Decimal(100_000),
        grid=grid,
        start=START,
        instruments=(instrument(BTC), instrument(ETH)),
        strategies=specs,
    )


def stage(*specs: StrategySpec, grid: int = MINUTE, off: Sequence[str] = ()) -> StrategyStage:
    return StrategyStage(StrategyConfig(off=tuple(off)), session(*specs, grid=grid))


def written(folder: Path, text: str, name: str = "Mine") -> str:
    """A strategy file of a user's; returns its source. Common imports are put before it on one line."""
    path = folder / "mine.py"
    imports = "from dataclasses import dataclass, field; from penstock_strategy import *"
    path.write_text(f"{imports}\n{text}")
    return f"{path}:{name}"


def bars(
    closes: Iterable[int],
    *,
    first: int = 1,
    key: str = BTC,
    interval: int = MINUTE,
    features: Mapping[str, Sequence[float]] | None = None,
) -> FeatureBars:
    """Bars of these closes (two decimals), the first ending `first` intervals after START."""
    close = np.array(list(closes), dtype=np.int64)
    columns = dict(features or {})
    count = len(close)
    values = np.array(list(columns.values()), dtype=np.float64).T if columns else np.empty((count, 0))
    return FeatureBars(
        instrument=key,
        interval=interval,
        source="trades",
        set_version="set1",
        names=tuple(columns),
        price_scale=2,
        size_scale=3,
        ts=START + (np.arange(count, dtype=np.int64) + first) * interval,
        open=close,
        high=close + 5,
        low=close - 5,
        close=close,
        volume=np.full(count, 1500, dtype=np.int64),
        trades=np.full(count, 3, dtype=np.int64),
        vwap=close / 100,
        flags=np.zeros(count, dtype=np.int8),
        values=values,
    )


def rows(prices: Iterable[int], *, key: str = BTC) -> FeatureRows:
    """Trades, one nanosecond apart."""
    price = np.array(list(prices), dtype=np.int64)
    return FeatureRows(
        instrument=key,
        trigger="trade",
        set_version="set1",
        names=(),
        price_scale=2,
        size_scale=3,
        ts=START + 1 + np.arange(len(price), dtype=np.int64),
        price=price,
        size=np.full(len(price), 2000, dtype=np.int64),
        side=np.ones(len(price), dtype=np.int8),
        values=np.empty((len(price), 0)),
    )


def mark(number: int, *, commands: tuple[Command, ...] = (), ended: bool = False) -> Mark:
    """The mark `number` minutes after START."""
    ts = START + number * MINUTE
    return Mark(ts=ts, start=ts - MINUTE, ended=ended, commands=commands)


def command(verb: Verb, strategy: str | None = None) -> Command:
    return Command(
        command_id="c1", verb=verb, ts_issued=START, ts_expires=START + 1, by="ann", reason="why",
        strategy=strategy,
    )  # fmt: skip


def approved(signal: Signal, order_id: str = "o1") -> OrderApproved:
    return OrderApproved(
        order_id=order_id,
        client_order_id=order_id,
        signal_id=signal.signal_id,
        ordinal=1,
        strategy=signal.strategy,
        instrument=signal.instrument,
        ts=signal.ts,
        side=Side.BUY,
        type=OrderType.MARKET,
        quantity=Decimal(2),
        reference_price=signal.price,
    )


def refused(signal: Signal) -> SignalRefused:
    return SignalRefused(
        signal_id=signal.signal_id,
        strategy=signal.strategy,
        instrument=signal.instrument,
        ts=signal.ts,
        rule="order_notional",
    )


def fill(
    strategy: str = "one",
    *,
    side: Side = Side.BUY,
    quantity: str = "2",
    price: str = "100",
    left: str = "0",
    key: str = BTC,
    order_id: str = "o1",
) -> Fill:
    return Fill(
        fill_id="f1",
        order_id=order_id,
        order_ordinal=1,
        strategy=strategy,
        instrument=key,
        venue="test",
        number=3,
        ts=START + MINUTE + 1,
        ts_known=START + MINUTE + 2,
        side=side,
        price=Decimal(price),
        quantity=Decimal(quantity),
        fee=Decimal(0),
        fee_currency="USDT",
        liquidity=Liquidity.TAKER,
        quantity_left=Decimal(left),
    )


def cancelled(strategy: str = "one", order_id: str = "o1") -> OrderChanged:
    return OrderChanged(
        order_id=order_id,
        strategy=strategy,
        instrument=BTC,
        number=4,
        ts=START + MINUTE + 3,
        from_state=OrderState.ACCEPTED,
        to_state=OrderState.CANCELLED,
    )


def signals(outputs: Iterable[Message]) -> list[Signal]:
    return [each for each in outputs if isinstance(each, Signal)]


def notes(outputs: Iterable[Message]) -> list[Note]:
    return [each for each in outputs if isinstance(each, Note)]


def brief(outputs: Iterable[Message]) -> list[tuple[str, str, str, str]]:
    """(strategy, instrument, direction, price) of each signal."""
    return [
        (each.strategy, each.instrument, each.direction.value, str(each.price)) for each in signals(outputs)
    ]
