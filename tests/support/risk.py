"""Builders for risk's tests: a session, its messages, and a desk that plays the venue by hand."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from penstock_contracts.base import Message
from penstock_contracts.control import Command
from penstock_contracts.features import Prices
from penstock_contracts.instrument import Instrument
from penstock_contracts.interval import Done
from penstock_contracts.orders import OrderApproved
from penstock_contracts.signals import OrderStyle, Signal
from penstock_contracts.types import (
    Direction,
    InstrumentKind,
    Liquidity,
    OrderState,
    OrderType,
    TargetKind,
)
from penstock_contracts.venue import Fill, OrderAccepted, OrderChanged
from penstock_kernel.grid import NS_PER_DAY
from penstock_kernel.session import SessionConfig, StrategySpec
from penstock_risk.config import PROFILES, RiskConfig
from penstock_risk.stage import RiskStage

MINUTE = 60_000_000_000
START = 18_993 * NS_PER_DAY + 12 * 60 * MINUTE
"""2022-01-01T12:00:00Z, ns."""
BTC = "btc-perp.replay"
ETH = "eth-perp.replay"
INVERSE = "btc-usd.replay"
D = Decimal


def perpetual(key: str = BTC, **changes: Any) -> Instrument:
    """A linear perpetual in USDT with a lot of 0.001 and a tick of 0.1."""
    fields: dict[str, Any] = {
        "instrument": key,
        "kind": InstrumentKind.PERPETUAL,
        "base": key.partition("-")[0].upper(),
        "quote": "USDT",
        "settlement": "USDT",
        "tick_size": D("0.1"),
        "lot_size": D("0.001"),
        "price_decimals": 1,
        "size_decimals": 3,
        "fee_maker": D("0.0002"),
        "fee_taker": D("0.0005"),
    }
    return Instrument(**{**fields, **changes})


def inverse(**changes: Any) -> Instrument:
    """An inverse perpetual of 100 USD a contract, settled in BTC."""
    fields: dict[str, Any] = {
        "quote": "USD",
        "base": "BTC",
        "settlement": "BTC",
        "inverse": True,
        "multiplier": D(100),
        "lot_size": D(1),
        "size_decimals": 0,
    }
    return perpetual(INVERSE, **{**fields, **changes})


def session(
    *instruments: Instrument, capital: str = "100000", strategies: Sequence[str] = ("a", "b")
) -> SessionConfig:
    """A session in USDT with one-minute marks."""
    defined = instruments or (perpetual(), perpetual(ETH), inverse())
    keys = tuple(each.instrument for each in defined)
    return SessionConfig(
        session_id="session-1",
        currency="USDT",
        capital=D(capital),
        grid=MINUTE,
        start=START,
        instruments=defined,
        strategies=tuple(
            StrategySpec(name=name, source="ma_cross", instruments=keys, interval=MINUTE)
            for name in strategies
        ),
    )


def settings(**changes: Any) -> RiskConfig:
    """The open profile, but for what a test is about."""
    return RiskConfig.model_validate({**PROFILES["open"].model_dump(), "price_collar": D("0.1"), **changes})


def price_rows(rows: Sequence[tuple[str, int, int]], bids: Sequence[tuple[int, int]] | None = None) -> Prices:
    """Prices of one decimal from (instrument, mark, price in tenths); quotes are (bid, ask) per row."""
    names = tuple(dict.fromkeys(name for name, _, _ in rows))
    quotes = bids or [(0, 0)] * len(rows)
    return Prices(
        instruments=names,
        scales=(1,) * len(names),
        index=np.array([names.index(name) for name, _, _ in rows], dtype=np.int32),
        ts=np.array([ts for _, ts, _ in rows], dtype=np.int64),
        ts_data=np.array([ts for _, ts, _ in rows], dtype=np.int64),
        last=np.array([price for _, _, price in rows], dtype=np.int64),
        bid=np.array([bid for bid, _ in quotes], dtype=np.int64),
        ask=np.array([ask for _, ask in quotes], dtype=np.int64),
    )


def of(outputs: Sequence[Message], kind: type) -> list[Any]:
    """The messages of one type."""
    return [each for each in outputs if type(each) is kind]


class Table:
    """A risk stage, with an event time that moves by marks and a venue that does what it is told."""

    def __init__(self, config: RiskConfig | None = None, defined: SessionConfig | None = None) -> None:
        self.stage = RiskStage(config or settings(), defined or session())
        self.now = START
        self.said: list[Message] = []
        self.orders: dict[str, OrderApproved] = {}
        self.left: dict[str, Decimal] = {}
        self.signals = 0

    def say(self, message: Message) -> list[Message]:
        """Hand over a message; returns and keeps what risk says."""
        return self._heard(list(self.stage.process(message)))

    def _heard(self, outputs: list[Message]) -> list[Message]:
        self.said += outputs
        for order in of(outputs, OrderApproved):
            self.orders[order.order_id] = order
            self.left[order.order_id] = order.quantity
        return outputs

    def mark(self, *commands: Command, ended: bool = False, step: int = MINUTE) -> list[Message]:
        """End the interval."""
        start, self.now = self.now, self.now + step
        return self._heard(
            list(self.stage.end_interval(Done(ts=self.now, start=start, ended=ended, commands=commands)))
        )

    def price(self, price: str, instrument: str = BTC, quote: tuple[str, str] | None = None) -> list[Message]:
        """A price at the current mark."""
        quotes = None if quote is None else [(int(D(quote[0]) * 10), int(D(quote[1]) * 10))]
        return self.say(price_rows([(instrument, self.now, int(D(price) * 10))], quotes))

    def signal(
        self,
        direction: str = "long",
        quantity: str | None = None,
        *,
        price: str = "100",
        strategy: str = "a",
        instrument: str = BTC,
        **changes: Any,
    ) -> list[Message]:
        """A signal for a quantity, or for whatever `changes` say."""
        self.signals += 1
        fields: dict[str, Any] = {
            "signal_id": f"s-{self.signals}",
            "strategy": strategy,
            "instrument": instrument,
            "ts": self.now + 1,
            "ordinal": self.signals,
            "direction": Direction(direction),
            "price": D(price),
        }
        if quantity is not None:
            fields |= {"target_kind": TargetKind.QUANTITY, "target": D(quantity)}
        return self.say(Signal(**{**fields, **changes}))

    def fill(
        self, order: OrderApproved, price: str, quantity: str | None = None, fee: str = "0"
    ) -> list[Message]:
        """Fill an order, wholly unless told otherwise."""
        size = self.left[order.order_id] if quantity is None else D(quantity)
        self.left[order.order_id] -= size
        return self.say(self.fill_of(order, price, size, self.left[order.order_id], fee))

    def fill_of(self, order: OrderApproved, price: str, size: Decimal, left: Decimal, fee: str = "0") -> Fill:
        """A fill message, right or wrong."""
        return Fill(
            fill_id=f"f-{len(self.said)}",
            order_id=order.order_id,
            order_ordinal=order.ordinal,
            strategy=order.strategy,
            instrument=order.instrument,
            venue="replay",
            number=3,
            ts=self.now,
            ts_known=self.now,
            side=order.side,
            price=D(price),
            quantity=size,
            fee=D(fee),
            fee_currency="BTC" if order.instrument == INVERSE else "USDT",
            liquidity=Liquidity.TAKER,
            quantity_left=left,
        )

    def accept(self, *orders: OrderApproved) -> None:
        """The venue has the orders."""
        for order in orders:
            self.say(
                OrderAccepted(
                    order_id=order.order_id,
                    strategy=order.strategy,
                    instrument=order.instrument,
                    number=2,
                    ts=self.now,
                    venue_order_id="v-1",
                )
            )

    def over(self, order: OrderApproved, state: OrderState = OrderState.CANCELLED) -> list[Message]:
        """The order ends without a fill."""
        self.left[order.order_id] = D(0)
        return self.say(
            OrderChanged(
                order_id=order.order_id,
                strategy=order.strategy,
                instrument=order.instrument,
                number=4,
                ts=self.now,
                from_state=OrderState.ACCEPTED,
                to_state=state,
            )
        )

    def trade(
        self, direction: str, quantity: str, price: str, fee: str = "0", **changes: Any
    ) -> list[Message]:
        """A signal that is approved and filled at its price; returns what the fill brought."""
        (order,) = of(self.signal(direction, quantity, price=price, **changes), OrderApproved)
        return self.fill(order, price, fee=fee)


def limit(price: str, **changes: Any) -> OrderStyle:
    """A limit order."""
    return OrderStyle(type=OrderType.LIMIT, limit_price=D(price), **changes)


def command(verb: str, **changes: Any) -> Command:
    """An operator's command, with a reason."""
    fields: dict[str, Any] = {
        "command_id": f"c-{verb}",
        "verb": verb,
        "ts_issued": START,
        "ts_expires": START + NS_PER_DAY,
        "by": "operator",
        "reason": "because",
    }
    return Command(**{**fields, **changes})
