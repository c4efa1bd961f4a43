"""From a signal to its one outcome."""

from decimal import Decimal
from typing import Any

import pytest
from penstock_contracts.market import InstrumentDefined, InstrumentStatus, Rate
from penstock_contracts.orders import CancelRequested, OrderApproved, SignalRefused, SignalResolved
from penstock_contracts.signals import OrderStyle
from penstock_contracts.types import (
    InstrumentKind,
    MarketStatus,
    OrderState,
    OrderType,
    Outcome,
    Side,
    TargetKind,
)
from support.risk import (
    BTC,
    ETH,
    INVERSE,
    MINUTE,
    START,
    Table,
    inverse,
    limit,
    of,
    perpetual,
    session,
    settings,
)

D = Decimal


@pytest.fixture
def table() -> Table:
    """One mark has passed, bitcoin costs 100."""
    return ready()


def ready(*, defined: Any = None, price: str = "100", instrument: str = BTC, **changes: Any) -> Table:
    table = Table(settings(**changes), defined)
    table.mark()
    table.price(price, instrument)
    return table


def refusal(outputs: Any) -> tuple[str, D | None, D | None]:
    (refused,) = of(outputs, SignalRefused)
    assert len(outputs) == 1
    return refused.rule, refused.limit, refused.value


def order_of(outputs: Any) -> OrderApproved:
    (order,) = of(outputs, OrderApproved)
    return order


def test_a_target_quantity_from_flat_is_bought_whole(table: Table) -> None:
    order = order_of(table.signal("long", "2.5"))
    assert (order.side, order.quantity, order.type, order.reason) == (
        Side.BUY,
        D("2.5"),
        OrderType.MARKET,
        "signal",
    )
    assert (order.signal_id, order.ts, order.ordinal) == ("s-1", table.now + 1, 1)
    assert (order.reference_price, order.collar_price) == (D(100), D(110))
    assert order.client_order_id == order.order_id


def test_the_order_is_the_difference_between_target_and_position(table: Table) -> None:
    table.trade("long", "2", "100")
    assert order_of(table.signal("long", "5")).quantity == 3


def test_a_turn_from_long_to_short_is_one_order(table: Table) -> None:
    table.trade("long", "2", "100")
    order = order_of(table.signal("short", "1"))
    assert (order.side, order.quantity) == (Side.SELL, 3)


def test_flat_closes_the_position(table: Table) -> None:
    table.trade("short", "2", "100")
    order = order_of(table.signal("flat"))
    assert (order.side, order.quantity) == (Side.BUY, 2)


@pytest.mark.parametrize(
    ("kind", "target", "expected"),
    [
        # 0.3 * 100000 / 123.4 = 243.1118…, a lot is 0.001
        (TargetKind.FRACTION, "0.3", "243.111"),
        (TargetKind.NOTIONAL, "1000", "8.103"),
        (TargetKind.QUANTITY, "1.23499", "1.234"),
    ],
)
def test_targets_are_sized_at_the_signals_price_and_rounded_down_to_the_lot(
    kind: TargetKind, target: str, expected: str
) -> None:
    table = ready(price="120")
    order = order_of(table.signal("short", price="123.4", target_kind=kind, target=D(target)))
    assert (order.side, order.quantity) == (Side.SELL, D(expected))


@pytest.mark.parametrize(
    ("method", "expected"), [("fixed_quantity", "7"), ("fixed_notional", "25"), ("capital_fraction", "200")]
)
def test_signals_that_leave_the_size_to_risk_are_sized_by_the_configured_method(
    method: str, expected: str
) -> None:
    table = ready(
        sizing_method=method, sizing_quantity=D(7), sizing_notional=D(2500), sizing_fraction=D("0.2")
    )
    assert order_of(table.signal("long")).quantity == D(expected)


def test_compounding_sizes_by_equity() -> None:
    table = ready(sizing_compound=True, sizing_fraction=D("0.1"))
    table.trade("long", "100", "100")
    table.mark()
    table.price("150")
    table.mark()
    # Equity 105000: a tenth is 10500, at 150 that is 70.
    assert order_of(table.signal("long", price="150", strategy="b")).quantity == 70


