"""The stop conditions as a table: what they measure, what they allow, what follows."""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from penstock_contracts.orders import LimitCheck
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


def measured(account: Account, ts: int) -> Iterator[Measured]:
    """Every stop as of an event time. Money in account currency, duration in seconds."""
    config, state = account.config, account.state
    figures = state.account
    loss = max(figures.day_equity - figures.equity, ZERO) if figures.day >= 0 else ZERO
    yield Measured("daily_loss", account.daily_loss_max, loss, config.on_daily_loss)
    yield Measured(
        "drawdown",
        figures.stop_peak * config.drawdown_fraction_max,
        figures.stop_peak - figures.equity,
        config.on_drawdown,
    )
    yield Measured(
        "consecutive_losses",
        Decimal(config.consecutive_losses_max),
        Decimal(figures.losses_in_a_row),
        config.on_consecutive_losses,
    )
    yield Measured("trades", Decimal(config.trades_max), Decimal(figures.trades), config.on_trades)
    elapsed = Decimal(max(ts - state.started, 0)) / NS_PER_SECOND if state.started >= 0 else ZERO
    yield Measured("duration", Decimal(config.duration_s_max), elapsed, "end")


def reached(account: Account, ts: int) -> Measured | None:
    """The stop to act on: one that ends the session before one that waits for a day."""
    found = [each for each in measured(account, ts) if each.reached]
    return next((each for each in found if each.after == "end"), found[0] if found else None)


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


def stop_checks(found: list[Measured]) -> list[LimitCheck]:
    """The stops of an approval."""
    return [
        LimitCheck(rule=each.rule, limit=each.limit, value=each.value) for each in found if not each.reached
    ]
