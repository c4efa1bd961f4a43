"""Statistics against numbers worked by hand; what cannot be told is None."""

import math
from decimal import Decimal

import pytest
from penstock_kernel.grid import NS_PER_DAY, NS_PER_SECOND
from penstock_research.report.statistics import equity_statistics, on_grid, step_for

D = Decimal


def daily(*values: str) -> list[tuple[int, Decimal]]:
    return [(at * NS_PER_DAY, D(value)) for at, value in enumerate(values, start=1)]


def test_a_curve_worked_by_hand() -> None:
    # Returns +10 %, -10 %, +20 %: mean 0.0666…, deviation 0.15275…, downside 0.1/√3.
    result = equity_statistics(daily("100", "110", "99", "118.8"), NS_PER_DAY)
    mean, deviation = (
        0.2 / 3,
        math.sqrt(((0.1 - 0.2 / 3) ** 2 + (-0.1 - 0.2 / 3) ** 2 + (0.2 - 0.2 / 3) ** 2) / 2),
    )
    assert result.periods == 3
    assert result.periods_per_year == 365
    assert result.total_return == pytest.approx(0.188)
    assert result.volatility == pytest.approx(deviation * math.sqrt(365))
    assert result.sharpe == pytest.approx(mean / deviation * math.sqrt(365))
    assert result.sortino == pytest.approx(mean / (0.1 / math.sqrt(3)) * math.sqrt(365))
    assert result.annual_return == pytest.approx(1.188 ** (365 / 3) - 1)
    assert result.drawdown == D(11)
    assert result.drawdown_fraction == pytest.approx(0.1)
    assert result.calmar == pytest.approx((1.188 ** (365 / 3) - 1) / 0.1)


def test_a_flat_curve_has_no_ratios() -> None:
    result = equity_statistics(daily("100", "100", "100"), NS_PER_DAY)
    assert (result.total_return, result.volatility) == (0.0, 0.0)
    assert (result.sharpe, result.sortino, result.calmar) == (None, None, None)
    assert result.drawdown == 0


@pytest.mark.parametrize("curve", [[], daily("100")])
def test_without_two_samples_there_is_no_number(curve: list[tuple[int, Decimal]]) -> None:
    result = equity_statistics(curve, NS_PER_DAY)
    assert result.periods == 0
    assert (result.total_return, result.volatility, result.sharpe, result.annual_return) == (None,) * 4


def test_a_rising_curve_has_no_sortino_and_no_calmar() -> None:
    result = equity_statistics(daily("100", "101", "103"), NS_PER_DAY)
    assert result.sharpe is not None
    assert (result.sortino, result.calmar) == (None, None)


def test_less_than_a_day_is_not_annualised() -> None:
    curve = [(at * NS_PER_SECOND, D(100 + at % 3)) for at in range(1, 60)]
    assert equity_statistics(curve, NS_PER_SECOND).annual_return is None


def test_lost_capital_gives_no_returns() -> None:
    assert equity_statistics(daily("100", "0", "50"), NS_PER_DAY).total_return is None


def test_the_grid_takes_the_last_value_known_and_the_open_end() -> None:
    curve = [(5, D(1)), (12, D(2)), (18, D(3)), (20, D(4)), (33, D(5))]
    assert on_grid(curve, 10) == [(10, D(1)), (20, D(4)), (30, D(4)), (40, D(5))]


@pytest.mark.parametrize(
    ("span_s", "sampled_s", "step_s"),
    [
        (10, 1, 1),
        (120, 1, 1),
        (3_600, 1, 60),
        (86_400, 60, 60),
        (40 * 86_400, 3_600, 86_400),
        (120, 3_600, 3_600),
    ],
)
def test_the_step_suits_the_curve_and_is_never_finer_than_its_samples(
    span_s: int, sampled_s: int, step_s: int
) -> None:
    curve = [(0, D(1)), (span_s * NS_PER_SECOND, D(1))]
    assert step_for(curve, sampled_s * NS_PER_SECOND) == step_s * NS_PER_SECOND
