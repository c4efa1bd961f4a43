"""What Penstock ships to begin with: profiles, templates, the example environment, the reference."""

import re
import subprocess
from pathlib import Path

import pytest
from penstock.config.layers import from_environment
from penstock.config.load import ConfigOptions, entries, load, profiles, template_text, templates
from penstock.config.reference import MARKER, main, markdown, written
from penstock.errors import ConfigError
from penstock_contracts.venue import Fill
from penstock_strategy.builtin import BUILTIN
from support.cli import resolved, run_chained

ROOT = Path(__file__).parents[3]
LIMITS = (
    "order_notional_fraction_max",
    "position_notional_fraction_max",
    "instrument_exposure_fraction_max",
    "gross_exposure_fraction_max",
    "net_exposure_fraction_max",
    "strategy_exposure_fraction_max",
    "leverage_max",
    "price_collar",
    "orders_per_second_max",
    "orders_per_minute_max",
    "daily_loss_fraction_max",
    "drawdown_fraction_max",
    "consecutive_losses_max",
    "trades_max",
)


def test_each_profile_allows_more_than_the_one_before_it_in_every_limit() -> None:
    order = ("conservative", "moderate", "aggressive", "open")
    assert sorted(order) == profiles()
    allowed = [load(ConfigOptions(profile=name), {}).root.risk for name in order]
    for name in LIMITS:
        values = [getattr(risk, name) for risk in allowed]
        assert values == sorted(set(values)), name


def test_every_built_in_strategy_has_a_template_that_spells_out_its_parameters() -> None:
    assert templates() == sorted(BUILTIN)
    for name in templates():
        (choice,) = load(ConfigOptions(file=Path(f"template:{name}")), {}).root.run.strategies
        assert choice.source == name
        assert set(choice.parameters) == set(BUILTIN[name].parameters_type.model_fields)


@pytest.mark.parametrize("name", sorted(BUILTIN))
def test_a_template_trades_as_it_is(name: str) -> None:
    file = Path(f"template:{name}")
    chosen = resolved("synthetic:1", "ingest.duration=2m", profile="conservative", file=file)
    run = run_chained(chosen)
    fills = [message for _, message in run.messages if isinstance(message, Fill)]
    assert len(fills) >= 2
    assert {fill.strategy for fill in fills} == {name}


def test_a_template_says_how_it_is_run_and_where_its_values_come_from() -> None:
    for name in templates():
        assert f"penstock paper --config template:{name} " in template_text(name)
    loaded = load(ConfigOptions(file=Path("template:pairs")), {})
    origins = {each.path: each.origin for each in entries(loaded)}
    assert origins["run.bar_interval"] == "template pairs"


def test_an_unknown_template_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"template pirs: there is no such template; did you mean pairs\?"):
        load(ConfigOptions(file=Path("template:pirs")), {})


def test_every_variable_of_the_example_environment_is_a_setting_and_a_shell_can_read_it(
    tmp_path: Path,
) -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    file = tmp_path / ".env"
    file.write_text(re.sub(r"^# (PENSTOCK_\w+=)", r"\1", text, flags=re.MULTILINE), encoding="utf-8")
    said = subprocess.check_output(
        ["/bin/sh", "-ec", "set -a; . ./.env; env"], cwd=tmp_path, text=True, env={}
    )
    variables = dict(line.split("=", 1) for line in said.splitlines() if line.startswith("PENSTOCK"))
    assert variables.pop("PENSTOCK_DATA_DIR") == ".penstock"
    assert len(from_environment(variables)) == len(variables) > 10
    loaded = load(ConfigOptions(), variables).root
    assert loaded.risk == load(ConfigOptions(), {}).root.risk
    assert (loaded.run.capital, loaded.run.strategies[0].source) == ("100000 USDT", "ma_cross")


def test_the_reference_in_the_docs_is_that_of_the_settings(tmp_path: Path) -> None:
    # When this fails: python -m penstock.config.reference docs/configuration.md
    file = ROOT / "docs" / "configuration.md"
    assert main([str(file), "--check"]) == 0
    stale = tmp_path / "stale.md"
    stale.write_text(f"Words.\n{MARKER}\nold\n", encoding="utf-8")
    assert main([str(stale), "--check"]) == 1
    assert main([str(stale)]) == 0
    assert stale.read_text(encoding="utf-8").startswith(f"Words.\n{MARKER}\n\n### The file itself")
    with pytest.raises(ValueError, match="has no line"):
        written("nothing")


def test_every_setting_is_in_the_reference_and_has_a_description() -> None:
    text = markdown()
    for each in entries(load(ConfigOptions(), {})):
        table, _, name = each.path.rpartition(".")
        if f"### {each.path}" not in text and f"`{name}`" not in text:
            assert f"`{table.rpartition('.')[2]}` | table of" in text, each.path
    bare = [line for line in text.splitlines() if line.startswith("| `") and line.endswith("|  |")]
    assert bare == []
