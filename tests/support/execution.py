"""Builders for tests of execution: one instrument, short prices and sizes, times in ms."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from penstock_contracts.base import Message
from penstock_contracts.control import Command
from penstock_contracts.instrument import Instrument
from penstock_contracts.market import BarBatch, BookAction, BookBatch, Mark, QuoteBatch, TradeBatch
from penstock_contracts.orders import CancelRequested, OrderApproved
from penstock_contracts.types import InstrumentKind, OrderType, Side, TimeInForce
from penstock_execution.config import ExecutionConfig, GuardConfig, PaperConfig
from penstock_execution.stage import ExecutionStage
from penstock_kernel.session import SessionConfig

MS = 1_000_000
KEY = "btc-usdt.test"
GRID = 100 * MS
SCALE = 3
"""Decimals of the prices and sizes of `trades` and `bars`."""


def instrument(key: str = KEY, **changes: Any) -> Instrument:
    """A linear instrument: lot 0.001, fees 2 and 5 basis points."""
    values: dict[str, Any] = {
        "instrument": key,
        "kind": InstrumentKind.SPOT,
        "base": "BTC",
        "quote": "USDT",
        "settlement": "USDT",
        "lot_size": Decimal("0.001"),
        "price_decimals": SCALE,
        "size_decimals": SCALE,
        "fee_maker": Decimal("0.0002"),
        "fee_taker": Decimal("0.0005"),
    }
    return Instrument(**{**values, **changes})


def session(*instruments: Instrument, grid: int = GRID, session_id: str = "test") -> SessionConfig:
    """A session that starts at 0."""
    return SessionConfig(
        session_id=session_id,
        currency="USDT",
        capital=Decimal(100_000),
        grid=grid,
        instruments=instruments or (instrument(),),
        strategies=(),
    )


def stage(
    *instruments: Instrument, grid: int = GRID, guard: GuardConfig | None = None, **paper: Any
) -> ExecutionStage:
    """A stage; keywords are settings of the paper venue."""
    config = ExecutionConfig(paper=PaperConfig(**paper), guard=guard or GuardConfig())
    return ExecutionStage(config, session(*instruments, grid=grid))


def order(number: int = 1, ms: float = 100, **changes: Any) -> OrderApproved:
    """The approval of a market buy of 1, decided at `ms`; `quantity` and prices may be strings."""
    values: dict[str, Any] = {
        "order_id": f"o-{number}",
        "client_order_id": f"o-{number}",
        "signal_id": f"s-{number}",
        "ordinal": number,
        "strategy": "one",
        "instrument": KEY,
        "ts": int(ms * MS),
        "side": Side.BUY,
        "type": OrderType.LIMIT if "limit_price" in changes else OrderType.MARKET,
        "quantity": "1",
        "reference_price": Decimal(100),
        **changes,
    }
    for name in ("quantity", "limit_price", "stop_price", "trail", "replaces_left"):
        if values.get(name) is not None:
            values[name] = Decimal(values[name])
    return OrderApproved(**values)


def stop(number: int = 1, ms: float = 100, **changes: Any) -> OrderApproved:
    """A stop, or a stop-limit where there is a limit price."""
    kind = OrderType.STOP_LIMIT if "limit_price" in changes else OrderType.STOP
    return order(number, ms, type=kind, **changes)


def bracket(
    entry: OrderApproved,
    stop_loss: str | None = None,
    take_profit: str | None = None,
    trail: str | None = None,
) -> list[OrderApproved]:
    """An entry with a stop and a target, numbered after it, of which one cancels the other."""
    common: dict[str, Any] = {
        "ms": entry.ts / MS,
        "side": Side.SELL if entry.side is Side.BUY else Side.BUY,
        "quantity": entry.quantity,
        "parent_id": entry.order_id,
        "group_id": f"g-{entry.order_id}",
        "reduce_only": True,
    }
    orders = [entry]
    if trail is not None:
        kind: dict[str, Any] = {"type": OrderType.TRAILING_STOP, "trail": trail, "stop_price": stop_loss}
        orders.append(order(entry.ordinal + 1, **kind, **common))
    elif stop_loss is not None:
        orders.append(stop(entry.ordinal + 1, stop_price=stop_loss, **common))
    if take_profit is not None:
        orders.append(order(entry.ordinal + 2, limit_price=take_profit, **common))
    return orders


def ioc(number: int = 1, ms: float = 100, **changes: Any) -> OrderApproved:
    """The same, immediate or cancel."""
    return order(number, ms, time_in_force=TimeInForce.IOC, **changes)


def cancel(number: int = 1, ms: float = 200, reason: str = "superseded") -> CancelRequested:
    """The request to cancel an order of `order`."""
    return CancelRequested(
        order_id=f"o-{number}", strategy="one", instrument=KEY, ts=int(ms * MS), reason=reason
    )


Row = tuple[float, float | str, float | str]


def trades(rows: Sequence[Row], key: str = KEY, scale: int = SCALE) -> TradeBatch:
    """Trades from (ms, price, size)."""
    times = np.array([int(ms * MS) for ms, _, _ in rows], dtype=np.int64)
    count = len(rows)
    return TradeBatch(
        instrument=key,
        source="test",
        price_scale=scale,
        size_scale=scale,
        ts_event=times,
        ts_init=times,
        price=scaled((price for _, price, _ in rows), scale),
        size=scaled((size for _, _, size in rows), scale),
        side=np.zeros(count, dtype=np.int8),
        flags=np.zeros(count, dtype=np.int8),
        trade_id=np.array([str(index).encode() for index in range(count)], dtype="S8"),
    )


Bar = tuple[float, float | str, float | str, float | str, float | str, float | str]


def bars(rows: Sequence[Bar], key: str = KEY, interval_ms: int = 100, scale: int = SCALE) -> BarBatch:
    """Bars from (ms of the end, open, high, low, close, volume)."""
    times = np.array([int(row[0] * MS) for row in rows], dtype=np.int64)
    count = len(rows)
    columns = [scaled((row[index] for row in rows), scale) for index in range(1, 6)]
    return BarBatch(
        instrument=key,
        source="test",
        interval=interval_ms * MS,
        price_scale=scale,
        size_scale=scale,
        ts_event=times,
        ts_init=times,
        open=columns[0],
        high=columns[1],
        low=columns[2],
        close=columns[3],
        volume=columns[4],
        trades=np.full(count, -1, dtype=np.int64),
        vwap=np.full(count, np.nan),
        flags=np.zeros(count, dtype=np.int8),
    )


Quote = tuple[float, float | str, float | str, float | str, float | str]


def quotes(rows: Sequence[Quote], key: str = KEY, scale: int = SCALE) -> QuoteBatch:
    """Quotes from (ms, bid, bid size, ask, ask size); a size of 0 is unknown."""
    times = np.array([int(row[0] * MS) for row in rows], dtype=np.int64)
    columns = [scaled((row[index] for row in rows), scale) for index in range(1, 5)]
    return QuoteBatch(
        instrument=key,
        source="test",
        price_scale=scale,
        size_scale=scale,
        ts_event=times,
        ts_init=times,
        bid=columns[0],
        bid_size=columns[1],
        ask=columns[2],
        ask_size=columns[3],
        flags=np.zeros(len(rows), dtype=np.int8),
    )


Level = tuple[int, float | str, float | str]
Update = tuple[float, bool, Sequence[Level]]


def book(updates: Sequence[Update], key: str = KEY, scale: int = SCALE) -> BookBatch:
    """Book changes from (ms, whether it is a snapshot, levels of (side, price, size))."""
    levels = [level for _, _, levels in updates for level in levels]
    actions = []
    for _, snapshot, changes in updates:
        actions += [BookAction.SET] * len(changes)
        actions[-len(changes)] = 0 if snapshot else BookAction.SET
        actions[-1] |= BookAction.LAST
    times = np.array([int(ms * MS) for ms, _, changes in updates for _ in changes], dtype=np.int64)
    numbers = np.array([at for at, update in enumerate(updates) for _ in update[2]], dtype=np.int64)
    return BookBatch(
        instrument=key,
        source="test",
        price_scale=scale,
        size_scale=scale,
        ts_event=times,
        ts_init=times,
        action=np.array(actions, dtype=np.int8),
        side=np.array([side for side, _, _ in levels], dtype=np.int8),
        price=scaled((price for _, price, _ in levels), scale),
        size=scaled((size for _, _, size in levels), scale),
        first_update_id=numbers,
        last_update_id=numbers,
    )


def scaled(values: Iterable[float | str], scale: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Numbers as a scaled integer column."""
    return np.array([int(Decimal(str(value)).scaleb(scale)) for value in values], dtype=np.int64)


def mark(ms: float, start_ms: float, ended: bool = False, commands: tuple[Command, ...] = ()) -> Mark:
    """The end of the interval (start_ms, ms]."""
    return Mark(ts=int(ms * MS), start=int(start_ms * MS), ended=ended, commands=commands)


class Run:
    """Feeds a stage interval by interval and collects what it says."""

    def __init__(self, stage: ExecutionStage) -> None:
        self.stage = stage
        self.told: list[Message] = []
        self.ms = 0.0

    def give(self, *messages: Message) -> "Run":
        """Hand over messages."""
        for message in messages:
            self.told += self.stage.process(message)
        return self

    def until(self, ms: float, ended: bool = False, commands: tuple[Command, ...] = ()) -> "Run":
        """End the interval at `ms`."""
        self.told += self.stage.end_interval(mark(ms, self.ms, ended, commands))
        self.ms = ms
        return self

    def of(self, kind: type) -> list[Any]:
        """The messages of one type so far."""
        return [message for message in self.told if type(message) is kind]
