"""A backtest from files, frames and arrays, whole and in steps; what it writes; what it refuses."""

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from penstock.config.load import ConfigOptions, load
from penstock.config.resolve import resolve
from penstock.main import run as penstock
from penstock_contracts.types import Liquidity, Side
from penstock_contracts.venue import Fill
from penstock_kernel.fills_hash import fills_hash
from penstock_research import Backtest
from penstock_research.chained import run_chained
from penstock_research.folder import FILES, FolderInUse, write_folder
from penstock_research.frames import DataError
from penstock_research.outcome import StrategyFailed
from penstock_risk.config import RiskConfig
from support.cli import resolved, write_bars

QUICK = {"fast": 3, "slow": 9}
DAY_NS = 86_400 * 10**9


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    return write_bars(tmp_path / "btc-perp-1m.csv", 400, period=30)


def frame(bars: Path) -> pl.DataFrame:
    return pl.read_csv(bars).rename({"timestamp": "ts"})


def quick(data: Any, **options: Any) -> Backtest:
    return Backtest(
        data, "ma_cross", parameters=QUICK, **{"profile": "open", "ingest": {"bar_time": "end"}, **options}
    )


# --- The same fills everywhere --------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["open", "conservative"])
def test_files_frames_and_arrays_give_the_fills_of_the_command(bars: Path, profile: str) -> None:
    document = resolved(
        f"replay:{bars}", 'run.strategies=["ma_cross:fast=3,slow=9"]', profile=profile
    ).document
    expected = run_chained(document, runs=False)
    assert len(expected.fills) > 5
    data = frame(bars)
    arrays = {name: data[name].to_numpy() for name in data.columns}
    for given in (bars, {"btc-perp": data}, {"btc-perp": arrays}):
        assert quick(given, profile=profile).run().fills_hash == expected.fills_hash


@pytest.mark.parametrize("profile", ["open", "conservative"])
def test_a_session_made_in_python_is_the_one_of_the_command_line(bars: Path, profile: str) -> None:
    flags = (
        f'ingest.sources=["replay:{bars}"]',
        "ingest.speed=max",
        'run.strategies=["ma_cross:fast=3,slow=9"]',
    )
    named = resolve(load(ConfigOptions(profile, None, (), flags), {}), "backtest", 0).document
    made = quick(bars, profile=profile, ingest={}).document
    for section in ("session", "features", "execution", "strategy"):
        assert made[section] == named[section]
    # 1E+12 and 1000000000000 are the same limit.
    assert RiskConfig.model_validate(made["risk"]) == RiskConfig.model_validate(named["risk"])


def test_in_steps_and_whole_it_is_the_same(bars: Path) -> None:
    whole = quick(bars).run()
    for every in (None, "1m", "17m"):
        run = quick(bars)
        steps = list(run.steps(every))
        assert [each.ts for each in steps] == sorted({each.ts for each in steps})
        assert run.result.fills_hash == whole.fills_hash
    assert len(list(quick(bars).steps("1m"))) >= 400


def test_commands_between_steps_act_at_the_next_mark(bars: Path) -> None:
    run, told = quick(bars), 0
    for step in run:
        fills = [each for _, each in step.outputs if type(each) is Fill]
        if fills and not told:
            told = step.ts
            run.command("halt")
    later = [each for each in run.result.tally.fills if each.ts > told + 60 * 10**9]
    assert told
    assert later == []
    assert run.describe()["risk"]["state"] == "halted"


def test_a_strategy_goes_into_the_shadow_between_steps(bars: Path) -> None:
    run, switched = quick(bars), 0
    (strategy,) = run.describe()["risk"]["modes"]
    for step in run.steps("1m"):
        modes = run.describe()["risk"]["modes"]
        if modes[strategy] == "trade":
            # Refused while it holds anything: asked again until a mark finds it flat.
            if step.ts % (20 * 60 * 10**9) == 0:
                run.command("close", strategy=strategy)
            run.command("strategy_mode", strategy=strategy, arguments={"mode": "shadow"})
        else:
            switched = switched or step.ts
    assert switched
    assert [each for each in run.result.tally.fills if each.ts > switched] == []
    assert len(run.describe()["risk"]["shadow"]) == 1


