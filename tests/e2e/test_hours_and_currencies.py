"""A calendar with an early close, two currencies and an inverse contract, tested and traded: one hash."""

import json
import math
from datetime import datetime
from pathlib import Path

from e2e.conftest import User

INSTRUMENTS = """
[[instrument]]
instrument = "spy-usd.replay"
kind = "equity"
calendar = "XNYS"
lot_size = "1"

[[instrument]]
instrument = "dax-eur.replay"
kind = "future"
calendar = "XETR"
multiplier = "0.1"
lot_size = "1"

[[instrument]]
instrument = "btc-usd.replay"
kind = "perpetual"
settlement = "BTC"
inverse = true
multiplier = "100"
lot_size = "1"
volume_unit = "quote"
"""
START = int(datetime.fromisoformat("2024-11-29T16:00+00:00").timestamp())
"""Frankfurt closes at 16:30, New York at 18:00."""


def write_bars(file: Path, base: float, swing: float, period: int) -> None:
    lines, close = ["timestamp,open,high,low,close,volume"], base
    for minute in range(180):
        opened, close = close, round(base + swing * math.sin(2 * math.pi * minute / period), 2)
        high, low = max(opened, close), min(opened, close)
        lines.append(f"{START + 60 * (minute + 1)},{opened},{high},{low},{close},1000000")
    file.write_text("\n".join(lines) + "\n")


def test_backtest_fused_and_separate_agree_on_hours_and_money(user: User) -> None:
    folder = user.folder
    write_bars(folder / "spy-usd-1m.csv", 600, 3, 50)
    write_bars(folder / "dax-eur-1m.csv", 19000, 60, 21)
    write_bars(folder / "btc-usd-1m.csv", 96000, 400, 37)
    rates = [
        f"{START + 60 * hour},{pair}" for hour in (1, 61, 121) for pair in ("EUR,USD,1.05", "BTC,USD,96000")
    ]
    (folder / "fx-rates.csv").write_text("\n".join(["timestamp,base,quote,rate", *rates]) + "\n")
    (folder / "money.toml").write_text(INSTRUMENTS)
    files = [folder / name for name in ("spy-usd-1m.csv", "dax-eur-1m.csv", "btc-usd-1m.csv", "fx-rates.csv")]
    common = [
        *("--strategy", "ma_cross:fast=4,slow=12", "--capital", "100000 USD", "--profile", "open"),
        *("--instruments", str(folder / "money.toml")),
    ]
    ended = user.run(
        "backtest", *(word for file in files for word in ("--data", str(file))), *common, "--out", "tested"
    )
    assert ended.returncode == 0, ended.stderr
    summary = json.loads((folder / "tested" / "summary.json").read_text())
    assert set(summary["by_instrument"]) == {"spy-usd.replay", "dax-eur.replay", "btc-usd.replay"}
    assert summary["refusals"]["market_closed"] > 0
    sources = [word for file in files for word in ("--source", f"replay:{file}")]
    for name, flags in (("one", ("--fused",)), ("apart", ())):
        ended = user.run("paper", *sources, "--speed", "max", *common, "--out", name, *flags)
        assert ended.returncode == 0, ended.stderr
        (report,) = (folder / name).glob("*/final_report.json")
        told = json.loads(report.read_text())
        assert (told["fills_hash"], told["equity_end"]) == (summary["fills_hash"], summary["equity_end"])
        validated = user.run("validate", str(report.parent))
        assert validated.returncode == 0, validated.stdout
