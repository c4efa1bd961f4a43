"""Orders that an operator places, changes and cancels: through risk, like any other."""

import re
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from penstock_contracts.control import ManualOrder
from penstock_contracts.types import Id, InstrumentKey, Line, Ns, OrderType, Positive, Side, TimeInForce
from penstock_kernel.session import MANUAL
from penstock_runtime.errors import Unavailable
from pydantic import BeforeValidator, ConfigDict, WithJsonSchema

from penstock_api.access.roles import OPERATOR
from penstock_api.context import Context, context_of
from penstock_api.giving import give
from penstock_api.problems import Problem
from penstock_api.replica import WorkingOrder
from penstock_api.routes.commands import PENDING, CommandBody, Key
from penstock_api.views.commands import CommandAnswer

router = APIRouter(prefix="/api/v1", tags=["orders"], dependencies=[OPERATOR])

_PATTERN = r"^(?=[0-9.]*[1-9])(0|[1-9][0-9]{0,28})(\.[0-9]{1,60})?$"


def _text(value: object) -> object:
    """JSON's numbers are not exact: an amount is text."""
    if not isinstance(value, str) or re.fullmatch(_PATTERN, value) is None:
        raise ValueError('an amount above zero as text, such as "0.25"')
    return value


Amount = Annotated[
    Positive,
    BeforeValidator(_text),
    WithJsonSchema({"type": "string", "pattern": _PATTERN, "maxLength": 100}),
]
OrderId = Annotated[Id, Path(examples=["o-5f0c2d7e9b1a"])]


class PlaceBody(CommandBody):
    """An order in the name of `manual`, a strategy of its own: its position adds to nobody else's."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "instrument": "btc-usdt.synthetic",
                    "side": "buy",
                    "quantity": "0.01",
                    "type": "limit",
                    "limit_price": "46200.00",
                    "reason": "a bid below the market",
                }
            ]
        }
    )

    instrument: InstrumentKey
    side: Side
    quantity: Amount
    """A multiple of the lot: an order is refused rather than sent smaller."""
    type: OrderType = OrderType.MARKET
    limit_price: Amount | None = None
    stop_price: Amount | None = None
    """What triggers a stop, stop-limit or take-profit."""
    trail: Amount | None = None
    """Distance of a trailing stop from the best price."""
    time_in_force: TimeInForce = TimeInForce.GTC
    expire_at: Ns | None = None
    post_only: bool = False
    reduce_only: bool = False
    price: Amount | None = None
    """The price that you saw: risk refuses when the market has left it by more than the collar."""


class ModifyBody(CommandBody):
    """What is to be different; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"limit_price": "46210.00"}]})

    side: Side | None = None
    """As it is, to be sure that this is the order you mean: another side is refused."""
    quantity: Amount | None = None
    """What is to be left to fill."""
    limit_price: Amount | None = None
    stop_price: Amount | None = None
    trail: Amount | None = None
    price: Amount | None = None
    """The price that you saw."""


@router.post("/orders", responses=PENDING)
async def place(request: Request, response: Response, body: PlaceBody, key: Key = None) -> CommandAnswer:
    """Place an order. Risk holds it against every limit; a refusal says which, and with what value."""
    order = ManualOrder(**body.model_dump(exclude={"reason", "instrument"}))
    return await give(
        request, response, "place", body.reason, key, instrument=body.instrument, strategy=MANUAL, order=order
    )


@router.patch("/orders/{order_id}", responses=PENDING)
async def modify(
    request: Request, response: Response, order_id: OrderId, body: ModifyBody, key: Key = None
) -> CommandAnswer:
    """Change a working order in its place: of any strategy, but not what protects a position."""
    working = await _working(context_of(request), order_id)
    if working is None:
        raise Problem(409, f"order {order_id} was not confirmed here yet; ask again")
    order = _changed(working, body)
    return await give(request, response, "modify", body.reason, key, order_id=order_id, order=order)


@router.delete("/orders/{order_id}", responses=PENDING)
async def cancel(
    request: Request,
    response: Response,
    order_id: OrderId,
    reason: Annotated[Line, Query(description="Kept in the audit.")] = "",
    key: Key = None,
) -> CommandAnswer:
    """Cancel a working order."""
    await _working(context_of(request), order_id)
    return await give(request, response, "cancel", reason, key, order_id=order_id)


def _changed(working: WorkingOrder, body: ModifyBody) -> ManualOrder:
    old = working.order
    if body.side not in (None, old.side):
        raise Problem(409, f"order {old.order_id} is to {old.side}, and that cannot change")
    left: Decimal = old.quantity - working.quantity_filled
    return ManualOrder(
        side=old.side,
        type=old.type,
        quantity=body.quantity or left,
        limit_price=body.limit_price or old.limit_price,
        stop_price=body.stop_price or old.stop_price,
        trail=body.trail or old.trail,
        time_in_force=old.time_in_force,
        expire_at=old.expire_at,
        post_only=old.post_only,
        reduce_only=old.reduce_only,
        price=body.price,
    )


async def _working(context: Context, order_id: str) -> WorkingOrder | None:
    """The order, if it works. Problem 404 for an unknown one, 409 for one that is over."""
    working = context.feed.replica.working.get(order_id)
    if working is not None:
        return working
    try:
        known = await context.records.order(context.feed.replica.session.session_id, order_id)
    except Unavailable:
        return None  # risk knows
    if known is None:
        raise Problem(404, f"there is no order {order_id}")
    raise Problem(409, f"order {order_id} is {known.status}")
