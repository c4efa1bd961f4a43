"""The stop conditions as a table: what they measure, what they allow, what follows."""

from decimal import Decimal
from typing import NamedTuple

from penstock_contracts.types import TradingState
from penstock_kernel.grid import NS_PER_SECOND
from penstock_kernel.money import ZERO

from penstock_risk.account import Account
from penstock_risk.config import AfterStop
from penstock_risk.state import RiskState


class Measured(NamedTuple):
    """A stop's rule, what it allows and what it found; reached when the value is not below the limit."""

    rule: str
    limit: Decimal
    value: Decimal
    after: AfterStop

    @property
    def reached(self) -> bool:
        """Whether it stops trading."""
        return self.value >= self.limit


def measured(account: Account, ts: int) -> tuple[Measured, ...]:
    """Every stop as of an event time. Money in account currency, duration in seconds."""
    config, state = account.config, account.state
    figures = state.account
    loss = max(figures.day_equity - figures.equity, ZERO) if figures.day >= 0 else ZERO
    fall, fall_max = figures.stop_peak - figures.equity, figures.stop_peak * config.drawdown_fraction_max
    losses_max, trades_max, duration_max = account.counts_max
    elapsed = Decimal(max(ts - state.started, 0)) / NS_PER_SECOND if state.started >= 0 else ZERO
    return (
        Measured("daily_loss", account.daily_loss_max, loss, config.on_daily_loss),
        Measured("drawdown", fall_max, fall, config.on_drawdown),
        Measured(
            "consecutive_losses", losses_max, Decimal(figures.losses_in_a_row), config.on_consecutive_losses
        ),
        Measured("trades", trades_max, Decimal(figures.trades), config.on_trades),
        Measured("duration", duration_max, elapsed, "end"),
    )


def reached(account: Account, ts: int) -> Measured | None:
    """The stop to act on: one that ends the session before one that waits for a day."""
    if _far_from_all(account, ts):
        return None
    found = [each for each in measured(account, ts) if each.reached]
    return next((each for each in found if each.after == "end"), found[0] if found else None)


def _far_from_all(account: Account, ts: int) -> bool:
    """Whether certainly no stop is reached, by figures that are at hand."""
    figures, config = account.state.account, account.config
    return (
        figures.equity > account.floor
        and account.daily_loss_max > 0
        and figures.losses_in_a_row < config.consecutive_losses_max
        and figures.trades < config.trades_max
        and ts - account.state.started < account.duration_ns_max
    )


def armed(state: RiskState) -> bool:
    """Whether stops act: not while HALTED, and not twice."""
    return state.trading is not TradingState.HALTED and not (state.stop or state.waiting_day or state.ended)


def release(account: Account, ts: int) -> None:
    """A new day lets trading go on: what the waiting stop counted starts again."""
    figures, rule = account.state.account, account.state.waiting_day
    account.begin_day(max(figures.day, ts // account.day_length))
    if rule == "drawdown":
        figures.stop_peak = figures.equity
    elif rule == "consecutive_losses":
        figures.losses_in_a_row = 0
    elif rule == "trades":
        figures.trades = 0
    account.state.waiting_day = ""
    account.set_floor()
