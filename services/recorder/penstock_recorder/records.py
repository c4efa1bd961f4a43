"""Plain messages to rows: which table, which columns, which values. Pure."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from penstock_contracts.base import Message
from penstock_contracts.codec import adapter
from penstock_contracts.control import Audited, Command, ConfigChanged, ManualOrder, Session
from penstock_contracts.features import DriftMeasured, RegimeTagged
from penstock_contracts.instrument import Instrument
from penstock_contracts.market import Funding, Gap, InstrumentDefined, InstrumentStatus, Liquidation, Rate
from penstock_contracts.orders import (
    CancelRequested,
    LimitCheck,
    OrderApproved,
    PnlSampled,
    PositionChanged,
    SignalRefused,
    TradingStateChanged,
)
from penstock_contracts.signals import Note, OrderStyle, Signal
from penstock_contracts.venue import BalanceChanged, Fill

Values = dict[str, Any]


class Table(NamedTuple):
    """Where a message of some type goes."""

    name: str
    columns: tuple[str, ...]
    """Columns whose names and values are the message's own."""
    more: Callable[[Any], Values]
    """The other columns: always the same ones, in the same order."""


def text(value: str) -> str:
    """Free text as the database can hold it: it knows no NUL."""
    return value.replace("\x00", "\N{REPLACEMENT CHARACTER}")


def as_json(value: Instrument | OrderStyle | ManualOrder) -> str:
    """A message's part as JSON, decimals as strings."""
    cls: type = type(value)
    return adapter(cls).dump_json(value).decode()


def row(message: Message, session: str, sequence: int) -> tuple[str, tuple[str, ...], tuple[Any, ...]]:
    """Table, columns and values of a message of `TABLES`."""
    table = TABLES[type(message)]
    more = table.more(message)
    own = [getattr(message, column) for column in table.columns]
    return table.name, (*COMMON, *table.columns, *more), (session, sequence, *own, *more.values())


COMMON = ("session", "sequence")


def _nothing(_: Message) -> Values:
    return {}


def _ts_init(message: Any) -> Values:
    return {"ts": message.ts_init}


def _ts_init_reason(message: Gap | InstrumentStatus) -> Values:
    return {"ts": message.ts_init, "reason": text(message.reason)}


def _instrument(message: InstrumentDefined) -> Values:
    defined: Instrument = message.instrument
    return {
        "ts": message.ts_init,
        "instrument": defined.instrument,
        "kind": defined.kind,
        "base": defined.base,
        "quote": defined.quote,
        "settlement": defined.settlement,
        "definition": as_json(defined),
    }


def _signal(message: Signal) -> Values:
    style: OrderStyle = message.style
    return {
        "side": message.direction,
        "style": as_json(style),
        "features_ref": text(message.features_ref),
        "metadata": json.dumps(message.metadata),
    }


def _note(message: Note) -> Values:
    return {"text": text(message.text), "location": text(message.location)}


def _order(message: OrderApproved) -> Values:
    return {"checks": adapter(tuple[LimitCheck, ...]).dump_json(message.checks).decode()}


def _refusal(message: SignalRefused) -> Values:
    return {"text": text(message.text)}


def _balance(message: BalanceChanged) -> Values:
    return {"reason": text(message.reason)}


def _fill(message: Fill) -> Values:
    return {"side": message.side, "liquidity": message.liquidity}


def _audit(
    *, who: str, what: str, outcome: str, reason: str, command_id: str | None, details: Values
) -> Values:
    return {
        "who": who,
        "what": what,
        "outcome": outcome,
        "reason": text(reason),
        "command_id": command_id,
        "details": json.dumps(details, default=str),
    }


def _command(message: Command) -> Values:
    issued = _audit(
        who=message.by,
        what=message.verb,
        outcome="issued",
        reason=message.reason,
        command_id=message.command_id,
        details={
            **{name: getattr(message, name) for name in _COMMAND_DETAILS},
            "order": None if message.order is None else json.loads(as_json(message.order)),
        },
    )
    return {"ts": message.ts_issued, **issued}


def _state(message: TradingStateChanged) -> Values:
    return _audit(
        who="risk",
        what="state",
        outcome=str(message.state) if message.accepted else "refused",
        reason=message.reason,
        command_id=message.command_id,
        details={name: getattr(message, name) for name in _STATE_DETAILS},
    )


def _cancel(message: CancelRequested) -> Values:
    return _audit(
        who="risk",
        what="cancel",
        outcome="requested",
        reason=message.reason,
        command_id=None,
        details={name: getattr(message, name) for name in ("order_id", "strategy", "instrument")},
    )


def _config(message: ConfigChanged) -> Values:
    return _audit(
        who=message.by,
        what="config",
        outcome="changed",
        reason="",
        command_id=None,
        details={"path": message.path, "value": message.value},
    )


def _audited(message: Audited) -> Values:
    return _audit(
        who=message.who,
        what=text(message.what),
        outcome=message.outcome,
        reason=message.reason,
        command_id=message.command_id,
        details={name: getattr(message, name) for name in ("origin", "status", "unwritten")},
    )


