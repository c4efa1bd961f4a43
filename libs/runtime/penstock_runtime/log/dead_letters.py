"""Dead letters: messages of md, feat and sig that a reader could not decode, kept with the reason.

The stage after the message's producer leaves a copy whenever it passes the message over, after a restart
again; copies of one message are told as one letter. Nothing here ever writes to the partition's own stream
(`docs/adr/0008-dead-letters.md`).
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nats.errors import Error as NatsError
from nats.js.api import RawStreamMsg
from nats.js.errors import APIError, NotFoundError
from penstock_contracts import codec, subjects
from penstock_contracts.base import Message
from penstock_contracts.errors import UnreadableMessage

from penstock_runtime.errors import Unavailable
from penstock_runtime.log.connection import reason
from penstock_runtime.log.streams import DEAD_LETTERS

if TYPE_CHECKING:
    from penstock_runtime.log.connection import Log

REASON = "penstock-reason"
SUBJECT = "penstock-subject"
SEQUENCE = "penstock-sequence"
RETRY_OF = "penstock-retry-of"
ORIGIN = "penstock-origin"
RETRIED = "retried"
"""Last token of the subject of a letter that was read at a retry."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message that could not be read."""

    number: int
    """Its sequence in the stream of dead letters."""
    subject: str
    """Where it stands in the log."""
    sequence: int
    """Log sequence."""
    why: str
    headers: dict[str, str]
    data: bytes
    copies: int = 1
    """How often it was passed over."""
    retried_as: int = 0
    """Number of the message that a retry made of it; 0 before."""

    def decode(self) -> Message:
        """The message as the present code reads it. UnreadableMessage when it still cannot."""
        parsed = subjects.parse(self.subject)
        if parsed is None:
            raise UnreadableMessage(f"not a subject of the log: {self.subject[:200]!r}")
        return codec.decode(parsed.family, parsed.kind, parsed.major, self.data)


class DeadLetters:
    """The dead letters of one partition."""

    def __init__(self, log: "Log") -> None:
        self._log = log

    async def all(self) -> list[DeadLetter]:
        """Every letter that is kept, the oldest first. Unavailable when they cannot be read."""
        letters: dict[int, DeadLetter] = {}
        retried: dict[int, int] = {}
        async for number, stored in self._stored():
            headers = stored.headers or {}
            if RETRY_OF in headers:
                retried[int(headers[RETRY_OF])] = number
                continue  # told with the letter that it was made of
            letter = _letter(number, stored)
            known = letters.get(letter.sequence)
            letters[letter.sequence] = letter if known is None else replace(known, copies=known.copies + 1)
        return [replace(each, retried_as=retried.get(each.number, 0)) for each in letters.values()]

    async def count(self) -> int:
        """How many messages are kept, copies and retries included. Unavailable when that cannot be told."""
        try:
            return (await self._log.js.stream_info(DEAD_LETTERS)).state.messages
        except (NatsError, APIError, TimeoutError) as error:
            raise Unavailable(f"the dead letters cannot be read: {reason(error)}") from error

    async def find(self, number: int) -> DeadLetter | None:
        """One letter, or None when there is none of that number."""
        return next((each for each in await self.all() if each.number == number), None)

    async def retry(self, letter: DeadLetter) -> int:
        """Read a letter with the present code and keep what it says as a new message without a number.

        Returns that message's number. UnreadableMessage when it still cannot be read, Unavailable when it
        cannot be stored. The log of the session is not touched.
        """
        letter.decode()
        family = letter.subject.split(".")[1]
        kept = {name: value for name, value in letter.headers.items() if name.startswith("ce-")}
        kept |= {RETRY_OF: str(letter.number), SUBJECT: letter.subject, SEQUENCE: str(letter.sequence)}
        numbering = [letter.headers.get(f"penstock-{each}", "") for each in ("producer", "epoch", "index")]
        kept[ORIGIN] = ":".join(numbering)
        subject = f"dlq.p{self._log.partition}.{family}.{RETRIED}"
        try:
            return (await self._log.js.publish(subject, letter.data, headers=kept, timeout=5)).seq
        except (NatsError, APIError, TimeoutError) as error:
            raise Unavailable(f"{subject} was not stored: {reason(error)}") from error

    async def _stored(self) -> AsyncIterator[tuple[int, RawStreamMsg]]:
        number = 1
        pattern = f"dlq.p{self._log.partition}.>"
        while True:
            try:
                stored = await self._log.js.get_msg(DEAD_LETTERS, seq=number, subject=pattern, next=True)
            except NotFoundError:
                return
            except (NatsError, APIError, TimeoutError) as error:
                raise Unavailable(f"the dead letters cannot be read: {reason(error)}") from error
            assert stored.seq is not None, "the server tells the sequence of what it stored"
            yield stored.seq, stored
            number = stored.seq + 1


def _letter(number: int, stored: RawStreamMsg) -> DeadLetter:
    headers = dict(stored.headers or {})
    why = headers.pop(REASON, "")
    return DeadLetter(
        number=number,
        subject=headers.pop(SUBJECT, ""),
        sequence=int(headers.pop(SEQUENCE, "0")),
        why=why,
        headers=headers,
        data=stored.data or b"",
    )
