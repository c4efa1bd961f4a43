"""The stage: when it says what, latencies, cancels, the end of data, commands, skipping, snapshots."""

from decimal import Decimal

import pytest
from penstock_contracts.market import InstrumentDefined, InstrumentStatus
from penstock_contracts.types import NEVER, Liquidity, MarketStatus, OrderState, OrderType, Side, TimeInForce
from penstock_contracts.venue import Fill, OrderAccepted, OrderChanged, OrderSubmitted
from penstock_execution.config import ExecutionConfig
from penstock_execution.errors import RepeatedOrder
from penstock_execution.stage import ExecutionStage
from penstock_kernel.ids import make_id
from support.execution import KEY, MS, Run, bars, cancel, instrument, ioc, order, session, stage, trades

D = Decimal


def warm(made: ExecutionStage | None = None) -> Run:
    return Run(made or stage()).give(trades([(10, 100, 1)])).until(100)


def test_a_submission_is_told_at_once_with_its_effect_time() -> None:
    (told,) = warm().give(order(ms=90)).told
    assert told == OrderSubmitted(
        order_id="o-1", client_order_id="o-1", strategy="one", instrument=KEY, number=1,
        ts=90 * MS, ts_effect=110 * MS,
    )  # fmt: skip


def test_an_effect_is_never_before_the_last_mark() -> None:
    assert warm().give(order(ms=10)).of(OrderSubmitted)[0].ts_effect == 100 * MS


def test_an_answer_is_told_at_the_first_mark_that_is_not_before_its_arrival() -> None:
    begun = warm().give(order())
    assert begun.stage.status().next_due == 120 * MS
    assert begun.until(139).of(OrderAccepted) == []
    assert begun.stage.status().next_due == 140 * MS
    (accepted,) = begun.until(140).of(OrderAccepted)
    assert (accepted.number, accepted.ts, accepted.venue_order_id) == (2, 120 * MS, "paper-1")


def test_due_times_cover_effects_answers_and_cancels() -> None:
    begun = warm().give(order(limit_price="90")).until(110)
    assert begun.stage.status().next_due == 120 * MS
    assert begun.until(200).stage.status().next_due == NEVER
    begun.give(cancel(ms=200)).until(210)
    assert begun.stage.status().next_due == 220 * MS
    assert begun.until(230).stage.status().next_due == 240 * MS
    assert begun.until(240).stage.status().next_due == NEVER
    assert begun.of(OrderChanged)[-1].to_state is OrderState.CANCELLED


def test_a_fill_is_known_after_the_response_latency() -> None:
    begun = warm(stage(response_latency_ns=70 * MS)).give(order(), trades([(150, 100, 5)])).until(200)
    assert [type(message) for message in begun.told] == [OrderSubmitted, OrderAccepted]
    (fill,) = begun.until(300).of(Fill)
    assert (fill.ts, fill.ts_known, fill.number) == (150 * MS, 220 * MS, 3)
    assert fill.fill_id == make_id("f", "test", "o-1", 150 * MS, 3)


def test_answers_come_in_the_order_of_knowing_them() -> None:
    begun = warm().give(order(1, ms=100), order(2, ms=90), trades([(130, 100, 9)])).until(200)
    assert [(type(message).__name__, message.order_id) for message in begun.told[2:]] == [
        ("OrderAccepted", "o-2"),
        ("OrderAccepted", "o-1"),
        ("Fill", "o-1"),
        ("Fill", "o-2"),
    ]


def test_a_cancel_is_told_at_once_and_comes_true_after_its_latency() -> None:
    begun = warm(stage(cancel_latency_ns=30 * MS)).give(order(limit_price="99")).until(200)
    begun.give(cancel(ms=200), trades([(210, 100, 1), (230, 98, "0.4"), (231, 98, 9)])).until(300)
    pending, cancelled = begun.of(OrderChanged)
    assert (pending.from_state, pending.to_state) == (OrderState.ACCEPTED, OrderState.CANCEL_PENDING)
    assert (pending.ts, pending.reason, pending.number) == (200 * MS, "superseded", 3)
    assert (cancelled.from_state, cancelled.to_state) == (OrderState.CANCEL_PENDING, OrderState.CANCELLED)
    assert (cancelled.ts, cancelled.reason, cancelled.number) == (230 * MS, "superseded", 5)
    # The trade at the cancel's own time still came before it.
    assert [(fill.quantity, fill.number) for fill in begun.of(Fill)] == [(D("0.4"), 4)]


def test_a_cancel_that_comes_too_late_changes_nothing() -> None:
    begun = warm().give(order(), trades([(190, 100, 5)])).until(200)
    begun.give(cancel(ms=200)).until(300)
    assert [change.to_state for change in begun.of(OrderChanged)] == [OrderState.CANCEL_PENDING]
    assert [fill.quantity_left for fill in begun.of(Fill)] == [0]
    assert begun.give(cancel(ms=300)).until(400).of(OrderChanged)[1:] == []
    assert begun.stage.describe()["working"] == 0


