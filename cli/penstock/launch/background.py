"""A launcher in the background: started, waited for, and its last words when it fails."""

import subprocess
import sys
import time
from pathlib import Path

from penstock_runtime.logs import FILE_BYTES_MAX, put_aside

from penstock.errors import CannotRun, CommandError
from penstock.launch.paths import DataDir, Running

START_TIMEOUT_S = 60.0
POLL_S = 0.1


def launch(data_dir: DataDir, arguments: list[str], *, ready_timeout_s: float = START_TIMEOUT_S) -> Running:
    """Start `penstock` with these arguments; returns how to reach its session once that is up.

    CommandError with what the launcher said and its exit code when it ends before. A session that is so short
    that it is over by then counts as one that ran: see `SessionRecord`.
    """
    data_dir.path.mkdir(parents=True, exist_ok=True)
    log = data_dir.path / "launcher.log"
    if log.exists() and log.stat().st_size > FILE_BYTES_MAX:
        put_aside(log)
    with log.open("ab") as output:
        begin = log.stat().st_size
        process = subprocess.Popen(
            [sys.executable, "-m", "penstock", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = time.monotonic() + ready_timeout_s
    running: Running | None = None
    while time.monotonic() < deadline:
        code = process.poll()
        if code == 0 and running is not None:
            return running
        if code is not None:
            raise _failed(log, begin, code)
        found = data_dir.running()
        if found is not None and found.pid == process.pid:
            running = found
            if running.postgres_url:
                return running
        time.sleep(POLL_S)
    raise CannotRun(f"the session was not up within {ready_timeout_s:.0f} s; see {log}")


def _failed(log: Path, begin: int, code: int) -> CommandError:
    with log.open("rb") as opened:
        opened.seek(begin)
        lines = opened.read().decode(errors="replace").strip().splitlines()
    at = next((at for at, line in enumerate(lines) if line.startswith("error:")), len(lines) - 1)
    said = lines[at].removeprefix("error: ") if lines else f"ended with exit code {code}"
    error = CommandError(said, hint="\n".join(lines[at + 1 :]))
    error.exit_code = code
    return error
