"""`recording:SESSION`: an earlier session's market data, traded again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from e2e.conftest import User


def reports(user: User) -> list[dict[str, Any]]:
    files = sorted((user.folder / "out").glob("*/final_report.json"))
    return [json.loads(file.read_text()) for file in files]


@pytest.mark.parametrize("flags", [(), ("--fused",)])
def test_a_session_traded_again_gives_the_same_fills(user: User, flags: tuple[str, ...]) -> None:
    first = user.run("paper", "--source", "synthetic:3", "--duration", "40s", "--speed", "max", "--fused")
    assert first.returncode == 0, first.stderr
    session = user.record()["session_id"]
    again = user.run("paper", "--source", f"recording:{session}", "--speed", "max", *flags)
    assert again.returncode == 0, again.stderr
    before, after = reports(user)
    assert before["fills"] > 0
    assert after["fills_hash"] == before["fills_hash"]


def test_a_session_that_is_not_there_is_said(user: User) -> None:
    refused = user.run("paper", "--source", "recording:none", "--speed", "max")
    assert refused.returncode == 78
    assert "has no session none" in refused.stderr
