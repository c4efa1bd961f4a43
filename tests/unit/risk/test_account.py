"""Positions, money and equity, with figures worked out by hand."""

from decimal import Decimal
from typing import Any

import pytest
from penstock_contracts.market import InstrumentDefined, Rate
from penstock_contracts.orders import OrderApproved, PnlSampled, PositionChanged
from penstock_kernel.errors import HaltError
from support.risk import BTC, ETH, INVERSE, MINUTE, START, Table, of, perpetual, price_rows, settings

D = Decimal


def ready(**changes: Any) -> Table:
    table = Table(settings(**changes))
    table.mark()
    table.price("100")
    return table


def test_a_fill_says_the_position_and_the_account() -> None:
    table = ready()
    table.trade("long", "10", "100", fee="0.5")
    changed, sampled = table.trade("long", "30", "110", fee="1")
    assert isinstance(changed, PositionChanged)
    assert changed.average_price is not None
    assert round(changed.average_price, 6) == D("106.666667")
    assert (changed.quantity, changed.pnl_realized, changed.fees, changed.currency) == (
        30,
        0,
        D("1.5"),
        "USDT",
    )
    assert isinstance(sampled, PnlSampled)
    # Bought 10 at 100 and 20 at 110, the market stands at 100.
    assert (sampled.pnl_unrealized, sampled.fees, sampled.equity) == (-200, D("1.5"), D("99798.5"))
    assert (sampled.gross_exposure, sampled.net_exposure, sampled.reserved) == (3000, 3000, 0)
    assert (sampled.equity_peak, sampled.drawdown_max, sampled.strategy) == (100_000, D("201.5"), None)


def test_realised_profit_outlives_the_position() -> None:
    table = ready()
    table.trade("short", "10", "100")
    (order,) = of(table.signal("flat", price="95"), OrderApproved)
    changed, sampled = table.fill(order, "90", fee="2")
    assert (changed.quantity, changed.average_price, changed.pnl_realized) == (0, None, 100)
    assert (sampled.equity, sampled.pnl_realized, sampled.pnl_unrealized) == (100_098, 100, 0)
    assert (sampled.gross_exposure, sampled.net_exposure) == (0, 0)


def test_longs_are_marked_at_bid_and_shorts_at_ask_where_there_are_quotes() -> None:
    table = ready()
    table.trade("long", "10", "100")
    table.trade("short", "4", "100", strategy="b")
    table.mark()
    table.price("104", quote=("103", "105"))
    table.mark()
    assert table.stage.describe()["pnl_unrealized"] == "10"


def test_an_inverse_contract_is_settled_in_its_base_and_valued_in_the_account_currency() -> None:
    table = Table()
    table.mark()
    table.price("50000", INVERSE)
    table.say(Rate(base="BTC", quote="USDT", source="x", ts_event=START, ts_init=START, rate=D(50_000)))
    changed, _ = table.trade("long", "10", "50000", instrument=INVERSE, fee="0.00001")
    assert (changed.currency, changed.fees) == ("BTC", D("0.00001"))
    (order,) = of(table.signal("flat", price="50000", instrument=INVERSE), OrderApproved)
    changed, sampled = table.fill(order, "62500")
    # 10 * 100 * (1/50000 - 1/62500) BTC, a BTC is worth 50000.
    assert changed.pnl_realized == D("0.004")
    assert (sampled.pnl_realized, sampled.fees, sampled.equity) == (200, D("0.5"), D("100199.5"))


def test_a_rate_is_used_the_other_way_round_where_that_is_how_it_is_quoted() -> None:
    table = Table()
    table.mark()
    table.price("50000", INVERSE)
    table.say(Rate(base="USDT", quote="BTC", source="x", ts_event=START, ts_init=START, rate=D("0.00002")))
    table.trade("long", "10", "50000", instrument=INVERSE, fee="0.00001")
    assert D(table.stage.describe()["fees"]) == D("0.5")


def test_a_moving_rate_moves_what_is_held_in_its_currency() -> None:
    table = Table()
    table.mark()
    table.price("50000", INVERSE)
    table.say(Rate(base="BTC", quote="USDT", source="x", ts_event=START, ts_init=START, rate=D(50_000)))
    table.trade("long", "10", "50000", instrument=INVERSE, fee="0.001")
    table.say(Rate(base="BTC", quote="USDT", source="x", ts_event=START, ts_init=START, rate=D(60_000)))
    table.mark()
    assert D(table.stage.describe()["equity"]) == 100_000 - 60


def test_a_fee_in_a_currency_without_a_rate_halts() -> None:
    table = ready()
    (order,) = of(table.signal("long", "1"), OrderApproved)
    fill = table.fill_of(order, "100", D(1), D(0), "0.1")
    fill.fee_currency = "BNB"
    with pytest.raises(HaltError, match="no rate from BNB"):
        table.say(fill)


def test_fills_that_contradict_what_was_ordered_halt() -> None:
    table = ready()
    (order,) = of(table.signal("long", "2"), OrderApproved)
    for size, left in [(D(3), D(-1)), (D(1), D(0))]:
        with pytest.raises(HaltError, match="2 left to buy"):
            table.say(table.fill_of(order, "100", size, left))
    table.over(order)
    with pytest.raises(HaltError, match="does not work"):
        table.say(table.fill_of(order, "100", D(2), D(0)))


def test_an_instrument_whose_contract_changes_under_a_position_halts() -> None:
    table = ready()
    table.trade("long", "1", "100")
    with pytest.raises(HaltError, match="redefined"):
        table.say(InstrumentDefined(instrument=perpetual(multiplier=D(10)), ts_event=0, ts_init=0))


def test_partial_fills_release_their_share_of_the_reservation() -> None:
    table = ready()
    (order,) = of(table.signal("long", "10"), OrderApproved)
    _, sampled = table.fill(order, "100", "4")
    assert (sampled.gross_exposure, sampled.reserved) == (400, 660)
    _, sampled = table.fill(order, "100")
    assert (sampled.gross_exposure, sampled.reserved) == (1000, 0)


def test_equity_is_sampled_every_hour_with_what_was_known_then() -> None:
    table = ready()
    table.trade("long", "10", "100")
    samples = []
    for minute in range(2, 122):
        samples += of(table.mark(), PnlSampled)
        table.price(str(100 + minute))
    # The first sample is of 13:00, the mark of minute 60; its price is 160.
    assert [(each.ts, each.equity) for each in samples] == [
        (START + 60 * MINUTE, 100_600),
        (START + 120 * MINUTE, 101_200),
    ]


def test_the_stage_comes_due_right_after_the_sample_time() -> None:
    table = ready()
    assert table.stage.status().next_due == START + 60 * MINUTE + 1


def test_a_mark_is_evaluated_when_all_its_prices_are_there() -> None:
    table = ready()
    table.price("50", ETH)
    table.trade("long", "100", "100")
    table.trade("short", "200", "50", instrument=ETH)
    table.mark()
    # Both fall by a tenth: hedged, but a reader of one row alone would see a drawdown of 1000.
    table.say(price_rows([(BTC, table.now, 900), (ETH, table.now, 450)]))
    table.mark()
    assert table.stage.describe()["drawdown_max"] == "0"


def test_what_all_instruments_have_not_realised_adds_up() -> None:
    table = ready()
    table.price("50", ETH)
    table.trade("long", "10", "100")
    table.trade("short", "4", "50", instrument=ETH)
    table.mark()
    table.price("103")
    table.price("49", ETH)
    table.mark()
    assert table.stage.describe()["pnl_unrealized"] == "34"
