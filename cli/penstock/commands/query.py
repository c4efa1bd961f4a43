"""`penstock query bars|quote|pnl`: what users ask the database, without writing SQL."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

import typer
from penstock_contracts.headers import rfc3339
from penstock_ingest.config import parse_duration
from penstock_runtime.store.queries import Bars, History, PnlRow, Window
from rich.table import Table

from penstock.commands import options
from penstock.commands.output import console
from penstock.errors import CommandError, ConfigError
from penstock.launch.database import database
from penstock.launch.paths import DataDir
from penstock.launch.view import NOTHING

app = typer.Typer(help="Bars, quotes, profit and loss from the database.", no_args_is_help=True)

T = TypeVar("T")
Session = Annotated[
    str | None, typer.Option("--session", metavar="SESSION", help="Default: the last recorded.")
]
Instrument = Annotated[
    str | None,
    typer.Argument(help="<symbol>.<venue>; may be left out where there is one.", show_default=False),
]
Since = Annotated[
    str | None, typer.Option("--from", metavar="TIME", help="2024-01-31 or 2024-01-31T10:00:00Z, UTC.")
]
Until = Annotated[
    str | None, typer.Option("--to", metavar="TIME", help="The same; default: as far as it goes.")
]
Limit = Annotated[int, typer.Option("--last", min=1, max=100_000, help="Show no more than the last so many.")]


@app.callback()
def _group() -> None:
    """Bars, quotes, profit and loss from the database."""


@app.command()
def bars(
    instrument: Instrument = None,
    interval: Annotated[str, typer.Option("--interval", help="Such as 1m, 5m, 1h, 1d.")] = "1m",
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    source: Annotated[str | None, typer.Option("--source", help="Which of several; see --json.")] = None,
    session: Session = None,
    data_dir: options.DataDirectory = options.DATA_DIR,
    as_json: options.Json = False,
) -> None:
    """Bars of any interval: as stored, or made from shorter ones, else from trades."""
    width = _width(interval)
    window = Window(_time("--from", since), _time("--to", until), limit)

    async def ask(history: History) -> tuple[str, Bars]:
        key = await _one(history, instrument)
        return key, await history.bars(key, width, window, source)

    key, found = _ask(data_dir, session, ask)
    if as_json:
        _print_json({"instrument": key, **asdict(found)})
        return
    made_from = _made_from(found)
    console().print(f"{key} {interval}, {found.source}{made_from}", markup=False)
    table = Table("end", *("open", "high", "low", "close", "volume", "trades"), box=None, header_style="dim")
    for each in found.items:
        end = rfc3339(each.ts)[:19] + "Z" + ("" if each.complete else " …")
        prices = (each.open, each.high, each.low, each.close, each.volume)
        table.add_row(
            end, *(f"{price:f}" for price in prices), "" if each.trades is None else str(each.trades)
        )
    console().print(table)


@app.command()
def quote(
    instrument: Instrument = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="As of then; default: the last.")
    ] = None,
    session: Session = None,
    data_dir: options.DataDirectory = options.DATA_DIR,
    as_json: options.Json = False,
) -> None:
    """The last quote and the last trade of an instrument."""
    ts = _time("--at", at)

    async def ask(history: History) -> tuple[str, Any, Any]:
        key = await _one(history, instrument)
        return key, await history.quote(key, ts), await history.trade(key, ts)

    key, quoted, traded = _ask(data_dir, session, ask)
    if as_json:
        _print_json(
            {"instrument": key, "quote": quoted and asdict(quoted), "trade": traded and asdict(traded)}
        )
        return
    shown = console()
    if quoted is None and traded is None:
        raise CommandError(f"{key} has no quotes and no trades; `penstock query bars` shows its bars")
    if quoted is not None:
        sizes = f" ({quoted.bid_size or NOTHING} x {quoted.ask_size or NOTHING})"
        shown.print(f"{key} {quoted.bid:f} / {quoted.ask:f}{sizes} at {rfc3339(quoted.ts)}", markup=False)
    if traded is not None:
        text = (
            f"{key} last {traded.price:f}, size {traded.size:f} {traded.side or ''} at {rfc3339(traded.ts)}"
        )
        shown.print(text, markup=False)


@app.command()
def pnl(
    interval: Annotated[str, typer.Option("--interval", help="Such as 1m, 1h, 1d.")] = "1h",
    strategy: Annotated[
        str | None, typer.Option("--strategy", help="One of them; default: the account.")
    ] = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    session: Session = None,
    data_dir: options.DataDirectory = options.DATA_DIR,
    as_json: options.Json = False,
) -> None:
    """Equity, profit and loss over time: the last sample in each interval."""
    width = _width(interval)
    window = Window(_time("--from", since), _time("--to", until), limit)

    async def ask(history: History) -> list[PnlRow]:
        return await history.pnl(width, window, strategy)

    found = _ask(data_dir, session, ask)
    if as_json:
        _print_json([asdict(each) for each in found])
        return
    names = ("equity", "realised", "unrealised", "fees", "gross exposure", "largest drawdown")
    table = Table("time", *names, box=None, header_style="dim")
    for each in found:
        amounts = (
            each.equity, each.pnl_realized, each.pnl_unrealized, each.fees, each.gross_exposure,
            each.drawdown_max,
        )  # fmt: skip
        table.add_row(rfc3339(each.ts)[:19] + "Z", *(f"{amount:,.2f}" for amount in amounts))
    console().print(table)


def _ask(data_dir: Any, session: str | None, question: Callable[[History], Awaitable[T]]) -> T:
    async def run() -> T:
        async with database(DataDir.at(data_dir)) as pool:
            newest = await pool.fetchval("SELECT session FROM sessions ORDER BY started_at DESC LIMIT 1")
            chosen = session or newest
            if chosen is None:
                raise CommandError("nothing is recorded in this database yet")
            if session and not await pool.fetchval(
                "SELECT count(*) FROM sessions WHERE session = $1", session
            ):
                raise CommandError(f"session {session} is not in this database")
            return await question(History(pool, chosen))

    return asyncio.run(run())


async def _one(history: History, instrument: str | None) -> str:
    there = await history.instruments()
    if instrument in there:
        return str(instrument)
    if instrument is None and len(there) == 1:
        return there[0]
    names = ", ".join(there) or "none"
    wanted = f"there is no instrument {instrument}" if instrument else "which instrument?"
    raise CommandError(f"{wanted}; recorded: {names}")


def _made_from(found: Bars) -> str:
    if found.made_from is None:
        return ""
    if found.made_from == found.interval:
        return ", as stored"
    return f", made from {found.made_from / 1e9:g} s bars"


def _width(text: str) -> int:
    try:
        width = parse_duration(text)
    except ValueError as error:
        raise ConfigError(f"--interval {text}: {error}") from error
    if not isinstance(width, int) or width <= 0:
        raise ConfigError(f"--interval {text}: must be more than nothing")
    return width


def _time(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"{option} {text}: not a time such as 2024-01-31T10:00:00Z") from error
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return int(at.timestamp()) * 10**9 + at.microsecond * 1000


def _print_json(document: object) -> None:
    typer.echo(json.dumps(document, default=_plain, indent=2))


def _plain(value: object) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
