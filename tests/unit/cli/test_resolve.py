"""From configuration to session: instruments, strategies, money, and what cannot be."""

# ruff: noqa: E501  (tables read better whole)

import socket
from pathlib import Path

import pytest
from penstock.config.resolve import port_is_free
from penstock.errors import ConfigError
from support.cli import resolved, write_bars

MINUTE = 60 * 10**9


@pytest.fixture
def bars(tmp_path: Path) -> str:
    return f"replay:{write_bars(tmp_path / 'btc-perp-1m.csv', 50)}"


def test_a_bar_file_gives_interval_grid_and_currency(bars: str) -> None:
    session = resolved(bars).session
    assert [each.instrument for each in session.instruments] == ["btc-perp.replay"]
    assert (session.grid, session.strategies[0].interval) == (MINUTE, MINUTE)
    assert (session.capital, session.currency) == (100_000, session.instruments[0].quote)
    assert not session.realtime


def test_the_same_configuration_has_the_same_hash_and_another_has_another(bars: str) -> None:
    assert resolved(bars).config_hash == resolved(bars).config_hash
    assert resolved(bars, "risk.trades_max=7").config_hash != resolved(bars).config_hash


def test_a_port_that_is_taken_is_not_waited_for_unless_it_was_asked_for(bars: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not port_is_free("127.0.0.1", port)
        assert resolved(bars, f"api.port={port}").document["api"]["port"] == port
    assert port_is_free("127.0.0.1", port)
    assert resolved(bars, "api.port=0").document["api"]["port"] > 0


def test_strategies_share_the_capital_and_have_names_of_their_own(bars: str) -> None:
    chosen = resolved(
        bars, 'run.strategies=["ma_cross", "ma_cross:fast=5,interval=5m", "mean_reversion:name=mr"]'
    )
    specs = chosen.session.strategies
    assert [each.name for each in specs] == ["ma_cross", "ma_cross-2", "mr"]
    assert [str(each.capital_fraction) for each in specs] == ["0.333333"] * 3
    assert [each.interval for each in specs] == [MINUTE, 5 * MINUTE, MINUTE]
    assert specs[1].parameters == {"fast": 5}


def test_the_synthetic_market_trades_on_seconds_with_a_quick_strategy() -> None:
    session = resolved("synthetic:5").session
    assert session.strategies[0].interval == 10**9
    assert session.strategies[0].parameters == {"fast": 4, "slow": 12}
    assert len(session.instruments) == 3


def test_a_quote_of_btc_begins_with_a_smaller_default_capital(tmp_path: Path) -> None:
    source = f"replay:{write_bars(tmp_path / 'eth-btc-1m.csv', 50)}"
    assert (resolved(source).session.capital, resolved(source).session.currency) == (10, "BTC")
    assert resolved(source, "run.capital=77").session.capital == 77


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (['run.instruments=["btc-prp.replay"]'], r"run.instruments: .*no btc-prp.replay; did you mean btc-perp.replay"),
        (['run.strategies=["ma_crss"]'], r"run.strategies: unknown strategy 'ma_crss' \(did you mean ma_cross\?\)"),
        (['run.strategies=["ma_cross:fats=3"]'], r"run.strategies: .*no parameter 'fats' \(did you mean fast\?\)"),
        (['run.strategies=["ma_cross:fast=x"]'], r"run.strategies: .*parameter fast must be an integer from 1"),
        (['run.strategies=["ma_cross:instrument=eth.replay"]'], r"run.strategies: ma_cross: the session has no eth"),
        (['run.strategies=["ma_cross:name=a", "ma_cross:name=a"]'], r"run.strategies: two strategies are named a"),
        (['run.strategies=["nowhere.py:X"]'], r"run.strategies: strategy file .*nowhere.py does not exist"),
        (['run.strategies=["nowhere.py"]'], r"--strategy nowhere.py: which class\? write nowhere.py:Class"),
        (['run.strategies=["ma_cross:fast"]'], r"--strategy ma_cross:fast: 'fast' is not param=value"),
        (['run.strategies=["ma_cross:fast=1,fast=2"]'], r"--strategy .*: fast is given twice"),
        (['risk.instrument_limits."eth-perp.replay".order_quantity_max=1'], r"risk.instrument_limits.eth-perp.replay"),
        (["ingest.grid=3s", "ingest.speed=1x"], r"ingest.sources: grid"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_in_one_line(bars: str, settings: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        resolved(bars, *settings)
    assert "\n" not in str(caught.value)


def test_several_quotes_need_an_account_currency(tmp_path: Path) -> None:
    first = write_bars(tmp_path / "eth-btc-1m.csv", 50)
    second = write_bars(tmp_path / "eth-usdt-1m.csv", 50)
    with pytest.raises(
        ConfigError, match=r"run.capital: the instruments are quoted in BTC, USDT; name the account"
    ):
        resolved(f"replay:{first}", f'ingest.sources=["replay:{first}", "replay:{second}"]')


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("absent.csv", None, "absent.csv"),
        ("empty.csv", "", "empty.csv"),
        ("btc-1m.csv", "timestamp,open,high,low\n1,2,3,4\n", "btc-1m.csv"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    tmp_path: Path, name: str, content: str | None, said: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(ConfigError, match=rf"ingest.sources: .*{said}"):
        resolved(f"replay:{tmp_path / name}")
