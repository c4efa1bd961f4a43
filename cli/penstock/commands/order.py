"""`penstock order buy|sell|modify`: an operator's own orders, in the name of `manual`, within every limit."""

from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer
from penstock_contracts.control import ManualOrder, Verb
from penstock_contracts.types import OrderType, Side, TimeInForce

from penstock.commands import options
from penstock.commands.output import console
from penstock.commands.steer import Reason
from penstock.errors import ConfigError
from penstock.launch.commands import Part, command
from penstock.launch.giving import give
from penstock.launch.paths import DataDir
from penstock.launch.reach import running_session

app = typer.Typer(name="order", help="Place and change orders by hand.", no_args_is_help=True)

Quantity = Annotated[str, typer.Argument(metavar="QUANTITY", help="In units of the instrument.")]
Instrument = Annotated[
    str, typer.Option("--instrument", metavar="KEY", help="As `status` shows it.", show_default=False)
]
Type = Annotated[OrderType, typer.Option("--type", help="With a limit or stop price: what it says.")]
Limit = Annotated[str | None, typer.Option("--limit", metavar="PRICE", help="Of a limit or stop-limit.")]
Stop = Annotated[str | None, typer.Option("--stop", metavar="PRICE", help="Of a stop or take-profit.")]
Trail = Annotated[str | None, typer.Option("--trail", metavar="DISTANCE", help="Of a trailing stop.")]
Force = Annotated[TimeInForce, typer.Option("--tif", help="How long it works.")]
PostOnly = Annotated[bool, typer.Option("--post-only", help="Rejected rather than taking.")]
ReduceOnly = Annotated[bool, typer.Option("--reduce-only", help="Only what brings the position nearer to 0.")]


@app.callback()
def _order() -> None:
    """Place and change orders by hand."""


@app.command()
def buy(
    quantity: Quantity,
    instrument: Instrument,
    kind: Type = OrderType.MARKET,
    limit: Limit = None,
    stop: Stop = None,
    trail: Trail = None,
    tif: Force = TimeInForce.GTC,
    post_only: PostOnly = False,
    reduce_only: ReduceOnly = False,
    reason: Reason = "operator",
    data_dir: options.DataDirectory = options.DATA_DIR,
) -> None:
    """Place an order to buy. Refused with rule, limit and value where a strategy's would be."""
    order = _wish(Side.BUY, quantity, kind, limit, stop, trail, tif, post_only, reduce_only)
    _give(DataDir.at(data_dir), "place", reason, order, instrument=instrument)


@app.command()
def sell(
    quantity: Quantity,
    instrument: Instrument,
    kind: Type = OrderType.MARKET,
    limit: Limit = None,
    stop: Stop = None,
    trail: Trail = None,
    tif: Force = TimeInForce.GTC,
    post_only: PostOnly = False,
    reduce_only: ReduceOnly = False,
    reason: Reason = "operator",
    data_dir: options.DataDirectory = options.DATA_DIR,
) -> None:
    """Place an order to sell."""
    order = _wish(Side.SELL, quantity, kind, limit, stop, trail, tif, post_only, reduce_only)
    _give(DataDir.at(data_dir), "place", reason, order, instrument=instrument)


@app.command()
def modify(
    order_id: Annotated[str, typer.Argument(metavar="ORDER", help="The order's id, which must be working.")],
    side: Annotated[Side, typer.Option("--side", help="As it is; it cannot change.", show_default=False)],
    quantity: Annotated[
        str, typer.Option("--quantity", help="What is left to fill after the change.", show_default=False)
    ],
    kind: Type = OrderType.LIMIT,
    limit: Limit = None,
    stop: Stop = None,
    trail: Trail = None,
    tif: Force = TimeInForce.GTC,
    post_only: PostOnly = False,
    reduce_only: ReduceOnly = False,
    reason: Reason = "operator",
    data_dir: options.DataDirectory = options.DATA_DIR,
) -> None:
    """Change a working order: a new one takes its place at the venue."""
    order = _wish(side, quantity, kind, limit, stop, trail, tif, post_only, reduce_only)
    _give(DataDir.at(data_dir), "modify", reason, order, order_id=order_id)


def _wish(
    side: Side,
    quantity: str,
    kind: OrderType,
    limit: str | None,
    stop: str | None,
    trail: str | None,
    tif: TimeInForce,
    post_only: bool,
    reduce_only: bool,
) -> ManualOrder:
    if kind is OrderType.MARKET:
        kind = _said(limit, stop, trail)
    return ManualOrder(
        side=side,
        quantity=_number("QUANTITY", quantity),
        type=kind,
        limit_price=None if limit is None else _number("--limit", limit),
        stop_price=None if stop is None else _number("--stop", stop),
        trail=None if trail is None else _number("--trail", trail),
        time_in_force=tif,
        post_only=post_only,
        reduce_only=reduce_only,
    )


def _said(limit: str | None, stop: str | None, trail: str | None) -> OrderType:
    """The type that the prices say."""
    if trail is not None:
        return OrderType.TRAILING_STOP
    if stop is not None:
        return OrderType.STOP if limit is None else OrderType.STOP_LIMIT
    return OrderType.MARKET if limit is None else OrderType.LIMIT


def _number(name: str, text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal(0)
    if not value.is_finite() or value <= 0:
        raise ConfigError(f"{name}: {text!r} is not allowed; must be a number above 0")
    return value


def _give(
    place: DataDir,
    verb: Verb,
    reason: str,
    order: ManualOrder,
    *,
    instrument: str | None = None,
    order_id: str | None = None,
) -> None:
    given = command(verb, reason, by="cli", part=Part(instrument=instrument))
    told = give(running_session(place), replace(given, order=order, order_id=order_id))
    console().print(f"{verb}: order {told.order_id} is on its way", markup=False)
