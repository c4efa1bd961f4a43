"""A hub that is fed by hand, and a client of it."""

import json
from collections.abc import AsyncIterator
from typing import Any, cast

from penstock_api.feed import Feed
from penstock_api.streaming.hub import Hub
from penstock_api.streaming.ring import Ring
from penstock_api.streaming.subscription import Subscription, Wish
from penstock_contracts.base import Family, Message
from penstock_contracts.control import Session
from penstock_runtime.board import Board
from penstock_runtime.log import Log

SESSION = "20220101T120000-7f3a"


class Fed:
    """A hub over a feed that reads no log: messages are given to it, each under the next sequence."""

    def __init__(self, *, events_max: int | None = None) -> None:
        nowhere = cast(Log, None)
        self.feed = Feed(nowhere)
        self.feed.caught_up = True
        self.hub = Hub(self.feed, Board(), nowhere)
        if events_max is not None:
            self.hub.ring = Ring(events_max)
        self.sequence = 0
        genesis = Session(
            phase="genesis", session_id=SESSION, ts=1, config_hash="c", code_hash="d", config="{}"
        )
        self.put("ctl", genesis)

    def put(self, family: Family, *messages: Message) -> int:
        """Give messages; returns the sequence of the last."""
        for message in messages:
            self.sequence += 1
            self.feed.replica.take(family, message)
            self.hub.take(self.sequence, family, message)
        return self.sequence

    def client(self, *channels: Any, **wish: Any) -> "Client":
        """A client of these channels."""
        return Client(Subscription(self.hub, Wish(channels, **wish)).frames())


class Client:
    """Takes frames one by one."""

    def __init__(self, frames: AsyncIterator[Any]) -> None:
        self._frames = frames
        self.whole = False
        """Whether the last frame is one that a client may go on from."""

    async def next(self) -> dict[str, Any]:
        """The next frame."""
        frame = await anext(self._frames)
        found: dict[str, Any] = json.loads(frame.text)
        assert found["seq"] == frame.sequence
        self.whole = frame.whole
        return found

    async def until(self, kind: str) -> dict[str, Any]:
        """The next frame of a kind."""
        while True:
            frame = await self.next()
            if frame["type"] == kind:
                return frame
