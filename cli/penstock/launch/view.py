"""The session on a terminal, drawn anew each second; as plain lines where there is no terminal."""

import contextlib
from datetime import UTC, datetime
from decimal import Decimal

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from penstock.launch.figures import Figures

NOTHING = "\N{EN DASH}"
STATE_COLOURS = {"active": "green", "reducing": "yellow", "halted": "red"}


class SessionView:
    """Shows figures. Use as a context manager: the terminal is put in order at the end."""

    def __init__(self, console: Console, title: str, *, line_every_s: float = 0.0) -> None:
        self._line_every_s = line_every_s
        """How often a line is written where there is no terminal: in the background it fills a file."""
        self._line_at = float("-inf")
        self._console = console
        self._title = title
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None

    def __enter__(self) -> "SessionView":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, figures: Figures, elapsed_s: float, left_s: float | None) -> None:
        """Draw the session as of now."""
        if self._live is None:
            if elapsed_s - self._line_at >= self._line_every_s:
                self._line_at = elapsed_s
                self.say(plain_line(figures, elapsed_s, left_s))
            return
        self._live.update(_panel(self._title, figures, elapsed_s, left_s), refresh=True)

    def say(self, text: str, style: str = "") -> None:
        """A line above the view that stays. Where a full disk does not take it, it comes with a later one."""
        with contextlib.suppress(OSError):
            self._console.print(text, style=style or None, markup=False, highlight=False, soft_wrap=True)


def plain_line(figures: Figures, elapsed_s: float, left_s: float | None) -> str:
    """Everything in one line."""
    pnl = profit(figures)
    parts = [
        clock(elapsed_s) if left_s is None else f"{clock(elapsed_s)} left {clock(left_s)}",
        figures.phase if figures.phase != "running" else (figures.trading_state or "starting"),
        f"{number(figures.events_per_s)} events/s",
        f"equity {money(figures.equity)} {figures.currency}".rstrip(),
        f"PnL {money(pnl, signed=True)}",
        f"position {_positions(figures)}",
        f"orders {number(figures.orders)}",
        f"fills {number(figures.fills)}",
        f"errors {figures.errors}",
    ]
    if figures.event_time is not None:
        done = share(figures)
        percent = "" if done is None or left_s is not None else f" ({done:.0%})"
        parts.insert(1, moment(figures.event_time) + percent)
    parts += _taken(figures)
    if figures.restarts:
        parts.append(f"restarts {figures.restarts}")
    parts += figures.holds
    parts += [f"! {each}" for each in figures.notes]
    return " | ".join(parts)


def profit(figures: Figures) -> Decimal | None:
    """Realised and unrealised PnL less fees."""
    if figures.pnl_realized is None:
        return None
    return figures.pnl_realized + (figures.pnl_unrealized or Decimal(0)) - (figures.fees or Decimal(0))


