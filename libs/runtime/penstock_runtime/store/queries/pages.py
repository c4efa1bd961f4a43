"""Keyset pages: newest first, and what comes while somebody turns pages moves nothing."""

import base64
import re
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

_TEXT = re.compile(rb"([0-9]{1,19})\.([0-9]{1,19})")
_MAX = 2**63 - 1


class BadPageCursor(ValueError):
    """The text is not a cursor that a page came with."""


@dataclass(frozen=True, slots=True)
class PageCursor:
    """The last row of a page: its time and its place in the log."""

    ts: int
    sequence: int

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(f"{self.ts}.{self.sequence}".encode()).decode().rstrip("=")

    @staticmethod
    def parse(text: str) -> "PageCursor":
        """The cursor that `str` wrote. BadPageCursor for anything else."""
        try:
            decoded = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except ValueError as error:
            raise BadPageCursor("not a page's cursor") from error
        match = _TEXT.fullmatch(decoded)
        if match is None or int(match[1]) > _MAX or int(match[2]) > _MAX:
            raise BadPageCursor("not a page's cursor")
        return PageCursor(int(match[1]), int(match[2]))


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows, and where the next page begins; None at the end."""

    items: list[T]
    next_cursor: str | None
