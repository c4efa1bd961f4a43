"""What a process says of its use of the processor."""

import time

import pytest
from penstock_runtime import health
from penstock_runtime.health import Health


def test_the_share_of_a_core_is_what_was_taken_since_a_report_before(monkeypatch: pytest.MonkeyPatch) -> None:
    now, taken = [100.0], [5.0]
    monkeypatch.setattr(health.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(Health, "cpu_s", staticmethod(lambda: taken[0]))
    made = Health("risk")
    assert made.report()["cpu_share"] is None
    now[0], taken[0] = 102.0, 5.5
    assert made.report()["cpu_share"] == 0.25
    now[0], taken[0] = 102.1, 5.6  # too soon: nothing can be said of so short a time
    assert made.report()["cpu_share"] == 0.25
    now[0], taken[0] = 104.0, 5.5
    assert made.report()["cpu_share"] == 0.0


def test_processor_time_is_the_processs_own() -> None:
    before, until = Health.cpu_s(), time.process_time() + 0.05
    while time.process_time() < until:
        pass
    assert Health.cpu_s() >= before + 0.04
