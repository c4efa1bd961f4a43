"""`penstock explain ID`: why an order was sent, everything known at that moment, and what became of it."""

import asyncio
import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Annotated, Any

import typer
from penstock_contracts.headers import rfc3339
from penstock_runtime.log.stored import stored_at
from penstock_runtime.store.explaining import Costs, Explanation, Values
from penstock_runtime.store.explaining import explain as explain_from
from rich.console import Console
from rich.table import Table

from penstock.commands import options
from penstock.commands.output import console
from penstock.errors import CommandError
from penstock.launch.database import database
from penstock.launch.paths import DataDir
from penstock.launch.recorded import partition_of, session_log_of
from penstock.launch.view import NOTHING


def explain(
    identity: Annotated[str, typer.Argument(metavar="ID", help="Of an order, or of a signal.")],
    session: Annotated[
        str | None, typer.Option("--session", metavar="SESSION", help="Default: whichever has it.")
    ] = None,
    no_log: Annotated[
        bool, typer.Option("--no-log", help="Leave out wall times: they are read from the session's log.")
    ] = False,
    data_dir: options.DataDirectory = options.DATA_DIR,
    as_json: options.Json = False,
) -> None:
    """Explain an order: market, features, signal, every limit as risk evaluated it, submissions, fills,
    slippage against the arrival price, and the time of each stage. Of a signal: its orders, or its refusal.
    """
    place = DataDir.at(data_dir)

    async def ask() -> Explanation:
        async with database(place) as pool:
            found = await explain_from(pool, identity, session)
        if not no_log:
            await _add_wall_times(place, found)
        return found

    found = asyncio.run(ask())
    if as_json:
        typer.echo(json.dumps(asdict(found), default=_plain, indent=2))
    else:
        _tell(console(), found)


async def _add_wall_times(place: DataDir, found: Explanation) -> None:
    """When the log took each message; left out for what has left the log, or where the log is gone."""
    folder = place.session(found.session)
    if not folder.config.exists():
        return
    try:
        async with session_log_of(folder, partition_of(folder)) as log:
            times, received = await stored_at(log, found.sequences)
    except CommandError:
        return  # the database alone explains
    for each in found.stages:
        each["stored_at"] = times.get(each["sequence"])
    if received is not None and found.stages:
        began = {"name": "market data published", "ts": found.stages[0]["ts"], "after_ms": 0.0, "sequence": 0}
        found.stages.insert(0, {**began, "stored_at": received})


def _tell(shown: Console, found: Explanation) -> None:
    for title, lines in (
        (_title(found), _order(found)),
        ("market at the decision", _market(found.market)),
        ("features", _features(found)),
        ("signal", _signal(found.signal)),
        ("account and position", _account(found)),
        ("risk", _risk(found)),
        ("fills", _fills(found)),
        ("costs", _costs(found.costs)),
    ):
        if lines:
            shown.print(f"[bold]{title}[/]")
            for line in lines:
                shown.print(f"  {line}", markup=False)
    _stages(shown, found)


def _title(found: Explanation) -> str:
    if found.order is not None:
        return f"order {found.order['order_id']}   session {found.session}"
    return f"signal {found.asked}   session {found.session}"


def _order(found: Explanation) -> list[str]:
    order = found.order
    if order is None:
        return ["became no order"]
    parts = [order["side"], f"{order['quantity']:f}", order["instrument"], order["type"]]
    for name, label in (("limit_price", "limit"), ("stop_price", "stop"), ("collar_price", "collar")):
        if order[name] is not None:
            parts.append(f"{label} {order[name]:f}")
    parts.append(order["time_in_force"])
    parts += [name for name in ("post_only", "reduce_only") if order[name]]
    lines = [" ".join(parts), f"{order['strategy']}, reason {order['reason']}, now {order['status']}"]
    others = [each for each in found.orders_of_signal if each != order["order_id"]]
    if others:
        lines.append(f"the signal's other orders: {', '.join(others)}")
    return lines


def _market(market: Values) -> list[str]:
    lines = []
    if trade := market.get("trade"):
        lines.append(f"last trade {trade['price']:f} x {trade['size']:f} at {_at(trade['ts'])}")
    if quote := market.get("quote"):
        lines.append(f"quote {quote['bid']:f} / {quote['ask']:f} at {_at(quote['ts'])}")
    if bar := market.get("bar"):
        prices = " ".join(f"{name[0]} {bar[name]:f}" for name in ("open", "high", "low", "close"))
        lines.append(
            f"bar of {bar['interval'] / 1e9:g} s to {_at(bar['ts'])}: {prices} volume {bar['volume']:f}"
        )
    if book := market.get("book"):
        for side in ("bid", "ask"):
            levels = "  ".join(f"{price:f} x {size:f}" for price, size in book[side])
            lines.append(f"book {side} {levels}")
    return lines


