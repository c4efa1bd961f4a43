"""The garbage collector during a run, which keeps nearly all that it makes and makes no cycles."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_THRESHOLDS = (50_000, 20, 20)
"""Python's own 700 has it walk what a run keeps so often that it takes a tenth of the time."""


@contextmanager
def sparing_collector() -> Iterator[None]:
    """Have it walk what a run keeps more seldom, and what was there before not at all; afterwards as before.

    Settings that already spare it, or have switched it off, stay; and so does what the process has frozen.
    """
    thresholds = gc.get_threshold()
    freezes = not gc.get_freeze_count()
    if 0 < thresholds[0] < _THRESHOLDS[0]:
        gc.set_threshold(*_THRESHOLDS)
    if freezes:
        gc.freeze()
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        if freezes:
            gc.unfreeze()
