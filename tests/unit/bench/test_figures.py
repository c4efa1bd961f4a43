"""Figures: when one is reached, and what the table and the file say of it."""

import io

import pytest
from rich.console import Console

from bench.figures import Bound, Figure, amount, of_repeats, spread, table
from bench.sessions import lasting, slope


@pytest.mark.parametrize(
    ("bound", "measured", "reached"),
    [
        ("at least", 250.0, True),
        ("at least", 249.9, False),
        ("at most", 2.0, True),
        ("at most", 2.01, False),
        ("below", 4.99, True),
        ("below", 5.0, False),
    ],
)
def test_a_figure_is_reached_where_its_bound_says_so(bound: Bound, measured: float, reached: bool) -> None:
    limit = {"at least": 250.0, "at most": 2.0, "below": 5.0}[bound]
    assert Figure("x", measured, "", bound, limit).reached is reached


def test_repeats_give_their_median_and_keep_every_single_one() -> None:
    figure = of_repeats("x", [3.0, 1.0, 9.0], "x", "at most", 2.0, orders=7)
    assert figure.measured == 3.0
    assert figure.as_json() == {
        "name": "x",
        "measured": 3.0,
        "unit": "x",
        "must": "at most 2.00",
        "reached": False,
        "repeats": [3.0, 1.0, 9.0],
        "details": {"orders": 7},
    }


def test_numbers_are_shown_with_the_digits_that_matter() -> None:
    assert [amount(value) for value in (5_123_456.7, 250.4, 12.34, 1.234)] == [
        "5,123,457",
        "250",
        "12.3",
        "1.23",
    ]


def test_the_spread_of_one_measurement_is_a_dash() -> None:
    assert spread((1.0,)) == "\N{EN DASH}"
    assert spread((3.0, 1.0)) == "1.00 \N{EN DASH} 3.00 (2)"


def test_the_table_says_which_figures_are_reached() -> None:
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(table([Figure("good", 3.0, "s", "below", 5.0), Figure("bad", 6.0, "s", "below", 5.0)]))
    lines = console.export_text().splitlines()
    assert any("good" in line and "yes" in line for line in lines)
    assert any("bad" in line and "no" in line for line in lines)


def test_growth_is_the_slope_of_the_samples() -> None:
    assert slope([(0.0, 100.0), (1.0, 102.0), (2.0, 104.0)]) == pytest.approx(2.0)
    assert slope([(1.0, 100.0)]) == 0.0


def test_processes_that_only_prepare_something_are_left_out_of_the_memory() -> None:
    rows = [(float(minute), 50.0) for minute in range(10)]
    assert list(lasting({"risk": rows, "initdb": rows[:2], "recorder": rows[2:]})) == ["risk", "recorder"]
