"""What writers at the edge share: ingest, and execution at a live venue.

Their outputs are no function of the log, so there must be one of them, and the log says which: a writer
claims, the claim's log sequence is its epoch, and its state is the fold of its family's outputs up to there.
"""

import asyncio
import secrets
import time
from collections.abc import Callable

import structlog
from nats.errors import Error as NatsError
from nats.js.errors import APIError, NotFoundError
from penstock_contracts.control import Claim

from penstock_runtime.errors import Superseded, Unavailable
from penstock_runtime.log import Log, LogReader, NumberedWriter
from penstock_runtime.log.connection import reason

_log = structlog.get_logger(__name__)

CLAIMS_MAX = 5
"""How often a writer tries while others claim before it."""
TICK_S = 0.05
STILL_S = 3.0
"""After so long without confirmation the server is asked why."""


_WHAT = {"md": "the market data", "ven": "the venue"}


async def to_the_tail(reader: LogReader, take: Callable[[], None]) -> None:
    """Take everything that the log holds. While others write, there is a moment when that is so."""
    while True:
        take()
        if reader.at_tail:
            return
        await reader.wait(TICK_S)


async def claim(log: Log, own: LogReader, producer: str, fold: Callable[[], None]) -> int:
    """Take a family over; returns the epoch. `fold` takes what `own` reads, up to the claim.

    Raises Superseded when others keep claiming first.
    """
    counter = own.counter(producer)
    for _ in range(CLAIMS_MAX):
        wish = Claim(producer=producer, nonce=secrets.token_hex(8), succeeds=counter.epoch)
        sequence = await log.claim(wish)
        while own.sequence < sequence:
            fold()
            await own.wait(TICK_S)
        if counter.epoch == sequence:
            return sequence
    raise Superseded(f"other writers keep claiming {producer} before this one")


def read_back(own: LogReader, writer: NumberedWriter) -> None:
    """Take note of our outputs in the log. Superseded when another writer has claimed since."""
    counter = own.counter(writer.producer)
    while (delivered := own.poll()) is not None and counter.epoch == writer.epoch:
        writer.read_back(delivered)
    if counter.epoch != writer.epoch:
        what = _WHAT.get(writer.family, writer.family)
        raise Superseded(
            f"another {writer.producer} claimed {what} at {counter.epoch}; "
            f"this one (epoch {writer.epoch}) writes no more"
        )


class Stillness:
    """Asks the server why nothing is confirmed any more."""

    def __init__(self, writer: NumberedWriter) -> None:
        self._writer = writer
        self._since, self._confirmed = time.monotonic(), -1

    async def look(self) -> None:
        """To be called at each tick. Raises Halt when the log refuses what we write."""
        writer = self._writer
        if writer.confirmed != self._confirmed or not writer.unconfirmed:
            self._confirmed, self._since = writer.confirmed, time.monotonic()
        elif time.monotonic() - self._since > STILL_S:
            self._since = time.monotonic()
            try:
                await writer.ask_why()
            except Unavailable as error:
                _log.warning("writer_unanswered", error=str(error))


async def last_sequence_of(log: Log, subject: str) -> int:
    """Log sequence of the last message on a subject, asked of the log itself; 0 if there is none.

    Raises Unavailable when it does not answer.
    """
    try:
        message = await log.js.get_last_msg(log.stream, subject)
    except NotFoundError:
        return 0
    except (APIError, NatsError, TimeoutError) as error:
        raise Unavailable(f"{subject}: {reason(error)}") from error
    return message.seq or 0


async def wait_at_most(wake: asyncio.Event, seconds: float) -> None:
    """Wait for an event that is set as well when the time is over."""
    handle = asyncio.get_running_loop().call_later(seconds, wake.set)
    await wake.wait()
    handle.cancel()
