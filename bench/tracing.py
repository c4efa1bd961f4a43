"""What tracing costs: a tick that leads to no order, and orders while the collector hangs.

A tick pays for what each of its messages carries or is asked, whether anybody exports or not: the times of a
feature row, the look whether a message belongs to an order, and the recorder's look when it exports. Each is
measured against the same code without it, in turns.

For orders, sessions at 1x take turns: without tracing, and with a collector that takes the connection and
never answers.
"""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import numpy as np
from penstock_contracts.features import FeatureRows
from penstock_contracts.headers import Origin, numbered
from penstock_recorder.tracer import TRACED
from penstock_runtime.log import Delivered, NumberedWriter, writer
from penstock_runtime.log.lineage import LEADING, Lineage
from penstock_runtime.log.writer import Cause

from bench.figures import Figure, of_repeats
from bench.latency import order_latency

TICK_US = 3.0
TIMES_P99 = 1.1
RATE = 100
_ROUNDS, _ROUNDS_QUICK = 20_000, 2_000
_PAIRS = 5


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """Both figures; five pairs each."""
    return [_tick(_ROUNDS_QUICK if quick else _ROUNDS), _orders(folder, quick=quick)]


def _tick(rounds: int) -> Figure:
    message = _row()
    delivered = Delivered(1, "p0.feat.v1.row.bench.x", _block(), b"")
    cause = Cause(Origin("ingest", 2, 1), 1, delivered.block, delivered.subject, time.time_ns())
    lineage, family, tracer = Lineage(), "feat", object()

    def asked() -> None:
        time.time_ns()
        if type(message) in LEADING:
            lineage.took(message, delivered.block)
        if tracer is not None and family in TRACED:
            raise AssertionError("a tick has no span")

    puts, looks = [], []
    for _ in range(_PAIRS):
        with _untimed():
            without = _each_us(_put(message, cause), rounds)
        puts.append(_each_us(_put(message, cause), rounds) - without)
        looks.append(_each_us(asked, rounds))
    # A tick is a trade, what features make of it, and a price: three messages, each taken by some stage.
    costs = [put + 3 * look for put, look in zip(puts, looks, strict=True)]
    name = "tracing of a tick that leads to no order"
    return of_repeats(name, costs, "us", "below", TICK_US, put_us=median(puts), look_us=median(looks))


def _orders(folder: Path, *, quick: bool) -> Figure:
    ratios, hung, off = [], [], []
    for number in range(1 if quick else _PAIRS):
        without = order_latency(folder / f"off-{number}", RATE, 10 if quick else 40)[1]
        with _hanging_collector():
            with_it = order_latency(folder / f"hung-{number}", RATE, 10 if quick else 40)[1]
        ratios.append(with_it / without)
        hung.append(with_it)
        off.append(without)
    name = "order p99, collector hung / tracing off"
    return of_repeats(name, ratios, "x", "at most", TIMES_P99, hung_ms=hung, off_ms=off)


class _NoLog:
    partition = 0

    def publish_block(self, subject: str, block: bytes, payload: bytes) -> None:
        """Nothing is sent."""

    async def store_block(self, subject: str, block: bytes, payload: bytes) -> None:
        """Nothing is stored."""


def _put(message: FeatureRows, cause: Cause) -> Callable[[], object]:
    features = NumberedWriter(_NoLog(), "features", session_id="bench", config="0123456789abcdef")
    features.begin(1, 0, 0)

    def put() -> None:
        features.put(message, 1, cause)
        features._outbox.clear()

    return put


def _each_us(act: Callable[[], object], rounds: int) -> float:
    began = time.process_time()
    for _ in range(rounds):
        act()
    return (time.process_time() - began) / rounds * 1e6


@contextmanager
def _untimed() -> Iterator[None]:
    timed, writer.TIMED = writer.TIMED, frozenset()
    try:
        yield
    finally:
        writer.TIMED = timed


@contextmanager
def _hanging_collector() -> Iterator[None]:
    """Takes connections, and never says a word."""
    name = "OTEL_EXPORTER_OTLP_ENDPOINT"
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        os.environ[name] = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            yield
        finally:
            del os.environ[name]


def _row() -> FeatureRows:
    one = np.ones(1, dtype=np.int64)
    return FeatureRows(
        instrument="x.bench", trigger="trade", set_version="v1", names=("a", "b"),
        price_scale=2, size_scale=2, ts=one, price=one, size=one,
        side=np.zeros(1, dtype=np.int8), values=np.zeros((1, 2)),
    )  # fmt: skip


def _block() -> bytes:
    kind = "penstock.feature.row.v1"
    return numbered(kind, Origin("features", 1, 1), 1, partition=0, config="0123456789abcdef", received=1)