def _features(found: Explanation) -> list[str]:
    return [
        f"{name} = {NOTHING if math.isnan(value) else repr(value)}"
        for row in found.features
        for name, value in row["values"].items()
    ]


def _signal(signal: Values | None) -> list[str]:
    if signal is None:
        return []
    target = (
        "sized by risk" if signal["target_kind"] == "risk" else f"{signal['target_kind']} {signal['target']}"
    )
    wanted = f"{signal['side']} {signal['instrument']}, {target}, confidence {signal['confidence']:g}"
    decided = f"decided on {signal['price']:f} at {_at(signal['ts'])}"
    lines = [f"{signal['signal_id']} of {signal['strategy']}: {wanted}, {decided}"]
    more = {name: signal[name] for name in ("regime", "model_version", "features_ref", "superseded_by")}
    lines += [f"{name} {value}" for name, value in more.items() if value]
    lines += [f"{name} = {value}" for name, value in signal["metadata"].items()]
    lines.append(f"outcome {signal['outcome'] or 'open'}")
    return lines


def _account(found: Explanation) -> list[str]:
    lines = []
    if (account := found.account) is not None:
        lines.append(
            f"equity {account['equity']:f} {account['currency']}, "
            f"exposure gross {account['gross_exposure']:f} net {account['net_exposure']:f}, "
            f"reserved {account['reserved']:f}"
        )
    for each in found.positions:
        average = "" if each["average_price"] is None else f" at {each['average_price']:f}"
        when = f"after fill {each['fill_id']}" if each["fill_id"] else "then"
        if found.order is not None and each["ts"] < found.order["ts"]:
            when = "before"
        lines.append(f"position {each['quantity']:f}{average}, realised {each['pnl_realized']:f} ({when})")
    return lines


def _risk(found: Explanation) -> list[str]:
    if (refusal := found.refusal) is not None:
        bounds = "" if refusal["limit"] is None else f": limit {refusal['limit']}, value {refusal['value']}"
        return [f"refused by {refusal['rule']}{bounds} {refusal['text']}".rstrip()]
    width = max((len(each["rule"]) for each in found.checks), default=0)
    return [
        f"✓ {each['rule']:<{width}}  {_short(each['value'])} of {_limit(each['limit'])}"
        for each in found.checks
    ]


def _fills(found: Explanation) -> list[str]:
    return [
        f"{each['quantity']:f} at {each['price']:f} {each['liquidity']}, fee {each['fee']:f} "
        f"{each['fee_currency']}, {_at(each['ts'])}"
        for each in found.fills
    ]


def _costs(costs: Costs | None) -> list[str]:
    if costs is None:
        return []
    prices = f"arrival {costs.arrival_price:f}, average {_short(costs.average_price)}"
    slippage = f"slippage {costs.slippage_bps:+.2f} bps, {_signed(costs.slippage)} {costs.currency}"
    lines = [f"{prices}: {slippage}"]
    if costs.delay is not None:
        lines.append(f"from decision to approval {_signed(costs.delay)} {costs.currency}")
    if costs.fees is not None:
        lines.append(f"fees {costs.fees:f} {costs.fee_currency or ''}".rstrip())
    if costs.shortfall is not None:
        lines.append(f"shortfall {_signed(costs.shortfall)} {costs.currency} (all of these; + is against us)")
    return lines


def _stages(shown: Console, found: Explanation) -> None:
    shown.print("[bold]time of each stage[/]")
    walls = [wall for each in found.stages if (wall := each.get("stored_at")) is not None]
    table = Table("", "event time", "after", box=None, header_style="dim")
    if walls:
        table.add_column("in the log after")
    for each in found.stages:
        wall = each.get("stored_at")
        cells = [each["name"], _at(each["ts"]), f"{each['after_ms']:,.3f} ms"]
        if walls:
            cells.append("" if wall is None else f"{(wall - walls[0]) / 1e6:,.3f} ms")
        table.add_row(*cells)
    shown.print(table)


def _at(ts: int) -> str:
    return rfc3339(ts)


def _short(value: object) -> str:
    number = Decimal(str(value))
    return f"{number.quantize(Decimal('0.00000001')).normalize():f}" if number else "0"


def _signed(value: Decimal) -> str:
    rounded = round(value, 4)
    return f"{rounded:+f}" if rounded else "0"


def _limit(value: object) -> str:
    return "none" if Decimal(str(value)) >= 10**9 else _short(value)


def _plain(value: object) -> Any:
    if isinstance(value, Decimal):
        return f"{value:f}"
    return dict(value) if isinstance(value, Mapping) else str(value)
