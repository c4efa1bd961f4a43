"""Toy stages: order-sensitive on purpose, so that a lost, doubled or reordered message shows."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from penstock_contracts.base import Message, type_of
from penstock_contracts.codec import encode
from penstock_contracts.columns import text_column
from penstock_contracts.features import FeatureRows, Prices
from penstock_contracts.market import Mark, TradeBatch
from penstock_contracts.orders import CancelRequested
from penstock_contracts.signals import Signal
from penstock_contracts.types import Direction
from penstock_contracts.venue import OrderAccepted
from penstock_kernel.chain import Chain
from penstock_kernel.ids import make_id
from penstock_kernel.stage import IntervalEnd, StageStatus
from penstock_kernel.topology import PLACES, STAGES

INSTRUMENT = "btc-usdt.toy"
GRID = 100


class ToyStage:
    """Chains a digest over all that it takes, and puts out something for every third digest."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.digest = name
        self.outputs = 0

    def process(self, message: Message) -> Sequence[Message]:
        """Fold the message in; say something now and then."""
        self.digest = make_id("d", self.digest, encode(message).hex())
        if int(self.digest[-1], 16) % 3:
            return []
        return self._say(_ts(message))

    def end_interval(self, end: IntervalEnd) -> Sequence[Message]:
        """Fold the mark in; features gives a price."""
        self.digest = make_id("d", self.digest, end.ts, len(end.commands))
        if self.name != "features":
            return []
        one = np.array([end.ts], dtype=np.int64)
        price = np.array([int(self.digest[-6:], 16)], dtype=np.int64)
        zero = np.zeros(1, dtype=np.int64)
        return [
            Prices(
                instruments=(INSTRUMENT,),
                scales=(2,),
                index=np.zeros(1, dtype=np.int32),
                ts=one,
                ts_data=one,
                last=price,
                bid=zero,
                ask=zero,
            )
        ]

    def status(self) -> StageStatus:
        """Never due; flat, so that a session ends."""
        return StageStatus(flat=True)

    def describe(self) -> dict[str, Any]:
        """The digest."""
        return {"digest": self.digest}

    def snapshot(self) -> bytes:
        """Digest and count."""
        return f"{self.digest} {self.outputs}".encode()

    def restore(self, state: bytes) -> None:
        """Take both over."""
        self.digest, count = state.decode().split()
        self.outputs = int(count)

    def _say(self, ts: int) -> list[Message]:
        self.outputs += 1
        key = make_id("x", self.digest)
        if self.name == "features":
            row = np.array([ts], dtype=np.int64)
            return [
                FeatureRows(
                    instrument=INSTRUMENT, trigger="trade", set_version="v1", names=(), price_scale=2,
                    size_scale=2, ts=row, price=row, size=row, side=np.zeros(1, dtype=np.int8),
                    values=np.zeros((1, 0)),
                )
            ]  # fmt: skip
        if self.name == "strategy":
            return [
                Signal(
                    signal_id=key, strategy="toy", instrument=INSTRUMENT, ts=ts, ordinal=self.outputs,
                    direction=Direction.LONG, price=Decimal(1),
                )
            ]  # fmt: skip
        if self.name == "risk":
            return [CancelRequested(order_id=key, strategy="toy", instrument=INSTRUMENT, ts=ts, reason="toy")]
        return [
            OrderAccepted(
                order_id=key,
                strategy="toy",
                instrument=INSTRUMENT,
                number=self.outputs,
                ts=ts,
                venue_order_id=key,
            )
        ]


def toy_stages() -> dict[str, ToyStage]:
    """One toy for each stage."""
    return {name: ToyStage(name) for name in ("features", "strategy", "risk", "execution")}


def _ts(message: Message) -> int:
    ts = getattr(message, "ts", None)
    if ts is None:
        ts = message.ts_init
    return int(ts[-1]) if isinstance(ts, np.ndarray) else int(ts)


def trades(first_ts: int, rows: int) -> TradeBatch:
    """A batch of trades one nanosecond apart."""
    ts = np.arange(first_ts, first_ts + rows, dtype=np.int64)
    return TradeBatch(
        instrument=INSTRUMENT, source="toy", price_scale=2, size_scale=2, ts_event=ts, ts_init=ts,
        price=ts % 97 + 100, size=ts % 7 + 1, side=np.ones(rows, dtype=np.int8),
        flags=np.zeros(rows, dtype=np.int8), trade_id=text_column([str(each) for each in ts]),
    )  # fmt: skip


def market(intervals: int, first_ts: int = 1_000) -> list[tuple[list[Message], Mark]]:
    """Intervals of a few trades each."""
    result: list[tuple[list[Message], Mark]] = []
    for k in range(intervals):
        start = first_ts + k * GRID
        batches: list[Message] = [trades(start + 1 + 10 * j, 1 + (k + j) % 3) for j in range(k % 4)]
        result.append((batches, Mark(ts=start + GRID, start=start)))
    return result


def expected(intervals: int) -> dict[str, list[bytes]]:
    """The outputs of the chain without a bus."""
    chain = Chain(toy_stages())
    result: dict[str, list[bytes]] = {producer: [] for producer in STAGES}
    for messages, mark in market(intervals):
        for producer, outputs in chain.interval(messages, mark).items():
            family = PLACES[producer].family
            result[producer] += [type_of(each, family).kind.encode() + encode(each) for each in outputs]
    return result
