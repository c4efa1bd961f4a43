"""What each channel carries: messages of the log as they are, or the latest of what is only measured."""

from dataclasses import dataclass, field
from typing import Literal, get_args

from penstock_contracts import codec
from penstock_contracts.base import Family, Message
from penstock_contracts.control import Session
from pydantic_core import to_json

Channel = Literal["pnl", "positions", "signals", "orders", "fills", "metrics", "market", "state"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)

CARRIES: dict[tuple[Family, str], tuple[Channel, ...]] = {
    ("sig", "signal"): ("signals",),
    ("sig", "note"): ("signals",),
    ("ord", "refused"): ("signals",),
    ("ord", "resolved"): ("signals",),
    ("ord", "shadow"): ("signals",),
    ("ord", "approved"): ("orders", "signals"),
    ("ven", "submitted"): ("orders",),
    ("ven", "accepted"): ("orders",),
    ("ven", "event"): ("orders",),
    ("ven", "fill"): ("orders", "fills"),
    ("ord", "position"): ("positions",),
    ("ord", "pnl"): ("pnl",),
    ("ven", "balance"): ("pnl",),
    ("ord", "state"): ("state",),
    ("ctl", "session"): ("state",),
    ("ctl", "command"): ("state",),
}
"""What is passed on, each message once and in order. No frame carries one: each has its own sequence."""


@dataclass(slots=True)
class Event:
    """A message of the log on its way to clients; its text is made when the first of them wants it."""

    sequence: int
    family: Family
    kind: str
    message: Message
    channels: tuple[Channel, ...] = ()
    _text: str = field(default="", repr=False)

    @property
    def text(self) -> str:
        """The event as JSON: `seq`, `channels`, `family`, `kind`, and the message as `data`."""
        if not self._text:
            self._text = (
                f'{{"seq":{self.sequence},"channels":{to_json(self.channels).decode()},'
                f'"family":"{self.family}","kind":"{self.kind}","data":{_data(self.message)}}}'
            )
        return self._text


def _data(message: Message) -> str:
    if isinstance(message, Session):
        # The configuration is long, and has a place of its own.
        kept = {name: getattr(message, name) for name in ("phase", "session_id", "ts", "stop_reason")}
        return to_json(kept).decode()
    return codec.encode(message).decode()
