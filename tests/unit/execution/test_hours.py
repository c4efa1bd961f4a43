"""The paper venue and market hours, on every kind of data. Times in ms; a session of 300 to 500 ms."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from penstock_contracts.base import Message
from penstock_contracts.market import InstrumentStatus
from penstock_contracts.types import MarketStatus, OrderState, Side, TimeInForce
from penstock_contracts.venue import Fill, OrderAccepted, OrderChanged
from support.execution import KEY, MS, Run, bars, book, instrument, order, quotes, stage, stop, trades

D = Decimal
CALENDAR = {"calendar": "XNYS"}


def said(
    ms: float, *ahead_ms: float, is_open: bool = True, day_end_ms: float | None = None
) -> InstrumentStatus:
    ts = int(ms * MS)
    return InstrumentStatus(
        instrument=KEY,
        ts_event=ts,
        ts_init=ts,
        status=MarketStatus.TRADING if is_open else MarketStatus.CLOSED,
        scheduled=True,
        ahead=tuple(int(each * MS) for each in ahead_ms),
        day_end=None if day_end_ms is None else int(day_end_ms * MS),
    )


def by_venue(ms: float, status: MarketStatus) -> InstrumentStatus:
    return InstrumentStatus(instrument=KEY, ts_event=int(ms * MS), ts_init=int(ms * MS), status=status)


def datum(kind: str, ms: float, price: float, low: float | None = None) -> Message:
    """A datum that would fill a market order, and a buy with a limit above `low`."""
    low = price if low is None else low
    match kind:
        case "bars":
            return bars([(ms, price, price, low, low, 500)])
        case "trades":
            return trades([(ms, low, 500)])
        case "quotes":
            return quotes([(ms, low - 1, 500, low, 500)])
        case _:
            return book([(ms, True, [(1, low - 1, 500), (-1, low, 500)])])


def opened(kind: str = "bars", **definition: Any) -> Run:
    """A run in a market that is open from 100 to 500 ms, and again from 700."""
    run = Run(stage(instrument(**{**CALENDAR, **definition})))
    return run.give(said(0, 500, 700, 900, day_end_ms=500), datum(kind, 50, 100)).until(100)


def fills(run: Run) -> list[tuple[Decimal, float]]:
    return [(fill.price, fill.ts / MS) for fill in run.of(Fill)]


def ends(run: Run) -> list[tuple[str, str, float]]:
    return [
        (each.to_state.value, each.reason, each.ts / MS)
        for each in run.of(OrderChanged)
        if each.to_state.terminal
    ]


@pytest.mark.parametrize("kind", ["bars", "trades", "quotes", "books"])
def test_a_resting_order_waits_out_the_night_and_a_day_order_ends_with_the_session(kind: str) -> None:
    run = opened(kind)
    run.give(order(1, limit_price="90"), order(2, limit_price="90", time_in_force=TimeInForce.DAY)).until(200)
    run.give(datum(kind, 450, 100), said(500, 700, 900, is_open=False, day_end_ms=500)).until(500)
    assert run.of(Fill) == []
    assert run.until(520).of(OrderChanged)[-1].to_state is OrderState.EXPIRED
    assert ends(run) == [("expired", "", 500)]
    run.give(datum(kind, 600, 80)).until(600)
    assert run.of(Fill) == []
    run.give(said(700, 900, day_end_ms=900)).until(700).give(datum(kind, 800, 95, 80)).until(800).until(900)
    assert [fill.order_id for fill in run.of(Fill)] == ["o-1"]


def test_what_is_stamped_at_the_close_still_fills() -> None:
    run = opened("trades").give(order(1, 450)).until(460)
    run.give(trades([(500, 100, 5)]), said(500, 700, is_open=False)).until(500).until(520)
    assert [ms for _, ms in fills(run)] == [500]


@pytest.mark.parametrize("tif", [TimeInForce.GTC, TimeInForce.DAY])
def test_an_order_that_comes_after_the_close_is_rejected(tif: TimeInForce) -> None:
    run = opened().give(order(1, 490, time_in_force=tif)).until(500).until(600)
    assert ends(run) == [("rejected", "venue: the market is closed", 510)]


def test_a_replacement_after_the_close_leaves_the_order_that_works() -> None:
    run = opened().give(order(1, limit_price="90")).until(200)
    run.give(replace(order(2, 490, limit_price="91"), replaces="o-1", replaces_left=D(1))).until(500).until(
        600
    )
    assert [(each.order_id, each.to_state.value) for each in run.of(OrderChanged)] == [
        ("o-1", "replace_pending"),
        ("o-1", "accepted"),
        ("o-2", "rejected"),
    ]


def test_a_bar_that_began_before_the_open_fills_at_the_open_time() -> None:
    run = opened().give(order(1, limit_price="90")).until(200)
    run.give(said(500, 750, 900, is_open=False, day_end_ms=500)).until(500)
    run.give(said(750, 900, day_end_ms=900), bars([(800, 85, 86, 84, 85, 50)])).until(800).until(820)
    assert fills(run) == [(D(85), 750)]


def test_no_calendar_lifts_a_halt_and_no_venue_opens_a_closed_market() -> None:
    run = opened().give(order(1, limit_price="90")).until(200)
    run.give(by_venue(450, MarketStatus.HALTED), said(500, 700, is_open=False), said(700, 900)).until(700)
    run.give(bars([(800, 80, 80, 80, 80, 50)])).until(800)
    assert run.of(Fill) == []
    run.give(by_venue(810, MarketStatus.TRADING), bars([(850, 80, 80, 80, 80, 50)])).until(900)
    assert len(run.of(Fill)) == 1
    shut = opened().give(order(1, limit_price="90")).until(200)
    shut.give(said(500, 700, is_open=False), by_venue(510, MarketStatus.TRADING)).until(510)
    shut.give(bars([(600, 80, 80, 80, 80, 50)])).until(600)
    assert shut.of(Fill) == []


def test_an_instrument_with_a_calendar_waits_for_its_word() -> None:
    run = Run(stage(instrument(**CALENDAR))).give(bars([(100, 100, 100, 100, 100, 50)])).until(100)
    run.give(order()).until(200).give(bars([(300, 100, 100, 100, 100, 50)])).until(300)
    assert run.of(Fill) == []


def test_what_closes_a_position_at_the_end_of_the_data_waits_for_no_session() -> None:
    run = opened().give(order()).until(120).give(bars([(200, 100, 100, 100, 100, 50)])).until(200)
    run.give(said(500, 700, is_open=False), bars([(550, 104, 104, 104, 104, 50)])).until(600)
    run.give(order(2, 600, side=Side.SELL, reduce_only=True, reason="ended"))
    run.until(700, ended=True).until(800, ended=True)
    assert fills(run) == [(D("100.02"), 120), (D("103.9792"), 620)]


def test_orders_end_with_their_instrument_and_its_position_is_settled_at_the_last_price() -> None:
    run = opened(expiry=450 * MS, calendar=None)
    run.give(order(1), order(2, limit_price="90"), stop(3, stop_price="120")).until(120)
    run.give(bars([(200, 100, 100, 100, 100, 50)])).until(200).give(
        bars([(400, 107, 107, 107, 107, 50)])
    ).until(400)
    run.give(said(450, is_open=False), bars([(500, 50, 130, 50, 60, 50)])).until(500)
    run.give(order(4, 500), order(5, 500, side=Side.SELL, reduce_only=True, reason="expiry")).until(600)
    assert ends(run) == [
        ("expired", "", 450),
        ("expired", "", 450),
        ("rejected", "venue: expired", 520),
    ]
    # 107 is the last price of its life: neither spread nor slippage, and the taker's fee.
    settled = run.of(Fill)[-1]
    assert (settled.price, settled.quantity, settled.ts / MS, settled.fee) == (D(107), 1, 520, D("0.0535"))


def test_a_venue_restored_from_a_snapshot_knows_its_hours() -> None:
    run = opened().give(order(1, limit_price="90")).until(200)
    run.give(said(500, 700, 900, is_open=False, day_end_ms=500)).until(500)
    again = stage(instrument(**CALENDAR))
    again.restore(run.stage.snapshot())
    assert again.snapshot() == run.stage.snapshot()
    run.stage = again
    run.give(bars([(600, 80, 80, 80, 80, 50)])).until(600)
    assert run.of(Fill) == []
    assert len(run.of(OrderAccepted)) == 1
