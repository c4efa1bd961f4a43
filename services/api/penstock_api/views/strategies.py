"""Strategies: what they are, what they hold, and how they do."""

from decimal import Decimal
from typing import Any

from penstock_kernel.money import ZERO
from penstock_kernel.session import MANUAL

from penstock_api.replica import Replica
from penstock_api.views.base import Amount, View


class StrategyAnswer(View):
    """A strategy of the session."""

    name: str
    source: str
    """A built-in's name, or where its code is; `manual` for operators' orders."""
    mode: str
    """`trade`, or `shadow`: what it wants is traded in a virtual ledger only."""
    on: bool
    failed: str
    """The error that stopped it; empty while it runs."""
    parameters: dict[str, Any]
    instruments: list[str]
    interval: int
    """Of the bars that it sees, ns."""
    capital_fraction: Amount
    guardrails: dict[str, Any]
    positions: dict[str, Amount]
    """By instrument, signed; flat ones are left out."""
    pnl: dict[str, "StrategyMoney"]
    """By settlement currency."""
    working: int


class StrategyMoney(View):
    """What a strategy made, in one settlement currency."""

    pnl_realized: Amount
    pnl_unrealized: Amount | None
    """Null while a position has no price."""
    fees: Amount


def strategies_of(replica: Replica) -> list[StrategyAnswer]:
    """The session's strategies in their order, and `manual` once an operator has placed an order."""
    specs: list[dict[str, Any]] = list(replica.session.section("session").get("strategies", []))
    names = {each["name"] for each in specs}
    placed = any(strategy == MANUAL for strategy, _ in replica.positions) or any(
        each.order.strategy == MANUAL for each in replica.working.values()
    )
    if placed and MANUAL not in names:
        specs.append({"name": MANUAL, "source": MANUAL})
    return [_strategy_of(replica, each) for each in specs]


def _strategy_of(replica: Replica, spec: dict[str, Any]) -> StrategyAnswer:
    name = spec["name"]
    failed = replica.failed.get(name)
    positions: dict[str, Amount] = {}
    money: dict[str, StrategyMoney] = {}
    for (strategy, instrument), each in sorted(replica.positions.items()):
        if strategy != name:
            continue
        if each.quantity:
            positions[instrument] = each.quantity
        _, unrealized = replica.marked(each)
        before = money.get(each.currency, StrategyMoney(pnl_realized=ZERO, pnl_unrealized=ZERO, fees=ZERO))
        known = unrealized is not None and before.pnl_unrealized is not None
        money[each.currency] = StrategyMoney(
            pnl_realized=before.pnl_realized + each.pnl_realized,
            pnl_unrealized=(before.pnl_unrealized or ZERO) + (unrealized or ZERO) if known else None,
            fees=before.fees + each.fees,
        )
    return StrategyAnswer(
        name=name,
        source=str(spec.get("source", "")),
        mode=replica.modes.get(name, str(spec.get("mode", "trade"))),
        on=name not in replica.off and failed is None,
        failed=failed.text if failed is not None else "",
        parameters=spec.get("parameters", {}),
        instruments=list(spec.get("instruments", [])),
        interval=int(spec.get("interval", 0)),
        capital_fraction=Decimal(str(spec.get("capital_fraction", 1))),
        guardrails={key: value for key, value in (spec.get("guardrails") or {}).items() if value is not None},
        positions=positions,
        pnl=money,
        working=sum(each.order.strategy == name for each in replica.working.values()),
    )
