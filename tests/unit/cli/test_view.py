"""What the terminal shows: figures from health reports, unknown as a dash."""

# ruff: noqa: E501, RUF001  (lines and dashes as they are shown)

import io
from typing import Any

import pytest
from penstock.launch.figures import Figures, Rate, figures
from penstock.launch.view import SessionView, clock, machine_line, money, plain_line
from penstock.launch.watch import left_open
from penstock_runtime.board import Board, Report
from rich.console import Console

SERVICES = ("ingest", "strategy", "risk", "execution")
VIEWS: dict[str, dict[str, Any]] = {
    "ingest": {"quarantined": 3, "event_start": 0, "event_end": 200 * 10**9},
    "strategy": {"signals": 4, "errors": 0},
    "risk": {
        "currency": "USDT", "state": "active", "equity": "100012.5", "pnl_realized": "20", "pnl_unrealized": "-5",
        "fees": "2.5", "working": 1, "refused": 2,
        "positions": [
            {"strategy": "ma", "instrument": "btc-usdt.x", "quantity": "0.5"},
            {"strategy": "ma", "instrument": "eth-usdt.x", "quantity": "0"},
        ],
    },
    "execution": {"orders": 6, "fills": 5},
}  # fmt: skip


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def report(service: str, view: dict[str, Any], **more: Any) -> Report:
    fields = {"pid": 1, "ts": 1, "state": "running", "mark": 100 * 10**9, "events": 10, **more}
    return Report(service=service, view=view, **fields)


def board(clock: Clock | None = None, *, fused: bool = False) -> Board:
    made = Board(clock or Clock())
    if fused:
        made.take(report("fused", VIEWS))
        return made
    for service, view in VIEWS.items():
        made.take(report(service, view))
    return made


def shown(made: Board) -> Figures:
    return figures(made, Rate(), SERVICES)


@pytest.mark.parametrize("fused", [False, True])
def test_figures_come_from_the_stages_fused_or_not(fused: bool) -> None:
    now = shown(board(fused=fused))
    assert (str(now.equity), now.orders, now.fills, now.working, now.quarantined) == ("100012.5", 6, 5, 1, 3)
    assert [(key, str(quantity)) for _, key, quantity in now.positions] == [("btc-usdt.x", "0.5")]
    assert now.trading_state == "active"


def test_a_line_says_everything() -> None:
    line = plain_line(shown(board()), 61, 59)
    assert line == (
        "01:01 left 00:59 | 1970-01-01T00:01:40Z | active | – events/s | equity 100,012.50 USDT | PnL +12.5000 | "
        "position ma +0.5 btc-usdt.x | orders 6 | fills 5 | errors 0 | memory 0 MB"
    )


def test_processor_memory_and_disk_are_shown_as_far_as_they_are_known() -> None:
    made = board()
    made.take(report("risk", VIEWS["risk"], rss_bytes=90_000_000, cpu_share=0.12, ts=2))
    machine = {
        "cpu_share": 0.4,
        "memory_free_bytes": 3 * 10**9,
        "disk_free_bytes": 12 * 10**9,
        "session_bytes": 45 * 10**6,
    }
    made.take(report("launcher", {"machine": machine}))
    now = shown(made)
    assert plain_line(now, 61, 59).endswith("| errors 0 | cpu 12% | memory 90 MB | disk free 12.0 GB")
    assert machine_line(now) == "machine: cpu 40%, memory free 3.0 GB, disk free 12.0 GB, session 45 MB"
    terminal = io.StringIO()
    with SessionView(Console(file=terminal, force_terminal=True, width=100), "a session") as view:
        view.show(now, 1, None)
    drawn = terminal.getvalue()
    assert "cpu %" in drawn
    assert "session 45 MB" in drawn
    # A launcher of another version.
    made.take(report("launcher", {"machine": {"cores": 2}}))
    assert (shown(made).machine, machine_line(shown(made))) == (None, "")


def test_in_the_background_a_line_is_written_now_and_then_and_every_note() -> None:
    written = io.StringIO()
    with SessionView(Console(file=written, width=400), "a session", line_every_s=60) as view:
        for elapsed in range(130):
            view.show(shown(board()), elapsed, None)
        view.say("something is wrong")
    lines = written.getvalue().splitlines()
    assert [line[:5] for line in lines] == ["00:00", "01:00", "02:00", "somet"]


def test_before_anything_is_heard_all_is_unknown() -> None:
    line = plain_line(shown(Board(Clock())), 0, None)
    assert line == (
        "00:00 | starting | – events/s | equity – | PnL – | position – | orders – | fills – | errors 0"
    )
    assert left_open(shown(Board(Clock()))) == "unknown, risk was not heard"


def test_what_is_left_open_is_named() -> None:
    assert left_open(shown(board())) == "ma +0.5 btc-usdt.x, 1 working orders"


def test_errors_of_a_process_that_was_replaced_are_kept() -> None:
    made = board()
    made.take(report("risk", {}, errors=2))
    made.take(report("risk", {}, pid=2, errors=1))
    assert made.errors == 3


def test_a_silent_service_is_shown_as_such() -> None:
    time = Clock()
    made = board(time)
    time.now = 9.0
    made.take(report("risk", {}))
    states = {row.name: row.state for row in shown(made).services}
    assert states["risk"] == "running"
    assert states["ingest"] == "silent for 9 s"


def test_the_rate_is_that_of_the_last_seconds_and_survives_a_restart() -> None:
    rate = Rate()
    assert rate.of(0.0, 0) is None
    assert rate.of(1.0, 100) == 100
    assert rate.of(2.0, 50) is None
    assert rate.of(3.0, 80) == 30


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "00:00"), (59.9, "00:59"), (3_723, "1:02:03"), (-1, "00:00")]
)
def test_a_clock_reads_as_people_write_it(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_an_unknown_amount_is_a_dash_not_zero() -> None:
    assert money(None) == "–"


def test_a_terminal_gets_a_panel_and_a_pipe_gets_lines() -> None:
    terminal, pipe = io.StringIO(), io.StringIO()
    for target, forced in ((terminal, True), (pipe, False)):
        with SessionView(Console(file=target, force_terminal=forced, width=120), "title") as view:
            view.show(shown(board()), 1, None)
    assert "ACTIVE" in terminal.getvalue()
    assert "╭" in terminal.getvalue()
    assert len(pipe.getvalue().splitlines()) == 1