def _regime(message: RegimeTagged) -> Values:
    return {"regime": message.regime}


def answer(message: Note, session: str, sequence: int) -> tuple[str, tuple[str, ...], tuple[Any, ...]]:
    """The row of the audit that a strategy's answer to a command makes, beside that of the note."""
    values = _audit(
        who=message.strategy,
        what="switch",
        outcome="refused" if message.level == "warning" else "done",
        reason=message.text,
        command_id=message.command_id,
        details={},
    )
    return "audit", (*COMMON, "ts", *values), (session, sequence, message.ts, *values.values())


def sessions(message: Session, sequence: int) -> tuple[str, tuple[str, ...], tuple[Any, ...]]:
    """The row of a session that began."""
    columns = ("session", "epoch", "started_at", "config_hash", "code_hash", "config")
    hashes = (text(message.config_hash), text(message.code_hash))
    config = text(message.config) or None
    return "sessions", columns, (message.session_id, sequence, message.ts, *hashes, config)


def drift(message: DriftMeasured, session: str) -> list[tuple[str, tuple[str, ...], tuple[Any, ...]]]:
    """The metrics that a drift measurement is."""
    labels = {"instrument": message.instrument, "feature": message.feature, "alarm": message.alarm}
    columns = ("session", "name", "ts", "value", "labels")
    values = (("drift_psi", message.psi), ("drift_ks", message.ks))
    return [
        ("metrics", columns, (session, name, message.ts, value, json.dumps(labels))) for name, value in values
    ]


_COMMAND_DETAILS = (
    "ts_expires", "venue", "instrument", "underlying", "strategy", "order_id", "override", "arguments",
    "origin",
)  # fmt: skip
_STATE_DETAILS = ("previous", "state", "rule", "limit", "value", "order_id")
_ORDER_COLUMNS = (
    "order_id", "client_order_id", "signal_id", "ts", "ordinal", "strategy", "instrument", "side", "type",
    "quantity", "limit_price", "stop_price", "time_in_force", "expire_at", "post_only", "reduce_only",
    "parent_id", "algo", "reference_price", "collar_price", "reason", "model_version", "correlation_bucket",
)  # fmt: skip
_SIGNAL_COLUMNS = (
    "signal_id", "ts", "strategy", "instrument", "ordinal", "confidence", "target_kind", "target", "price",
    "regime", "model_version",
)  # fmt: skip
_FILL_COLUMNS = (
    "fill_id", "order_id", "order_ordinal", "number", "ts", "ts_known", "strategy", "instrument", "venue",
    "price", "quantity", "fee", "fee_currency",
)  # fmt: skip
_POSITION_COLUMNS = (
    "strategy", "instrument", "ts", "quantity", "average_price", "pnl_realized", "fees", "currency",
    "fill_id",
)  # fmt: skip
_PNL_COLUMNS = (
    "ts", "strategy", "currency", "equity", "pnl_realized", "pnl_unrealized", "fees", "gross_exposure",
    "net_exposure", "reserved", "equity_peak", "drawdown_max",
)  # fmt: skip

TABLES: dict[type, Table] = {
    Liquidation: Table(
        "liquidations", ("instrument", "ts_event", "side", "price", "quantity", "source"), _ts_init
    ),
    Funding: Table("fundings", ("instrument", "ts_event", "rate", "ts_next", "source"), _ts_init),
    Rate: Table("rates", ("base", "quote", "ts_event", "rate", "source"), _ts_init),
    InstrumentDefined: Table("instruments", (), _instrument),
    InstrumentStatus: Table("instrument_statuses", ("instrument", "ts_event", "status"), _ts_init_reason),
    Gap: Table("gaps", ("instrument", "ts_from", "ts_to", "source"), _ts_init_reason),
    RegimeTagged: Table("regimes", ("instrument", "ts"), _regime),
    Signal: Table("signals", _SIGNAL_COLUMNS, _signal),
    Note: Table("notes", ("ts", "strategy", "level"), _note),
    OrderApproved: Table("orders", _ORDER_COLUMNS, _order),
    SignalRefused: Table(
        "refusals", ("signal_id", "ts", "strategy", "instrument", "rule", "limit", "value"), _refusal
    ),
    PositionChanged: Table("positions", _POSITION_COLUMNS, _nothing),
    PnlSampled: Table("pnl", _PNL_COLUMNS, _nothing),
    BalanceChanged: Table("balances", ("venue", "currency", "ts", "total", "available"), _balance),
    Fill: Table("fills", _FILL_COLUMNS, _fill),
    Command: Table("audit", (), _command),
    ConfigChanged: Table("audit", ("ts",), _config),
    Audited: Table("audit", ("ts",), _audited),
    TradingStateChanged: Table("audit", ("ts",), _state),
    CancelRequested: Table("audit", ("ts",), _cancel),
}
