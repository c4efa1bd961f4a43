"""Fills on recorded trades and bars, checked by hand from the files."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from penstock_contracts.market import BarBatch, TradeBatch
from penstock_contracts.orders import OrderApproved
from penstock_contracts.types import Side
from penstock_contracts.venue import Fill
from support.execution import KEY, MS, Run, bars, instrument, order, stage, trades

D = Decimal
MIDNIGHT_MS = int(datetime(2021, 1, 8, tzinfo=UTC).timestamp()) * 1000
MINUTE_MS = 60_000
NEW_YEAR_EVE_MS = int(datetime(2021, 12, 31, 23, tzinfo=UTC).timestamp()) * 1000
"""23:00, a minute before the end of the first bar."""

Told = tuple[Decimal, Decimal, int, str]


def at(fill: Fill, base_ms: int) -> Told:
    return fill.price, fill.quantity, fill.ts // MS - base_ms, fill.liquidity.value


@pytest.fixture(scope="module")
def recorded_trades(shared_data: Path) -> TradeBatch:
    frame = pl.read_parquet(shared_data / "trades" / "btc-usdt-2021-01-08.parquet")
    times = frame["timestamp"].dt.epoch("ms").to_list()
    sizes = [f"{size:.6f}" for size in frame["quantity"]]  # some are a float's error off their six decimals
    return trades(list(zip(times, frame["price"].to_list(), sizes, strict=True)), scale=6)


@pytest.fixture(scope="module")
def recorded_bars(shared_data: Path) -> BarBatch:
    frame = pl.read_csv(shared_data / "bars" / "btc-perp-1m-2022-01.csv.gz", try_parse_dates=True)
    times = frame["timestamp"].dt.epoch("ms").to_list()
    columns = [frame[name].to_list() for name in ("open", "high", "low", "close", "volume")]
    return bars(list(zip(times, *columns, strict=True)), interval_ms=MINUTE_MS, scale=4)


def on_trades(batch: TradeBatch, *approvals: OrderApproved) -> list[Told]:
    """Decided 400 ms after midnight, with four trades known; then all the others."""
    begun = Run(stage(instrument(lot_size=D("0.000001")), queue_trades=10))
    known = int(np.searchsorted(batch.ts_init, (MIDNIGHT_MS + 400) * MS, "right"))
    assert known == 4
    begun.give(_rows(batch, slice(0, known))).until(MIDNIGHT_MS + 400)
    begun.give(*approvals, _rows(batch, slice(known, None))).until(MIDNIGHT_MS + 60_000)
    return [at(fill, MIDNIGHT_MS) for fill in begun.of(Fill)]


def on_bars(batch: BarBatch, decided_ms: int, *approvals: OrderApproved) -> list[Told]:
    begun = Run(stage(instrument(volume_unit="quote"), grid=MINUTE_MS * MS))
    known = int(np.searchsorted(batch.ts_init, decided_ms * MS, "right"))
    begun.give(_rows(batch, slice(0, known))).until(decided_ms)
    begun.give(*approvals, _rows(batch, slice(known, known + 100))).until(decided_ms + 100 * MINUTE_MS)
    return [at(fill, NEW_YEAR_EVE_MS) for fill in begun.of(Fill)]


def _rows(batch: Any, rows: slice) -> Any:
    changed = {
        name: getattr(batch, name)[rows]
        if isinstance(getattr(batch, name), np.ndarray)
        else getattr(batch, name)
        for name in type(batch).__slots__
    }
    return type(batch)(**changed)


def bought(decided_ms: int, number: int = 1, **changes: Any) -> OrderApproved:
    return order(number, ms=decided_ms, instrument=KEY, reference_price=D(40_000), **changes)


def test_a_market_order_takes_three_recorded_trades(recorded_trades: TradeBatch) -> None:
    # In effect at 420 ms. Three trades at 471 ms: 0.006329 at 39432.48, 0.029499 at 39437.62, 0.035716 at
    # 39438.83.
    assert on_trades(recorded_trades, bought(MIDNIGHT_MS + 400, quantity="0.05")) == [
        (D("39440.366496"), D("0.006329"), 471, "taker"),
        (D("39445.507524"), D("0.029499"), 471, "taker"),
        (D("39446.717766"), D("0.014172"), 471, "taker"),
    ]


def test_a_bid_waits_for_its_queue_and_is_then_traded_through(recorded_trades: TradeBatch) -> None:
    # Ahead: 0.000263 + 0.004376 + 0.000311 + 0.004376 = 0.009326. At 673 ms 0.268133 trades at the price, of
    # which 0.258807 is left for us; at 815 ms 39430.30 trades.
    assert on_trades(recorded_trades, bought(MIDNIGHT_MS + 400, quantity="0.3", limit_price="39430.31")) == [
        (D("39430.31"), D("0.258807"), 673, "maker"),
        (D("39430.31"), D("0.041193"), 815, "maker"),
    ]


def test_an_offer_is_reached_from_below(recorded_trades: TradeBatch) -> None:
    sell = bought(MIDNIGHT_MS + 400, quantity="0.06", limit_price="39440", side=Side.SELL)
    # First above 39440: 39441.88 x 0.053, then 39444.15 x 0.017, both at 873 ms.
    assert on_trades(recorded_trades, sell) == [
        (D(39440), D("0.053"), 873, "maker"),
        (D(39440), D("0.007"), 873, "maker"),
    ]


def test_a_market_order_takes_its_share_of_three_recorded_bars(recorded_bars: BarBatch) -> None:
    # Decided at 23:01. Bars to 23:02, 23:03, 23:04 open at 46377, 46411, 46425. A tenth of their volume:
    # 182962.31938 / 46411 = 3.942…, 46645.21722 / 46425 = 1.0047…, 25496.42098 / 46425 = 0.549….
    decided = NEW_YEAR_EVE_MS + MINUTE_MS
    assert on_bars(recorded_bars, decided, bought(decided, quantity="5")) == [
        (D("46386.2754"), D("3.942"), MINUTE_MS + 20, "taker"),
        (D("46420.2822"), D("1.004"), 2 * MINUTE_MS, "taker"),
        (D("46434.2850"), D("0.054"), 3 * MINUTE_MS, "taker"),
    ]


def test_limits_on_recorded_bars_need_a_trade_through(recorded_bars: BarBatch) -> None:
    # Highs to 23:02 … 23:05: 46411, 46425, 46425, 46437. A sale at 46425 is touched twice, then filled.
    decided = NEW_YEAR_EVE_MS + MINUTE_MS
    sell = bought(decided, quantity="0.1", limit_price="46425", side=Side.SELL)
    assert on_bars(recorded_bars, decided, sell) == [(D(46425), D("0.1"), 4 * MINUTE_MS, "maker")]
    # Decided at 23:03: the bar to 23:04 opens at the limit of 46425 and falls to 46420.
    decided = NEW_YEAR_EVE_MS + 3 * MINUTE_MS
    buy = bought(decided, quantity="0.1", limit_price="46425")
    assert on_bars(recorded_bars, decided, buy) == [(D(46425), D("0.1"), 3 * MINUTE_MS + 20, "maker")]
