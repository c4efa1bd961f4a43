"""From what a service reports to what Prometheus reads."""

import json
import re
from decimal import Decimal
from pathlib import Path

import pytest
from penstock_contracts.orders import PnlSampled, PositionChanged, SignalRefused
from penstock_contracts.types import Liquidity, Side
from penstock_contracts.venue import Fill
from penstock_runtime.health import Health
from penstock_runtime.metrics import METRICS, Metric, samples
from penstock_runtime.metrics.exposition import text
from penstock_runtime.metrics.tally import SHARPE_SAMPLES_MIN, Tally
from prometheus_client.parser import text_string_to_metric_families

DAY_NS = 86_400 * 10**9


def fill(number: int) -> Fill:
    return Fill(
        fill_id=f"f-{number}", order_id="o-1", order_ordinal=1, strategy="alpha",
        instrument="btc-usdt.binance", venue="paper", number=number, ts=1, ts_known=2, side=Side.BUY,
        price=Decimal(10), quantity=Decimal(1), fee=Decimal(0), fee_currency="USDT",
        liquidity=Liquidity.TAKER, quantity_left=Decimal(0),
    )  # fmt: skip


def position(quantity: int, profit: int, fees: str = "0") -> PositionChanged:
    return PositionChanged(
        strategy="alpha", instrument="btc-usdt.binance", ts=1, quantity=Decimal(quantity),
        average_price=Decimal(10) if quantity else None, pnl_realized=Decimal(profit), fees=Decimal(fees),
        currency="USDT",
    )  # fmt: skip


def account(ts: int, equity: float) -> PnlSampled:
    zero = Decimal(0)
    return PnlSampled(
        strategy=None, ts=ts, currency="USDT", equity=Decimal(str(equity)), pnl_realized=zero,
        pnl_unrealized=zero, fees=zero, gross_exposure=Decimal(500), net_exposure=Decimal(-500),
        reserved=Decimal(7), equity_peak=zero, drawdown_max=zero,
    )  # fmt: skip


def reported(health: Health) -> dict[str, object]:
    """A report as it arrives over the wire."""
    report: dict[str, object] = json.loads(json.dumps(health.report(), default=str))
    return report


def values(tally: Tally) -> dict[str, float]:
    return {name: value for name, _, value in tally.entries()}


