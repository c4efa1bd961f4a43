"""A realistic message of every registered type: what the golden corpus and the codec's tests are made of."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from penstock_contracts.base import Family, Message, type_of
from penstock_contracts.catalog import message_types
from penstock_contracts.control import Audited, Claim, ConfigChanged, Session
from penstock_contracts.features import DriftMeasured, RegimeTagged
from penstock_contracts.market import (
    Funding,
    Gap,
    InstrumentDefined,
    InstrumentStatus,
    Liquidation,
    Rate,
    RowQuarantined,
)
from penstock_contracts.orders import (
    CancelRequested,
    PnlSampled,
    PositionChanged,
    ShadowFilled,
    SignalRefused,
    SignalResolved,
    TradingStateChanged,
)
from penstock_contracts.signals import Note
from penstock_contracts.types import (
    MarketStatus,
    OrderState,
    Outcome,
    Side,
    TradingState,
)
from penstock_contracts.venue import BalanceChanged, OrderAccepted, OrderChanged, OrderSubmitted
from support.messages import (
    GRID,
    KEY,
    ORDER,
    PERPETUAL,
    SIGNAL,
    START,
    approved,
    bars,
    book,
    command,
    done,
    feature_bars,
    feature_rows,
    fill,
    instrument,
    mark,
    prices,
    quotes,
    signal,
    trades,
)


def _control() -> dict[str, Message]:
    return {
        "audit": Audited(
            ts=START,
            who="desk",
            what="POST /api/v1/resume",
            outcome="refused",
            reason="desk has the role operator; this takes risk_admin",
            command_id="c-01HV3Z",
            origin="api 10.0.0.7",
            status=403,
            unwritten=2,
        ),
        "claim": Claim(producer="ingest", nonce="9f2d4c", succeeds=41),
        "command": command(verb="strategy_mode", strategy="ma_cross", arguments={"mode": "shadow"}),
        "config": ConfigChanged(ts=START, path="risk.order_notional_max", value="20000", by="operator"),
        "session": Session(
            phase="genesis",
            session_id="20220101T120000-7f3a",
            ts=START,
            config_hash="b1946ac92492d2347c6235b4d2611184",
            code_hash="591785b794601e212b260e25925636fd",
            config='{"session":{"currency":"USDT"}}',
        ),
    }


def _market() -> dict[str, Message]:
    now: dict[str, Any] = {"ts_event": START, "ts_init": START + 4_000_000}
    return {
        "trade": trades(),
        "quote": quotes(),
        "book": book(),
        "bar": bars(),
        "liquidation": Liquidation(
            instrument=KEY,
            source="binance",
            side=Side.SELL,
            price=Decimal("46122.4"),
            quantity=Decimal("1.25"),
            **now,
        ),
        "funding": Funding(
            instrument=PERPETUAL,
            source="binance",
            rate=Decimal("-0.0000125"),
            ts_next=START + 28_800_000_000_000,
            **now,
        ),
        "rate": Rate(base="BTC", quote="USDT", source="binance", rate=Decimal("46301.5"), **now),
        "instrument": InstrumentDefined(instrument=instrument(), **now),
        "status": InstrumentStatus(instrument=KEY, status=MarketStatus.HALTED, reason="maintenance", **now),
        "gap": Gap(
            instrument=None,
            source="binance",
            ts_init=START + GRID,
            ts_from=START,
            ts_to=START + GRID,
            reason="reconnect",
        ),
        "quarantine": RowQuarantined(
            source="1-btc-usdt.csv",
            row=17,
            reason="size_not_positive",
            raw="1640995200000,46301.5,0,buy",
            ts_init=START,
        ),
        "mark": mark(positions={"binance.trade": 1_204}, commands=(command(),), quarantined=3, events=1_204),
    }


def _orders() -> dict[str, Message]:
    order: dict[str, Any] = {
        "order_id": ORDER,
        "strategy": "cross",
        "instrument": KEY,
        "ts": START + 3 * GRID,
    }
    answer: dict[str, Any] = {"signal_id": SIGNAL, "strategy": "cross", "instrument": KEY, "ts": START + GRID}
    money: dict[str, Any] = {"pnl_realized": Decimal("-12.5"), "fees": Decimal("1.852")}
    return {
        "approved": approved(),
        "refused": SignalRefused(rule="gross", limit=Decimal(100_000), value=Decimal("100000.01"), **answer),
        "shadow": ShadowFilled(
            fill_id="f-7",
            ordinal=3,
            ts=START,
            side=Side.SELL,
            quantity=Decimal("0.5"),
            price=Decimal("46301.5"),
            fee=Decimal("11.58"),
            position=Decimal("-0.5"),
            average_price=Decimal("46301.5"),
            currency="USDT",
            pnl_realized=Decimal("-12.5"),
            fees=Decimal("34.7"),
            trades=1,
            trades_won=0,
            signal_id="s-7",
            strategy="ma_cross",
            instrument=KEY,
        ),
        "resolved": SignalResolved(outcome=Outcome.SUPERSEDED, superseded_by="s-77", **answer),
        "cancel": CancelRequested(reason="signal", **order),
        "position": PositionChanged(
            strategy="cross",
            instrument=KEY,
            ts=START + 4 * GRID,
            quantity=Decimal("-0.2"),
            average_price=Decimal("46300.0"),
            currency="USDT",
            fill_id="f-91c2b7e05da8f3460b1d",
            **money,
        ),
        "pnl": PnlSampled(
            strategy=None,
            ts=START + 4 * GRID,
            currency="USDT",
            equity=Decimal("99985.648"),
            pnl_unrealized=Decimal(0),
            gross_exposure=Decimal("9260.0"),
            net_exposure=Decimal("9260.0"),
            reserved=Decimal("15695.7"),
            equity_peak=Decimal(100_000),
            drawdown_max=Decimal("14.352"),
            **money,
        ),
        "state": TradingStateChanged(
            ts=START + 5 * GRID,
            state=TradingState.HALTED,
            previous=TradingState.ACTIVE,
            reason="spread too wide",
            command_id="c-01HV3Z",
        ),
        "done": done(commands=(command(),), next_due=START + 2 * GRID, quiet=False, stop="drawdown"),
    }


def _venue() -> dict[str, Message]:
    order: dict[str, Any] = {
        "order_id": ORDER,
        "strategy": "cross",
        "instrument": KEY,
        "ts": START + 2 * GRID,
    }
    return {
        "submitted": OrderSubmitted(
            client_order_id=ORDER, number=1, ts_effect=START + 2 * GRID + 20_000_000, **order
        ),
        "accepted": OrderAccepted(number=2, venue_order_id="paper-1", **order),
        "event": OrderChanged(
            number=4,
            from_state=OrderState.PARTIALLY_FILLED,
            to_state=OrderState.CANCEL_PENDING,
            reason="signal",
            **order,
        ),
        "fill": fill(),
        "balance": BalanceChanged(
            venue="binance",
            currency="USDT",
            ts=START,
            total=Decimal("99998.148"),
            available=Decimal("90738.148"),
        ),
        "done": done(next_due=START + 3 * GRID, flat=True),
    }


def _features() -> dict[str, Message]:
    market = _market()
    return {
        "bar": feature_bars(),
        "row": feature_rows(),
        "price": prices(),
        "regime": RegimeTagged(instrument=KEY, ts=START + GRID, regime="volatile"),
        "drift": DriftMeasured(
            instrument=KEY, ts=START + GRID, feature="fast", psi=0.21, ks=0.0625, alarm=True
        ),
        "instrument": market["instrument"],
        "status": market["status"],
        "rate": market["rate"],
        "gap": market["gap"],
        "done": done(),
    }


def _signals() -> dict[str, Message]:
    note = Note(
        strategy="cross",
        ts=START,
        level="error",
        text="ZeroDivisionError: division by zero",
        location="cross.py:41",
    )
    return {"signal": signal(), "note": note, "done": done(quiet=False)}


_EXAMPLES: dict[Family, Callable[[], dict[str, Message]]] = {
    "ctl": _control,
    "md": _market,
    "feat": _features,
    "sig": _signals,
    "ord": _orders,
    "ven": _venue,
}


def example(family: Family, kind: str) -> Message:
    """A realistic message of this kind. KeyError for one that has none yet: add it."""
    return _EXAMPLES[family]()[kind]


def examples() -> dict[str, Message]:
    """A message of every registered type, by type name."""
    found = {entry.name: example(entry.family, entry.kind) for entry in message_types()}
    for entry in message_types():
        assert type_of(found[entry.name], entry.family) is entry
    return found
