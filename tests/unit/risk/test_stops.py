"""Stop conditions: what trips them, and how everything is closed."""

from decimal import Decimal
from typing import Any

from penstock_contracts.orders import (
    CancelRequested,
    OrderApproved,
    PnlSampled,
    SignalRefused,
    TradingStateChanged,
)
from penstock_contracts.types import NEVER, OrderState, Side, TradingState
from penstock_kernel.grid import NS_PER_DAY
from support.risk import BTC, ETH, MINUTE, START, Table, limit, of, settings

D = Decimal

MIDNIGHT = (START // NS_PER_DAY + 1) * NS_PER_DAY


def ready(**changes: Any) -> Table:
    table = Table(settings(**changes))
    table.mark()
    table.price("100")
    table.price("50", ETH)
    return table


def rule_of(outputs: Any) -> str:
    (refused,) = of(outputs, SignalRefused)
    return refused.rule


def test_a_drawdown_reduces_cancels_closes_and_ends_the_session() -> None:
    table = ready(drawdown_fraction_max=D("0.01"))
    table.trade("long", "100", "100")
    (resting,) = of(table.signal("long", "5", instrument=ETH, price="50", style=limit("49")), OrderApproved)
    table.mark()
    table.price("110")
    table.mark()
    # The peak is 101000; a hundredth of it is 1010; at 99.9 equity is 99990.
    table.price("99.9")
    stopped, cancel, close = table.mark()
    assert isinstance(stopped, TradingStateChanged)
    assert (stopped.state, stopped.previous, stopped.rule) == (
        TradingState.REDUCING,
        TradingState.ACTIVE,
        "drawdown",
    )
    assert (stopped.limit, stopped.value) == (1010, 1010)
    assert isinstance(cancel, CancelRequested)
    assert cancel.order_id == resting.order_id
    # Nothing works in bitcoin: it is closed at once.
    assert (close.instrument, close.quantity) == (BTC, 100)


def closing_orders(table: Table) -> list[OrderApproved]:
    return [each for each in table.orders.values() if each.reason != "signal"]


def tripped() -> tuple[Table, OrderApproved]:
    """A drawdown of more than a hundredth with a position in bitcoin; its closing order works."""
    table = ready(drawdown_fraction_max=D("0.01"))
    table.trade("long", "100", "100")
    table.mark()
    table.price("89")
    table.mark()
    (order,) = closing_orders(table)
    return table, order


def test_a_stop_closes_at_market_against_the_position() -> None:
    table, order = tripped()
    assert (order.side, order.quantity, order.reduce_only, order.reason) == (Side.SELL, 100, True, "stop")
    assert (order.reference_price, order.collar_price, order.ts) == (89, None, table.now)
    status = table.stage.status()
    assert (status.flat, status.stop) == (False, "drawdown: 1100 has reached 1000")


def test_after_the_stop_everything_is_refused_and_the_session_may_end() -> None:
    table, order = tripped()
    assert rule_of(table.signal("flat", price="89")) == "stopped"
    table.fill(order, "88")
    assert table.mark() == []
    status = table.stage.status()
    assert (status.flat, status.stop[:8]) == (True, "drawdown")
    assert rule_of(table.signal("long", "1", price="89")) == "stopped"


def test_working_orders_are_over_before_the_close_is_sent() -> None:
    table = ready(drawdown_fraction_max=D("0.01"))
    table.trade("long", "100", "100")
    (resting,) = of(table.signal("long", "150", style=limit("95")), OrderApproved)
    table.mark()
    table.price("89")
    assert [type(each) for each in table.mark()] == [TradingStateChanged, CancelRequested]
    table.fill(resting, "95", "10")
    table.over(resting)
    (close,) = table.mark()
    assert close.quantity == 110


def test_a_signal_that_waits_is_refused_when_a_stop_closes_its_position() -> None:
    table = ready(drawdown_fraction_max=D("0.01"))
    table.trade("long", "100", "100")
    table.signal("long", "150", style=limit("95"))
    table.signal("long", "120")
    table.mark()
    table.price("89")
    assert rule_of(table.mark()) == "closing"


def test_a_closing_order_that_fails_is_sent_again_at_the_next_mark() -> None:
    table, order = tripped()
    assert table.over(order, OrderState.REJECTED) == []
    (again,) = table.mark()
    assert (again.quantity, again.order_id != order.order_id) == (100, True)


def test_a_daily_loss_waits_for_the_next_day() -> None:
    table = ready(daily_loss_fraction_max=D("0.01"))
    table.trade("long", "100", "100")
    table.mark()
    table.price("90")
    stopped, close = table.mark()
    assert (stopped.rule, stopped.limit, stopped.value) == ("daily_loss", 1000, 1000)
    table.fill(close, "90")
    table.mark()
    assert rule_of(table.signal("long", "1", price="90")) == "trading_state"
    status = table.stage.status()
    assert (status.flat, status.stop) == (True, "")
    table.now = MIDNIGHT - MINUTE
    assert table.stage.status().next_due <= MIDNIGHT
    released = of(table.mark(), TradingStateChanged)
    assert [(each.state, each.reason, each.ts) for each in released] == [
        (TradingState.ACTIVE, "a new day", MIDNIGHT)
    ]
    table.price("90")
    table.mark()
    assert of(table.signal("long", "1", price="90"), OrderApproved)


def test_the_daily_loss_counts_from_the_equity_with_which_the_day_began() -> None:
    table = ready(daily_loss_fraction_max=D("0.01"))
    table.trade("long", "100", "100")
    table.mark()
    table.price("95")
    table.now = MIDNIGHT
    table.price("94")
    table.mark()
    table.price("84.1")
    assert of(table.mark(), TradingStateChanged) == []
    table.price("84")
    (stopped,) = of(table.mark(), TradingStateChanged)
    assert stopped.value == 1000


def test_fees_count_for_the_daily_loss_too() -> None:
    table = ready(daily_loss_fraction_max=D("0.01"))
    outputs = table.trade("long", "1", "100", fee="1000")
    assert [each.rule for each in of(outputs, TradingStateChanged)] == ["daily_loss"]


def test_losses_in_a_row_end_the_session_and_a_gain_starts_the_count_again() -> None:
    table = ready(consecutive_losses_max=2)

    def trade(exit_price: str, fee: str = "0") -> list[Any]:
        table.trade("long", "1", "100", fee=fee)
        (order,) = of(table.signal("flat"), OrderApproved)
        return of(table.fill(order, exit_price), TradingStateChanged)

    assert trade("99") == []
    assert trade("101") == []
    assert trade("99") == []
    # The price gains 1, the fee takes 2: a loss.
    (stopped,) = trade("101", fee="2")
    assert (stopped.rule, stopped.limit, stopped.value) == ("consecutive_losses", 2, 2)
    table.mark()
    assert table.stage.status().stop.startswith("consecutive_losses")


def test_the_last_trade_allowed_ends_the_session() -> None:
    table = ready(trades_max=2)
    table.trade("long", "1", "100")
    # A turn completes a trade.
    assert of(table.trade("short", "1", "100"), TradingStateChanged) == []
    (stopped,) = of(table.trade("long", "1", "100"), TradingStateChanged)
    assert (stopped.rule, stopped.value) == ("trades", 2)
    (close,) = table.mark()
    assert (close.side, close.quantity) == (Side.SELL, 1)


def test_trades_per_day_start_again_with_the_day() -> None:
    table = ready(trades_max=1, on_trades="day")
    table.trade("long", "1", "100")
    (order,) = of(table.signal("flat"), OrderApproved)
    assert of(table.fill(order, "100"), TradingStateChanged)
    assert rule_of(table.signal("long", "1")) == "trading_state"
    table.now = MIDNIGHT - MINUTE
    table.mark()
    table.price("100")
    table.mark()
    assert of(table.signal("long", "1"), OrderApproved)


def test_a_drawdown_that_waits_for_a_day_counts_from_a_new_peak() -> None:
    table = ready(drawdown_fraction_max=D("0.01"), on_drawdown="day")
    table.trade("long", "100", "100")
    table.mark()
    table.price("89")
    table.mark()
    table.fill(closing_orders(table)[0], "89")
    table.now = MIDNIGHT - MINUTE
    table.mark()
    table.price("89")
    table.mark()
    (sample,) = of([table.stage._account.sample(table.now)], PnlSampled)
    assert (sample.equity, sample.equity_peak, sample.drawdown_max) == (98_900, 100_000, 1100)
    assert of(table.signal("long", "1", price="89"), OrderApproved)


def test_the_session_ends_after_its_duration_of_event_time() -> None:
    table = ready(duration_s_max=600)
    table.trade("long", "1", "100")
    for _ in range(8):
        assert of(table.mark(), TradingStateChanged) == []
    assert table.stage.status().next_due == START + 10 * MINUTE
    stopped, close = table.mark()
    assert (stopped.rule, stopped.value, stopped.ts) == ("duration", 600, START + 10 * MINUTE)
    assert (close.side, close.quantity) == (Side.SELL, 1)


def test_the_end_of_the_data_closes_all_even_at_a_stale_price() -> None:
    table = ready(price_age_ms_max=1, price_age_intervals_max=0)
    table.trade("long", "1", "100", ts=table.now)
    (resting,) = of(
        table.signal("short", "5", instrument=ETH, price="50", style=limit("51"), ts=table.now), OrderApproved
    )
    table.now += 5 * MINUTE
    changed, cancel, close = table.mark(ended=True)
    assert (changed.state, changed.reason) == (TradingState.REDUCING, "the data is over")
    assert (cancel.order_id, close.reason, close.side) == (resting.order_id, "ended", Side.SELL)
    assert not table.stage.status().flat
    table.over(resting)
    table.fill(close, "99")
    assert rule_of(table.signal("long", "1")) == "ended"
    assert of(table.mark(ended=True), TradingStateChanged) == []
    status = table.stage.status()
    assert (status.flat, status.stop) == (True, "")


def test_without_anything_open_a_session_is_flat_and_due_at_its_sample() -> None:
    table = ready()
    status = table.stage.status()
    assert (status.flat, status.stop, status.next_due < NEVER) == (True, "", True)


def test_the_first_ending_stop_goes_before_one_that_waits() -> None:
    table = ready(daily_loss_fraction_max=D("0.01"), drawdown_fraction_max=D("0.01"))
    table.trade("long", "100", "100")
    table.mark()
    table.price("80")
    table.mark()
    assert table.stage.status().stop.startswith("drawdown")
    assert BTC in table.stage.describe()["positions"][0]["instrument"]
