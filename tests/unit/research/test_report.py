"""The report: exactly its fields, numbers that are in the events, None where there is none."""

import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from penstock_contracts.types import Liquidity, Side
from penstock_contracts.venue import Fill
from penstock_research.report.trips import round_trips
from support.cli import report_of, resolved, run_chained, write_bars, write_report
from support.risk import BTC, perpetual

FIELDS = [
    *(
        "session_id",
        "started_at",
        "ended_at",
        "duration_s",
        "stop_reason",
        "source",
        "strategies",
        "currency",
    ),
    *("equity_start", "equity_end", "pnl_realized", "pnl_unrealized", "fees", "max_drawdown", "events_in"),
    *("quarantined", "signals", "orders", "fills", "positions", "errors", "latency_ms", "fills_hash"),
]
D = Decimal


def report_folder(tmp_path: Path, strategy: str) -> Path:
    bars = write_bars(tmp_path / "btc-perp-1m.csv", 300)
    return write_report(run_chained(resolved(f"replay:{bars}", f'run.strategies=["{strategy}"]')), tmp_path)


def test_the_final_report_has_exactly_its_fields(tmp_path: Path) -> None:
    report: dict[str, Any] = json.loads(
        (report_folder(tmp_path, "ma_cross:fast=3,slow=9") / "final_report.json").read_text()
    )
    assert list(report) == FIELDS
    assert list(report["signals"]) == ["approved", "refused", "no_change", "superseded"]
    assert list(report["orders"]) == ["approved", "filled", "cancelled", "rejected", "expired"]
    assert list(report["latency_ms"]) == ["tick_to_order_p50", "tick_to_order_p99"]
    assert list(report["positions"][0]) == ["strategy", "instrument", "quantity", "average_price"]
    assert report["started_at"] == "2022-01-01T00:00:00.000000Z"
    assert report["duration_s"] == 1000.0
    assert report["events_in"] == 300


def test_equity_is_capital_and_profit_less_fees(tmp_path: Path) -> None:
    report = report_of(report_folder(tmp_path, "ma_cross:fast=3,slow=9"))
    assert report.equity_end is not None
    assert D(report.equity_end) == D(100_000) + D(report.pnl_realized or 0) - D(report.fees or 0)
    assert D(report.max_drawdown or 0) > 0


def test_a_run_without_trades_shows_no_number_for_what_has_none(tmp_path: Path) -> None:
    folder = report_folder(tmp_path, "ma_cross:fast=200,slow=299")
    report, metrics = report_of(folder), json.loads((folder / "metrics.json").read_text())
    assert (report.fills, report.positions) == (0, [])
    assert (report.latency_ms.tick_to_order_p50, report.latency_ms.tick_to_order_p99) == (None, None)
    assert metrics["trades"]["count"] == 0
    for name in ("win_rate", "profit_factor", "gross_profit", "best", "duration_mean_s"):
        assert metrics["trades"][name] is None
    assert metrics["equity"]["sharpe"] is None


def test_the_metrics_are_those_of_the_run(tmp_path: Path) -> None:
    folder = report_folder(tmp_path, "ma_cross:fast=3,slow=9")
    metrics = json.loads((folder / "metrics.json").read_text())
    trades = metrics["trades"]
    assert trades["count"] == trades["won"] + trades["lost"] > 5
    assert trades["win_rate"] == trades["won"] / trades["count"]
    net = D(trades["gross_profit"]) - D(trades["gross_loss"])
    report = report_of(folder)
    assert net == D(report.pnl_realized or 0) - D(report.fees or 0)
    with (folder / "metrics.csv").open() as opened:
        rows = list(csv.DictReader(opened))
    assert rows[-1]["equity"] == report.equity_end


def fill(number: int, side: Side, quantity: str, price: str, fee: str = "1", currency: str = "USDT") -> Fill:
    return Fill(
        fill_id=f"f-{number}", order_id=f"o-{number}", order_ordinal=number, strategy="s", instrument=BTC,
        venue="paper", number=3, ts=number * 10, ts_known=number * 10 + 1, side=side, price=D(price),
        quantity=D(quantity), fee=D(fee), fee_currency=currency, liquidity=Liquidity.TAKER,
        quantity_left=D(0),
    )  # fmt: skip


def test_a_flip_ends_one_trade_and_begins_another() -> None:
    fills = [
        fill(1, Side.BUY, "2", "100"),
        fill(2, Side.SELL, "3", "110", "3"),
        fill(3, Side.BUY, "1", "105"),
    ]
    first, second = round_trips(fills, {BTC: perpetual()})
    assert (first.side, first.ts_open, first.ts_close, first.pnl, first.fees) == ("long", 10, 20, D(20), D(3))
    assert (second.side, second.ts_open, second.ts_close, second.pnl, second.fees) == (
        "short",
        20,
        30,
        D(5),
        D(2),
    )


def test_a_fee_in_another_currency_leaves_a_trade_without_a_net() -> None:
    fills = [fill(1, Side.BUY, "1", "100", currency="BNB"), fill(2, Side.SELL, "1", "110")]
    (trip,) = round_trips(fills, {BTC: perpetual()})
    assert (trip.pnl, trip.net) == (D(10), None)


@pytest.mark.parametrize(
    "name", ["final_report.json", "events.jsonl", "metrics.json", "metrics.csv", "manifest.json"]
)
def test_a_report_has_all_its_files(tmp_path: Path, name: str) -> None:
    assert (report_folder(tmp_path, "ma_cross:fast=3,slow=9") / name).stat().st_size > 0