def test_a_cancel_never_overtakes_its_order() -> None:
    begun = warm(stage(cancel_latency_ns=0)).give(order(), cancel(ms=100)).until(200)
    assert [change.ts for change in begun.of(OrderChanged)] == [100 * MS, 120 * MS]
    assert begun.of(OrderChanged)[1].to_state is OrderState.CANCELLED


def test_a_cancel_is_not_in_effect_before_the_last_mark() -> None:
    begun = warm().give(order(ms=50, limit_price="90")).until(300)
    assert begun.give(cancel(ms=210)).until(400).of(OrderChanged)[-1].ts == 300 * MS


def test_a_second_cancel_request_says_nothing_new() -> None:
    begun = warm().give(order(limit_price="90")).until(200).give(cancel(ms=200), cancel(ms=200))
    assert len(begun.of(OrderChanged)) == 1


def test_every_nth_order_is_rejected_where_that_is_set() -> None:
    begun = warm(stage(reject_every=2)).give(order(1), order(2), order(3), order(4)).until(200)
    rejected = begun.of(OrderChanged)
    assert [(each.order_id, each.from_state, each.to_state, each.ts) for each in rejected] == [
        ("o-2", OrderState.IN_FLIGHT, OrderState.REJECTED, 120 * MS),
        ("o-4", OrderState.IN_FLIGHT, OrderState.REJECTED, 120 * MS),
    ]
    assert rejected[0].reason == "venue: order 2 is rejected by reject_every = 2"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"type": OrderType.STOP}, "a stop order without a stop price"),
        ({"type": OrderType.TAKE_PROFIT}, "a take_profit order without a stop price"),
        ({"type": OrderType.STOP_LIMIT, "stop_price": "99"}, "without a limit price"),
        ({"type": OrderType.TRAILING_STOP, "stop_price": "99"}, "without a trail"),
        ({"type": OrderType.LIMIT}, "without a limit price"),
        ({"time_in_force": TimeInForce.GTD}, "does not say when"),
        ({"time_in_force": TimeInForce.GTD, "expire_at": 120 * MS}, "has expired"),
        ({"post_only": True}, "must be a limit that may rest"),
        ({"limit_price": "99", "post_only": True, "time_in_force": TimeInForce.IOC}, "may rest"),
        ({"parent_id": "o-9"}, "its parent does not work"),
        ({"reduce_only": True}, "nothing to reduce"),
        ({"algo": "twap"}, "no algo orders"),
    ],
)
def test_what_cannot_be_an_order_is_rejected(changes: dict[str, object], reason: str) -> None:
    (rejected,) = warm().give(order(**changes)).until(200).of(OrderChanged)
    assert rejected.to_state is OrderState.REJECTED
    assert reason in rejected.reason


def test_a_halted_instrument_fills_nothing_and_its_orders_stay() -> None:
    begun = warm().give(order())
    halt = InstrumentStatus(instrument=KEY, ts_event=1, ts_init=1, status=MarketStatus.HALTED)
    begun.give(halt, trades([(150, 100, 5)])).until(200)
    assert begun.of(Fill) == []
    back = InstrumentStatus(instrument=KEY, ts_event=1, ts_init=1, status=MarketStatus.TRADING)
    begun.give(back, trades([(250, 103, 5)])).until(300)
    assert [fill.price for fill in begun.of(Fill)] == [D("103.0206")]


def test_a_new_definition_changes_lot_fee_and_status() -> None:
    changed = instrument(fee_taker=D("0.01"), lot_size=D("0.5"))
    begun = warm().give(order(), InstrumentDefined(instrument=changed, ts_event=1, ts_init=1))
    begun.give(trades([(150, 100, "0.7")])).until(200)
    assert [(fill.quantity, fill.fee) for fill in begun.of(Fill)] == [(D("0.5"), D("0.5001"))]


def test_after_the_data_market_orders_fill_at_the_last_price_slipped() -> None:
    begun = warm(stage(instrument(), submit_latency_ns=150 * MS))
    begun.give(trades([(190, 101, 1)])).until(200)
    begun.give(order(ms=200, quantity="7", side=Side.SELL)).until(300, ended=True)
    assert begun.of(Fill) == []
    (fill,) = begun.until(400, ended=True).of(Fill)
    assert (fill.price, fill.quantity, fill.quantity_left) == (D("100.9798"), 7, 0)
    assert (fill.ts, fill.ts_known, fill.liquidity) == (350 * MS, 370 * MS, Liquidity.TAKER)


def test_after_the_data_what_waited_for_more_of_it_fills_where_it_ended() -> None:
    begun = (
        warm().give(order(quantity="3"), trades([(150, 100, 1)])).until(200).until(300).until(400, ended=True)
    )
    assert [(fill.quantity, fill.ts) for fill in begun.of(Fill)] == [(1, 150 * MS), (2, 300 * MS)]


def test_an_end_that_closes_the_last_data_comes_after_them() -> None:
    begun = warm().give(order(quantity="3"), trades([(150, 100, 1)])).until(200, ended=True)
    assert [(fill.quantity, fill.ts) for fill in begun.of(Fill)] == [(1, 150 * MS), (2, 150 * MS)]


