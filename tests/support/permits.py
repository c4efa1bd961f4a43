"""A log server that knows its users, as the stack's does: from the configuration that the stack writes."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nats
from nats.aio.client import Client
from penstock.stack.credentials import Addresses, make
from penstock_runtime.embedded.nats import nats_server_path
from penstock_runtime.embedded.server import free_port

STARTED_S = 60.0
NOBODYS = "nobodys"
"""A subject on which nobody may publish."""


def url_of(folder: Path, user: str) -> str:
    """How a user reaches the log."""
    return (folder / user / "nats.url").read_text().strip()


@contextmanager
def permitting_server(folder: Path) -> Iterator[Path]:
    """A nats-server with the stack's users; yields the folder of their credentials."""
    port, monitor = free_port(), free_port()
    credentials = folder / "credentials"
    make(credentials, Addresses(nats=f"127.0.0.1:{port}"), partition=0, sync="interval")
    config = credentials / "nats" / "nats.conf"
    text = config.read_text().replace("0.0.0.0:4222", f"127.0.0.1:{port}")
    text = text.replace("0.0.0.0:8222", f"127.0.0.1:{monitor}").replace(
        '"/log-store"', f'"{folder / "store"}"'
    )
    config.write_text(text)
    process = subprocess.Popen([str(nats_server_path()), "--config", str(config)], stderr=subprocess.DEVNULL)
    try:
        _until_healthy(f"http://127.0.0.1:{monitor}/healthz", process)
        yield credentials
    finally:
        process.terminate()
        process.wait()


def _until_healthy(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTED_S
    while time.monotonic() < deadline:
        assert process.poll() is None, "nats-server does not start with the stack's configuration"
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:
                if json.load(answer)["status"] == "ok":
                    return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(url)


async def refused(url: str, subjects: list[str]) -> list[str]:
    """Those of the subjects on which the server lets nobody with these credentials publish."""
    errors: list[str] = []
    told = asyncio.Event()

    async def note(error: Exception) -> None:
        errors.append(str(error))
        if f'"{NOBODYS}"' in str(error):
            told.set()

    client: Client = await nats.connect(url, error_cb=note)
    # The answers to publishing are its refusals only, in order: that of the last says that there are no more.
    for subject in (*subjects, NOBODYS):
        await client.publish(subject, b"{}")
    async with asyncio.timeout(STARTED_S):
        await told.wait()
    await client.close()
    return [subject for subject in subjects if any(f'"{subject.lower()}"' in each for each in errors)]