def test_an_inverse_contract_is_sized_by_its_value_in_the_account_currency() -> None:
    table = ready(instrument=INVERSE, price="50000")
    table.say(Rate(base="BTC", quote="USDT", source="x", ts_event=START, ts_init=START, rate=D(50_000)))
    outputs = table.signal(
        "long", price="50000", instrument=INVERSE, target_kind=TargetKind.NOTIONAL, target=D(1050)
    )
    # One contract is 100 / 50000 BTC = 100 USDT.
    assert order_of(outputs).quantity == 10


def test_a_target_that_is_held_already_changes_nothing(table: Table) -> None:
    table.trade("long", "2", "100")
    (resolved,) = table.signal("long", "2.0004")
    assert (resolved.outcome, resolved.signal_id, resolved.superseded_by) == (Outcome.NO_CHANGE, "s-2", None)


def test_less_than_a_lot_is_refused(table: Table) -> None:
    assert refusal(table.signal("long", "0.0004")) == ("quantity_min", D("0.001"), D("0.0004"))


def test_less_than_the_minimum_quantity_is_refused() -> None:
    table = ready(defined=session(perpetual(quantity_min=D("0.5"))))
    assert refusal(table.signal("long", "0.4")) == ("quantity_min", D("0.5"), D("0.4"))


def test_less_than_the_minimum_notional_is_refused() -> None:
    table = ready(defined=session(perpetual(notional_min=D(50))))
    assert refusal(table.signal("long", "0.4")) == ("notional_min", 50, 40)


def test_the_minimum_notional_of_an_inverse_contract_is_its_face_value() -> None:
    table = ready(defined=session(inverse(notional_min=D(500))), instrument=INVERSE, price="50000")
    table.say(Rate(base="BTC", quote="USDT", source="x", ts_event=START, ts_init=START, rate=D(50_000)))
    outputs = table.signal("long", "4", price="50000", instrument=INVERSE)
    assert refusal(outputs) == ("notional_min", 500, 400)


def test_an_unknown_instrument_is_refused(table: Table) -> None:
    assert refusal(table.signal("long", "1", instrument="doge-perp.replay"))[0] == "instrument"


def test_a_linear_contract_that_is_not_settled_in_its_quote_is_refused() -> None:
    table = ready(defined=session(perpetual(settlement="BTC")))
    assert refusal(table.signal("long", "1"))[0] == "instrument"


def test_an_unknown_strategy_is_refused(table: Table) -> None:
    assert refusal(table.signal("long", "1", strategy="stranger"))[0] == "strategy"


def test_without_a_price_there_is_no_order() -> None:
    table = Table()
    table.mark()
    assert refusal(table.signal("long", "1"))[0] == "price_missing"


def test_a_stale_price_is_refused_by_its_age_in_ms() -> None:
    table = ready(price_age_ms_max=5000, price_age_intervals_max=0)
    table.mark(step=5_000_000_000 - 1)
    assert of(table.signal("long", "1"), OrderApproved)
    table.mark(step=1_000_000)
    assert refusal(table.signal("long", "2", strategy="b")) == ("price_stale", 5000, 5001)


def test_the_age_allowed_scales_with_the_strategys_bars() -> None:
    table = ready(price_age_ms_max=5000, price_age_intervals_max=2)
    table.mark(step=2 * MINUTE - 1)
    assert of(table.signal("long", "1"), OrderApproved)
    table.mark(step=1)
    assert refusal(table.signal("long", "2", strategy="b"))[:2] == ("price_stale", 120_000)


def test_without_a_rate_there_is_no_order() -> None:
    table = ready(instrument=INVERSE, price="50000")
    assert refusal(table.signal("long", "1", price="50000", instrument=INVERSE))[0] == "rate"


@pytest.mark.parametrize("status", [MarketStatus.HALTED, MarketStatus.AUCTION, MarketStatus.CLOSED])
def test_a_market_that_does_not_trade_refuses(table: Table, status: MarketStatus) -> None:
    table.say(InstrumentStatus(instrument=BTC, ts_event=table.now, ts_init=table.now, status=status))
    assert refusal(table.signal("long", "1"))[0] == "market_closed"
    trading = InstrumentStatus(
        instrument=BTC, ts_event=table.now, ts_init=table.now, status=MarketStatus.TRADING
    )
    table.say(trading)
    assert of(table.signal("long", "1"), OrderApproved)


