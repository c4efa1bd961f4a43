"""The parts of a session in containers: credentials, and what the warden makes of silence."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from pathlib import Path

import pytest
from penstock.config.load import ConfigOptions
from penstock.errors import CommandError, ConfigError
from penstock.launch.notes import Notes
from penstock.launch.paths import DataDir
from penstock.launch.prepare import Place
from penstock.stack.credentials import Addresses, make
from penstock.stack.init import first_token, plan_of
from penstock.stack.silence import DOWN_S, Silence
from penstock_runtime.board import Board, Report
from penstock_runtime.log.permissions import USERS

ADDRESSES = Addresses()


def secrets_in(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): file.read_text()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def test_credentials_are_made_once_and_kept(tmp_path: Path) -> None:
    assert make(tmp_path, ADDRESSES, partition=0, sync="interval")
    before = secrets_in(tmp_path)
    assert not make(tmp_path, ADDRESSES, partition=0, sync="interval")
    assert secrets_in(tmp_path) == before
    passwords = {before[f"{user}/nats.url"] for user in USERS}
    assert len(passwords) == len(USERS)


def test_only_their_owner_can_read_them(tmp_path: Path) -> None:
    make(tmp_path, ADDRESSES, partition=0, sync="interval")
    modes = {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.rglob("*") if file.is_file()}
    assert modes == {0o600}


def test_renewed_the_passwords_of_the_log_change_and_those_of_the_database_stay(tmp_path: Path) -> None:
    make(tmp_path, ADDRESSES, partition=0, sync="interval")
    before = secrets_in(tmp_path)
    assert make(tmp_path, ADDRESSES, partition=0, sync="interval", renew=True)
    after = secrets_in(tmp_path)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"nats/nats.conf", *(f"{user}/nats.url" for user in USERS)}


def test_who_only_reads_the_database_does_not_know_its_owners_password(tmp_path: Path) -> None:
    make(tmp_path, ADDRESSES, partition=0, sync="interval")
    known = secrets_in(tmp_path)
    owner = known["database/password"].strip()
    holders = {name for name, text in known.items() if owner in text}
    assert holders == {
        "database/password", "operator/postgres.url", "recorder/postgres.url", "api/postgres.url",
    }  # fmt: skip


def test_for_a_live_venue_the_log_flushes_before_it_acknowledges(tmp_path: Path) -> None:
    make(tmp_path, ADDRESSES, partition=0, sync="always")
    assert 'sync_interval: "always"' in (tmp_path / "nats" / "nats.conf").read_text()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "nats").write_text("")
    with pytest.raises(CommandError, match=re.escape(str(tmp_path / "nats"))):
        make(tmp_path, ADDRESSES, partition=0, sync="interval")


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


class Watched:
    """A board, a clock, and what the operator was told."""

    def __init__(self, *services: str) -> None:
        self.clock = Clock()
        self.board = Board(clock=self.clock)
        self.said: list[str] = []
        notes = Notes(lambda text, _: self.said.append(text))
        self.silence = Silence(self.board, services, notes)

    def hear(self, service: str, ahead_s: float = 0.0) -> None:
        wall_ns = int((self.silence.wall() + ahead_s) * 1e9)
        self.board.take(Report(service=service, pid=1, ts=wall_ns, state="running"))


def test_risk_that_stays_down_halts_once_and_again_only_after_it_was_heard() -> None:
    watched = Watched("features", "risk")
    for service in ("features", "risk"):
        watched.hear(service)
    watched.clock.now += DOWN_S - 1
    assert list(watched.silence.look()) == []
    assert any(text.startswith("risk is silent") for text in watched.said)
    watched.clock.now += 2
    assert list(watched.silence.look()) == ["risk"]
    assert list(watched.silence.look()) == []
    watched.hear("risk")
    assert list(watched.silence.look()) == []
    assert "risk is heard again" in watched.said
    watched.clock.now += DOWN_S + 1
    assert list(watched.silence.look()) == ["risk"]


def test_a_service_that_was_never_heard_is_waited_for_as_long_as_one_that_fell_silent() -> None:
    watched = Watched("execution")
    assert list(watched.silence.look()) == []
    watched.clock.now += DOWN_S - 1
    assert list(watched.silence.look()) == []
    watched.clock.now += 2
    assert list(watched.silence.look()) == ["execution"]


def test_a_clock_that_is_off_is_told_with_its_service_until_it_is_right() -> None:
    watched = Watched("risk")
    watched.hear("risk", ahead_s=-5.0)
    watched.silence.clocks()
    (said,) = watched.said
    assert said.startswith("the clock of risk is 5 s behind this one")
    watched.hear("risk")
    watched.silence.clocks()
    assert watched.said[-1] == "the clock of risk is right again"


def test_a_stack_s_api_is_open_to_others_because_its_first_token_is_made_before_the_plan(
    tmp_path: Path,
) -> None:
    place = Place(DataDir.at(tmp_path / "data"), tmp_path / "out", detached=True)
    options = ConfigOptions("open", None, (), ("api.host=0.0.0.0",))
    with pytest.raises(ConfigError, match="is open to others"):
        plan_of(place, options, {}, fresh=False)
    said: list[str] = []
    for _ in range(2):  # at each start; made once
        first_token(place.data_dir, tmp_path / "api.token", said.append)
    assert len(said) == 1
    assert stat.S_IMODE((tmp_path / "api.token").stat().st_mode) == 0o600
    assert plan_of(place, options, {}, fresh=False).document["api"]["host"] == "0.0.0.0"
