"""Named places at which a process can be made to die, so that tests crash it where it hurts.

``PENSTOCK_FAILPOINT=name[:nth[:service[:kind]]]`` is read once, when the process starts. The `nth` time
(default 1) that the named place is reached, in the named service (default: any), the process kills itself
with SIGKILL, or with the kind `raise` raises `Unavailable`, which ends it in the way of an error. Unset,
`hit` is a function that does nothing.
"""

import os
import signal
from collections.abc import Callable

from penstock_runtime.errors import BadConfiguration, Unavailable

VARIABLE = "PENSTOCK_FAILPOINT"
NAMES: dict[str, str] = {
    "after_restore": "a stage has restored its snapshot and has read nothing yet",
    "before_publish": "outputs are numbered, none of these is sent",
    "after_publish": "outputs were sent, none of these is confirmed",
    "after_confirm": "an output was read back from the log",
    "before_snapshot": "a snapshot is covered by confirmed outputs and not stored",
    "after_snapshot": "a snapshot is stored",
    "after_claim": "a claim is stored and not read back",
    "before_mark": "an interval's data is put out and its mark is not",
    "after_mark": "a mark is put out",
    "before_end": "the session is over and its end is not written",
    "before_commit": "rows and cursor are written and not committed",
    "after_commit": "rows and cursor are committed and nobody knows",
}
"""Every failpoint, and what has happened there."""
KINDS = ("kill", "raise")


def _nothing(name: str) -> None:
    """Unarmed."""


class Armed:
    """Counts how often its place is reached, and strikes once."""

    def __init__(self, name: str, nth: int, kind: str) -> None:
        self.name, self.left, self.kind = name, nth, kind

    def __call__(self, name: str) -> None:
        """A place is reached. Raises Unavailable, or does not return, when it is the one."""
        if name != self.name:
            return
        self.left -= 1
        if self.left:
            return
        if self.kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise Unavailable(f"failpoint {name}")


def armed(text: str) -> tuple[Armed, str]:
    """What a value of the variable arms, and in which service. BadConfiguration when it names nothing."""
    name, nth, service, kind = (*text.split(":"), "", "", "")[:4]
    if name not in NAMES or (nth and not (nth.isdecimal() and int(nth))) or (kind or "kill") not in KINDS:
        raise BadConfiguration(
            f"{VARIABLE}={text}: write name[:nth[:service[:kind]]], names {', '.join(NAMES)}, "
            f"kinds {', '.join(KINDS)}"
        )
    return Armed(name, int(nth or 1), kind or "kill"), service


hit: Callable[[str], None] = _nothing
"""Called where a failpoint is, as `failpoints.hit("name")`."""


def arm(service: str) -> None:
    """Arm this process, which runs a service, if the environment says so. BadConfiguration if it cannot."""
    global hit  # noqa: PLW0603  (bound once at the start: unarmed, a call costs nothing)
    text = os.environ.get(VARIABLE, "")
    if text:
        strike, where = armed(text)
        hit = strike if where in {"", service} else _nothing
