from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from penstock_api.streaming.recent import KEPT, POINTS_MAX, STEPS_MAX, Equity, Recent
from penstock_contracts.orders import SignalRefused
from penstock_contracts.types import OrderState
from penstock_contracts.venue import OrderChanged
from support.message_examples import example
from support.messages import KEY, ORDER, SIGNAL, START, approved, fill, signal


def test_an_order_tells_its_steps_and_its_signal_what_became_of_it() -> None:
    recent = Recent()
    recent.take(1, signal())
    recent.take(1, approved())
    recent.take(1, example("ven", "submitted"))
    recent.take(1, example("ven", "accepted"))
    recent.take(1, fill(quantity=Decimal("0.2"), price=Decimal(46300), quantity_left=Decimal("0.3")))
    recent.take(
        1, fill(fill_id="f-2", quantity=Decimal("0.3"), price=Decimal(46310), quantity_left=Decimal(0))
    )
    order = recent.orders[ORDER]
    states = ["approved", "in_flight", "accepted", "partially_filled", "filled"]
    assert [state for state, _ in order.steps] == states
    assert (order.status, order.sequence) == (OrderState.FILLED, 1)
    assert order.quantity_filled == Decimal("0.5")
    assert order.value_filled == Decimal("0.2") * 46300 + Decimal("0.3") * 46310
    assert order.ts_effect is not None
    assert order.ts_known is not None
    assert (recent.signals[SIGNAL].outcome, recent.signals[SIGNAL].order_id) == ("approved", ORDER)


def test_a_refused_signal_keeps_rule_limit_and_value() -> None:
    recent = Recent()
    recent.take(1, signal())
    refusal = SignalRefused(
        signal_id=SIGNAL,
        strategy="cross",
        instrument=KEY,
        ts=START,
        rule="order_notional",
        limit=Decimal(25_000),
        value=Decimal(31_000),
    )
    recent.take(1, refusal)
    assert recent.signals[SIGNAL].outcome == "refused"
    assert recent.signals[SIGNAL].refusal == refusal


def test_it_is_bounded() -> None:
    recent = Recent()
    for number in range(KEPT + 50):
        recent.take(1, signal(signal_id=f"s-{number}"))
        recent.take(1, approved(order_id=f"o-{number}", signal_id=f"s-{number}"))
        recent.take(1, fill(fill_id=f"f-{number}", order_id=f"o-{number}"))
    assert len(recent.signals) == len(recent.orders) == len(recent.fills) == KEPT
    assert next(iter(recent.orders)) == "o-50"
    last = f"o-{KEPT + 49}"
    for number in range(2 * STEPS_MAX):
        changed = OrderChanged(
            order_id=last,
            strategy="cross",
            instrument=KEY,
            number=number,
            ts=START + number,
            from_state=OrderState.ACCEPTED,
            to_state=OrderState.REPLACE_PENDING,
        )
        recent.take(1, changed)
    assert len(recent.orders[last].steps) == STEPS_MAX
    assert recent.orders[last].steps[-1][1] == START + 2 * STEPS_MAX - 1


def test_what_is_about_an_order_that_is_forgotten_changes_nothing() -> None:
    recent = Recent()
    for each in ("submitted", "accepted", "event"):
        recent.take(1, example("ven", each))
    assert not recent.orders


@given(st.integers(1, 20_000))
def test_the_course_of_equity_is_bounded_even_and_reaches_its_last_stretch(count: int) -> None:
    equity = Equity()
    for ts in range(count):
        equity.add(ts, Decimal(100_000 + ts % 7))
    times = [ts for ts, _, _ in equity.points]
    assert times[0] == 0
    assert times == sorted(set(times))
    assert len(times) <= POINTS_MAX
    steps = {later - earlier for earlier, later in pairwise(times)}
    assert len(steps) <= 2
    assert count - times[-1] <= 2 * max(steps, default=1)


def test_drawdown_is_measured_from_the_peak_so_far() -> None:
    equity = Equity()
    for ts, value in enumerate((100, 120, 90, 130)):
        equity.add(ts, Decimal(value))
    equity.add(3, Decimal(125))
    equity.add(1, Decimal(999))
    assert [(value, fall) for _, value, fall in equity.points] == [(100, 0), (120, 0), (90, 30), (125, 5)]
