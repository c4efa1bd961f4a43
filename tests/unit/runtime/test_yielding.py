"""Who trading does not wait for does not interrupt it."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    not hasattr(os, "SCHED_BATCH"), reason="Linux knows processes that wait their turn"
)

SAY = "import os; print(os.sched_getscheduler(0), os.nice(0))"


def said(before: str) -> list[int]:
    code = (
        f"import os, subprocess, sys; {before}; subprocess.run([sys.executable, '-c', {SAY!r}], check=True)"
    )
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return [int(each) for each in result.stdout.split()]


def test_a_process_that_gives_way_and_what_it_starts_wait_their_turn() -> None:
    policy, niceness = said("from penstock_runtime.yielding import give_way; give_way()")
    assert policy == os.SCHED_BATCH
    assert niceness == min(os.nice(0) + 5, 19)


def test_a_process_that_is_gone_is_no_error() -> None:
    assert said("from penstock_runtime.yielding import wait_its_turn; wait_its_turn(2**22 - 3)")[0] == 0
