"""What old sessions left goes, and nothing else."""

import os
from pathlib import Path

import pytest
from penstock.launch.cleaning import Rules, remove, size_of, survey, to_remove
from penstock.launch.paths import DataDir, Running, SessionRecord
from penstock.main import run

DAY = 86_400 * 10**9
NOW = 100 * DAY


def session(place: DataDir, day: int, status: str = "ended", kilobytes: int = 100) -> str:
    name = f"2026-{day:03d}"
    folder = place.session(name)
    (folder.path / "logs").mkdir(parents=True)
    (folder.path / "logs" / "risk.jsonl").write_bytes(os.urandom(kilobytes * 1000))
    folder.write(
        SessionRecord(
            session_id=name,
            created_at=day * DAY,
            config_hash="",
            source="synthetic",
            strategies=(),
            out=place.path / "out",
            status=status,
        )
    )
    return name


@pytest.fixture
def place(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path / "data")


def chosen(place: DataDir, rules: Rules) -> list[str]:
    return [each.record.session_id for each in to_remove(survey(place), rules, NOW)]


def test_old_sessions_that_ended_go_and_those_that_could_go_on_stay(place: DataDir) -> None:
    names = [
        session(place, 10),
        session(place, 20, "stopped"),
        session(place, 30, "failed"),
        session(place, 95),
    ]
    assert chosen(place, Rules(older_than_ns=30 * DAY)) == [names[0]]
    assert chosen(place, Rules(older_than_ns=30 * DAY, unfinished=True)) == names[:3]
    assert chosen(place, Rules(older_than_ns=90 * DAY)) == []
    assert chosen(place, Rules()) == [names[0], names[3]]
    assert chosen(place, Rules(keep=1)) == [names[0]]


def test_the_oldest_go_until_all_take_no_more_than_allowed(place: DataDir) -> None:
    names = [session(place, day) for day in (1, 2, 3, 4)]
    assert chosen(place, Rules(size_max=250_000)) == names[:2]
    assert chosen(place, Rules(size_max=250_000, keep=3)) == names[:1]
    assert chosen(place, Rules(size_max=10**9)) == []


def test_the_session_that_runs_is_never_touched(place: DataDir) -> None:
    names = [session(place, 1, "running"), session(place, 2, "running")]
    with place.exclusively():
        place.announce(Running(session_id=names[0], pid=1, started_at=0, partition=0, nats_url=""))
        assert chosen(place, Rules(unfinished=True)) == names[1:]
        remove(place, survey(place))
        assert [each.session_id for each in place.sessions()] == names[:1]
    # One that began between the look and the removal.
    left = survey(place)
    with place.exclusively():
        place.announce(Running(session_id=names[0], pid=1, started_at=0, partition=0, nats_url=""))
        remove(place, left)
    assert [each.session_id for each in place.sessions()] == names[:1]


def test_the_command_lists_first_and_removes_when_told(
    place: DataDir, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = session(place, 1), session(place, 2)
    report = place.path / "out" / first / "final_report.json"
    report.parent.mkdir(parents=True)
    report.write_text("{}")
    arguments = ["sessions", "clean", "--older-than", "30d", "--data-dir", str(place.path)]
    assert run(arguments) == 0
    said = capsys.readouterr().out
    assert first in said
    assert "would remove 1 of 2 sessions, 0.1 MB; --yes removes them" in said
    assert len(place.sessions()) == 2
    assert run([*arguments, "--yes"]) == 0
    assert "removed 1 of 2 sessions" in capsys.readouterr().out
    assert [each.session_id for each in place.sessions()] == [second]
    assert not (place.path / "removed").exists()
    assert report.exists()
    assert run([*arguments, "--yes"]) == 0
    assert "would remove 0 of 1 sessions" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("option", "said"), [(("--older-than", "2 weeks"), "--older-than: "), (("--size", "big"), "--size big: ")]
)
def test_a_wrong_age_or_size_is_told(
    place: DataDir, option: tuple[str, str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["sessions", "clean", *option, "--data-dir", str(place.path)]) == 78
    assert said in capsys.readouterr().err


def test_a_size_counts_what_is_on_the_disk(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(os.urandom(100_000))
    with (tmp_path / "sparse").open("wb") as sparse:
        sparse.truncate(10**9)
    assert 100_000 <= size_of(tmp_path) < 10**6
