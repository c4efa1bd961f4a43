from pathlib import Path

import pytest
from penstock.main import run
from penstock_api.access.tokens import TokenFile


def test_a_token_is_printed_once_and_listed_without_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["--data-dir", str(tmp_path)]
    assert run(["token", "list", *place]) == 0
    assert "asks nobody" in capsys.readouterr().out
    assert run(["token", "add", "desk", "--role", "operator", "--days", "30", *place]) == 0
    token = capsys.readouterr().out.strip()
    assert TokenFile(tmp_path / "tokens.json").find(token, 1) is not None
    assert run(["token", "list", "--json", *place]) == 0
    listed = capsys.readouterr().out
    assert '"operator"' in listed
    assert token not in listed
    assert "hash" not in listed
    assert run(["token", "revoke", "desk", *place]) == 0
    assert run(["token", "list", *place]) == 0
    assert "nobody gets into the API" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["add", "a b", "--role", "viewer"], 1, "is no name"),
        (["add", "desk", "--role", "king"], 78, "king"),
        (["revoke", "nobody"], 1, "there is no token nobody"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
) -> None:
    assert run(["token", *arguments, "--data-dir", str(tmp_path)]) == code
    assert said in capsys.readouterr().err


def test_a_name_is_taken_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    add = ["token", "add", "desk", "--role", "viewer", "--data-dir", str(tmp_path)]
    assert run(add) == 0
    assert run(add) == 1
    assert "revoke it first" in capsys.readouterr().err
