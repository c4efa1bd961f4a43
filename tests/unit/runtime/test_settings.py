"""What a service is told at its start: addresses may come from files, and hold secrets."""

from __future__ import annotations

from pathlib import Path

import pytest
from penstock_runtime.errors import BadConfiguration
from penstock_runtime.settings import load


def test_the_address_of_the_log_may_come_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "nats.url"
    file.write_text("nats://risk:secret@nats:4222\n")
    monkeypatch.setenv("PENSTOCK_CONFIG", "config.json")
    monkeypatch.setenv("PENSTOCK_NATS_URL_FILE", str(file))
    assert load().nats_url == "nats://risk:secret@nats:4222"
    monkeypatch.setenv("PENSTOCK_NATS_URL", "nats://elsewhere:4222")
    assert load().nats_url == "nats://elsewhere:4222"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_CONFIG", "config.json")
    monkeypatch.setenv("PENSTOCK_NATS_URL_FILE", str(tmp_path / "absent"))
    with pytest.raises(BadConfiguration, match=r"PENSTOCK_NATS_URL_FILE: .*absent: No such file"):
        load()


def test_without_an_address_the_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_CONFIG", "config.json")
    monkeypatch.delenv("PENSTOCK_NATS_URL", raising=False)
    with pytest.raises(BadConfiguration, match="PENSTOCK_NATS_URL"):
        load()
