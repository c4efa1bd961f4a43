"""A run's figures: worked by hand, and against empyrical."""

import math
from decimal import Decimal
from typing import Any

import empyrical
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_contracts.types import Liquidity, Side
from penstock_contracts.venue import Fill
from penstock_kernel.grid import NS_PER_DAY
from penstock_research.performance import (
    Annualisation,
    drawdowns,
    monthly_returns,
    performance,
    rolling_sharpe,
    trade_figures,
    underwater,
)
from penstock_research.report.trips import Trip, round_trips
from support.messages import instrument

D = Decimal
START = 1_640_995_200 * 10**9
"""2022-01-01T00:00:00Z"""


def curve(*values: float | str) -> list[tuple[int, Decimal]]:
    return [(START + at * NS_PER_DAY, D(str(value))) for at, value in enumerate(values)]


def trip(pnl: str, fees: str = "1", **changes: Any) -> Trip:
    values: dict[str, Any] = {
        "strategy": "s", "instrument": "btc-usdt.x", "side": "long", "ts_open": 0, "ts_close": 60 * 10**9,
        "currency": "USDT", "pnl": D(pnl), "fees": D(fees),
    }  # fmt: skip
    return Trip(**(values | changes))


def test_trades_worked_by_hand() -> None:
    # Net: +9, -5, 0 (neither won nor lost), +3.
    figures = trade_figures([trip("10"), trip("-4"), trip("1"), trip("4")])
    assert (figures.count, figures.won, figures.lost) == (4, 2, 1)
    assert figures.win_rate == 0.5
    assert figures.profit_factor == pytest.approx(12 / 5)
    assert figures.expectancy == D("1.75")
    assert (figures.pnl, figures.fees) == (D(11), D(4))
    assert (figures.gross_profit, figures.gross_loss, figures.best, figures.worst) == (
        D(12),
        D(5),
        D(9),
        D(-5),
    )
    assert figures.duration_mean_s == 60


def test_only_losses_have_a_profit_factor_of_nothing() -> None:
    figures = trade_figures([trip("-1"), trip("-2")])
    assert figures.win_rate == 0
    assert figures.profit_factor == 0
    assert figures.gross_loss == D(5)


def test_one_winning_trade_has_no_profit_factor() -> None:
    figures = trade_figures([trip("5")])
    assert figures.win_rate == 1
    assert figures.profit_factor is None
    assert figures.expectancy == D(4)


def test_no_trades_are_not_a_number() -> None:
    figures = trade_figures([])
    assert figures.count == 0
    for value in (figures.win_rate, figures.profit_factor, figures.expectancy, figures.pnl, figures.best):
        assert value is None


def test_trades_in_two_currencies_have_no_sum() -> None:
    figures = trade_figures([trip("5"), trip("5", currency="BTC")])
    assert figures.win_rate == 1
    assert figures.pnl is None
    assert trade_figures([trip("5", fees="0"), trip("5", fees="0")]).pnl == D(10)


def test_drawdowns_worked_by_hand() -> None:
    found = drawdowns(curve(100, 120, 90, 110, 120, 130, 117, 124))
    assert [each.fraction for each in found] == [0.25, pytest.approx(0.1)]
    first, second = found
    assert (first.ts_peak, first.ts_trough, first.ts_recovered) == tuple(
        START + day * NS_PER_DAY for day in (1, 2, 4)
    )
    assert second.ts_recovered is None
    assert performance(
        curve(100, 120, 90, 110, 120, 130, 117, 124), [], step_ns=NS_PER_DAY
    ).drawdown_mean == (pytest.approx(0.175))


def test_a_curve_that_only_rises_was_never_under_water() -> None:
    assert drawdowns(curve(100, 101, 101, 102)) == []
    assert [depth for _, depth in underwater(curve(100, 101, 102))] == [0, 0, 0]


