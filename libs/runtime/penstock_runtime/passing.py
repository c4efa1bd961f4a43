"""Commands that nobody can read, and the operator's decision to pass one over.

An unreadable command halts ingest, at each start again: it may have been a halt. Only an operator can say
that the session goes on without it. What was decided is in the log, as a change of configuration that names
the message's log sequence, so that every reader of commands finds it there and the recorder keeps it.
"""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nats.errors import Error as NatsError
from nats.js.errors import APIError, NotFoundError
from penstock_contracts import codec, headers, subjects
from penstock_contracts.base import type_of
from penstock_contracts.control import ConfigChanged
from penstock_contracts.errors import UnreadableMessage

from penstock_runtime.asking import answer
from penstock_runtime.errors import Unavailable
from penstock_runtime.log.connection import reason

if TYPE_CHECKING:
    from penstock_runtime.log.connection import Log

PATH = "ingest.passed_over"
"""Path of the change of configuration."""
_TOKEN = "passed-"  # noqa: S105  (of a subject)


@dataclass(frozen=True, slots=True)
class Stored:
    """A message as it lies in the log."""

    sequence: int
    subject: str
    headers: dict[str, str]
    data: bytes

    @property
    def why(self) -> str:
        """Why the present code cannot read it; empty when it can."""
        parsed = subjects.parse(self.subject)
        if parsed is None:
            return f"not a subject of the log: {self.subject[:200]!r}"
        try:
            codec.decode(parsed.family, parsed.kind, parsed.major, self.data)
        except UnreadableMessage as error:
            return str(error)
        return ""

    @property
    def is_command(self) -> bool:
        """Whether it is, or should be, an operator's command."""
        parsed = subjects.parse(self.subject)
        return parsed is not None and (parsed.family, parsed.kind) == ("ctl", "command")


async def stored_at(log: "Log", sequence: int) -> Stored | None:
    """The message at a log sequence, or None. Unavailable when the log does not answer."""
    try:
        found = await log.js.get_msg(log.stream, sequence)
    except NotFoundError:
        return None
    except (NatsError, APIError, TimeoutError) as error:
        raise Unavailable(f"the log does not answer: {reason(error)}") from error
    return Stored(sequence, found.subject or "", dict(found.headers or {}), found.data or b"")


async def control_messages(log: "Log") -> AsyncIterator[Stored]:
    """Every message of `ctl`, readable or not, the oldest first. Unavailable when the log does not answer."""
    sequence = 1
    while True:
        try:
            pattern = f"p{log.partition}.ctl.>"
            found = await log.js.get_msg(log.stream, seq=sequence, subject=pattern, next=True)
        except NotFoundError:
            return
        except (NatsError, APIError, TimeoutError) as error:
            raise Unavailable(f"the log does not answer: {reason(error)}") from error
        assert found.seq is not None, "the server tells the sequence of what it stored"
        yield Stored(found.seq, found.subject or "", dict(found.headers or {}), found.data or b"")
        sequence = found.seq + 1


async def pass_over(log: "Log", sequence: int, why: str, *, by: str) -> None:
    """Write that the command at this sequence is passed over. Unavailable when it cannot be stored."""
    subject = subjects.subject(log.partition, "ctl", 1, "config", f"{_TOKEN}{sequence}.{subjects.NONE}")
    now = time.time_ns()
    message = ConfigChanged(ts=now, path=PATH, value=f"{sequence}: {why}", by=by)
    kind = type_of(message).name
    block = headers.unnumbered(kind, f"{_TOKEN}{sequence}", now, partition=log.partition, source="control")
    await answer(log.js.publish(subject, codec.encode(message), headers=headers.parse(block), timeout=5))


async def passed_over(log: "Log") -> frozenset[int]:
    """Log sequences of the commands that are passed over. Unavailable when the log does not answer."""
    pattern = f"p{log.partition}.ctl.v1.config.{subjects.NONE}.*"
    info = await answer(log.js.stream_info(log.stream, subjects_filter=pattern))
    tokens = [each.rpartition(".")[2] for each in info.state.subjects or {}]
    return frozenset(int(each.removeprefix(_TOKEN)) for each in tokens if each.startswith(_TOKEN))