def clock(seconds: float) -> str:
    """`1:02:03` or `02:03`."""
    minutes, rest = divmod(int(max(seconds, 0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"


def moment(ns: int) -> str:
    """An event time to the second, UTC."""
    return f"{datetime.fromtimestamp(ns // 1_000_000_000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def number(value: float | None) -> str:
    """A count or rate, grouped."""
    return NOTHING if value is None else f"{value:,.0f}"


def money(value: Decimal | None, *, signed: bool = False) -> str:
    """An amount: two decimals, or eight where it is small, such as in BTC."""
    if value is None:
        return NOTHING
    digits = 2 if value == 0 or abs(value) >= 100 else (4 if abs(value) >= 1 else 8)
    return f"{value:+,.{digits}f}" if signed else f"{value:,.{digits}f}"


def share(figures: Figures) -> float | None:
    """How much of the session's event time has passed, 0 to 1."""
    if figures.event_time is None or figures.event_start is None or figures.event_end is None:
        return None
    whole = figures.event_end - figures.event_start
    return min(max((figures.event_time - figures.event_start) / whole, 0.0), 1.0) if whole > 0 else None


def _positions(figures: Figures) -> str:
    if figures.trading_state is None:
        return NOTHING
    shown = [f"{strategy} {quantity:+f} {key}" for strategy, key, quantity in figures.positions]
    return ", ".join(shown) or "flat"


def _panel(title: str, figures: Figures, elapsed_s: float, left_s: float | None) -> RenderableType:
    state = figures.trading_state or "starting"
    head = Text.assemble(
        ("● ", STATE_COLOURS.get(state, "yellow")),
        (state.upper(), f"bold {STATE_COLOURS.get(state, 'yellow')}"),
        f"   {figures.phase}   elapsed {clock(elapsed_s)}",
        "" if left_s is None else f"   left {clock(left_s)}",
        "" if figures.event_time is None else f"   {moment(figures.event_time)}",
        "" if (done := share(figures)) is None else f"   {done:.0%}",
    )
    notes = [Text(each, "bold yellow") for each in figures.holds]
    notes += [Text(each, "bold red") for each in figures.notes]
    return Panel(
        Group(head, *notes, Text(""), _account(figures), Text(""), _services(figures), *_machine(figures)),
        title=title,
        title_align="left",
        border_style="blue",
    )


def _account(figures: Figures) -> Table:
    pnl = profit(figures)
    colour = "white" if not pnl else ("green" if pnl > 0 else "red")
    grid = Table.grid(padding=(0, 3))
    for _ in range(4):
        grid.add_column()
    grid.add_row(
        f"[dim]events/s[/] {number(figures.events_per_s)}",
        f"[dim]equity[/] [bold]{money(figures.equity)}[/] {figures.currency}",
        f"[dim]PnL[/] [{colour}]{money(pnl, signed=True)}[/]",
        f"[dim]fees[/] {money(figures.fees)}",
    )
    grid.add_row(
        f"[dim]events[/] {number(figures.events)}",
        f"[dim]orders[/] {number(figures.orders)} [dim]working[/] {number(figures.working)}",
        f"[dim]fills[/] {number(figures.fills)}",
        f"[dim]refused[/] {number(figures.refused)}",
    )
    colour = "red" if figures.errors else "white"
    grid.add_row(
        f"[dim]quarantined[/] {number(figures.quarantined)}",
        f"[dim]position[/] {_positions(figures)}",
        f"[dim]errors[/] [{colour}]{figures.errors}[/]",
        f"[dim]restarts[/] {figures.restarts}",
    )
    return grid


def _taken(figures: Figures) -> list[str]:
    """What all services take together, and what disk is left."""
    shares = [each.cpu_share for each in figures.services if each.cpu_share is not None]
    taken = [each.rss_bytes for each in figures.services if each.rss_bytes is not None]
    parts = [f"cpu {sum(shares):.0%}"] if shares else []
    parts += [f"memory {sum(taken) / 1e6:.0f} MB"] if taken else []
    return parts + ([f"disk free {figures.machine.disk_free_bytes / 1e9:.1f} GB"] if figures.machine else [])


def machine_line(figures: Figures) -> str:
    """What the machine has left, in one line; empty where nobody tells it."""
    each = figures.machine
    if each is None:
        return ""
    return (
        f"machine: cpu {each.cpu_share:.0%}, memory free {each.memory_free_bytes / 1e9:.1f} GB, "
        f"disk free {each.disk_free_bytes / 1e9:.1f} GB, session {each.session_bytes / 1e6:.0f} MB"
    )


def _machine(figures: Figures) -> list[Text]:
    line = machine_line(figures)
    return [Text(""), Text(line, "dim")] if line else []


def _services(figures: Figures) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("service", "state"):
        table.add_column(column)
    for column in ("lag", "memory MB", "cpu %", "p50 ms", "p99 ms"):
        table.add_column(column, justify="right")
    for row in figures.services:
        table.add_row(
            row.name,
            row.state,
            number(row.lag),
            NOTHING if row.rss_bytes is None else f"{row.rss_bytes / 1e6:.0f}",
            NOTHING if row.cpu_share is None else f"{row.cpu_share * 100:.0f}",
            NOTHING if row.p50_ms is None else f"{row.p50_ms:.2f}",
            NOTHING if row.p99_ms is None else f"{row.p99_ms:.2f}",
        )
    return table
