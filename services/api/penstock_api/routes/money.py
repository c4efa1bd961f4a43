"""Positions, balances, profit and loss."""

from fastapi import APIRouter, Request
from penstock_runtime.store.queries import PnlRow

from penstock_api.access.roles import VIEWER
from penstock_api.context import context_of
from penstock_api.routes.paging import Paging, items, session_of_request
from penstock_api.views.base import Items
from penstock_api.views.money import (
    BalanceAnswer,
    PositionAnswer,
    PriceAnswer,
    balances_of,
    positions_of,
    prices_of,
)

router = APIRouter(prefix="/api/v1", tags=["money"], dependencies=[VIEWER])


@router.get("/positions")
async def positions(request: Request) -> Items[PositionAnswer]:
    """Every position of the session, flat ones too, marked at the last prices."""
    return Items(items=positions_of(context_of(request).feed.replica))


@router.get("/balances")
async def balances(request: Request) -> Items[BalanceAnswer]:
    """The balances at the venues."""
    return Items(items=balances_of(context_of(request).feed.replica))


@router.get("/prices")
async def prices(request: Request) -> Items[PriceAnswer]:
    """The last price of every instrument."""
    return Items(items=prices_of(context_of(request).feed.replica))


@router.get("/pnl")
async def pnl(request: Request, paging: Paging) -> Items[PnlRow]:
    """Samples of the account's equity and PnL, newest first."""
    context = context_of(request)
    session = session_of_request(context, paging.session)
    return items(await context.queries.pnl(session, limit=paging.limit, after=paging.after))
