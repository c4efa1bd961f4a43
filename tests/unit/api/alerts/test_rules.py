"""When an operator is told of what, and how often."""

# ruff: noqa: E501  (tables read better whole)

from decimal import Decimal
from typing import Any

import pytest
from penstock_api.alerts.config import MEBIBYTE, AlertsConfig
from penstock_api.alerts.rules import Problem, Seen, problems
from penstock_api.alerts.standing import Alerts
from penstock_api.alerts.watch import Window
from penstock_contracts.types import TradingState

D = Decimal
S = 10**9


def keys(seen: Seen, **changes: Any) -> list[str]:
    return [each.key for each in problems(AlertsConfig(**changes), seen)]


@pytest.mark.parametrize(
    ("seen", "key", "said"),
    [
        ({"trading_state": TradingState.HALTED, "trading_reason": "spread"}, "halt", "trading is halted: spread"),
        ({"equity": D(97), "equity_peak": D(100)}, "drawdown", "equity 97.00 is 3.0% below its peak of 100.00"),
        ({"mark": 100 * S, "data_at": {"binance": 69 * S}}, "feed_stale:binance", "binance sent nothing for 31 s"),
        ({"silent_s": {"risk": 10.5}}, "service_down:risk", "risk was not heard for 10 s"),
        ({"connected": False}, "service_down:log", "the log cannot be reached: nothing trades"),
        ({"errors_in_minute": 5, "last_error": "no"}, "error_rate", "5 errors in the last minute, the last: no"),
        ({"memory": {"api": 1025 * MEBIBYTE}}, "memory:api", "api takes 1025 MiB of memory"),
        ({"dead_letters_new": 1}, "dead_letters", "1 messages could not be read in ten minutes"),
        ({"disk_free": 1023 * MEBIBYTE}, "disk", "1023 MiB are free at the data directory"),
    ],
)  # fmt: skip
def test_each_rule_speaks_at_its_limit(seen: dict[str, Any], key: str, said: str) -> None:
    (found,) = problems(AlertsConfig(), Seen(**seen))
    assert found.key == key
    assert found.text.startswith(said)
    # Not once the session is over, nor when the rule is off.
    assert keys(Seen(**seen, ended=True)) == []
    off = {name: None for name in AlertsConfig.model_fields if name not in NOT_OFF}
    assert keys(Seen(**seen), **off, halt=False) == []


NOT_OFF = ("targets", "halt", "repeat_s", "settle_s")


@pytest.mark.parametrize(
    "seen",
    [
        {"trading_state": TradingState.REDUCING},
        {"equity": D("97.01"), "equity_peak": D(100)},
        {"equity": D(0), "equity_peak": D(0)},
        {"mark": 100 * S, "data_at": {"binance": 70 * S}},
        {"silent_s": {"risk": 9.9}},
        {"errors_in_minute": 4},
        {"memory": {"api": 1024 * MEBIBYTE}},
        {"disk_free": 1024 * MEBIBYTE},
        {},
    ],
)
def test_no_rule_speaks_below_its_limit(seen: dict[str, Any]) -> None:
    assert keys(Seen(**seen)) == []


def test_without_the_log_silent_services_are_not_told_one_by_one() -> None:
    assert keys(Seen(connected=False, silent_s={"risk": 60, "execution": 60})) == ["service_down:log"]


HALTED = Problem("halt", "trading is halted: x", "critical")


def states(alerts: Alerts, found: list[Problem], now: float) -> list[tuple[str, str]]:
    return [(each.state, each.key) for each in alerts.look(found, now)]


def test_what_stands_is_told_once_again_when_it_lasts_and_when_it_is_over() -> None:
    alerts = Alerts(AlertsConfig(repeat_s=100, settle_s=10))
    assert states(alerts, [HALTED], 0) == [("firing", "halt")]
    assert states(alerts, [Problem("halt", "in other words", "critical")], 99) == []
    assert states(alerts, [HALTED], 100) == [("lasting", "halt")]
    assert alerts.firing == [HALTED]
    assert states(alerts, [], 105) == []
    assert states(alerts, [], 110) == [("over", "halt")]
    assert alerts.firing == []
    assert states(alerts, [HALTED], 111) == [("firing", "halt")]


def test_what_comes_and_goes_is_one_alert() -> None:
    alerts = Alerts(AlertsConfig(settle_s=10))
    assert states(alerts, [HALTED], 0) == [("firing", "halt")]
    told = [states(alerts, [HALTED] if at % 6 == 0 else [], at) for at in range(1, 60)]
    assert [each for each in told if each] == []


def test_an_alert_says_how_long_it_stood() -> None:
    alerts = Alerts(AlertsConfig(settle_s=0))
    alerts.look([HALTED], 0)
    alerts.look([HALTED], 30)
    (over,) = alerts.look([], 31)
    assert (over.since_s, over.rule, over.severity) == (30, "halt", "critical")


def test_a_count_is_judged_by_its_growth_within_a_window_and_begins_anew_when_it_falls() -> None:
    window = Window(60)
    assert [window.grown(at, count) for at, count in ((0, 7), (10, 9), (60, 9), (61, 9), (71, 9))] == [
        0,
        2,
        2,
        0,
        0,
    ]
    assert window.grown(72, 1) == 0
    assert window.grown(73, 3) == 2
