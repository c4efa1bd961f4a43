"""Brackets, stops and trailing stops on recorded bars, quotes, books and trades: the same fills every way."""

import re
from pathlib import Path

import pytest
from penstock_kernel.fills_hash import fills_hash
from penstock_research.chained import run_chained
from support import scalp
from support.cli import resolved

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "strategies.md"
SCALP = Path(scalp.__file__)


def fills_of(file: Path, strategy: str, *settings: str) -> tuple[int, str]:
    """Number and hash of the fills; every output must be the same by runs and by single intervals."""
    strategies = f'run.strategies=["{strategy}"]'
    document = resolved(f"replay:{file}", strategies, *settings, profile="open").document
    runs, single = run_chained(document), run_chained(document, runs=False)
    assert runs.outputs == single.outputs
    return len(runs.fills), fills_hash(runs.fills)[:16]


def test_the_guides_bracket_on_a_day_of_bars(shared_data: Path, tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    (text,) = (block for block in blocks if "class Pullback(" in block)
    (tmp_path / "pullback.py").write_text(text)
    file = shared_data / "bars" / "btc-perp-1m-2022-01.csv.gz"
    assert fills_of(file, f"{tmp_path}/pullback.py:Pullback", "ingest.duration=1d") == (
        66,
        "3010ad30a763b452",
    )


@pytest.mark.parametrize(
    ("name", "interval", "expected"),
    [
        ("quotes/btc-usdt-2021-01-08.parquet", "1s", (90, "ed75d96e634e9d27")),
        ("books/xrp-usdt-ob500.zip", "100ms", (28, "4c488ecd071b5f5a")),
        ("trades/btc-usdt-2021-01-08.parquet", "1s", (546, "6e930105eb975e5e")),
    ],
)
def test_every_style_on_recorded_data(
    shared_data: Path, name: str, interval: str, expected: tuple[int, str]
) -> None:
    source = f"{SCALP}:Scalp:interval={interval}"
    assert fills_of(shared_data / name, source, "ingest.duration=5m") == expected
