"""The floor of tick-to-order latency: bare relays over the log, no stage, no decoding, no numbering.

Four hops as the order path has them (ingest to features, strategy, risk, execution), each relay its
own process, with messages of the sizes and headers that the services exchange. Run as a module it is
one relay; `floor` runs them all.
"""

import asyncio
import subprocess
import sys
import time

import uvloop
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from penstock_contracts import headers
from penstock_contracts.headers import Origin
from penstock_runtime.latency import LatencyHistogram
from penstock_runtime.log.client import LogClient

PATH = (
    "p0.md.v1.trade.floor.x",
    "p0.feat.v1.row.floor.x",
    "p0.sig.v1.signal.floor.x",
    "p0.ord.v1.approved.floor.x",
)
"""Subjects that a tick passes on its way to execution."""
STRATEGY = 1
"""The relay that stands where the strategy is."""
SIZES = (320, 420, 500, 1500)
"""Bytes of a one-trade batch, a feature row, a signal, an approval."""
STREAM = "FLOW-0"


def block(producer: str, index: int, received_ns: int, *, traced: bool) -> bytes:
    """A header block of the usual size; ticks and features carry no trace context."""
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" if traced else ""
    return headers.numbered(
        "penstock.order.approved.v1", Origin(producer, 1, index), received_ns, partition=0,
        config="0123456789abcdef", cause=f"{producer}:1:{index}", traceparent=traceparent,
        received=received_ns,
    )  # fmt: skip


async def tail(client: LogClient, subject: str, sink: object) -> None:
    """Deliver new messages of a subject from the stream to a sink."""
    inbox = client.new_inbox()
    await client.tap(inbox, sink)  # type: ignore[arg-type]
    await client.jetstream().add_consumer(
        STREAM,
        ConsumerConfig(
            deliver_subject=inbox, deliver_policy=DeliverPolicy.NEW, ack_policy=AckPolicy.NONE,
            filter_subject=subject, mem_storage=True, max_deliver=1, inactive_threshold=60.0,
        ),
    )  # fmt: skip


async def relay(url: str, hop: int, every: int) -> None:
    """Pass every message of one subject on to the next, or every n-th."""
    client = LogClient()
    await client.connect(url, pending_size=0)
    payload = b"x" * SIZES[hop + 1]
    index = seen = 0

    def pass_on(_subject: str, _reply: str, received: bytes, data: bytes) -> None:
        nonlocal index, seen
        if not data:
            return
        seen += 1
        if seen % every:
            return
        index += 1
        stamp = int(headers.parse(received)[headers.RECEIVED])
        client.publish_block(PATH[hop + 1], block("relay", index, stamp, traced=hop + 1 > STRATEGY), payload)

    await tail(client, PATH[hop], pass_on)
    print("ready", flush=True)
    await asyncio.Event().wait()


async def measure(url: str, events_per_s: float, seconds: float) -> LatencyHistogram:
    """Send ticks at a rate through running relays; returns microseconds from first publish to last read."""
    client = LogClient()
    await client.connect(url, pending_size=0)
    histogram = LatencyHistogram()

    def arrive(_subject: str, _reply: str, received: bytes, data: bytes) -> None:
        if data:
            histogram.add((time.time_ns() - int(headers.parse(received)[headers.RECEIVED])) / 1000)

    await tail(client, PATH[-1], arrive)
    payload = b"x" * SIZES[0]
    began = time.perf_counter()
    sent = 0
    while (elapsed := time.perf_counter() - began) < seconds:
        while sent < elapsed * events_per_s:
            sent += 1
            client.publish_block(PATH[0], block("ingest", sent, time.time_ns(), traced=False), payload)
        await asyncio.sleep(max(0.0, began + (sent + 1) / events_per_s - time.perf_counter()))
    await asyncio.sleep(0.5)
    await client.close()
    return histogram


def floor(url: str, events_per_s: float, orders_per_s: float, seconds: float) -> LatencyHistogram:
    """Start the relays as processes, measure, stop them.

    As in the session that is compared, the relay in the strategy's place passes on what becomes an order.
    """
    every = [1] * (len(PATH) - 1)
    every[STRATEGY] = round(events_per_s / orders_per_s)
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "bench.relays", url, str(hop), str(every[hop])], stdout=subprocess.PIPE
        )
        for hop in range(len(PATH) - 1)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()
        return uvloop.run(measure(url, events_per_s, seconds))
    finally:
        for process in processes:
            process.kill()
            process.wait()


if __name__ == "__main__":
    uvloop.run(relay(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
