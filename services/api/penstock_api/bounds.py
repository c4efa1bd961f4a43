"""Bounds of a request: how large its body, how long it may take to arrive, how long an answer to begin."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penstock_api.problems import problem


class Bounds:
    """Answers 413 to a body that is larger than allowed, whether or not it says so beforehand, 408 to one
    that does not arrive, 504 for an answer that does not begin. Streams, once begun, may last.
    """

    def __init__(self, app: ASGIApp, bytes_max: int, body_timeout_s: float, timeout_s: float) -> None:
        self._app = app
        self._bytes_max = bytes_max
        self._body_timeout_s = body_timeout_s
        self._timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request of tolerable size on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._body_timeout_s):
                body = await self._read(scope, receive)
        except TimeoutError:
            await problem(408, "the request's body did not arrive")(scope, receive, send)
            return
        if body is None:
            refusal = problem(413, f"a request's body has at most {self._bytes_max} bytes")
            await refusal(scope, receive, send)
            return
        await self._answer(scope, body, receive, send)

    async def _answer(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        given = begun = False

        async def replay() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def begin(message: Message) -> None:
            nonlocal begun
            if not begun:
                begun = True
                limit.reschedule(None)
            await send(message)

        try:
            async with asyncio.timeout(self._timeout_s) as limit:
                await self._app(scope, replay, begin)
        except TimeoutError:
            if begun:
                raise
            await problem(504, f"no answer within {self._timeout_s:g} s")(scope, receive, send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        for name, value in scope["headers"]:
            if name == b"content-length" and (not value.isdigit() or int(value) > self._bytes_max):
                return None
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return b"".join(parts)
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._bytes_max:
                return None
            if not message.get("more_body", False):
                return b"".join(parts)
