import asyncio
import json
import os
import random
import signal
import sys
from pathlib import Path

import pytest
from penstock_runtime.store.migrate import migrate
from support.messages import START, trades
from support.store import SESSION, database, record, rows, session_log


class Process:
    """A service as a process of its own."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self.child = child

    @staticmethod
    async def start(
        module: str, folder: Path, nats_url: str, postgres_url: str, **sections: object
    ) -> "Process":
        document = {
            "session": {
                "session_id": SESSION, "currency": "USDT", "capital": "1000", "grid": 100_000_000,
                "instruments": [], "strategies": [],
            },
            **sections,
        }  # fmt: skip
        path = folder / "config.json"
        path.write_text(json.dumps(document))
        environment = {
            **os.environ,
            "PENSTOCK_CONFIG": str(path),
            "PENSTOCK_NATS_URL": nats_url,
            "PENSTOCK_POSTGRES_URL": postgres_url,
        }
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, env=environment, stderr=asyncio.subprocess.PIPE
        )
        return Process(child)

    async def says(self, event: str) -> dict[str, object]:
        """Wait for a line of its log."""
        assert self.child.stderr is not None
        async with asyncio.timeout(120):
            async for line in self.child.stderr:
                if f'"event": "{event}"' in line.decode():
                    return dict(json.loads(line))
        raise AssertionError(f"it ended without {event}")

    async def end(self, number: signal.Signals) -> int:
        """Send a signal and wait for the exit code."""
        if self.child.returncode is None:
            self.child.send_signal(number)
        await asyncio.wait_for(self.child.communicate(), 30)
        assert self.child.returncode is not None
        return self.child.returncode


async def test_killed_at_random_moments_the_recorder_records_each_trade_once(
    nats_url: str, postgres_url: str, tmp_path: Path
) -> None:
    written = 0
    random_delay = random.Random(7)
    await migrate(postgres_url)
    async with session_log(nats_url) as log, database(postgres_url) as pool:
        for _ in range(5):
            recorder = await Process.start("penstock_recorder", tmp_path, nats_url, postgres_url)
            await recorder.says("recording")
            loop = asyncio.get_running_loop()
            deadline = loop.time() + random_delay.uniform(0.05, 0.3)
            while loop.time() < deadline:
                written += 1
                last = await log.put("md", trades((START + written,), (written,)))
            assert await recorder.end(signal.SIGKILL) == -signal.SIGKILL
        await record(nats_url, postgres_url, last)
        assert [row["ts"] - START for row in await rows(pool, "trades", "ts")] == list(range(1, written + 1))


@pytest.mark.parametrize(
    ("module", "started"), [("penstock_recorder", "recording"), ("penstock_api", "serving")]
)
async def test_told_to_stop_a_service_exits_with_0(
    nats_url: str, postgres_url: str, tmp_path: Path, module: str, started: str
) -> None:
    async with session_log(nats_url):
        service = await Process.start(module, tmp_path, nats_url, postgres_url, api={"port": 0})
        line = await service.says(started)
        assert line["service"] == module.removeprefix("penstock_")
        assert await service.end(signal.SIGTERM) == 0


@pytest.mark.parametrize(
    ("module", "sections"),
    [
        ("penstock_recorder", {"recorder": {"batch_interval_ms": 0}}),
        ("penstock_api", {"api": {"prot": 1}}),
    ],
)
async def test_a_bad_configuration_exits_with_78(
    nats_url: str, postgres_url: str, tmp_path: Path, module: str, sections: dict[str, object]
) -> None:
    service = await Process.start(module, tmp_path, nats_url, postgres_url, **sections)
    _, said = await asyncio.wait_for(service.child.communicate(), 30)
    assert service.child.returncode == 78
    assert ("recorder.batch_interval_ms" if "recorder" in sections else "api.prot") in said.decode()
