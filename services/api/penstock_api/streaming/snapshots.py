"""What a newcomer gets before the changes: each channel as of one place in the log."""

from collections.abc import Callable, Collection
from typing import Any

from penstock_kernel.ledger import Contract
from pydantic_core import to_json

from penstock_api.replica import Replica
from penstock_api.streaming.channels import Channel
from penstock_api.streaming.hub import Hub

_SESSION = ("session_id", "started_at", "ended_at", "stop_reason", "config_hash", "code_hash")

_POSITION = (
    "strategy", "instrument", "ts", "quantity", "average_price", "pnl_realized", "fees", "currency",
)  # fmt: skip


def snapshot_text(hub: Hub, channel: Channel, instruments: Collection[str] | None) -> str:
    """A channel's snapshot frame as JSON."""
    data = _data(hub, channel, instruments)
    return f'{{"type":"snapshot","channel":"{channel}","seq":{hub.sequence},"data":{data}}}'


def whole_text(hub: Hub, channels: Collection[Channel], instruments: Collection[str] | None) -> str:
    """Channels as of one place in the log, as one JSON object."""
    caught_up = hub.feed.caught_up
    parts = [f'"{each}":{_data(hub, each, instruments)}' for each in channels] if caught_up else []
    session = to_json(hub.feed.replica.session.session_id).decode()
    told = "true" if caught_up else "false"
    return f'{{"seq":{hub.sequence},"session":{session},"caught_up":{told},"channels":{{{",".join(parts)}}}}}'


def _data(hub: Hub, channel: Channel, instruments: Collection[str] | None) -> str:
    return _market(hub, instruments) if channel == "market" else to_json(_MAKERS[channel](hub)).decode()


def market_text(hub: Hub, instruments: Collection[str] | None, after_version: int) -> str | None:
    """The instruments that changed after a version, as a JSON array; None when none did."""
    texts = [
        market.text
        for key, market in hub.market.instruments.items()
        if market.version > after_version and (instruments is None or key in instruments)
    ]
    return f"[{','.join(texts)}]" if texts else None


def _market(hub: Hub, instruments: Collection[str] | None) -> str:
    return market_text(hub, instruments, -1) or "[]"


def _pnl(hub: Hub) -> Any:
    replica = hub.feed.replica
    return {
        "account": replica.account,
        "live": hub.live,
        "strategies": dict(sorted(replica.strategies.items())),
        "balances": [each for _, each in sorted(replica.balances.items())],
        "equity": hub.recent.equity.points,
    }


def valued(replica: Replica) -> list[dict[str, Any]]:
    """The positions, flat ones too, at the last prices; `notional` in the settlement currency."""
    rows = []
    for _, each in sorted(replica.positions.items()):
        price, unrealized = replica.marked(each)
        definition = replica.instruments.get(each.instrument)
        notional = None
        if price is not None and definition is not None:
            notional = Contract.of(definition).notional(each.quantity, price)
        row = {name: getattr(each, name) for name in _POSITION}
        rows.append({**row, "price": price, "pnl_unrealized": unrealized, "notional": notional})
    return rows


def _positions(hub: Hub) -> Any:
    return valued(hub.feed.replica)


def _signals(hub: Hub) -> Any:
    replica = hub.feed.replica
    recent = hub.recent
    return {
        "recent": list(recent.signals.values()),
        "notes": list(replica.notes),
        "shadow": {"fills": list(recent.shadow_fills), "ledger": list(recent.shadow_ledger.values())},
    }


def _orders(hub: Hub) -> Any:
    working = [{"order": each.order, "status": each.status} for each in hub.feed.replica.working.values()]
    return {"recent": list(hub.recent.orders.values()), "working": working}


def _fills(hub: Hub) -> Any:
    return list(hub.recent.fills)


def _state(hub: Hub) -> Any:
    replica = hub.feed.replica
    return {
        "session": {name: getattr(replica.session, name) for name in _SESSION},
        "trading_state": replica.trading_state,
        "trading_reason": replica.trading_reason,
        "stop": replica.stop,
        "flat": replica.flat,
        "holds": hub.recent.states[-1].holds if hub.recent.states else (),
        "changes": list(hub.recent.states),
        "commands": list(replica.commands.values())[-20:],
    }


def _metrics(hub: Hub) -> Any:
    return hub.metrics


_MAKERS: dict[Channel, Callable[[Hub], Any]] = {
    "pnl": _pnl,
    "positions": _positions,
    "signals": _signals,
    "orders": _orders,
    "fills": _fills,
    "metrics": _metrics,
    "state": _state,
}
