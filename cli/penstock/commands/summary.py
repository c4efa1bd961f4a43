"""What a session says before it starts and after it has ended."""

from decimal import Decimal
from pathlib import Path

from penstock_research.report.final import FinalReport
from rich.console import Console
from rich.table import Table

from penstock.launch.plan import Plan
from penstock.launch.view import NOTHING, clock, money, number

SHOWN_LIMITS = (
    ("order_notional_fraction_max", "largest order, share of the capital"),
    ("position_notional_fraction_max", "largest position of a strategy"),
    ("instrument_exposure_fraction_max", "largest exposure in an instrument"),
    ("gross_exposure_fraction_max", "largest gross exposure"),
    ("net_exposure_fraction_max", "largest net exposure"),
    ("strategy_exposure_fraction_max", "largest exposure of a strategy, share of its capital"),
    ("leverage_max", "largest leverage"),
    ("price_collar", "price collar"),
    ("orders_per_second_max", "orders in a second"),
    ("orders_per_minute_max", "orders in a minute"),
    ("daily_loss_fraction_max", "daily loss that stops"),
    ("drawdown_fraction_max", "drawdown that stops"),
    ("consecutive_losses_max", "losses in a row that stop"),
    ("trades_max", "trades that stop"),
    ("short_allowed", "short selling"),
)


def print_assumptions(console: Console, plan: Plan) -> None:
    """What is traded with how much under which limits, and what was assumed of the instruments."""
    session, risk = plan.session, plan.document["risk"]
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column()
    table.add_row("session", session.session_id)
    table.add_row("source", plan.source)
    for each in session.strategies:
        parameters = ", ".join(f"{key}={value}" for key, value in each.parameters.items())
        table.add_row(
            "strategy", f"{each.name} ({parameters or 'its defaults'}), bars of {_span(each.interval)}"
        )
    table.add_row("capital", f"{session.capital:,f} {session.currency}, on paper")
    limits = "; ".join(f"{text} {_limit(risk[name])}" for name, text in SHOWN_LIMITS)
    table.add_row(f"limits ({plan.profile})", limits)
    table.add_row("data in", str(plan.data_dir.path))
    console.print(table)
    for instrument in session.instruments:
        if instrument.assumptions:
            console.print(
                f"[yellow]assumed[/] of {instrument.instrument}: {'; '.join(instrument.assumptions)}",
                soft_wrap=True,
            )


def print_report(console: Console, report: FinalReport, folder: Path) -> None:
    """The report in a few lines."""
    table = Table(title=f"Session {report.session_id}", title_justify="left", show_header=False, box=None)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    table.add_row("ended", f"{report.stop_reason or NOTHING}, after {_clock(report.duration_s)}")
    table.add_row("equity", f"{_money(report.equity_start)} → {_money(report.equity_end)} {report.currency}")
    table.add_row(
        "PnL",
        f"realised {_money(report.pnl_realized, signed=True)}, "
        f"unrealised {_money(report.pnl_unrealized, signed=True)}, fees {_money(report.fees)}",
    )
    table.add_row("largest drawdown", _money(report.max_drawdown))
    table.add_row("events", f"{number(report.events_in)}, quarantined {number(report.quarantined)}")
    signals, orders = report.signals, report.orders
    table.add_row(
        "signals",
        f"approved {signals.approved}, refused {signals.refused}, no change {signals.no_change}, "
        f"superseded {signals.superseded}" + (f", shadow {signals.shadow}" if signals.shadow else ""),
    )
    table.add_row(
        "orders",
        f"approved {orders.approved}, filled {orders.filled}, cancelled {orders.cancelled}, "
        f"rejected {orders.rejected}, expired {orders.expired}",
    )
    table.add_row("fills", f"{report.fills}   [dim]{report.fills_hash}[/]")
    for position in report.positions:
        if Decimal(position.quantity):
            table.add_row("position", f"{position.strategy} {position.quantity} {position.instrument}")
    if all(not Decimal(each.quantity) for each in report.positions):
        table.add_row("position", "flat")
    if report.balances:
        told = (f"{Decimal(each.total):,f} {each.currency}" for each in report.balances)
        table.add_row("balances", ", ".join(told))
    for each in report.shadow:
        earned = Decimal(each.pnl_realized) - Decimal(each.fees)
        table.add_row(
            "shadow",
            f"{each.strategy} {each.instrument}: {money(earned, signed=True)} {each.currency} after fees, "
            f"{each.trades} trades, {each.trades_won} won, {each.fills} virtual fills",
        )
    latency = report.latency_ms
    table.add_row(
        "tick to order", f"p50 {_ms(latency.tick_to_order_p50)}, p99 {_ms(latency.tick_to_order_p99)}"
    )
    table.add_row("errors", str(report.errors))
    table.add_row("report", str(folder))
    console.print(table)


def _limit(value: object) -> str:
    text = str(value)
    return "none" if text.replace(".", "").isdigit() and Decimal(text) >= 10**9 else text


def _span(ns: int) -> str:
    for unit, size in (("d", 86_400 * 10**9), ("h", 3600 * 10**9), ("m", 60 * 10**9), ("s", 10**9)):
        if ns % size == 0:
            return f"{ns // size}{unit}"
    return f"{ns / 1e6:g}ms"


def _clock(seconds: float | None) -> str:
    return NOTHING if seconds is None else clock(seconds)


def _money(value: str | None, *, signed: bool = False) -> str:
    return NOTHING if value is None else money(Decimal(value), signed=signed)


def _ms(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f} ms"
