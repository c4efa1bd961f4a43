"""Instruments and their market: now, and as it was recorded."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from penstock_contracts.types import InstrumentKey, Ns
from penstock_runtime.store.queries.history import Bars, Window
from pydantic import BaseModel, ConfigDict, Field

from penstock_api.access.roles import VIEWER
from penstock_api.context import Context, context_of
from penstock_api.problems import Problem
from penstock_api.routes.paging import session_of_request
from penstock_api.views.base import Items, view_of
from penstock_api.views.market import (
    BookAnswer,
    FeatureAnswer,
    InstrumentAnswer,
    book_of,
    feature_of,
    instrument_of,
)
from penstock_api.views.money import PriceAnswer

router = APIRouter(prefix="/api/v1", tags=["market"], dependencies=[VIEWER])

_NS_PER_S = 1_000_000_000
Key = Annotated[InstrumentKey, Path(description="`<symbol>.<venue>`", examples=["btc-usdt.synthetic"])]
Depth = Annotated[int, Query(ge=1, le=100)]
Limit = Annotated[int, Query(ge=1, le=1_000)]


class BarsRequest(BaseModel):
    """Which bars: those that end in (since, until], the last `limit` of them."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    interval_s: int = Field(default=60, ge=1, le=7 * 86_400)
    """Of the bars, seconds; made of shorter ones, or of trades, where it is not stored."""
    since: Ns | None = None
    until: Ns | None = None
    limit: int = Field(default=500, ge=1, le=2_000)


@router.get("/instruments")
async def instruments(request: Request) -> Items[InstrumentAnswer]:
    """The session's instruments as they are defined now, each with its last price."""
    replica = context_of(request).feed.replica
    found = [instrument_of(replica, key) for key in sorted(replica.instruments)]
    return Items(items=[each for each in found if each is not None])


@router.get("/instruments/{instrument}")
async def instrument(request: Request, instrument: Key) -> InstrumentAnswer:
    """One instrument."""
    return _known(context_of(request), instrument)


@router.get("/market/{instrument}/bars")
async def bars(request: Request, instrument: Key, wanted: Annotated[BarsRequest, Query()]) -> Bars:
    """Bars as they were recorded, the oldest first."""
    context = context_of(request)
    _known(context, instrument)
    window = Window(wanted.since, wanted.until, wanted.limit)
    interval = wanted.interval_s * _NS_PER_S
    return await context.charts.bars(session_of_request(context), instrument, interval, window)


@router.get("/market/{instrument}/quote")
async def quote(request: Request, instrument: Key) -> PriceAnswer:
    """The last price, with bid and ask where the instrument has quotes."""
    context = context_of(request)
    _known(context, instrument)
    price = context.feed.replica.prices.get(instrument)
    if price is None:
        raise Problem(404, f"{instrument} has no price yet")
    return view_of(PriceAnswer, price)


@router.get("/market/{instrument}/book")
async def book(request: Request, instrument: Key, depth: Depth = 10) -> BookAnswer:
    """The best levels of the book, as it passes by: best effort."""
    context = context_of(request)
    _known(context, instrument)
    shown = request.app.state.hub.market.instruments.get(instrument)
    return book_of(instrument, shown.book if shown is not None else None, depth)


@router.get("/features/{instrument}")
async def features(request: Request, instrument: Key, limit: Limit = 1) -> Items[FeatureAnswer]:
    """The last rows of features, newest first."""
    context = context_of(request)
    _known(context, instrument)
    rows = await context.records.features(session_of_request(context), instrument, limit)
    return Items(items=[feature_of(each) for each in rows])


def _known(context: Context, key: str) -> InstrumentAnswer:
    found = instrument_of(context.feed.replica, key)
    if found is None:
        raise Problem(404, f"the session has no instrument {key}")
    return found
