"""A hundred instruments with three strategies each, at 1x: how long a tick takes to its order."""

from pathlib import Path

from bench.figures import Figure
from bench.session import run
from bench.sessions import synthetic

SYMBOLS, RATE = 100, 2_000
STRATEGIES = ("ma_cross:fast=4,slow=12", "mean_reversion", "momentum")
P99_MS = 20.0


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """p99 of tick to order in a session with every service in a process of its own."""
    seconds = 20 if quick else 120
    chosen = [part for each in STRATEGIES for part in ("--strategy", each)]
    report = run([*synthetic(SYMBOLS, RATE, seconds), *chosen], folder / "session").report
    latency = report["latency_ms"]
    details = {
        "p50_ms": latency["tick_to_order_p50"],
        "orders": report["orders"]["approved"],
        "fills": report["fills"],
        "errors": report["errors"],
        "events": report["events_in"],
    }
    title = (
        f"tick to order, {SYMBOLS} instruments with {len(STRATEGIES)} strategies each, {RATE:,} events/s: p99"
    )
    return [Figure(title, latency["tick_to_order_p99"], "ms", "below", P99_MS, details=details)]
