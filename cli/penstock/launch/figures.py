"""The figures that the terminal shows, taken from the services' reports. Unknown is None, shown as a dash."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal, InvalidOperation
from typing import Any

from penstock_runtime.board import LAUNCHER, STALE_S, Board

RATE_WINDOW_S = 3.0


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """One line of the table of services."""

    name: str
    state: str
    lag: int | None = None
    rss_bytes: int | None = None
    cpu_share: float | None = None
    """Of one core."""
    p50_ms: float | None = None
    p99_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """What the launcher's machine has left, and what the session takes of its disk."""

    cpu_share: float
    """Of all cores, by everybody."""
    memory_free_bytes: int
    disk_free_bytes: int
    """At the data directory."""
    session_bytes: int
    """Log, snapshots and service logs of the session."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one look at a session shows."""

    event_time: int | None
    """ns; how far the slowest stage is."""
    event_start: int | None
    """Event time at which the session began, ns."""
    event_end: int | None
    """Event time at which the data or the session ends, ns, where that is known."""
    events: int | None
    events_per_s: float | None
    quarantined: int | None
    currency: str
    equity: Decimal | None
    pnl_realized: Decimal | None
    pnl_unrealized: Decimal | None
    fees: Decimal | None
    positions: tuple[tuple[str, str, Decimal], ...]
    """Strategy, instrument, signed quantity; those that are not flat."""
    signals: int | None
    orders: int | None
    working: int | None
    fills: int | None
    refused: int | None
    errors: int
    restarts: int
    phase: str
    """Of the session, as the launcher tells it: `starting`, `running`, `stands still`, `stopping`…"""
    notes: tuple[str, ...]
    """What is wrong now, as the launcher tells it."""
    trading_state: str | None
    holds: tuple[str, ...]
    """Parts that an operator halted or reduced: `halted: strategy a`."""
    services: tuple[ServiceRow, ...]
    machine: Machine | None
    """None where no launcher tells it."""


@dataclass(slots=True)
class Rate:
    """Events per second over the last few seconds."""

    _seen: deque[tuple[float, int]] = field(default_factory=deque)

    def of(self, now: float, count: int | None) -> float | None:
        """Take a reading; None until there are two."""
        if count is None:
            return None
        if self._seen and count < self._seen[-1][1]:
            self._seen.clear()  # the service that counts was started again
        self._seen.append((now, count))
        while len(self._seen) > 2 and now - self._seen[0][0] > RATE_WINDOW_S:
            self._seen.popleft()
        (first_at, first), (last_at, last) = self._seen[0], self._seen[-1]
        return (last - first) / (last_at - first_at) if last_at > first_at else None


def figures(board: Board, rate: Rate, services: Sequence[str]) -> Figures:
    """The figures as of now."""
    ingest, risk, execution = board.view("ingest"), board.view("risk"), board.view("execution")
    heard = board.reports.get("ingest")
    events = heard.events if heard is not None else None
    launcher = board.view(LAUNCHER)
    return Figures(
        event_time=board.mark or None,
        event_start=_count(ingest, "event_start"),
        event_end=_count(ingest, "event_end"),
        events=events,
        events_per_s=rate.of(board.clock(), events),
        quarantined=_count(ingest, "quarantined"),
        currency=str(risk.get("currency", "")),
        equity=_money(risk.get("equity")),
        pnl_realized=_money(risk.get("pnl_realized")),
        pnl_unrealized=_money(risk.get("pnl_unrealized")),
        fees=_money(risk.get("fees")),
        positions=_positions(risk.get("positions")),
        signals=_count(board.view("strategy"), "signals"),
        orders=_count(execution, "orders"),
        working=_count(risk, "working"),
        fills=_count(execution, "fills"),
        refused=_count(risk, "refused"),
        errors=board.errors,
        restarts=_count(launcher, "restarts") or 0,
        phase=phase.state if (phase := board.reports.get(LAUNCHER)) is not None else "running",
        notes=tuple(str(each) for each in launcher.get("notes", ())),
        trading_state=risk.get("state"),
        holds=tuple(str(each) for each in risk.get("holds") or ()),
        services=tuple(_row(board, name) for name in services),
        machine=_machine(launcher.get("machine")),
    )


def _row(board: Board, name: str) -> ServiceRow:
    report, silent = board.reports.get(name), board.silent_s(name)
    if report is None or silent is None:
        return ServiceRow(name, "starting")
    state = report.state if silent < STALE_S else f"silent for {silent:.0f} s"
    latency = report.latency_us
    return ServiceRow(
        name,
        state,
        report.lag,
        report.rss_bytes,
        report.cpu_share,
        None if latency.p50 is None else latency.p50 / 1000,
        None if latency.p99 is None else latency.p99 / 1000,
    )


def _machine(told: Any) -> Machine | None:
    """What a launcher tells; None where it tells none, or otherwise."""
    known = {each.name for each in fields(Machine)}
    return Machine(**told) if isinstance(told, dict) and set(told) == known else None


def _count(view: dict[str, Any], key: str) -> int | None:
    """A number, or the length of a list or table that the stage describes."""
    value = view.get(key)
    if isinstance(value, list | dict):
        return len(value)
    return value if isinstance(value, int) else None


def _money(value: Any) -> Decimal | None:
    if value is None:
        return None
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None


def _positions(value: Any) -> tuple[tuple[str, str, Decimal], ...]:
    """Positions as risk describes them: records with strategy, instrument and quantity."""
    rows = []
    for each in value if isinstance(value, list) else []:
        quantity = _money(each.get("quantity"))
        if quantity:
            rows.append((str(each.get("strategy", "")), str(each.get("instrument", "")), quantity))
    return tuple(rows)
