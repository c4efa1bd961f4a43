"""Processes that die are started again, unless they say that it would be wrong, or die too often."""

import asyncio
import dataclasses
import os
import signal
import sys
from pathlib import Path

import pytest
from penstock.launch import supervisor
from penstock.launch.advice import advice
from penstock.launch.paths import SessionFolder
from penstock.launch.supervisor import Ended, Service, ServiceSpec, Supervisor
from penstock.launch.watch import last_words, restart_text


def spec(tmp_path: Path, code: str) -> ServiceSpec:
    """A service that runs Python code; each start appends a line to the file `starts`."""
    script = f"open('starts', 'a').write('x\\n')\n{code}"
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    command = (sys.executable, "-c", f"import os; os.chdir({str(tmp_path)!r})\n{script}")
    return ServiceSpec("worker", command, environment, tmp_path / "worker.out")


def starts(tmp_path: Path) -> int:
    file = tmp_path / "starts"
    return len(file.read_text().splitlines()) if file.exists() else 0


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "BACKOFF_FIRST_S", 0.001)


async def until(condition: object) -> None:
    async with asyncio.timeout(120):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.01)


async def test_a_service_killed_by_a_signal_is_started_again(tmp_path: Path) -> None:
    restarted: list[tuple[str, int]] = []
    service = Service(spec(tmp_path, "import time; time.sleep(60)"), lambda *how: restarted.append(how))
    await service.start()
    await until(lambda: starts(tmp_path) == 1)
    assert service.pid is not None
    os.kill(service.pid, signal.SIGKILL)
    await until(lambda: starts(tmp_path) == 2)
    assert restarted == [("worker", -signal.SIGKILL)]
    await service.stop()
    assert service.pid is None


@pytest.mark.parametrize("code", [0, 70, 71, 78])
async def test_a_service_that_must_not_restart_is_not(tmp_path: Path, code: int) -> None:
    service = Service(spec(tmp_path, f"raise SystemExit({code})"), lambda *_: None)
    await service.start()
    assert await service.wait() == Ended("worker", code)
    assert starts(tmp_path) == 1


async def test_repeated_quick_deaths_end_it_loudly(tmp_path: Path) -> None:
    service = Service(spec(tmp_path, "raise SystemExit(3)"), lambda *_: None)
    await service.start()
    assert await service.wait() == Ended("worker", 3, gave_up=True)
    assert starts(tmp_path) == supervisor.QUICK_FAILURES_MAX


async def test_a_service_that_ignores_the_wish_to_stop_is_killed(tmp_path: Path) -> None:
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    service = Service(spec(tmp_path, stubborn), lambda *_: None)
    await service.start()
    await until(lambda: starts(tmp_path) == 1)
    await service.stop(timeout_s=0.5)
    assert service.ended is not None
    assert service.pid is None


async def test_a_service_that_was_started_later_is_watched_as_well(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    early = dataclasses.replace(spec(tmp_path / "a", "import time; time.sleep(60)"), name="early")
    late = dataclasses.replace(spec(tmp_path / "b", "raise SystemExit(78)"), name="late")
    both = Supervisor(lambda *_: None)
    await both.start([early])
    watching = asyncio.create_task(both.first_end())
    await until(lambda: starts(tmp_path / "a") == 1)
    await both.start([late])
    async with asyncio.timeout(120):
        assert await watching == Ended("late", 78)
    await both.stop()


async def test_the_first_service_that_ends_with_an_error_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    fine = spec(tmp_path / "a", "")
    bad = spec(tmp_path / "b", "import time; time.sleep(0.3); raise SystemExit(70)")
    both = Supervisor(lambda *_: None)
    await both.start([fine, ServiceSpec("bad", bad.command, bad.environment, bad.output)])
    assert await both.first_end() == Ended("bad", 70)
    await both.stop()


async def test_services_die_with_the_launcher(tmp_path: Path) -> None:
    launcher = f"""
import asyncio, sys
from pathlib import Path
from penstock.launch.supervisor import Service, ServiceSpec
async def main():
    command = (sys.executable, "-c", "import time; time.sleep(60)")
    service = Service(ServiceSpec("w", command, {{}}, Path({str(tmp_path / "w.out")!r})), lambda *_: None)
    await service.start()
    print(service.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", launcher, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    pid = int(await process.stdout.readline())
    process.kill()
    await process.wait()
    await until(
        lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split()[2]
    )


@pytest.mark.parametrize(("over", "expected"), [(False, 2), (True, 1)])
async def test_a_service_that_drained_by_itself_is_started_again_unless_the_session_is_over(
    tmp_path: Path, over: bool, expected: int
) -> None:
    async def is_over() -> bool:
        return over

    first = "import time; time.sleep(60 * (len(open('starts').readlines()) > 1))"
    made = dataclasses.replace(spec(tmp_path, first), over=is_over)
    service = Service(made, lambda *_: None)
    await service.start()
    await until(lambda: starts(tmp_path) == expected)
    await until(lambda: (service.ended is not None) is over)
    await service.stop()


async def test_a_service_that_trading_does_not_need_is_never_given_up(tmp_path: Path) -> None:
    made = dataclasses.replace(spec(tmp_path, "raise SystemExit(3)"), failures_max=None)
    service = Service(made, lambda *_: None)
    await service.start()
    await until(lambda: starts(tmp_path) > supervisor.QUICK_FAILURES_MAX + 1)
    assert service.ended is None
    await service.stop()


def test_what_to_do_is_told_by_the_last_error_and_else_by_the_exit_code(tmp_path: Path) -> None:
    file = tmp_path / "risk.jsonl"
    assert "killed from outside" in advice(file, -9)
    file.write_text('{"event": "stopped", "kind": "UnreadableHalt", "error": "…"}\n')
    assert "`penstock dlq list`" in advice(file, 70)
    file.write_text('{"event": "live"}\n')
    assert "`penstock up` goes on" in advice(file, 70)


def test_a_restart_says_how_the_service_ended() -> None:
    assert restart_text("risk", -9) == "risk ended by SIGKILL and is started again"
    assert restart_text("risk", 0) == "risk was asked to end, drained, and is started again"
    assert restart_text("risk", 75) == "risk ended with exit code 75 and is started again"


@pytest.mark.parametrize(
    ("code", "outcry", "said"),
    [
        (-9, "", "ended by SIGKILL, without a word"),
        (-9, "Traceback\nValueError: of an earlier death\n", "ended by SIGKILL, without a word"),
        (1, "Traceback\nValueError: 17\n", "ValueError: 17"),
        (70, "", "a hole in ven"),
    ],
)
def test_last_words_are_a_complaint_and_never_what_was_only_reported(
    tmp_path: Path, code: int, outcry: str, said: str
) -> None:
    folder = SessionFolder(tmp_path)
    folder.logs.mkdir()
    (folder.logs / "risk.jsonl").write_text(
        '{"event": "halted", "error": "a hole in ven", "level": "error"}\n'
        '{"event": "order_approved", "level": "info"}\n'
    )
    if outcry:
        (folder.logs / "risk.out").write_text(outcry)
    assert last_words(folder, Ended("risk", code, gave_up=True)) == said


def test_a_service_that_only_reported_said_nothing(tmp_path: Path) -> None:
    folder = SessionFolder(tmp_path)
    folder.logs.mkdir()
    (folder.logs / "risk.jsonl").write_text('{"event": "order_approved", "level": "info"}\n')
    assert last_words(folder, Ended("risk", 1, gave_up=True)) == "it said nothing"
