"""A session whose api would be open to others is refused before anything starts."""

from pathlib import Path

import pytest
from penstock.config.load import ConfigOptions
from penstock.launch.paths import DataDir
from penstock.launch.prepare import Place, new_plan
from penstock.main import run
from penstock_api.access.roles import Role
from penstock_api.access.tokens import TokenFile


@pytest.mark.parametrize("verb", ["paper", "up"])
def test_a_public_address_without_tokens_is_an_error_of_the_configuration(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["--data-dir", str(tmp_path / "d"), "--out", str(tmp_path / "o")]
    assert run([verb, "--source", "synthetic", "--set", "api.host=0.0.0.0", *place]) == 78
    said = capsys.readouterr().err
    assert "api.host: 0.0.0.0 is open to others" in said
    assert "penstock token add NAME" in said
    assert not (tmp_path / "d").exists()


def test_with_a_token_it_is_planned(tmp_path: Path) -> None:
    TokenFile(tmp_path / "tokens.json").add("desk", Role.VIEWER)
    options = ConfigOptions(settings=("api.host=0.0.0.0", 'ingest.sources=["synthetic"]'))
    plan = new_plan(options, Place(DataDir.at(tmp_path), tmp_path / "o"), {})
    assert plan.document["api"]["host"] == "0.0.0.0"
