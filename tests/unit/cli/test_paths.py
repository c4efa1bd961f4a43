"""One session at a time on a data directory, found by others through it."""

import stat
from pathlib import Path

import pytest
from penstock.errors import CommandError, DirectoryInUse
from penstock.launch.paths import DataDir, Running, SessionRecord

RUNNING = Running(session_id="s-1", pid=7, started_at=1, partition=0, nats_url="nats://secret@127.0.0.1:1")


def record(session_id: str = "s-1", status: str = "running") -> SessionRecord:
    return SessionRecord(
        session_id=session_id, created_at=1, config_hash="h", source="x", strategies=("a",), out=Path("out"),
        status=status,
    )  # fmt: skip


def test_a_second_session_is_refused_and_told_who_runs(tmp_path: Path) -> None:
    place = DataDir.at(tmp_path)
    with place.exclusively():
        place.announce(RUNNING)
        with pytest.raises(DirectoryInUse, match=r"session s-1 \(process 7\) is running here") as caught:
            place.exclusively().__enter__()
        assert caught.value.exit_code == 73
    with place.exclusively():
        pass


def test_a_running_session_is_found_while_it_holds_the_directory_and_not_after(tmp_path: Path) -> None:
    place = DataDir.at(tmp_path)
    assert place.running() is None
    with place.exclusively():
        assert place.running() is None
        place.announce(RUNNING)
        assert place.running() == RUNNING
    assert place.running() is None


def test_a_file_left_by_a_killed_launcher_is_not_believed(tmp_path: Path) -> None:
    place = DataDir.at(tmp_path)
    place.announce(RUNNING)
    assert place.running() is None


def test_what_reaches_the_servers_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    DataDir.at(tmp_path).announce(RUNNING)
    assert stat.S_IMODE((tmp_path / "running.json").stat().st_mode) == 0o600


def test_sessions_are_listed_by_age_and_read_back(tmp_path: Path) -> None:
    place = DataDir.at(tmp_path)
    for session_id in ("20260102-000000-aaaa", "20260101-000000-bbbb"):
        folder = place.session(session_id)
        folder.path.mkdir(parents=True)
        folder.write(record(session_id, "ended"))
    assert [each.session_id for each in place.sessions()] == ["20260101-000000-bbbb", "20260102-000000-aaaa"]
    last = place.last_session()
    assert last is not None
    assert last.read() == record("20260102-000000-aaaa", "ended")


def test_a_broken_record_is_named(tmp_path: Path) -> None:
    folder = DataDir.at(tmp_path).session("s-1")
    folder.path.mkdir(parents=True)
    (folder.path / "session.json").write_text("{}")
    with pytest.raises(CommandError, match=r"session\.json: cannot be read"):
        folder.read()
