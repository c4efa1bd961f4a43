"""What was sent to a live venue, durably, before it was sent: one message for each client order id, once.

Whoever stored the submission may send the order; who finds that there is one already must ask the venue.
"""

import asyncio
from dataclasses import dataclass
from typing import ClassVar

from nats.errors import Error as NatsError
from nats.js.api import StreamConfig
from nats.js.errors import APIError, NotFoundError
from penstock_contracts.orders import OrderApproved
from penstock_contracts.subjects import SUBMISSIONS, submission_subject
from pydantic import TypeAdapter, ValidationError

from penstock_runtime.errors import BadConfiguration, Halt, LogLost, Unavailable, UnreadableHalt
from penstock_runtime.log import Log
from penstock_runtime.log.connection import reason
from penstock_runtime.log.consumer import OrderedConsumer

STORE_S = 2.0
"""How long the log may take to store one."""
REPLICAS_MIN = 3
"""So many copies stand in for a flush to disk before each acknowledgement."""
_STORE_FAILED = 10077
"""The server's code when a stream cannot take a message: for want of room, or of a second one here."""
_EXISTS = "per subject"


@dataclass(frozen=True, slots=True)
class Submission:
    """That an order is about to be sent."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "ignore"}

    session_id: str
    epoch: int
    """Of the writer that sends it."""
    ts: int
    """Wall time, ns."""
    ts_expires: int
    """Wall time, ns, after which it is not sent any more."""
    approval: OrderApproved


_ADAPTER = TypeAdapter(Submission)


class Submissions:
    """The submissions to one venue."""

    def __init__(self, log: Log, venue: str) -> None:
        self._log = log
        self._venue = venue

    async def open(self, *, synced: bool) -> None:
        """Check the stream; `synced`: the server flushes to disk before it acknowledges.

        Raises BadConfiguration when it would not keep what it acknowledges, LogLost when it is not there.
        """
        try:
            config = (await self._log.js.stream_info(SUBMISSIONS)).config
        except NotFoundError as error:
            raise LogLost(f"the stream {SUBMISSIONS} is not there") from error
        except (APIError, NatsError, TimeoutError) as error:
            raise Unavailable(f"{SUBMISSIONS}: {reason(error)}") from error
        if config.max_msgs_per_subject != 1 or not config.discard_new_per_subject:
            raise BadConfiguration(f"{SUBMISSIONS} takes a second message for one order: declare it anew")
        if not synced and _replicas(config) < REPLICAS_MIN:
            raise BadConfiguration(
                f"{SUBMISSIONS}: a live venue needs a log that keeps what it acknowledges: run nats-server "
                "with `sync_interval: always` and set PENSTOCK_LOG_SYNC=always, or keep "
                f"{REPLICAS_MIN} replicas"
            )

    async def store(self, submission: Submission) -> bool:
        """Keep a submission; False when there was one for this order already.

        Raises Halt when the log refuses it, Unavailable when it does not answer: then nobody knows.
        """
        subject = self._subject(submission.approval.client_order_id)
        try:
            await self._log.js.publish(subject, _ADAPTER.dump_json(submission), timeout=STORE_S)
        except APIError as error:
            if error.err_code == _STORE_FAILED and _EXISTS in (error.description or ""):
                return False
            raise Halt(f"{SUBMISSIONS} takes no more: {error.description}") from error
        except (NatsError, TimeoutError) as error:
            raise Unavailable(f"{subject} was not stored: {reason(error)}") from error
        return True

    async def load(self, session_id: str) -> dict[str, Submission]:
        """What a session has submitted, by client order id."""
        arrived = asyncio.Event()
        filters = [self._subject("*")]
        consumer = OrderedConsumer(self._log.client, self._log.js, SUBMISSIONS, filters, arrived.set)
        state = (await self._log.js.stream_info(SUBMISSIONS)).state
        found: dict[str, Submission] = {}
        try:
            await consumer.start(max(state.first_seq, 1), "")
            while not consumer.at_tail:
                arrived.clear()
                while (raw := consumer.take()) is not None:
                    submission = _read(raw[1], raw[3])
                    if submission.session_id == session_id:
                        found[submission.approval.client_order_id] = submission
                if not consumer.at_tail:
                    await arrived.wait()
        finally:
            await consumer.stop()
        return found

    def _subject(self, client_order_id: str) -> str:
        if client_order_id == "*":
            return submission_subject(self._log.partition, self._venue, "_").removesuffix("_") + "*"
        return submission_subject(self._log.partition, self._venue, client_order_id)


def _read(subject: str, data: bytes) -> Submission:
    try:
        return _ADAPTER.validate_json(data)
    except ValidationError as error:
        raise UnreadableHalt(f"{subject}: {error}") from error


def _replicas(config: StreamConfig) -> int:
    return config.num_replicas or 1