def test_an_expired_instrument_refuses() -> None:
    table = ready(defined=session(perpetual(expiry=START + MINUTE + 1)))
    assert refusal(table.signal("long", "1"))[0] == "market_closed"


def test_a_new_definition_counts_from_the_next_signal_on(table: Table) -> None:
    table.say(InstrumentDefined(instrument=perpetual(lot_size=D(1)), ts_event=table.now, ts_init=table.now))
    assert order_of(table.signal("long", "2.9")).quantity == 2


def test_an_instrument_without_limits_is_refused() -> None:
    table = ready(unlisted_instruments="refuse", instrument_limits={ETH: {}})
    assert refusal(table.signal("long", "1"))[0] == "limits"


def test_spot_cannot_be_sold_short_unless_allowed() -> None:
    defined = session(perpetual(kind=InstrumentKind.SPOT))
    table = ready(defined=defined, short_allowed="derivatives")
    assert refusal(table.signal("short", "1")) == ("short", 0, -1)
    assert order_of(ready(defined=defined, short_allowed="always").signal("short", "1")).side is Side.SELL


def test_a_short_that_is_not_allowed_still_closes_a_long() -> None:
    table = ready(short_allowed="never")
    table.trade("long", "2", "100")
    order = order_of(table.signal("short", "1"))
    assert (order.side, order.quantity) == (Side.SELL, 2)


@pytest.mark.parametrize(
    ("style", "rule"),
    [
        (OrderStyle(type=OrderType.STOP), "stop_price"),
        (OrderStyle(type=OrderType.STOP, stop_price=D(99)), "stop_price"),
        (OrderStyle(type=OrderType.TAKE_PROFIT, stop_price=D(101)), "stop_price"),
        (OrderStyle(type=OrderType.TRAILING_STOP), "style"),
        (OrderStyle(type=OrderType.STOP_LIMIT, stop_price=D(105)), "limit_price"),
        (OrderStyle(type=OrderType.STOP_LIMIT, stop_price=D(105), limit_price=D(118)), "price_collar"),
        (OrderStyle(limit_price=D(99)), "style"),
        (OrderStyle(stop_price=D(105)), "style"),
        (OrderStyle(time_in_force="gtd"), "style"),
        (OrderStyle(time_in_force="gtd", expire_at=START), "style"),
        (OrderStyle(post_only=True), "style"),
        (OrderStyle(stop_loss=D(100)), "stop_loss"),
        (OrderStyle(stop_loss=D(90), take_profit=D(100)), "take_profit"),
        (OrderStyle(algo="twap"), "style"),
        (OrderStyle(type=OrderType.LIMIT), "limit_price"),
        (limit("0.04"), "limit_price"),
    ],
)
def test_what_cannot_be_executed_is_refused(table: Table, style: OrderStyle, rule: str) -> None:
    assert refusal(table.signal("long", "1", style=style))[0] == rule


def test_order_types_and_times_in_force_may_be_narrowed() -> None:
    narrow = ready(order_types=["market"], times_in_force=["gtc"])
    stop = OrderStyle(type=OrderType.STOP, stop_price=D(105))
    assert refusal(narrow.signal("long", "1", style=stop))[0] == "order_type"
    assert refusal(narrow.signal("long", "1", style=OrderStyle(stop_loss=D(90))))[0] == "order_type"
    assert refusal(narrow.signal("long", "1", style=OrderStyle(time_in_force="fok")))[0] == "time_in_force"


def test_limit_prices_are_rounded_to_the_tick_on_the_passive_side(table: Table) -> None:
    buy = order_of(table.signal("long", "1", style=limit("99.98")))
    sell = order_of(table.signal("short", "1", style=limit("100.02"), instrument=BTC, strategy="b"))
    assert (buy.limit_price, sell.limit_price) == (D("99.9"), D("100.1"))


def test_a_decision_too_far_from_the_market_is_refused() -> None:
    table = ready(price_collar=D("0.02"))
    assert order_of(table.signal("long", "1", price="102")).collar_price == D("104.04")
    assert refusal(table.signal("long", "1", price="103", strategy="b")) == (
        "price_collar",
        D("0.02"),
        D("0.03"),
    )


