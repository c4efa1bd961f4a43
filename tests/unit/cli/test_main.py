"""The command line itself: help for everything, one line for what is wrong."""

import json
from pathlib import Path

import pytest
from penstock import __version__
from penstock.commands.updown import _arguments
from penstock.main import app, run, with_resume_value

COMMANDS = [
    "paper", "up", "down", "status", "logs", "restart", "halt", "resume", "flatten", "doctor", "validate",
    "reduce", "close", "cancel", "limits", "explain", "archive", "restore", "trace", "verify", "sql",
    "check-strategy", "backtest", "check-lookahead", "gate", "sweep", "walk-forward",
]  # fmt: skip


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.strip() == f"penstock {__version__}"


@pytest.mark.parametrize(
    "command",
    [
        *([each] for each in COMMANDS),
        ["config", "show"],
        ["sessions", "list"],
        ["new", "strategy"],
        ["strategy", "off"],
        ["order", "buy"],
        ["alerts", "test"],
        ["sessions", "clean"],
    ],
)
def test_every_command_has_help(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command, "--help"]) == 0
    assert "Usage:" in capsys.readouterr().out


def test_no_command_is_untested() -> None:
    assert sorted(COMMANDS) == sorted(
        each.name or str(each.callback.__name__) for each in app.registered_commands if each.callback
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["papre"], "No such command"),
        (["paper", "--speed"], "--speed"),
        (["paper", "--api-port", "x"], "--api-port"),
        (["config", "show", "--columns", "ts"], "--columns ts: 'ts' is not name=column"),
        (["config", "show", "--profile", "x"], "--profile x: there is no such profile"),
    ],
)
def test_a_wrong_command_line_gives_one_line_and_78(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 78
    complained = capsys.readouterr().err
    assert said in complained
    assert complained.startswith("error: ")
    assert len(complained.strip().splitlines()) == 1


def test_config_show_tells_origins_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "show", "--json", "--speed", "60x"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["ingest.speed"] == {"value": "60x", "origin": "flag --speed"}
    assert document["recorder.batch_interval_ms"]["origin"] == "default"


def test_resume_stands_alone_or_with_a_session() -> None:
    assert with_resume_value(["paper", "--resume"]) == ["paper", "--resume", "last"]
    assert with_resume_value(["paper", "--resume", "--fused"]) == ["paper", "--resume", "last", "--fused"]
    assert with_resume_value(["paper", "--resume", "s-1"]) == ["paper", "--resume", "s-1"]


@pytest.mark.parametrize("resume", [["--resume"], ["--resume", "s-9"]])
def test_a_session_that_is_not_there_cannot_be_resumed(
    resume: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["paper", "--data-dir", str(tmp_path), *resume]) == 78
    assert "--resume: there is no session" in capsys.readouterr().err


def test_a_resumed_session_keeps_its_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["paper", "--data-dir", str(tmp_path), "--resume", "--speed", "max"]) == 78
    assert "--speed: a resumed session keeps its configuration" in capsys.readouterr().err


def test_up_runs_paper_with_the_same_flags_in_the_background() -> None:
    assert _arguments(["up", "--fresh", "--speed", "max"], None) == ["paper", "--speed", "max", "--detached"]
    assert _arguments(["up"], "s-1") == ["paper", "--detached", "--resume", "s-1"]


def test_validate_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["validate", str(tmp_path)]) == 1
    assert "final_report.json: No such file or directory" in capsys.readouterr().err


def test_doctor_finds_this_environment_in_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--json", "--data-dir", str(tmp_path / "data")]) == 0
    checks = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    assert checks["nats-server"]["ok"]
    assert checks["postgres"]["ok"]
    assert checks["session"]["found"] == "none runs"
