"""How full the streams are."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nats.errors import Error as NatsError
from nats.js.errors import APIError, NotFoundError
from penstock_contracts import subjects

from penstock_runtime.errors import Unavailable
from penstock_runtime.log.connection import reason
from penstock_runtime.log.streams import DEAD_LETTERS, ROOM_BYTES

if TYPE_CHECKING:
    from penstock_runtime.log.connection import Log


@dataclass(frozen=True, slots=True)
class Standing:
    """One stream: what it holds, and how much it may hold."""

    stream: str
    messages: int
    bytes: int
    bytes_max: int | None
    """None: as much as the store has."""
    first_sequence: int
    last_sequence: int
    consumers: int


async def standings(log: "Log") -> list[Standing]:
    """The log, its books, the dead letters, where they exist. Unavailable when the log does not answer."""
    found = []
    for name in (log.stream, subjects.books_name(log.partition), DEAD_LETTERS):
        try:
            info = await log.js.stream_info(name)
        except NotFoundError:
            continue
        except (NatsError, APIError, TimeoutError) as error:
            raise Unavailable(f"the log does not answer: {reason(error)}") from error
        state, bytes_max = info.state, info.config.max_bytes
        if bytes_max and name == log.stream:
            bytes_max -= ROOM_BYTES
        found.append(
            Standing(
                stream=name,
                messages=state.messages,
                bytes=state.bytes,
                bytes_max=bytes_max if bytes_max is not None and bytes_max > 0 else None,
                first_sequence=state.first_seq,
                last_sequence=state.last_seq,
                consumers=state.consumer_count,
            )
        )
    return found
