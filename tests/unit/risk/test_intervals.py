"""A run of quiet intervals presented as one says what each of them alone says."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from penstock_contracts.features import Prices
from penstock_contracts.interval import Done
from penstock_contracts.orders import OrderApproved, PnlSampled, TradingStateChanged
from penstock_contracts.types import OrderType
from penstock_contracts.venue import Fill
from penstock_kernel.grid import NS_PER_DAY
from penstock_risk.config import RiskConfig
from penstock_risk.stage import RiskStage
from support.risk import BTC, ETH, MINUTE, START, Table, of, price_rows, settings

D = Decimal
Rows = list[tuple[str, int, int]]


def opened(config: RiskConfig) -> Table:
    """Long bitcoin and short ether, known at the last mark."""
    table = Table(config)
    table.now = NS_PER_DAY * (START // NS_PER_DAY) + 23 * 60 * MINUTE
    table.mark()
    table.price("100")
    table.price("50", ETH)
    table.mark()
    table.trade("long", "50", "100")
    table.trade("short", "40", "50", instrument=ETH, strategy="b")
    return table


class Driver:
    """Presents intervals, fills market orders in the next one, and joins what is quiet when told to."""

    def __init__(self, config: RiskConfig, joining: bool) -> None:
        self.stage: RiskStage = opened(config).stage
        self.stage.end_interval(Done(ts=self.stage._state.now + MINUTE, start=self.stage._state.now))
        self.first = self.stage._state.now
        self.joining = joining
        self.said: list[Any] = []
        self.before: Rows = []
        self.fills: list[Fill] = []
        self.presented = 0

    def run(self, intervals: list[Rows]) -> None:
        at = 0
        while at < len(intervals):
            count = self.length(intervals[at:], at) if self.joining else 1
            self.present(self.first + at * MINUTE, self.first + (at + count) * MINUTE)
            self.before = [row for rows in intervals[at : at + count] for row in rows]
            at += count

    def length(self, ahead: list[Rows], at: int) -> int:
        """How many of the intervals ahead may be presented as one."""
        rows = self.before + [row for each in ahead for row in each]
        quiet = self.stage.quiet_rows(price_rows(rows)) if rows else 0
        if self.fills or (quiet < len(rows) and quiet < len(self.before)):
            return 1
        due = self.stage.status().next_due
        count, seen = 0, len(self.before)
        for each in ahead:
            seen += len(each)
            if seen > quiet or self.first + (at + count + 1) * MINUTE >= due:
                break
            count += 1
        return max(count, 1)

    def present(self, start: int, end: int) -> None:
        self.presented += 1
        outputs: list[Any] = []
        if self.before:
            outputs += self.stage.process(self.prices())
        for fill in self.fills:
            outputs += self.stage.process(fill)
        outputs += self.stage.end_interval(Done(ts=end, start=start))
        self.said += outputs
        self.fills = [self.fill(order, end) for order in of(outputs, OrderApproved)]

    def prices(self) -> Prices:
        return price_rows(self.before)

    def fill(self, order: OrderApproved, ts: int) -> Fill:
        assert order.type is OrderType.MARKET
        table = Table()
        table.now = ts
        return table.fill_of(order, str(order.reference_price), order.quantity, D(0), "0.1")


@st.composite
def markets(draw: st.DrawFn) -> list[Rows]:
    first = NS_PER_DAY * (START // NS_PER_DAY) + 23 * 60 * MINUTE + 3 * MINUTE
    prices = {BTC: 1000, ETH: 500}
    names = draw(st.sampled_from([(BTC,), (BTC, ETH)]))
    swing = draw(st.sampled_from([3, 12]))
    intervals: list[Rows] = []
    for number in range(draw(st.integers(20, 90))):
        rows: Rows = []
        for name in names:
            if draw(st.integers(0, 4)):
                prices[name] = max(prices[name] + draw(st.integers(-swing, swing)), 100)
                rows.append((name, first + (number + 1) * MINUTE, prices[name]))
        intervals.append(rows)
    return intervals


CONFIGS = [
    settings(),
    settings(sample_interval_s=600, drawdown_fraction_max=D("0.002")),
    settings(daily_loss_fraction_max=D("0.0015")),
    settings(duration_s_max=3000, daily_loss_fraction_max=D("0.001"), on_drawdown="day"),
]


@hypothesis_settings(max_examples=80, deadline=None)
@given(st.sampled_from(CONFIGS), markets())
def test_joined_intervals_say_the_same(config: RiskConfig, intervals: list[Rows]) -> None:
    alone, joined = Driver(config, joining=False), Driver(config, joining=True)
    alone.run(intervals)
    joined.run(intervals)
    assert joined.said == alone.said
    assert joined.presented <= alone.presented
    # Both have taken everything once the next interval is over.
    end = alone.first + len(intervals) * MINUTE
    for driver in (alone, joined):
        driver.present(end, end + MINUTE)
    assert joined.stage.describe() == alone.stage.describe()
    assert joined.stage.snapshot() == alone.stage.snapshot()


def test_joining_does_join() -> None:
    first = NS_PER_DAY * (START // NS_PER_DAY) + 23 * 60 * MINUTE + 3 * MINUTE
    driver = Driver(settings(), joining=True)
    driver.run([[(BTC, first + (number + 1) * MINUTE, 1000 + number % 5)] for number in range(50)])
    assert driver.presented == 1


@pytest.mark.parametrize("joining", [False, True])
def test_a_stop_in_the_middle_of_a_quiet_stretch_acts_in_the_interval_after_it(joining: bool) -> None:
    first = NS_PER_DAY * (START // NS_PER_DAY) + 23 * 60 * MINUTE + 3 * MINUTE
    driver = Driver(settings(drawdown_fraction_max=D("0.002")), joining)
    rows = [[(BTC, first + (number + 1) * MINUTE, 1000 if number < 20 else 950)] for number in range(40)]
    driver.run(rows)
    (stopped,) = of(driver.said, TradingStateChanged)
    assert stopped.ts == first + 21 * MINUTE
    assert [each.ts for each in of(driver.said, OrderApproved)] == [first + 22 * MINUTE] * 2
    assert of(driver.said, PnlSampled)
