"""A session as a user runs it, `penstock paper` in processes of its own, watched from outside."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from penstock.launch.paths import DataDir, Running
from penstock_runtime.health import health_subject, progress_subject
from penstock_runtime.log import Log

SAMPLE_INTERVAL_S = 5.0
_MEGABYTE = 1e6


@dataclass(slots=True)
class Watched:
    """What was seen of a session."""

    folder: Path
    """Its data directory is `data`, its reports are in `out`."""
    started_s: float = 0.0
    """Wall time at which the command was given."""
    report: dict[str, Any] = field(default_factory=dict)
    """`final_report.json`."""
    recorded: list[tuple[float, int]] = field(default_factory=list)
    """Wall time and the last mark that the recorder said it has committed."""
    cpu_s: dict[str, float] = field(default_factory=dict)
    """CPU time of each service, as it last said."""
    rss_mb: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """Per process, by service or program: minutes since the start and resident megabytes."""

    @property
    def session_id(self) -> str:
        """The session's id."""
        return str(self.report["session_id"])


class SessionFailed(RuntimeError):
    """`penstock paper` did not end as it should; nothing was measured."""


def run(
    arguments: Sequence[str],
    folder: Path,
    *,
    sample_memory: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Watched:
    """Run a session to its end, with more variables in its environment. SessionFailed when it fails or counts
    errors.
    """
    return asyncio.run(_run(arguments, folder, sample_memory, {**os.environ, **(environment or {})}))


async def _run(
    arguments: Sequence[str], folder: Path, sample_memory: bool, environment: Mapping[str, str]
) -> Watched:
    folder.mkdir(parents=True)
    watched = Watched(folder, started_s=time.time())
    command = [
        sys.executable, "-m", "penstock", "paper", *arguments,
        "--data-dir", str(folder / "data"), "--out", str(folder / "out"),
    ]  # fmt: skip
    with (folder / "terminal.txt").open("wb") as terminal:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=terminal, stderr=subprocess.STDOUT, env=environment
        )
        watching = asyncio.create_task(_watch(watched, process, sample_memory))
        code = await process.wait()
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    if code:
        raise SessionFailed(f"{' '.join(command)}: exit code {code}\n{_tail(folder / 'terminal.txt')}")
    (file,) = (folder / "out").glob("*/final_report.json")
    watched.report = json.loads(file.read_text(encoding="utf-8"))
    if watched.report["errors"]:
        raise SessionFailed(f"{folder}: the session counted {watched.report['errors']} errors")
    return watched


async def _watch(watched: Watched, process: asyncio.subprocess.Process, sample_memory: bool) -> None:
    where = await running(DataDir.at(watched.folder / "data"))
    log = await Log.connect(where.nats_url, partition=where.partition, name="bench")

    async def progress(_subject: str, data: bytes) -> None:
        watched.recorded.append((time.time(), int(json.loads(data)["mark"])))

    async def health(_subject: str, data: bytes) -> None:
        report = json.loads(data)
        watched.cpu_s[report["service"]] = report["cpu_s"]

    await log.subscribe_core(progress_subject(where.partition), progress)
    await log.subscribe_core(health_subject(where.partition, "*"), health)
    try:
        while True:
            if sample_memory:
                _sample(watched, process.pid)
            await asyncio.sleep(SAMPLE_INTERVAL_S)
    finally:
        await log.close()


async def running(data_dir: DataDir) -> Running:
    """Wait until a session runs in a data directory; says where its servers are."""
    while (found := data_dir.running()) is None:  # noqa: ASYNC110  (another process writes the file)
        await asyncio.sleep(0.1)
    return found


def _sample(watched: Watched, pid: int) -> None:
    minutes = (time.time() - watched.started_s) / 60
    totals: dict[str, float] = {}
    for each in psutil.Process(pid).children(recursive=True):
        try:
            name, memory = process_name(each.cmdline()), _resident(each)
        except psutil.Error:
            continue  # it has just ended
        totals[name] = totals.get(name, 0.0) + memory
    for name, megabytes in totals.items():
        watched.rss_mb.setdefault(name, []).append((minutes, megabytes))


def _resident(process: psutil.Process) -> float:
    """Megabytes; of PostgreSQL's processes, which share their buffers, the proportional share."""
    if "postgres" in process.name():
        return float(process.memory_full_info().pss) / _MEGABYTE
    return float(process.memory_info().rss) / _MEGABYTE


def process_name(command: Sequence[str]) -> str:
    """What a process of a session is called: its module, or its program."""
    if "-m" in command:
        return command[command.index("-m") + 1].removeprefix("penstock_").removeprefix("penstock.")
    program = Path(command[0]).name if command else "?"
    return "postgres" if program.startswith("postgres") else program


def _tail(file: Path) -> str:
    return "\n".join(file.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