def test_stop_closes_everything(bars: Path) -> None:
    run = quick(bars)
    for at, _ in enumerate(run.steps("1m")):
        if at == 200:
            run.command("stop")
    assert run.describe()["risk"]["positions"] == []
    assert len(run.result.tally.fills) < len(quick(bars).run().tally.fills)


def test_a_backtest_runs_once(bars: Path) -> None:
    run = quick(bars)
    run.run()
    with pytest.raises(RuntimeError, match="make another"):
        run.run()


# --- What it refuses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "row", "value", "said"),
    [
        ("close", 7, float("nan"), "btc-perp: column close, row 7: nan is no number to trade on"),
        ("low", 3, -1.0, "btc-perp: column low, row 3: -1 is not above zero"),
        ("high", 5, 1.0, "btc-perp: column high, row 5: below another price of the bar"),
        ("volume", 9, float("inf"), "btc-perp: column volume, row 9: inf is no number to trade on"),
        ("ts", 4, 5, "btc-perp: column ts, row 4: earlier than the row before"),
        ("ts", 4, 1_640_995_440, "btc-perp: column ts, row 4: the same as the row before"),
    ],
)
def test_errors_name_column_and_row(bars: Path, column: str, row: int, value: float, said: str) -> None:
    data = frame(bars)
    values = data[column].to_list()
    values[row] = value
    with pytest.raises(DataError, match=re.escape(said)):
        quick({"btc-perp": data.with_columns(pl.Series(column, values))})


def test_missing_columns_and_uneven_arrays_are_named(bars: Path) -> None:
    with pytest.raises(DataError, match="no column volume of bars among ts, open, high, low, close"):
        quick(frame(bars).drop("volume"))
    with pytest.raises(DataError, match="column price has 2 rows, ts has 3"):
        quick({"btc-usdt": {"ts": np.arange(3), "price": np.ones(2), "size": np.ones(3)}})
    with pytest.raises(DataError, match="no rows"):
        quick(frame(bars).head(0))


def test_a_strategy_that_raises_is_named_with_line_and_time(bars: Path, tmp_path: Path) -> None:
    file = tmp_path / "broken.py"
    file.write_text(
        "from penstock_strategy import Bar, Intents, Needs, NoState, Parameters, Strategy\n"
        "class Broken(Strategy[Parameters, NoState]):\n"
        "    def declare(self) -> Needs:\n"
        "        return Needs(bars=self.bars())\n"
        "    def on_bar(self, bar: Bar) -> Intents:\n"
        "        raise KeyError('gone') if bar.ts > 1640997000 * 10**9 else None or ZeroDivisionError\n",
        encoding="utf-8",
    )
    with pytest.raises(StrategyFailed, match=r"Broken: .* at 2022-01-01T00:01:00.*\(broken.py:6\)"):
        Backtest(bars, f"{file}:Broken", ingest={"bar_time": "end"}).run()


def test_parameters_out_of_range_are_told_before_anything_runs(bars: Path) -> None:
    with pytest.raises(ValueError, match="parameter fast must be an integer from 1 to 5000, not 0"):
        Backtest(bars, "ma_cross", parameters={"fast": 0})
    with pytest.raises(ValueError, match="profile 'bold'"):
        quick(bars, profile="bold")


# --- What it writes -------------------------------------------------------------------------------------


