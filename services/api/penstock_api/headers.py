"""Headers of every answer: what browsers must not do with it, and an ETag for what is asked repeatedly."""

import hashlib
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

API = "/api/"


class AnswerHeaders:
    """Adds the headers; answers 304 to a read whose answer has not changed.

    `Server-Timing` says how long the answer took here, ms. An answer that comes in one piece, as all of JSON
    do, gets an ETag; a stream goes through as it comes.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and see to the headers of its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        known = Headers(scope=scope).get("if-none-match", "")
        tagged = scope["method"] in ("GET", "HEAD") and scope["path"].startswith(API)
        held: Message | None = None
        began = time.perf_counter()

        async def answer(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Server-Timing"] = f"app;dur={(time.perf_counter() - began) * 1e3:.2f}"
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Referrer-Policy", "no-referrer")
                headers.setdefault("X-Frame-Options", "DENY")
                if scope["path"].startswith(API):
                    headers.setdefault("Cache-Control", "no-cache")
                if tagged and message["status"] == 200:
                    held = message
                    return
            elif held is not None and message["type"] == "http.response.body":
                start, held = held, None
                if not message.get("more_body", False):
                    start, message = _tagged(start, message, known)
                await send(start)
            await send(message)

        await self._app(scope, receive, answer)


def _tagged(start: Message, body: Message, known: str) -> tuple[Message, Message]:
    tag = f'"{hashlib.sha256(body.get("body", b"")).hexdigest()[:32]}"'
    headers = MutableHeaders(scope=start)
    headers["ETag"] = tag
    if tag not in {each.strip().removeprefix("W/") for each in known.split(",")}:
        return start, body
    del headers["content-length"], headers["content-type"]
    return {**start, "status": 304}, {**body, "body": b""}
