"""Failpoints: read once, strike once, and where nothing is armed do nothing."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from penstock_runtime import failpoints
from penstock_runtime.errors import BadConfiguration, Unavailable

CRASH = (
    "from penstock_runtime import failpoints as f; f.arm('risk'); f.hit('after_mark'); f.hit('after_mark')"
)


def test_the_second_time_a_place_is_reached_the_process_kills_itself() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", CRASH], env={"PENSTOCK_FAILPOINT": "after_mark:2:risk"}, check=False
    )
    assert ended.returncode == -signal.SIGKILL


def test_another_service_is_not_armed() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", CRASH], env={"PENSTOCK_FAILPOINT": "after_mark:1:execution"}, check=False
    )
    assert ended.returncode == 0


def test_of_the_kind_raise_it_ends_as_an_error_does_once() -> None:
    strike, service = failpoints.armed("before_snapshot:1::raise")
    assert service == ""
    strike("after_snapshot")
    with pytest.raises(Unavailable, match="before_snapshot"):
        strike("before_snapshot")
    strike("before_snapshot")


@pytest.mark.parametrize("text", ["nowhere", "after_mark:x", "after_mark:0", "after_mark:1:risk:explode"])
def test_what_names_no_failpoint_is_a_configuration_error(text: str) -> None:
    with pytest.raises(BadConfiguration, match="PENSTOCK_FAILPOINT"):
        failpoints.armed(text)


def test_unarmed_a_failpoint_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PENSTOCK_FAILPOINT", raising=False)
    failpoints.arm("risk")
    assert failpoints.hit is failpoints._nothing