def test_months_are_utc_and_their_product_is_the_whole() -> None:
    points = [(START, D(100)), (START + 31 * NS_PER_DAY, D(110)), (START + 40 * NS_PER_DAY, D(99))]
    # The first instant of February still belongs to January, as does the start to December.
    assert monthly_returns(points) == [
        (2021, 12, 0.0),
        (2022, 1, pytest.approx(0.1)),
        (2022, 2, pytest.approx(-0.1)),
    ]


def test_a_year_of_252_days_is_said() -> None:
    points = curve(100, 101, 100.5, 102)
    long, short = (performance(points, [], step_ns=NS_PER_DAY, days=days) for days in (365, 252))
    assert str(short.annualisation) == "returns of a day, 252 of them a year"
    assert long.curve.sharpe is not None
    assert short.curve.sharpe == pytest.approx(long.curve.sharpe * math.sqrt(252 / 365))


@given(st.lists(st.floats(min_value=-0.2, max_value=0.2), min_size=3, max_size=60))
def test_ratios_are_those_of_empyrical(moves: list[float]) -> None:
    values = np.cumprod([1000.0, *(1 + move for move in moves)])
    points = curve(*(f"{value:.10f}" for value in values))
    exact = np.array([float(value) for _, value in points])
    returns = exact[1:] / exact[:-1] - 1
    ours = performance(points, [], step_ns=NS_PER_DAY, days=365).curve
    options = {"period": "daily", "annualization": 365}
    if np.std(returns, ddof=1) > 1e-9:
        assert ours.sharpe == pytest.approx(empyrical.sharpe_ratio(returns, **options), rel=1e-6, abs=1e-9)
        assert ours.volatility == pytest.approx(empyrical.annual_volatility(returns, **options), rel=1e-6)
    if (returns < -1e-9).any():
        assert ours.sortino == pytest.approx(empyrical.sortino_ratio(returns, **options), rel=1e-6, abs=1e-9)
        assert ours.drawdown_fraction == pytest.approx(-empyrical.max_drawdown(returns), rel=1e-6, abs=1e-12)
    assert ours.total_return == pytest.approx(empyrical.cum_returns_final(returns), rel=1e-6, abs=1e-9)
    assert ours.annual_return == pytest.approx(
        empyrical.annual_return(returns, **options), rel=1e-6, abs=1e-9
    )


def test_the_last_rolling_window_is_the_sharpe_of_its_returns() -> None:
    rng = np.random.Generator(np.random.PCG64(3))
    values = 1000 * np.cumprod(1 + rng.normal(0, 0.01, 80))
    points = curve(*(f"{value:.8f}" for value in values))
    series = rolling_sharpe(points, Annualisation.of(NS_PER_DAY), 30)
    assert len(series) == 79 - 30 + 1
    exact = np.array([float(value) for _, value in points])[-31:]
    expected = empyrical.sharpe_ratio(exact[1:] / exact[:-1] - 1, annualization=365)
    assert series[-1][1] == pytest.approx(expected)


def fill(side: Side, quantity: str, price: str, ts: int, fee: str = "0") -> Fill:
    return Fill(
        fill_id=f"f-{ts}", order_id=f"o-{ts}", order_ordinal=ts, strategy="s", instrument="btc-usdt.binance",
        venue="paper", number=1, ts=ts, ts_known=ts, side=side, price=D(price), quantity=D(quantity),
        fee=D(fee), fee_currency="USDT", liquidity=Liquidity.TAKER, quantity_left=D(0),
    )  # fmt: skip


def test_a_flip_closes_one_trade_and_opens_the_next() -> None:
    fills = [
        fill(Side.BUY, "1", "100", 1),
        fill(Side.BUY, "1", "110", 2),
        fill(Side.SELL, "3", "120", 3),
        fill(Side.BUY, "1", "90", 4),
    ]
    first, second = round_trips(fills, {"btc-usdt.binance": instrument()})
    assert (first.side, first.quantity, first.price_open, first.price_close, first.pnl) == (
        "long", D(2), D(105), D(120), D(30),
    )  # fmt: skip
    assert (second.side, second.quantity, second.price_open, second.price_close, second.pnl) == (
        "short", D(1), D(120), D(90), D(30),
    )  # fmt: skip