def test_a_limit_price_too_far_from_the_market_is_refused() -> None:
    table = ready(price_collar=D("0.02"))
    assert refusal(table.signal("long", "1", style=limit("95"))) == ("price_collar", D("0.02"), D("0.05"))


def test_reduce_only_against_the_strategys_own_position(table: Table) -> None:
    style = OrderStyle(reduce_only=True)
    table.trade("long", "2", "100")
    assert refusal(table.signal("long", "3", style=style)) == ("reduce_only", 2, 3)
    assert refusal(table.signal("short", "1", style=style)) == ("reduce_only", 2, 1)
    order = order_of(table.signal("long", "0.5", style=style))
    assert (order.reduce_only, order.quantity) == (True, D("1.5"))
    assert refusal(table.signal("short", "1", style=style, strategy="b"))[0] == "reduce_only"


def test_an_order_that_would_meet_our_own_is_refused(table: Table) -> None:
    resting = order_of(table.signal("short", "1", style=limit("101")))
    assert refusal(table.signal("long", "1", strategy="b")) == ("self_trade", 101, None)
    assert refusal(table.signal("long", "1", style=limit("101"), strategy="b")) == ("self_trade", 101, 101)
    assert of(table.signal("long", "1", style=limit("100.9"), strategy="b"), OrderApproved)
    table.over(resting)
    assert of(table.signal("long", "1", style=limit("101")), OrderApproved)


def test_a_new_signal_first_cancels_what_the_earlier_one_has_working(table: Table) -> None:
    first = order_of(table.signal("long", "2", style=limit("99")))
    table.mark()
    (cancel,) = table.signal("long", "5")
    assert isinstance(cancel, CancelRequested)
    assert (cancel.order_id, cancel.reason) == (first.order_id, "new_signal")
    # A fill on its way counts.
    table.fill(first, "99", "0.5")
    order = order_of(table.over(first))
    assert (order.signal_id, order.quantity, order.ts) == ("s-2", D("4.5"), table.now + 1)


def test_a_signal_that_waits_is_superseded_by_a_newer_one(table: Table) -> None:
    first = order_of(table.signal("long", "2", style=limit("99")))
    table.signal("long", "5")
    (superseded,) = table.signal("short", "1")
    assert isinstance(superseded, SignalResolved)
    assert (superseded.signal_id, superseded.outcome, superseded.superseded_by) == (
        "s-2",
        Outcome.SUPERSEDED,
        "s-3",
    )
    order = order_of(table.over(first))
    assert (order.signal_id, order.side) == ("s-3", Side.SELL)


def test_a_fill_that_completes_the_order_decides_the_signal_that_waits(table: Table) -> None:
    first = order_of(table.signal("long", "2"))
    table.signal("flat")
    order = order_of(table.fill(first, "100"))
    assert (order.signal_id, order.side, order.quantity) == ("s-2", Side.SELL, 2)


def test_a_rejected_order_lets_the_next_signal_go_ahead(table: Table) -> None:
    first = order_of(table.signal("long", "2"))
    table.signal("long", "1")
    assert order_of(table.over(first, OrderState.REJECTED)).quantity == 1


def test_another_strategys_orders_are_left_alone(table: Table) -> None:
    table.signal("long", "2", style=limit("99"))
    outputs = table.signal("long", "1", style=limit("99"), strategy="b")
    assert [type(each) for each in outputs] == [OrderApproved]


def test_an_approval_lists_every_rule_with_its_limit_and_value(table: Table) -> None:
    order = order_of(table.signal("long", "2"))
    assert {check.rule: check.value for check in order.checks} == {
        "price_stale": D("0.000001"),
        "price_collar": 0,
        "order_quantity": 2,
        "order_notional": 220,
        "position_quantity": 2,
        "position_notional": 220,
        "instrument_exposure": 220,
        "strategy_exposure": 220,
        "leverage": D("0.0022"),
        "gross_exposure": 220,
        "net_exposure": 220,
        "orders_per_second": 1,
        "orders_per_minute": 1,
        "daily_loss": 0,
        "drawdown": 0,
        "consecutive_losses": 0,
        "trades": 0,
        "duration": D("60.000000001"),
    }
    assert all(check.value <= check.limit for check in order.checks)
