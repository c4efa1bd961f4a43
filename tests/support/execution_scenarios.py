"""Random histories of two instruments, and ways to present one to a stage that must not matter."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import accumulate
from typing import Any

from hypothesis import strategies as st
from penstock_contracts.base import Message
from penstock_contracts.market import InstrumentStatus
from penstock_contracts.orders import CancelRequested, OrderApproved
from penstock_contracts.types import MarketStatus, OrderType, Side, TimeInForce
from penstock_execution.stage import ExecutionStage
from support.execution import MS, bars, book, bracket, instrument, mark, order, quotes, stage, trades

KEYS = ("a-usdt.test", "b-usdt.test")
INTERVALS = 12
GRID_MS = 100


@dataclass(frozen=True)
class Scenario:
    """What happens; rows and statuses by instrument, orders and cancels by the interval of their decision."""

    kind: str
    rows: dict[str, list[tuple[Any, ...]]]
    orders: list[tuple[int, OrderApproved]]
    cancels: list[tuple[int, CancelRequested]]
    statuses: dict[int, InstrumentStatus]
    settings: dict[str, Any]

    def new_stage(self) -> ExecutionStage:
        return stage(*(instrument(key) for key in KEYS), **self.settings)

    def decided_in(self, interval: int) -> list[Message]:
        """What risk decided in the interval; after the data it cancels everything."""
        decided = [made for when, made in (*self.orders, *self.cancels) if when == interval]
        if interval == INTERVALS:
            ts = mark_ms(interval) * MS
            decided += [
                CancelRequested(
                    order_id=made.order_id, strategy="one", instrument=made.instrument, ts=ts, reason="ended"
                )
                for _, made in self.orders
                if made.type is not OrderType.MARKET
            ]
        return decided

    def market(self, first: int, last: int, cuts: Sequence[bool] = ()) -> list[Message]:
        """The market data of intervals first..last, cut after the rows that `cuts` says, over and over."""
        messages: list[Message] = [status for when, status in self.statuses.items() if first <= when <= last]
        for key, rows in self.rows.items():
            piece: list[tuple[Any, ...]] = []
            inside = [row for row in rows if mark_ms(first - 1) < row[0] <= mark_ms(last)]
            for index, row in enumerate(inside):
                piece.append(row)
                if (cuts and cuts[index % len(cuts)]) or index == len(inside) - 1:
                    messages.append(self.batch(key, piece))
                    piece = []
        return messages

    def batch(self, key: str, rows: Sequence[tuple[Any, ...]]) -> Message:
        builders: dict[str, Any] = {"trade": trades, "bar": bars, "quote": quotes, "book": book}
        made: Message = builders[self.kind](rows, key)
        return made

    def quiet(self, running: ExecutionStage, key: str, rows: Sequence[tuple[Any, ...]]) -> int:
        """How many of these rows, or whole updates, are quiet."""
        quiet = running.quiet_rows(self.batch(key, rows))
        if self.kind != "book":
            return quiet
        ends = accumulate(len(levels) for _, _, levels in rows)
        return sum(end <= quiet for end in ends)


def mark_ms(interval: int) -> int:
    """The end of an interval; interval 0 ends at 100 ms."""
    return (interval + 1) * GRID_MS


def play(scenario: Scenario, cuts: Sequence[bool] = (), restarts: bool = False) -> list[Message]:
    """Interval by interval."""
    told: list[Message] = []
    running = scenario.new_stage()

    def restarted() -> ExecutionStage:
        if not restarts:
            return running
        fresh = scenario.new_stage()
        fresh.restore(running.snapshot())
        return fresh

    for interval in range(INTERVALS + 6):
        for message in (*scenario.decided_in(interval - 1), *scenario.market(interval, interval, cuts)):
            told += running.process(message)
            running = restarted()
        ended = interval >= INTERVALS
        told += running.end_interval(mark(mark_ms(interval), mark_ms(interval - 1), ended))
        running = restarted()
    return told


def play_skipping(scenario: Scenario) -> tuple[list[Message], int]:
    """Runs of quiet intervals as one. Also returns how many were presented in all."""
    told: list[Message] = []
    running = scenario.new_stage()
    presented = interval = 0
    while interval < INTERVALS + 6:
        last = _run_end(scenario, running, interval)
        for message in (*scenario.decided_in(interval - 1), *scenario.market(interval, last)):
            told += running.process(message)
        told += running.end_interval(mark(mark_ms(last), mark_ms(interval - 1), interval >= INTERVALS))
        presented += 1
        interval = last + 1
    return told, presented


def _run_end(scenario: Scenario, running: ExecutionStage, first: int) -> int:
    busy = [when for when, _ in (*scenario.orders, *scenario.cancels)]
    alone = {*busy, *(when + 1 for when in busy), *scenario.statuses}
    if first in alone or first >= INTERVALS:
        return first
    last = first
    due = running.status().next_due
    while last + 1 < INTERVALS and last + 1 not in alone and mark_ms(last) * MS < due:
        last += 1
    for key, rows in scenario.rows.items():
        inside = [row for row in rows if mark_ms(first - 1) < row[0] <= mark_ms(last)]
        quiet = scenario.quiet(running, key, inside) if inside else 0
        if quiet < len(inside):
            loud = (inside[quiet][0] - 1) // GRID_MS
            last = min(last, max(first, loud - 1))
    return last


_PRICES = st.integers(-6, 6).map(lambda step: Decimal(100) + step * Decimal("0.5"))
_SIZES = st.integers(1, 3000).map(lambda size: Decimal(size).scaleb(-3))


@st.composite
def trade_rows(draw: st.DrawFn) -> list[tuple[Any, ...]]:
    times = sorted(draw(st.sets(st.integers(1, INTERVALS * GRID_MS), min_size=1, max_size=60)))
    return [(1, Decimal(100), Decimal(1)), *((ms, draw(_PRICES), draw(_SIZES)) for ms in times if ms > 1)]


@st.composite
def bar_rows(draw: st.DrawFn) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for interval in range(INTERVALS):
        if interval and draw(st.integers(0, 5)) == 0:
            continue
        prices = draw(st.tuples(_PRICES, _PRICES, _PRICES, _PRICES))
        volume = draw(st.one_of(st.just(Decimal(0)), _SIZES.map(lambda size: size * 10)))
        rows.append((mark_ms(interval), prices[0], max(prices), min(prices), prices[3], volume))
    return rows


@st.composite
def quote_rows(draw: st.DrawFn) -> list[tuple[Any, ...]]:
    times = sorted(draw(st.sets(st.integers(1, INTERVALS * GRID_MS), min_size=1, max_size=40)))
    rows: list[tuple[Any, ...]] = [(1, Decimal("99.5"), Decimal(1), Decimal("100.5"), Decimal(1))]
    sizes = st.one_of(_SIZES, st.just(Decimal(0)))
    for ms in times:
        if ms > 1:
            bid = draw(_PRICES)
            ask = bid + draw(st.sampled_from([Decimal("0.5"), Decimal(1)]))
            rows.append((ms, bid, draw(sizes), ask, draw(sizes)))
    return rows


@st.composite
def book_rows(draw: st.DrawFn) -> list[tuple[Any, ...]]:
    """Snapshots, and updates that may also cross the book, or empty a side of it."""
    times = sorted(draw(st.sets(st.integers(1, INTERVALS * GRID_MS), min_size=1, max_size=40)))
    whole = [(1, Decimal("99.5"), Decimal(1)), (1, Decimal(99), Decimal(2)),
             (-1, Decimal("100.5"), Decimal(1)), (-1, Decimal(101), Decimal(2))]  # fmt: skip
    rows: list[tuple[Any, ...]] = [(1, True, whole)]
    for ms in times:
        if ms > 1:
            size = st.one_of(_SIZES, _SIZES, st.just(Decimal(0)))
            count = draw(st.integers(1, 4))
            levels = [(draw(st.sampled_from([1, -1])), draw(_PRICES), draw(size)) for _ in range(count)]
            rows.append((ms, draw(st.integers(0, 4)) == 0, levels))
    return rows


_ROWS = {"trade": trade_rows, "bar": bar_rows, "quote": quote_rows, "book": book_rows}
_FORCES = (TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTD)
_TYPES = (
    OrderType.MARKET,
    OrderType.LIMIT,
    OrderType.LIMIT,
    OrderType.STOP,
    OrderType.STOP_LIMIT,
    OrderType.TAKE_PROFIT,
    OrderType.TRAILING_STOP,
)
_LIMITED = (OrderType.LIMIT, OrderType.STOP_LIMIT)


@st.composite
def order_at(draw: st.DrawFn, number: int) -> tuple[int, OrderApproved]:
    interval = draw(st.integers(0, INTERVALS - 1))
    ms = draw(st.integers(mark_ms(interval - 1) + 1, mark_ms(interval)))
    kind = draw(st.sampled_from(_TYPES))
    force = draw(st.sampled_from(_FORCES))
    post_only = kind is OrderType.LIMIT and force is TimeInForce.GTC and draw(st.booleans())
    made = order(
        number,
        ms=ms,
        instrument=draw(st.sampled_from(KEYS)),
        side=draw(st.sampled_from(Side)),
        quantity=draw(_SIZES),
        type=kind,
        limit_price=draw(_PRICES) if kind in _LIMITED else None,
        stop_price=draw(_PRICES) if kind not in (OrderType.MARKET, OrderType.LIMIT) else None,
        trail=draw(st.sampled_from(["0.5", "1.25"])) if kind is OrderType.TRAILING_STOP else None,
        time_in_force=force,
        expire_at=(ms + draw(st.integers(1, 500))) * MS if force is TimeInForce.GTD else None,
        post_only=post_only,
        reduce_only=draw(st.integers(0, 3)) == 0,
    )
    return interval, made


@st.composite
def orders_at(draw: st.DrawFn, number: int) -> list[tuple[int, OrderApproved]]:
    """An order, now and then with a bracket, or with another one that is to take its place."""
    interval, made = draw(order_at(number))
    then = draw(st.sampled_from(["nothing", "nothing", "bracket", "replaced"]))
    if then == "bracket":
        made = replace(made, reduce_only=False)
        sign = made.side.sign
        prices = sorted([str(draw(_PRICES)), str(draw(_PRICES))], key=lambda price: sign * Decimal(price))
        trail = draw(st.sampled_from([None, "0.75"]))
        return [(interval, each) for each in bracket(made, prices[0], prices[1], trail)]
    if then == "replaced":
        later = draw(st.integers(interval, INTERVALS - 1))
        other = replace(
            made,
            order_id=f"o-{number + 1}", client_order_id=f"o-{number + 1}", ordinal=number + 1,
            ts=mark_ms(later) * MS, quantity=draw(_SIZES), time_in_force=TimeInForce.GTC, expire_at=None,
            replaces=made.order_id, replaces_left=made.quantity,
            limit_price=made.limit_price and draw(st.sampled_from([made.limit_price, Decimal(99)])),
        )  # fmt: skip
        return [(interval, made), (later, other)]
    return [(interval, made)]


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """Data of one kind for both instruments, a few orders, some cancels, now and then a halt."""
    kind = draw(st.sampled_from(sorted(_ROWS)))
    rows = {key: draw(_ROWS[kind]()) for key in KEYS}
    count = draw(st.integers(1, 6))
    orders = [each for number in range(count) for each in draw(orders_at(1 + 3 * number))]
    cancels = []
    for interval, made in orders:
        if draw(st.integers(0, 3)) == 0:
            later = draw(st.integers(interval, INTERVALS - 1))
            cancels.append(
                (
                    later,
                    CancelRequested(
                        order_id=made.order_id, strategy="one", instrument=made.instrument,
                        ts=mark_ms(later) * MS, reason="test",
                    ),
                )
            )  # fmt: skip
    statuses = {}
    if draw(st.integers(0, 3)) == 0:
        halted = draw(st.integers(1, INTERVALS - 2))
        key = draw(st.sampled_from(KEYS))
        for when, status in ((halted, MarketStatus.HALTED), (halted + 1, MarketStatus.TRADING)):
            ts = mark_ms(when - 1) * MS
            statuses[when] = InstrumentStatus(instrument=key, ts_event=ts, ts_init=ts, status=status)
    latencies = st.sampled_from([0, 20 * MS, 100 * MS, 130 * MS])
    settings: dict[str, Any] = {
        "submit_latency_ns": draw(latencies),
        "cancel_latency_ns": draw(latencies),
        "response_latency_ns": draw(latencies),
    }
    if kind == "trade":
        settings["queue_trades"] = draw(st.sampled_from([None, 0, 2]))
    return Scenario(kind, rows, sorted(orders, key=lambda each: each[0]), cancels, statuses, settings)
