"""One client's view of the stream: a snapshot, then changes, in frames that are sent whole."""

import time
from collections.abc import AsyncIterator, Callable, Hashable
from dataclasses import dataclass

from pydantic_core import to_json

from penstock_api.streaming.channels import Channel
from penstock_api.streaming.hub import Hub
from penstock_api.streaming.shared import Frame
from penstock_api.streaming.snapshots import market_text, snapshot_text, valued

PING_S = 2.0
_LEAST_WAIT_S = 0.01
EVENTS_PER_FRAME = 256


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client wants."""

    channels: tuple[Channel, ...]
    instruments: frozenset[str] | None = None
    """Of channel market only; None is all."""
    after: int | None = None
    """The last sequence that it has: it wants what came since, instead of snapshots."""
    session: str | None = None
    """The session that `after` is of."""


class Subscription:
    """Makes the frames of one client. Holds a place in the hub's ring, and nothing that grows."""

    def __init__(self, hub: Hub, wish: Wish) -> None:
        self._hub = hub
        self._wish = wish
        self._wanted = frozenset(wish.channels)
        self._position = 0
        self._market = -1
        self._measured = 0
        self._sent_at = 0.0

    async def frames(self) -> AsyncIterator[Frame]:
        """The frames, until the hub closes."""
        hub = self._hub
        yield self._hello()
        while not hub.feed.caught_up and not hub.closing:
            await hub.pulse.wait(hub.pulse.count, PING_S)
            if not hub.feed.caught_up:
                yield self._ping()
        for frame in self._begin():
            yield frame
        while not hub.closing:
            heard = hub.pulse.count
            sent = False
            for frame in self._changes():
                sent = True
                yield frame
            if sent:
                self._sent_at = time.monotonic()
            # What comes while a frame is on its way to a slow client has beaten before: no wait then.
            await hub.pulse.wait(heard, max(self._sent_at + PING_S - time.monotonic(), _LEAST_WAIT_S))
        yield self._frame("closing", reason="the service stops; connect again")

    def _begin(self) -> list[Frame]:
        hub, after = self._hub, self._wish.after
        self._measured = hub.measured
        if after is not None:
            resumed = self._resumed(after)
            if isinstance(resumed, int):
                self._position = resumed
                return []
            return [self._frame("resync", reason=resumed), *self._snapshots()]
        return self._snapshots()

    def _resumed(self, after: int) -> int | str:
        """The place to go on from, or why there is none."""
        hub = self._hub
        if self._wish.session not in (None, hub.feed.replica.session.session_id):
            return "another session began"
        if after > hub.sequence:
            return "the log does not reach so far"
        position = hub.ring.after(after)
        return "too long ago" if position is None else position

    def _snapshots(self) -> list[Frame]:
        hub = self._hub
        self._position = hub.ring.end
        self._market = hub.market.version
        instruments = self._wish.instruments
        return [
            Frame(
                snapshot_text(hub, channel, instruments),
                hub.sequence,
                "snapshot",
                whole=channel == self._wish.channels[-1],
            )
            for channel in self._wish.channels
        ]

    def _changes(self) -> list[Frame]:
        hub = self._hub
        if self._position < hub.ring.begin:
            return [self._frame("resync", reason="more came than could be kept"), *self._snapshots()]
        frames = self._events()
        if "market" in self._wanted and self._market < hub.market.version:
            frames += self._market_frames()
        if self._measured < hub.measured:
            self._measured = hub.measured
            if "pnl" in self._wanted and hub.live is not None:
                frames += self._latest("pnl", hub.measured, lambda: to_json(hub.live).decode())
            if "positions" in self._wanted:
                replica = hub.feed.replica
                frames += self._latest("positions", hub.measured, lambda: to_json(valued(replica)).decode())
            if "metrics" in self._wanted:
                frames += self._latest("metrics", hub.measured, lambda: to_json(hub.metrics).decode())
        if not frames and time.monotonic() - self._sent_at >= PING_S:
            frames.append(self._ping())
        return frames

    def _events(self) -> list[Frame]:
        ring, shared = self._hub.ring, self._hub.shared
        frames = []
        while self._position < ring.end:
            first, last = self._position, min(self._position + EVENTS_PER_FRAME, ring.end)
            self._position = last
            key = ("events", self._wanted, first, last)
            frame = shared.get(key, lambda first=first, last=last: self._events_between(first, last))  # type: ignore[misc]
            if frame is not None:
                frames.append(frame)
        return frames

    def _events_between(self, first: int, last: int) -> Frame | None:
        events = [self._hub.ring.at(place) for place in range(first, last)]
        texts = [each.text for each in events if not self._wanted.isdisjoint(each.channels)]
        if not texts:
            return None
        sequence = events[-1].sequence
        text = f'{{"type":"events","seq":{sequence},"events":[{",".join(texts)}]}}'
        return Frame(text, sequence, "events", whole=True)

    def _market_frames(self) -> list[Frame]:
        hub, instruments, after = self._hub, self._wish.instruments, self._market
        self._market = hub.market.version
        key = (instruments, after, hub.market.version)
        return self._latest("market", key, lambda: market_text(hub, instruments, after))

    def _latest(self, channel: Channel, version: Hashable, make: Callable[[], str | None]) -> list[Frame]:
        """The newest of a channel: a frame, or none where nothing changed."""
        sequence = self._hub.sequence

        def framed() -> Frame | None:
            data = make()
            if data is None:
                return None
            text = f'{{"type":"latest","channel":"{channel}","seq":{sequence},"data":{data}}}'
            return Frame(text, sequence, "latest", whole=True)

        frame = self._hub.shared.get(("latest", channel, version, sequence), framed)
        return [] if frame is None else [frame]

    def _hello(self) -> Frame:
        hub = self._hub
        session = hub.feed.replica.session.session_id
        return self._frame(
            "hello",
            session=session,
            channels=self._wish.channels,
            ping_s=PING_S,
            caught_up=hub.feed.caught_up,
        )

    def _ping(self) -> Frame:
        """Says that the connection lives; before the log is read, nothing more."""
        feed = self._hub.feed
        mark = max(feed.replica.marks.values(), default=0)
        whole = feed.caught_up
        return self._frame("ping", whole=whole, ts=time.time_ns(), mark=mark, caught_up=whole)

    def _frame(self, kind: str, *, whole: bool = False, **fields: object) -> Frame:
        sequence = self._hub.sequence
        text = to_json({"type": kind, "seq": sequence, **fields}).decode()
        return Frame(text, sequence, kind, whole=whole)
