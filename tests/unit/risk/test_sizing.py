"""Sizing by risk, and the limits on strategies, leverage and borrowing, with numbers worked by hand."""

from decimal import Decimal
from typing import Any

import pytest
from penstock_contracts.orders import OrderApproved, SignalRefused
from penstock_contracts.signals import OrderStyle
from penstock_contracts.types import InstrumentKind
from penstock_kernel.session import SessionConfig
from support.risk import BTC, Table, of, perpetual, session, settings

D = Decimal


def ready(defined: SessionConfig | None = None, **changes: Any) -> Table:
    """Capital 100,000; bitcoin costs 100; bars of a minute."""
    table = Table(settings(**changes), defined)
    table.mark()
    table.price("100", BTC)
    return table


def quantity(outputs: Any) -> Decimal:
    (order,) = of(outputs, OrderApproved)
    return D(order.quantity)


def refusal(outputs: Any) -> tuple[str, Decimal | None, Decimal | None]:
    (refused,) = of(outputs, SignalRefused)
    return refused.rule, refused.limit, refused.value


def test_volatility_target_scales_the_fraction() -> None:
    # 525,600 minutes a year: sqrt is 724.98...; 0.001 a minute is 0.72498 a year; 0.1 / 0.72498 = 0.13793.
    table = ready(sizing_method="volatility_target", sizing_volatility="0.1", sizing_fraction_max="0.25")
    assert quantity(table.signal("long", volatility=0.001)) == D("137.934")


def test_volatility_target_is_capped() -> None:
    table = ready(sizing_method="volatility_target", sizing_volatility="0.1", sizing_fraction_max="0.25")
    assert quantity(table.signal("long", volatility=0.0001)) == 250


def test_volatility_target_needs_a_volatility() -> None:
    assert refusal(ready(sizing_method="volatility_target").signal("long"))[0] == "sizing"


@pytest.mark.parametrize(
    ("confidence", "style", "expected"),
    [
        # a quarter of 0.6 - 0.4 / 1
        (0.6, OrderStyle(), D(50)),
        # 110 and 95 around 100: won 10, lost 5; a quarter of 0.6 - 0.4 / 2
        (0.6, OrderStyle(take_profit=D(110), stop_loss=D(95)), D(100)),
        # a quarter of 0.95 - 0.05 is 0.225, above the cap
        (0.95, OrderStyle(), D(200)),
    ],
)
def test_kelly_by_confidence_and_payoff(confidence: float, style: OrderStyle, expected: Decimal) -> None:
    table = ready(sizing_method="fractional_kelly", sizing_kelly="0.25", sizing_fraction_max="0.2")
    outputs = table.signal("long", confidence=confidence, style=style)
    assert of(outputs, OrderApproved)[0].quantity == expected


def test_kelly_without_an_edge_is_refused() -> None:
    table = ready(sizing_method="fractional_kelly")
    assert refusal(table.signal("long", confidence=0.5)) == ("sizing", 0, 0)


def test_a_strategy_stays_within_its_capital() -> None:
    both = session()
    specs = tuple(each.model_copy(update={"capital_fraction": D("0.1")}) for each in both.strategies)
    table = ready(both.model_copy(update={"strategies": specs}), strategy_exposure_fraction_max=1)
    assert refusal(table.signal("long", "95")) == ("strategy_exposure", 10_000, 95 * 110)
    assert quantity(table.signal("long", "90")) == 90
    assert quantity(table.signal("long", "90", strategy="b")) == 90


def test_leverage_is_on_equity_at_worst() -> None:
    table = ready(leverage_max="0.5")
    table.trade("long", "100", "100", fee="20000")
    # Equity is 80,000; 100 are held, and 300 more would at worst be bought at 110.
    assert refusal(table.signal("long", "400")) == ("leverage", D("0.5"), D("0.5375"))
    assert quantity(table.signal("long", "350")) == 250


def spot(**changes: Any) -> Table:
    return ready(session(perpetual(kind=InstrumentKind.SPOT)), **changes)


def test_what_must_be_borrowed_is_sold_short_only_as_far_as_somebody_lends() -> None:
    table = spot(short_allowed="borrowed", borrow_quantity={BTC: 10})
    assert refusal(table.signal("short", "11")) == ("borrow", 10, 11)
    assert quantity(table.signal("short", "6")) == 6
    # What the other strategy is selling is lent already.
    assert refusal(table.signal("short", "5", strategy="b")) == ("borrow", 4, 5)
    assert quantity(table.signal("short", "4", strategy="b")) == 4


def test_nobody_lends_what_is_not_listed() -> None:
    assert refusal(spot(short_allowed="borrowed").signal("short", "1")) == ("borrow", 0, 1)
    assert refusal(spot(short_allowed="derivatives").signal("short", "1"))[0] == "short"
    assert quantity(ready(short_allowed="borrowed").signal("short", "1")) == 1


def test_a_long_position_is_closed_where_going_short_is_refused() -> None:
    table = spot(short_allowed="borrowed")
    table.trade("long", "3", "100")
    assert quantity(table.signal("short", "5")) == 3
