"""A process that tells one target one notice: JSON on standard input; exit code 1 and a line when it fails.

Its address is in the input alone: never an argument, never printed.
"""

import importlib
import json
import logging
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

import httpx

KINDS = {"over": "success", "test": "info"}


def webhook(address: str, body: Mapping[str, Any], timeout_s: float) -> str:
    """POST the notice as JSON; returns why it was not taken, or nothing."""
    try:
        answer = httpx.post(address, json=body, timeout=timeout_s, follow_redirects=False)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return type(error).__name__
    return "" if answer.is_success else f"it answered {answer.status_code}"


def apprise(address: str, body: Mapping[str, Any], _timeout_s: float) -> str:
    """Hand the notice to Apprise; returns why it was not taken, or nothing."""
    try:
        library = importlib.import_module("apprise")
    except ImportError:
        return "Apprise is not installed: pip install 'penstock[alerts]'"
    logging.disable(logging.CRITICAL)
    told = library.Apprise()
    if not told.add(address):
        return "Apprise does not know this kind of address"
    kind = KINDS.get(body["state"], "failure" if body["severity"] == "critical" else "warning")
    taken = told.notify(title=body["title"], body=body["content"], notify_type=kind)
    return "" if taken else "Apprise could not deliver it"


TELLERS: dict[str, Callable[[str, Mapping[str, Any], float], str]] = {"webhook": webhook, "apprise": apprise}


def main() -> int:
    """Tell."""
    os.nice(10)
    given = json.load(sys.stdin)
    error = TELLERS[given["kind"]](given["address"], given["notice"], given["timeout_s"])
    sys.stderr.write(error and f"{error}\n")
    return 1 if error else 0


if __name__ == "__main__":
    sys.exit(main())
