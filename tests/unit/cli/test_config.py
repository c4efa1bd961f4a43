"""Layers, origins, and one clear line for whatever is wrong."""

from pathlib import Path
from typing import Any

import pytest
from penstock.config.document import dump
from penstock.config.layers import from_environment, from_settings
from penstock.config.load import ConfigOptions, Flag, entries, load, profiles
from penstock.errors import ConfigError
from penstock_risk.config import PROFILES


def config(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "my.toml"
    file.write_text(text)
    return file


def test_each_layer_wins_over_those_before_it_and_every_value_knows_its_origin(tmp_path: Path) -> None:
    file = config(tmp_path, "[risk]\ntrades_max = 2\norders_per_second_max = 2\norders_per_minute_max = 2\n")
    options = ConfigOptions(
        "conservative", file, (Flag("--capital", "run.capital", "5 EUR"),), ("risk.orders_per_minute_max=4",)
    )
    loaded = load(options, {"PENSTOCK__RISK__ORDERS_PER_SECOND_MAX": "3"})
    values = {each.path: (each.value, each.origin) for each in entries(loaded)}
    assert values["risk.consecutive_losses_max"] == (50, "profile conservative")
    assert values["risk.trades_max"] == (2, f"file {file}")
    assert values["risk.orders_per_second_max"] == (3, "environment PENSTOCK__RISK__ORDERS_PER_SECOND_MAX")
    assert values["risk.orders_per_minute_max"] == (4, "--set risk.orders_per_minute_max")
    assert values["run.capital"] == ("5 EUR", "flag --capital")
    assert values["risk.sizing_method"] == ("capital_fraction", "default")


def test_a_flag_wins_over_the_environment_and_set_over_the_flag() -> None:
    environment = {"PENSTOCK__INGEST__SPEED": "2x"}
    flag = Flag("--speed", "ingest.speed", "3x")
    assert load(ConfigOptions(flags=(flag,)), environment).root.ingest.speed == "3x"
    assert (
        load(ConfigOptions(flags=(flag,), settings=("ingest.speed=4x",)), environment).root.ingest.speed
        == "4x"
    )


@pytest.mark.parametrize("name", ["conservative", "open"])
def test_a_profile_is_what_risk_means_by_its_name(name: str) -> None:
    assert load(ConfigOptions(profile=name), {}).root.risk == PROFILES[name]


def test_every_shipped_profile_is_valid() -> None:
    assert profiles() == ["aggressive", "conservative", "moderate", "open"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[risk]\ntrades_mx = 1", "risk.trades_mx: unknown key; did you mean trades_max? (file {file})"),
        ("[rsk]\ntrades_max = 1", "rsk: unknown key; did you mean risk? (file {file})"),
        ("[execution.paper]\nzzz = 1", "execution.paper.zzz: unknown key; allowed: cancel_latency_ns, "),
        ("[risk]\ntrades_max = 1\ntrades_max = 2", "{file}: risk.trades_max is given twice (line 3)"),
        ('[risk]\ntrades_max = "many"', "risk.trades_max: 'many' is not allowed; must be a whole number"),
        ("[risk]\ntrades_max = -5", "risk.trades_max: -5 is not allowed; must be at least 1 (file {file})"),
        ("[risk]\nprice_collar = -0.1", "risk.price_collar: -0.1 is not allowed; must be more than 0"),
        ("risk = 5", "risk: 5 is not allowed; must be a table"),
        ("version = 2", "version: 2 is not allowed; allowed: 1 (file {file})"),
        ("[risk]\nshort_allowed = 'maybe'", "risk.short_allowed: 'maybe' is not allowed; allowed: never, "),
        ("[risk]\norder_quantity_max = 2\nposition_quantity_max = 1",
         "risk: order_quantity_max (2) must not be above position_quantity_max (1)"),
        ("[run]\ncapital = '0 USDT'", "run.capital: '0 USDT' is not an amount"),
        ("[run]\nstrategies = []", "run.strategies: [] is not allowed: "),
        ("[ingest]\nduration = '2 weeks'", "ingest.duration: no duration is written '2 weeks'"),
        ("= 1", "{file}: not TOML: "),
    ],
)  # fmt: skip
def test_a_wrong_file_gives_one_line_with_path_origin_and_what_is_allowed(
    tmp_path: Path, text: str, said: str
) -> None:
    file = config(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(ConfigOptions(file=file), {})
    assert str(caught.value).startswith(said.format(file=file))
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 78


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (("risk",), "--set risk: write path=value"),
        (("risk..x=1",), "--set risk..x=1: write path=value"),
        (("ingest.sources=[1",), "[1: not a TOML value"),
        (
            ("risk.trades_max=x",),
            "risk.trades_max: 'x' is not allowed; must be a whole number (--set risk.trades_max)",
        ),
    ],
)
def test_a_wrong_setting_gives_one_line(settings: tuple[str, ...], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(ConfigOptions(settings=settings), {})
    assert str(caught.value).startswith(said)


def test_a_wrong_environment_variable_is_named() -> None:
    with pytest.raises(ConfigError, match=r"\(environment PENSTOCK__RISK__TRADES_MAX\)"):
        load(ConfigOptions(), {"PENSTOCK__RISK__TRADES_MAX": "none"})
    with pytest.raises(ConfigError, match="PENSTOCK____X: not a path"):
        from_environment({"PENSTOCK____X": "1"})


def test_an_unknown_profile_or_file_gives_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--profile opne: there is no such profile; did you mean open\?"):
        load(ConfigOptions(profile="opne"), {})
    with pytest.raises(ConfigError, match=r"absent\.toml: No such file or directory"):
        load(ConfigOptions(file=tmp_path / "absent.toml"), {})


@pytest.mark.parametrize(
    ("text", "value"),
    [("a=1", "1"), ("a=[1, 2]", [1, 2]), ("a=x=y", "x=y"), ('a="[1"', "[1"), ("a={b = 1}", {"b": 1})],
)
def test_a_setting_is_text_unless_it_is_written_as_a_list_table_or_string(text: str, value: Any) -> None:
    assert from_settings([text])[0].values == {"a": value}


def test_secrets_are_never_written() -> None:
    document = {
        "api": {"token": "abc", "token_file": "/x", "port": 1},
        "venues": [{"api_key": "k", "secret": ""}],
    }
    text = dump(document)
    assert "abc" not in text
    assert '"k"' not in text
    assert '"/x"' in text
