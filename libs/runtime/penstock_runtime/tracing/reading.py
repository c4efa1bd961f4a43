"""The trace of an order, read from the log: no collector is needed for it."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing

from nats.errors import Error as NatsError
from nats.js.errors import APIError
from penstock_contracts.errors import UnreadableMessage
from penstock_contracts.headers import Origin
from penstock_contracts.orders import OrderApproved

from penstock_runtime.errors import Unavailable
from penstock_runtime.log import Delivered, Log
from penstock_runtime.log.connection import reason
from penstock_runtime.log.consumer import OrderedConsumer
from penstock_runtime.tracing.spans import Assembler, Span

SILENCE_S = 30.0
OF_SIGNALS = ("sig.*.signal",)
OF_APPROVALS = ("ord.*.approved",)
OF_ORDERS = (
    "ord.*.cancel", "ord.*.position", "ven.*.submitted", "ven.*.accepted", "ven.*.event", "ven.*.fill",
)  # fmt: skip
OF_OUTCOMES = ("ord.*.refused", "ord.*.resolved")


async def read(log: Log, kinds: Iterable[str], first: int, last: int) -> AsyncGenerator[Delivered, None]:
    """What the log holds of some kinds between two sequences, each once. Unavailable when it falls silent.

    To be closed by whoever leaves it early.
    """
    filters = [f"p{log.partition}.{kind}.>" for kind in kinds]
    wake = asyncio.Event()
    consumer = OrderedConsumer(log.client, log.js, log.stream, filters, wake.set)
    consumer.past = log.past
    seen: set[tuple[str, int, int]] = set()
    try:
        await consumer.start(first, "")
    except (APIError, NatsError, TimeoutError) as error:
        raise Unavailable(f"the log does not answer: {reason(error)}") from error
    try:
        while (raw := await _next(consumer, wake)) is not None and raw.sequence <= last:
            origin = raw.origin
            if origin is not None and (key := _key(origin)) not in seen:
                seen.add(key)
                yield raw
    finally:
        await consumer.stop()


async def order_spans(log: Log, order_id: str, approved_at: int | None = None) -> list[Span]:
    """The spans of an order, in log order; none when the session's log does not know it.

    `approved_at` is the log sequence of its approval, where that is known (the database has it).
    """
    genesis, last = await log.genesis(), await log.last_sequence()
    approval = await _find(log, OF_APPROVALS, approved_at or genesis, approved_at or last, order_id)
    if approval is None:
        return []
    approved = approval.decode()
    assert isinstance(approved, OrderApproved)
    found = [await _find(log, OF_SIGNALS, genesis, approval.sequence, approved.signal_id), approval]
    after = [each async for each in read(log, OF_ORDERS, approval.sequence, last)]
    fills = [each for each in after if each.kind == "fill" and order_id.encode() in each.data]
    # Fused stages write in the order of their producers: a position may lie before its fill.
    ids = [order_id.encode(), *(each.decode().fill_id.encode() for each in fills)]
    found += [each for each in after if any(wanted in each.data for wanted in ids)]
    assembler = Assembler()
    return [
        span
        for delivered in found
        if delivered is not None
        for span in assembler.take(delivered, delivered.decode())
    ]


async def recall(log: Log, assembler: Assembler, first: int, last: int) -> list[Span]:
    """The spans of what the log holds between two sequences; the assembler then knows its signals."""
    spans: list[Span] = []
    kinds = (*OF_SIGNALS, *OF_APPROVALS, *OF_OUTCOMES, *OF_ORDERS)
    async for delivered in read(log, kinds, first, last):
        try:
            spans += assembler.take(delivered, delivered.decode())
        except UnreadableMessage:
            continue  # whoever records it says so
    return spans


async def _find(log: Log, kinds: Iterable[str], first: int, last: int, identity: str) -> Delivered | None:
    wanted = identity.encode()
    async with aclosing(read(log, kinds, first, last)) as messages:
        async for delivered in messages:
            if wanted in delivered.data:
                return delivered
    return None


async def _next(consumer: OrderedConsumer, wake: asyncio.Event) -> Delivered | None:
    """The next message; None at the log's end. What is asked for here never travels in a frame."""
    while (raw := consumer.take()) is None:
        if consumer.at_tail:
            return None
        wake.clear()
        try:
            async with asyncio.timeout(SILENCE_S):
                await wake.wait()
        except TimeoutError as error:
            raise Unavailable("the log does not answer") from error
    return Delivered(*raw)


def _key(origin: Origin) -> tuple[str, int, int]:
    return origin.producer, origin.epoch, origin.index