def test_the_folder_has_everything_and_the_hash_follows_from_the_fills(bars: Path, tmp_path: Path) -> None:
    run = quick(bars)
    summary = write_folder(run.run(), run.document, tmp_path / "out", 1.0)
    folder = tmp_path / "out"
    assert {each.name for each in folder.iterdir()} == set(FILES)
    assert json.loads((folder / "summary.json").read_text()) == summary
    fills = pl.read_parquet(folder / "fills.parquet")
    times = fills["ts"].dt.epoch("ns")
    again = [
        Fill(
            fill_id="f", order_id=row["order_id"], order_ordinal=row["order"], strategy=row["strategy"],
            instrument=row["instrument"], venue="paper", number=at, ts=int(ts), ts_known=int(ts),
            side=Side(row["side"]), price=Decimal(row["price_exact"]),
            quantity=Decimal(row["quantity_exact"]), fee=Decimal(row["fee_exact"]),
            fee_currency=row["fee_currency"], liquidity=Liquidity(row["liquidity"]), quantity_left=Decimal(0),
        )
        for at, (row, ts) in enumerate(zip(fills.iter_rows(named=True), times, strict=True))
    ]  # fmt: skip
    assert fills_hash(again) == summary["fills_hash"]
    trades = pl.read_parquet(folder / "trades.parquet")
    assert trades.height == summary["trades"]["count"]
    assert trades["net"].sum() == pytest.approx(float(summary["equity_end"]) - 100_000)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["data"][0]["bytes"] == bars.stat().st_size
    assert set(manifest["files"]) == set(FILES) - {"manifest.json"}


def test_two_runs_write_the_same_results(bars: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        run = quick(bars)
        write_folder(run.run(), run.document, tmp_path / name, 1.0)
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_run_without_trades_shows_no_numbers_that_it_has_not(bars: Path, tmp_path: Path) -> None:
    run = Backtest(bars, "ma_cross", parameters={"fast": 300, "slow": 399}, ingest={"bar_time": "end"})
    summary = write_folder(run.run(), run.document, tmp_path / "out", 1.0)
    assert summary["trades"]["count"] == 0
    for name in ("win_rate", "profit_factor", "expectancy", "best"):
        assert summary["trades"][name] is None
    assert summary["sharpe"] is None
    assert pl.read_parquet(tmp_path / "out" / "fills.parquet").height == 0


def test_a_folder_with_other_files_is_left_alone(bars: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("years of work")
    run = quick(bars)
    with pytest.raises(FolderInUse, match=r"thesis\.tex"):
        write_folder(run.run(), run.document, tmp_path / "out", 1.0)
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["thesis.tex"]


def test_the_page_is_one_file_and_names_in_it_are_only_data(bars: Path, tmp_path: Path) -> None:
    run = quick(bars)
    write_folder(run.run(), run.document, tmp_path / "out", 1.0)
    text = (tmp_path / "out" / "report.html").read_text()
    assert not re.search(r"<(?:script|link|img|iframe)[^>]*(?:src|href)\s*=", text)
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert data is not None
    shown = json.loads(data[1])
    assert len(shown["fills"]["btc-perp.replay"]["t"]) == shown["summary"]["fills"]
    assert "</" not in data[1]


# --- The command ----------------------------------------------------------------------------------------


def test_the_command_writes_what_python_does(
    bars: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["backtest", "--data", str(bars), "--strategy", "ma_cross:fast=3,slow=9", "--profile", "open"]
    assert penstock([*arguments, "--out", str(tmp_path / "out")]) == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["fills_hash"] == quick(bars).run().fills_hash
    assert summary["fills_hash"] in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--data", "none.csv"], 78, "none.csv: no such file"),
        ([], 78, "--data: name a file"),
        (["--data", "{bars}", "--strategy", "ma_cros"], 78, "did you mean ma_cross?"),
        (["--data", "{bars}", "--set", "risk.trades_max=-1"], 78, "risk.trades_max"),
    ],
)
def test_what_is_wrong_gives_one_line_and_writes_nothing(
    bars: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
) -> None:
    given = [each.format(bars=bars) for each in arguments]
    assert penstock(["backtest", *given, "--out", str(tmp_path / "out")]) == code
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
