"""Telling: each target has a queue and a task of its own, so that one that hangs holds up nothing else.

Notices are few, and what takes them may hang in somebody's network: each is told by a process of its own
(`teller`), which is killed when its time is up. Addresses never appear in logs.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from penstock_api.alerts.config import TargetConfig
from penstock_api.alerts.standing import Notice

_log = structlog.get_logger(__name__)

QUEUE_MAX = 100
ATTEMPTS = 3
BACKOFF_S = 1.0


class NotTold(Exception):
    """A target did not take a notice. Says why, without its address."""


@dataclass(slots=True)
class Target:
    """Somebody who is told, and how that went."""

    config: TargetConfig
    session_id: Callable[[], str]
    sent: int = 0
    failed: int = 0
    dropped: int = 0
    error: str = ""
    """Of the last notice; empty when it was taken."""
    _queue: asyncio.Queue[Notice] = field(default_factory=lambda: asyncio.Queue(QUEUE_MAX))

    def put(self, notice: Notice) -> None:
        """Have a notice told as soon as may be; dropped and counted when too many wait."""
        try:
            self._queue.put_nowait(notice)
        except asyncio.QueueFull:
            self.dropped += 1

    async def run(self) -> None:
        """Tell what is put, in order, until cancelled."""
        while True:
            notice = await self._queue.get()
            try:
                await self.tell(notice)
            except NotTold as error:
                self.failed += 1
                self.error = str(error)
                _log.error("alert_not_told", target=self.config.name, key=notice.key, error=str(error))
            else:
                self.sent += 1
                self.error = ""

    async def tell(self, notice: Notice) -> None:
        """Tell one notice now, in up to three attempts. NotTold when none was taken."""
        try:
            address = self.config.address()
        except ValueError as error:
            raise NotTold(str(error)) from error
        why = ""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async with asyncio.timeout(self.config.timeout_s):
                    return await _send(self.config, address, document(notice, self.session_id()))
            except TimeoutError:
                why = f"no answer within {self.config.timeout_s:g} s"
            except NotTold as refused:
                why = str(refused)
            if attempt < ATTEMPTS:
                await asyncio.sleep(BACKOFF_S * 2 ** (attempt - 1))
        raise NotTold(why)

    def view(self) -> dict[str, object]:
        """How telling went so far."""
        return {"sent": self.sent, "failed": self.failed, "dropped": self.dropped, "error": self.error}


def document(notice: Notice, session_id: str) -> dict[str, object]:
    """A notice as JSON values: what a webhook is sent."""
    title = f"{notice.state.upper()} {notice.key}"
    text = f"{title}: {notice.text} (session {session_id or 'none'})"
    return {
        "state": notice.state,
        "key": notice.key,
        "rule": notice.rule,
        "severity": notice.severity,
        "detail": notice.text,
        "since_s": notice.since_s,
        "ts": time.time_ns(),
        "session_id": session_id,
        "title": f"Penstock: {title}",
        # Chats that take webhooks show one of these.
        "text": text,
        "content": text,
    }


async def _send(config: TargetConfig, address: str, notice: dict[str, object]) -> None:
    given = {"kind": config.kind, "address": address, "timeout_s": config.timeout_s, "notice": notice}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "penstock_api.alerts.teller",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, said = await process.communicate(json.dumps(given).encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        last = said.decode(errors="replace").strip().splitlines()[-1:]
        raise NotTold(last[0] if last else f"ended with exit code {process.returncode}")
