"""When the api is down, the launcher tells it: the api itself cannot."""

import asyncio
from collections.abc import Iterator

import pytest
from penstock.launch import alarm
from penstock.launch.alarm import ApiAlarm
from penstock_api.alerts.config import AlertsConfig
from penstock_runtime.board import Board, Report
from support.hooks import Hook


class Watched:
    """An alarm whose clock stands still until it is moved."""

    def __init__(self, **config: object) -> None:
        self.now = 0.0
        self.board = Board(clock=lambda: self.now)
        alerts = AlertsConfig.model_validate({"service_down_s": 10, "settle_s": 5, **config})
        self.alarm = ApiAlarm(alerts, self.board, "session-1", clock=lambda: self.now)

    def at(self, now: float, state: str | None = None) -> list[str]:
        """Look at a time, when the api may just have been heard; returns what stands."""
        self.now = now
        if state is not None:
            self.board.take(Report(service="api", state=state))
        self.alarm.look()
        return [each.text for each in self.alarm._alerts.firing]


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as made:
        yield made


def test_an_api_that_is_not_heard_is_told_and_that_it_is_heard_again() -> None:
    watched = Watched()
    watched.alarm.expect()
    assert watched.at(1, "running") == []
    assert watched.at(11) == []
    assert watched.at(11.5) == ["api was not heard for 10 s: no other alert is told meanwhile"]
    assert watched.at(12, "running") != []
    assert watched.at(17, "running") == []


def test_one_that_never_came_up_is_told_and_one_that_was_not_started_is_not() -> None:
    watched = Watched()
    assert watched.at(100) == []
    watched.alarm.expect()
    assert watched.at(110) == []
    assert watched.at(111) != []


def test_one_that_ended_as_asked_is_not_missed_nor_is_any_when_the_rule_is_off() -> None:
    watched = Watched()
    watched.alarm.expect()
    assert watched.at(1, "stopped") == []
    assert watched.at(60) == []
    off = Watched(service_down_s=None)
    off.alarm.expect()
    assert off.at(60) == []


async def test_the_targets_of_the_configuration_are_told(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarm, "LOOK_S", 0.01)
    target = {"name": "ops", "kind": "webhook", "url": hook.url, "timeout_s": 60}
    watched = Watched(targets=[target])
    watched.alarm.expect()
    watched.now = 11.0
    task = asyncio.create_task(watched.alarm.run())
    try:
        async with asyncio.timeout(120):
            while not hook.taken:
                await asyncio.sleep(0.05)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    (body,) = hook.taken
    assert (body["key"], body["state"], body["session_id"]) == ("service_down:api", "firing", "session-1")