@pytest.mark.parametrize("metric", METRICS.values(), ids=list(METRICS))
def test_a_metric_is_named_by_convention_and_explained(metric: Metric) -> None:
    assert re.fullmatch(r"penstock_[a-z][a-z0-9_]*", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert metric.kind != "histogram" or metric.name.endswith("_seconds")
    assert metric.text.endswith(".")
    assert "service" not in metric.labels


def test_by_otlp_the_unit_stands_beside_the_name() -> None:
    assert METRICS["penstock_stage_turn_seconds"].otlp_name == "penstock.stage_turn"
    assert METRICS["penstock_stage_turn_seconds"].unit == "s"
    assert METRICS["penstock_process_cpu_seconds_total"].otlp_name == "penstock.process_cpu"
    assert METRICS["penstock_fills_total"].otlp_name == "penstock.fills"
    assert METRICS["penstock_process_memory_bytes"].unit == "By"
    assert len({each.otlp_name for each in METRICS.values()}) == len(METRICS)


def test_a_service_tells_its_counts_states_and_times() -> None:
    health = Health("risk")
    health.state, health.events, health.mark = "running", 7, 5_000_000_000
    health.view = {"state": "reducing", "working": 3}
    found = {(each.name, each.labels): each.value for each in samples(reported(health))}
    service = ("service", "risk")
    assert found["penstock_service_running", (service,)] == 1.0
    assert found["penstock_events_total", (service,)] == 7.0
    assert found["penstock_mark_timestamp_seconds", (service,)] == 5.0
    assert found["penstock_working_orders", (service,)] == 3.0
    assert found["penstock_trading_state", (service, ("state", "reducing"))] == 1.0
    assert found["penstock_trading_state", (service, ("state", "active"))] == 0.0


def test_fused_stages_tell_the_same_under_one_service() -> None:
    health = Health("fused")
    health.view = {"features": {"bars": 4}, "strategy": {"strategies": {"alpha": {"on": True}}}}
    found = {each.name: each for each in samples(reported(health))}
    assert found["penstock_bars_total"].value == 4.0
    assert found["penstock_strategy_running"].labels == (("service", "fused"), ("strategy", "alpha"))


def test_what_an_earlier_process_put_out_is_not_counted_again() -> None:
    tally = Tally()
    tally.made(fill(1), known=True)
    tally.made(fill(2), known=False)
    labels = {"strategy": "alpha", "instrument": "btc-usdt.binance", "liquidity": "taker"}
    assert list(tally.entries()) == [("penstock_fills_total", labels, 1)]


def test_a_round_trip_is_won_when_it_earned_more_than_its_fees() -> None:
    tally = Tally()
    for message in (
        position(1, 0, "1"), position(0, 5, "2"),   # +3
        position(-1, 5, "3"), position(1, 6, "5"),  # flipped: 1 earned, 3 paid
        position(0, 16, "6"),                       # +9
    ):  # fmt: skip
        tally.made(message, known=False)
    found = values(tally)
    assert (found["penstock_trades_total"], found["penstock_trades_won_total"]) == (3, 2)
    assert found["penstock_hit_ratio"] == pytest.approx(2 / 3)
    assert found["penstock_position_quantity"] == 0.0


def test_the_sharpe_ratio_waits_for_samples_and_is_annualised() -> None:
    tally = Tally()
    equity = 1000.0
    for day in range(SHARPE_SAMPLES_MIN + 1):
        assert "penstock_account_sharpe_ratio" not in values(tally)
        tally.made(account(day * DAY_NS, equity), known=False)
        equity *= 1.02 if day % 2 else 1.0
    # Returns alternate between 0 and 2 %: mean 1 %, deviation 1 % (times the root of 30/29).
    assert values(tally)["penstock_account_sharpe_ratio"] == pytest.approx((29 / 30 * 365) ** 0.5, rel=1e-3)
    assert values(tally)["penstock_account_exposure_net"] == -500.0


def test_prometheus_reads_the_exposition_histograms_included() -> None:
    health = Health("risk")
    for duration_us in (50.0, 700.0, 700.0, 20_000_000.0):
        health.turns.add(duration_us)
    refusal = SignalRefused(signal_id="s-1", strategy='a"b', instrument="x.y", ts=1, rule="notional_max")
    health.tally.made(refusal, known=False)
    families = {
        each.name: each for each in text_string_to_metric_families(text(samples(reported(health))).decode())
    }
    turns = {
        each.labels.get("le", each.name): each.value
        for each in families["penstock_stage_turn_seconds"].samples
    }
    assert turns["0.0001"] == 1
    assert turns["0.0005"] == 1
    assert turns["0.001"] == 3
    assert turns["10.0"] == 3
    assert turns["+Inf"] == turns["penstock_stage_turn_seconds_count"] == 4
    assert turns["penstock_stage_turn_seconds_sum"] == pytest.approx(20.00145)
    (refused,) = families["penstock_signals_refused"].samples
    assert refused.labels == {"service": "risk", "strategy": 'a"b', "rule": "notional_max"}


def test_the_documentation_lists_every_metric_and_no_other() -> None:
    page = (Path(__file__).resolve().parents[4] / "docs" / "observability.md").read_text(encoding="utf-8")
    listed = [line for line in page.splitlines() if line.startswith("| `penstock_")]
    assert listed == [
        f"| `{each.name}` | {each.kind} | {', '.join(each.labels)} | {each.text} |"
        for each in METRICS.values()
    ]