def test_after_the_data_limits_wait_for_their_cancel_and_an_ioc_ends() -> None:
    begun = warm().give(order(1, limit_price="99"), ioc(2, limit_price="101")).until(200, ended=True)
    assert begun.of(Fill) == []
    assert [(each.order_id, each.reason) for each in begun.of(OrderChanged)] == [("o-2", "ioc")]
    begun.give(cancel(1, ms=200)).until(300, ended=True)
    assert begun.of(OrderChanged)[-1].to_state is OrderState.CANCELLED


def test_after_the_data_a_cancel_that_was_in_time_wins() -> None:
    begun = warm().give(order(quantity="3")).until(200)
    begun.give(cancel(ms=200)).until(300).until(400, ended=True)
    assert begun.of(Fill) == []


def test_after_the_data_a_halted_instrument_still_fills_nothing() -> None:
    halt = InstrumentStatus(instrument=KEY, ts_event=1, ts_init=1, status=MarketStatus.HALTED)
    assert warm().give(order(), halt).until(200, ended=True).of(Fill) == []


def test_an_order_approved_twice_stops_the_stage() -> None:
    begun = warm().give(order())
    with pytest.raises(RepeatedOrder, match="o-1 was approved twice"):
        begun.give(order())


def test_data_of_an_unknown_instrument_and_empty_batches_are_passed_over() -> None:
    begun = warm().give(order(), trades([]), trades([(150, 1, 1)], key="other.test")).until(200)
    assert begun.of(Fill) == []


def test_without_orders_all_rows_are_quiet() -> None:
    begun = warm()
    assert begun.stage.quiet_rows(trades([(110, 1, 1), (120, 200, 1)])) == 2
    assert begun.stage.quiet_rows(bars([(200, 1, 1, 1, 1, 1)])) == 1


def test_rows_are_quiet_up_to_the_first_after_an_orders_effect() -> None:
    begun = warm().give(order())
    assert begun.stage.quiet_rows(trades([(110, 100, 1), (120, 100, 1), (121, 100, 1), (130, 100, 1)])) == 2
    assert begun.stage.quiet_rows(trades([(110, 100, 1)], key="other.test")) == 1


def test_rows_are_quiet_up_to_the_first_that_reaches_a_resting_limit() -> None:
    begun = warm().give(order(1, limit_price="99"), order(2, side=Side.SELL, limit_price="105"))
    begun.give(trades([(150, 100, 1)])).until(200)
    state = begun.stage.snapshot()
    assert (
        begun.stage.quiet_rows(trades([(210, 100, 1), (220, "99.001", 1), (230, 99, 1), (240, 98, 1)])) == 2
    )
    assert begun.stage.quiet_rows(trades([(210, 100, 1), (220, 105, 1)])) == 1
    far = trades([(210 + index, 100, 1) for index in range(10_000)] + [(20_000, 99, 1)])
    assert begun.stage.quiet_rows(far) == 10_000
    assert begun.stage.snapshot() == state
    halt = InstrumentStatus(instrument=KEY, ts_event=1, ts_init=1, status=MarketStatus.HALTED)
    assert begun.stage.quiet_rows(halt) == 0
    begun.give(halt)
    assert begun.stage.quiet_rows(far) == 10_001


def test_bar_rows_are_quiet_up_to_the_first_that_trades_through_a_limit() -> None:
    begun = Run(stage()).give(bars([(100, 100, 101, 99, 100, 9)])).until(100).give(order(limit_price="98"))
    begun.give(bars([(200, 100, 101, 99, 100, 9)])).until(200)
    ahead = bars([(300, 100, 101, 99, 100, 9), (400, 100, 101, 98, 100, 9), (500, 100, 101, 97, 100, 9)])
    assert begun.stage.quiet_rows(ahead) == 2


def test_what_it_shows_counts_orders_fills_and_what_works() -> None:
    begun = warm().give(order(1), order(2, limit_price="90"), order(3, limit_price="900"))
    begun.give(trades([(150, 100, 5)])).until(200)
    assert begun.stage.describe() == {"orders": 2, "blocked": 1, "fills": 1, "working": 1, "halted": False}


def test_a_snapshot_of_another_session_or_of_nothing_is_refused() -> None:
    other = ExecutionStage(ExecutionConfig(), session(session_id="other"))
    with pytest.raises(ValueError, match="session other, not test"):
        stage().restore(other.snapshot())
    with pytest.raises(ValueError, match="JSON"):
        stage().restore(b"")
    with pytest.raises(ValueError, match="surprise"):
        stage().restore(stage().snapshot()[:-1] + b',"surprise":1}')


def test_a_restored_stage_has_the_same_snapshot() -> None:
    begun = warm().give(order(1, quantity="3"), order(2, limit_price="99"), cancel(2, ms=100))
    begun.give(trades([(150, 100, 1)]))
    copy = stage()
    copy.restore(begun.stage.snapshot())
    assert copy.snapshot() == begun.stage.snapshot()
    assert copy.describe() == begun.stage.describe()
