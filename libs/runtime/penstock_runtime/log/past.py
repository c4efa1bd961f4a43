"""Where messages are read that have left the log: what a past can say, and what passes a filter."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

Raw = tuple[int, str, bytes, bytes]
"""Log sequence, subject, header block, payload."""


class Past(Protocol):
    """A record of one log from its beginning, or nearly so, up to somewhere near what the log still holds."""

    async def after(self, stream: str, sequence: int) -> Sequence[Raw]:
        """The messages that follow a log sequence, without a hole; as many as come in one go, none at the
        record's end.

        `stream` is the log's identity (`identity`). LogAgedOut when the record begins later or has a hole
        there, Unavailable when it cannot be asked.
        """
        ...

    async def genesis(self, stream: str) -> int | None:
        """Log sequence of the last genesis in the record; None when it holds none."""
        ...

    async def close(self) -> None:
        """Let go of what it is read from."""
        ...


@lru_cache(maxsize=16_384)
def passes(filters: tuple[str, ...], subject: str) -> bool:
    """Whether a subject passes one of the filters, by the rule of NATS subjects."""
    return any(_pattern(each).fullmatch(subject) for each in filters)


@lru_cache(maxsize=256)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(re.escape(text).replace(r"\*", r"[^.]+").replace(r">", r".+"))
