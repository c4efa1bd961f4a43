"""What an operator does about a service that stopped for good. The runbook says more."""

import json
from pathlib import Path

from penstock_runtime.errors import RuntimeFailure

RUNBOOK = "docs/runbooks/recovery.md"

BY_KIND = {
    "LogLost": f"bring the log's directory back as it was, then `penstock up` ({RUNBOOK}, The log was lost)",
    "LogAgedOut": f"neither log nor archive has what it must read first ({RUNBOOK}, The log begins later)",
    "LogHole": "see that the named producer runs and what its log says; `penstock up` reads on",
    "OutputDiffers": "one code and one configuration at a time: `penstock verify` shows the first difference",
    "UnreadableHalt": (
        f"`penstock dlq list` shows the message; install a version that reads it, or see {RUNBOOK}, "
        "A poison message"
    ),
    "Superseded": "another ingest writes to this log: make sure that only one launcher works on it",
    "NotPermitted": "each service has credentials of its own: give it those back, or make them anew",
    "BadConfiguration": "put the session's config.json back as it was",
    "Unavailable": "see whether the named server runs and what its server.log says; then `penstock up`",
}
"""By the error's class."""
BY_CODE = {
    -9: "killed from outside, most often for want of memory: free some, then `penstock up`",
    1: "a defect: keep the session's folder for a report; `penstock up` may go on",
}
OTHERWISE = f"see {RUNBOOK}; `penstock up` goes on with the session"


def advice(file: Path, code: int) -> str:
    """What to do, from the log file of a service and the exit code of its last death."""
    return BY_KIND.get(_kind(file)) or BY_CODE.get(code, OTHERWISE)


def advice_on(error: RuntimeFailure) -> str:
    """What to do about an error that the launcher itself met."""
    return BY_KIND.get(type(error).__name__, OTHERWISE)


def _kind(file: Path) -> str:
    """The class of the error that the service stopped with, if its log ends with one."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        last = json.loads(lines[-1]) if lines else {}
    except (OSError, ValueError):
        return ""
    return str(last.get("kind", "")) if isinstance(last, dict) and last.get("event") == "stopped" else ""
