"""Processes that trading does not wait for leave the processor to those that trade."""

import os
from contextlib import suppress

NICENESS = 5
"""Of a service that yields."""


def wait_its_turn(pid: int = 0) -> None:
    """Have a process (0: this one) wait, when it is woken, until who runs is done, and not interrupt it.

    It gets its share as before, and so do the processes that it starts from now on. Where the system knows no
    such thing, or does not let us, everything works as well, and an order may take a little longer.
    """
    if hasattr(os, "SCHED_BATCH"):
        with suppress(PermissionError, ProcessLookupError):
            os.sched_setscheduler(pid, os.SCHED_BATCH, os.sched_param(0))


def give_way() -> None:
    """Have this process leave the processor to those that trade while they want it."""
    os.nice(NICENESS)
    wait_its_turn()
