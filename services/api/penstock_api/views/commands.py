"""What became of a command."""

from penstock_contracts.types import TradingState

from penstock_api.views.base import Amount, View


class CommandAnswer(View):
    """What became of a command."""

    command_id: str
    outcome: str
    """`accepted`, or `pending` when nothing was heard in time."""
    state: TradingState | None
    """The trading state after it."""
    previous: TradingState | None = None
    reason: str = ""
    holds: tuple[str, ...] = ()
    """Parts that are halted or reduced while the rest trades on."""
    ts: int | None = None
    """Event time at which it acted; null while it is pending."""
    order_id: str | None = None
    """The order that it made."""
    rule: str | None = None
    limit: Amount | None = None
    value: Amount | None = None
