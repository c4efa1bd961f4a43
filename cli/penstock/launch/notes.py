"""What is wrong with a running session for as long as it is, and what to do about it."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

_log = structlog.get_logger(__name__)

Say = Callable[[str, str], None]
"""Tells the operator a line in a style."""


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that is wrong."""

    text: str
    """What it means, and what to do."""
    stops: bool
    """Whether nothing trades while it lasts."""


class Notes:
    """One note for each cause. It is said when it begins and when it is over, and shown in between."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._now: dict[str, Note] = {}

    def begin(self, cause: str, text: str, *, stops: bool = False) -> None:
        """Something is wrong, or otherwise wrong. The same again says nothing new."""
        note = Note(text, stops)
        if self._now.get(cause) != note:
            self._now[cause] = note
            _log.error("alert", cause=cause, text=text)
            self._say(text, "red")

    def end(self, cause: str, text: str) -> None:
        """It is over. Nothing is said of what never began."""
        if self._now.pop(cause, None) is not None:
            _log.info("alert_over", cause=cause, text=text)
            self._say(text, "green")

    @property
    def stop_trading(self) -> bool:
        """Whether nothing trades now."""
        return any(each.stops for each in self._now.values())

    @property
    def texts(self) -> tuple[str, ...]:
        """What is wrong now, in the order in which it began."""
        return tuple(each.text for each in self._now.values())
