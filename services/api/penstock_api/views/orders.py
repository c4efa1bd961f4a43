"""Orders in which something can still happen."""

from decimal import Decimal
from math import isfinite
from typing import Any

from penstock_runtime.store.queries import OrderEventRow, OrderRow

from penstock_api.replica import Replica
from penstock_api.views.base import Amount, View, view_of


class WorkingAnswer(View):
    """An order in which something can still happen."""

    order_id: str
    strategy: str
    instrument: str
    ts: int
    side: str
    type: str
    quantity: Amount
    limit_price: Amount | None
    stop_price: Amount | None
    time_in_force: str
    reason: str
    """`signal`, `manual`, `modify`, or why risk itself sent it."""
    status: str
    quantity_filled: Amount


def working_of(replica: Replica) -> list[WorkingAnswer]:
    """The orders that work, the oldest first."""
    return [
        view_of(WorkingAnswer, each.order, status=str(each.status), quantity_filled=each.quantity_filled)
        for each in replica.working.values()
    ]


class OrderAnswer(View):
    """An order, and what happened to it."""

    order: OrderRow
    events: list[OrderEventRow]


def shown(value: Any) -> Any:
    """A value of the database as JSON can hold it: amounts with all digits, hashes as hex."""
    match value:
        case dict():
            return {str(name): shown(each) for name, each in value.items()}
        case list() | tuple():
            return [shown(each) for each in value]
        case bytes():
            return value.hex()
        case Decimal():
            return format(value, "f")
        case float() if not isfinite(value):
            return None
    return value
