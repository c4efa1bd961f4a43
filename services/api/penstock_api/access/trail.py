"""Requests that wanted to change something and were turned away: who, from where, what and why goes to the
audit, by way of the log.

Somebody who knocks a thousand times a second must not fill the log: what comes too often is counted, and the
count stands in the next entry.
"""

import asyncio
import json
import re
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager

import structlog
from fastapi.routing import APIRoute
from penstock_contracts.control import Audited
from penstock_runtime.errors import Unavailable
from penstock_runtime.log import Log
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penstock_api.access.rates import Rates
from penstock_api.access.roles import Caller

_log = structlog.get_logger(__name__)

NOBODY = "nobody"
REFUSED = frozenset({400, 401, 403, 408, 413, 429})
"""Statuses of requests that were refused before they became a command. What risk refuses has its own answer,
and what is not valid (422) no meaning.
"""
BURST, PER_S = 60, 0.2
WAITING_MAX = 100
RETRY_S = 1.0
REASON_MAX = 500


class Trail:
    """Refused requests on their way to the log."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._rates = Rates(PER_S, BURST)
        self._waiting: deque[Audited] = deque()
        self._unwritten = 0
        self._wake = asyncio.Event()

    def note(self, caller: Caller | None, address: str, what: str, status: int, reason: str) -> None:
        """Have a refusal written; counted where there are too many."""
        if len(self._waiting) >= WAITING_MAX or self._rates.take("", time.monotonic()):
            self._unwritten += 1
            return
        unwritten, self._unwritten = self._unwritten, 0
        entry = Audited(
            ts=time.time_ns(),
            who=caller.name if caller is not None else NOBODY,
            what=what,
            outcome="refused",
            reason=reason[:REASON_MAX],
            origin=f"api {address}",
            status=status,
            unwritten=unwritten,
        )
        self._waiting.append(entry)
        self._wake.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Trail"]:
        """Write as long as this is open."""
        task = asyncio.create_task(self._write_for_ever(), name="trail")
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _write_for_ever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                try:
                    await self._log.publish_audited(self._waiting[0])
                except Unavailable as error:
                    _log.warning("refusal_not_written", error=str(error))
                    await asyncio.sleep(RETRY_S)
                else:
                    self._waiting.popleft()


class TrailMiddleware:
    """Notes what the app and the gate answer to requests that would change something."""

    def __init__(self, app: ASGIApp, trail: Trail, routes: Iterable[BaseRoute]) -> None:
        self._app = app
        self._trail = trail
        self._routes = tuple(_changing(routes))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and look at its answer."""
        what = self._what(scope)
        if what is None:
            await self._app(scope, receive, send)
            return
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            elif status in REFUSED:
                self._note(scope, what, status, message.get("body", b""))
                status = 0
            await send(message)

        await self._app(scope, receive, answer)

    def _what(self, scope: Scope) -> str | None:
        """Method and route of a request that would change something: its path is no text of the caller's."""
        if scope["type"] == "http":
            for method, path, template in self._routes:
                if method == scope["method"] and path.fullmatch(scope["path"]):
                    return f"{method} {template}"
        return None

    def _note(self, scope: Scope, what: str, status: int, body: bytes) -> None:
        caller: Caller | None = scope.get("state", {}).get("caller")
        address = scope["client"][0] if scope.get("client") else ""
        self._trail.note(caller, address, what, status, str(json.loads(body).get("detail", "")))


def _changing(routes: Iterable[BaseRoute]) -> Iterator[tuple[str, re.Pattern[str], str]]:
    for route in routes:
        if isinstance(route, APIRoute):
            for method in sorted((route.methods or set()) - {"GET", "HEAD", "OPTIONS"}):
                yield method, route.path_regex, route.path_format
