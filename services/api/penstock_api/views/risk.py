"""Risk: its limits, how much of them is used, and its settings."""

from decimal import Decimal, InvalidOperation
from typing import Any

from penstock_contracts.types import TradingState
from penstock_runtime.board import Board
from pydantic import JsonValue

from penstock_api.replica import Replica
from penstock_api.views.base import Amount, View


class LimitAnswer(View):
    """A limit, and how much of it is used."""

    rule: str
    scope: str
    """`account`, a strategy, an instrument, or a strategy and an instrument."""
    limit: Amount
    value: Amount
    share: Amount | None
    """Used of allowed, 0..1 and above where prices carried it; null for a limit of zero."""


class RiskAnswer(View):
    """The trading state, and how much of each limit is used."""

    trading_state: TradingState | None
    trading_reason: str
    holds: list[str]
    """Parts of the account that are halted or reduced while the rest trades on."""
    refused: int
    limits: list[LimitAnswer]
    """As risk itself reported them in the last second; empty while it is not heard."""
    limits_age_s: float | None
    """How old that report is; null while risk was not heard."""


class SettingsAnswer(View):
    """Risk's settings as they hold now."""

    settings: dict[str, JsonValue]
    changed: dict[str, str]
    """Those that commands changed since the session began."""


def risk_of(replica: Replica, board: Board) -> RiskAnswer:
    """What risk says of itself, and what the log says of the trading state."""
    view = board.view("risk")
    rows = view.get("limits")
    silent = board.silent_s("risk") if "risk" in board.reports else board.silent_s("fused")
    return RiskAnswer(
        trading_state=replica.trading_state,
        trading_reason=replica.trading_reason,
        holds=[str(each) for each in view.get("holds", ())],
        refused=replica.outcomes["refused"],
        limits=[found for each in rows if (found := _limit(each)) is not None] if rows else [],
        limits_age_s=None if silent is None else round(silent, 1),
    )


def settings_of(replica: Replica) -> SettingsAnswer:
    """The session's risk settings, with what was changed since."""
    settings = {**replica.session.section("risk"), **replica.settings}
    return SettingsAnswer(settings=settings, changed=dict(replica.settings))


def _limit(row: Any) -> LimitAnswer | None:
    """A row of risk's report, which is a measurement that came from outside."""
    try:
        limit, value = Decimal(row["limit"]), Decimal(row["value"])
        share = round(value / limit, 6) if limit else None
        return LimitAnswer(rule=row["rule"], scope=row["scope"], limit=limit, value=value, share=share)
    except (KeyError, TypeError, ValueError, InvalidOperation):
        return None
