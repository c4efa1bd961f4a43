"""One hash for a backtest, a session in one process, and a session in separate ones."""

import json
from pathlib import Path

import pytest
from e2e.conftest import User
from support import scalp

BARS = ("bars/eth-btc-5m.parquet", "bars/ltc-btc-5m.parquet")
BOOK = ("books/xrp-usdt-ob500.zip",)
EVERY_STYLE = f"{scalp.__file__}:Scalp:interval=100ms"
QUOTES = ("trades/btc-usdt-2021-01-08.parquet", "quotes/btc-usdt-2021-01-08.parquet")


@pytest.mark.parametrize(
    ("files", "strategy", "duration"),
    [
        (BARS, "pairs", "6d"),
        (BARS, "ma_cross:fast=5,slow=20", "2d"),
        (QUOTES, "ma_cross:fast=3,slow=9", "5m"),
        (BOOK, EVERY_STYLE, "5m"),
    ],
    ids=["pairs", "bars", "trades and quotes", "brackets on a book"],
)
def test_backtest_fused_and_separate_give_one_hash(
    user: User, shared_data: Path, files: tuple[str, ...], strategy: str, duration: str
) -> None:
    paths = [str(shared_data / each) for each in files]
    common = ["--strategy", strategy, "--profile", "open", "--duration", duration]
    data = [word for path in paths for word in ("--data", path)]
    ended = user.run("backtest", *data, *common, "--out", "tested")
    assert ended.returncode == 0, ended.stderr
    summary = json.loads((user.folder / "tested" / "summary.json").read_text())
    assert summary["fills"] > 0
    sources = [word for path in paths for word in ("--source", f"replay:{path}")]
    for name, flags in (("one", ("--fused",)), ("apart", ())):
        ended = user.run("paper", *sources, "--speed", "max", *common, "--out", name, *flags)
        assert ended.returncode == 0, ended.stderr
        (report,) = (user.folder / name).glob("*/final_report.json")
        assert json.loads(report.read_text())["fills_hash"] == summary["fills_hash"]
