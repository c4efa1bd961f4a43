from __future__ import annotations

import socket
from pathlib import Path

import nats
import nats.errors
import nats.js.errors
import psutil
import pytest
from penstock_runtime.embedded import EmbeddedNats
from penstock_runtime.embedded.nats import nats_server_path

pytestmark = pytest.mark.servers

MEBIBYTE = 1024**2


async def test_a_client_publishes_to_a_stream(tmp_path: Path) -> None:
    async with EmbeddedNats(tmp_path) as server:
        client = await nats.connect(server.url)
        jetstream = client.jetstream()
        await jetstream.add_stream(name="FLOW", subjects=["flow.>"])
        assert (await jetstream.publish("flow.a", b"1")).seq == 1
        await client.close()


async def test_its_memory_is_bounded_unless_the_environment_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOMEMLIMIT", raising=False)
    async with EmbeddedNats(tmp_path) as server:
        assert psutil.Process(server.pid).environ()["GOMEMLIMIT"] == "160MiB"
    monkeypatch.setenv("GOMEMLIMIT", "1GiB")
    async with EmbeddedNats(tmp_path) as server:
        assert psutil.Process(server.pid).environ()["GOMEMLIMIT"] == "1GiB"


async def test_it_listens_on_the_loopback_only(tmp_path: Path) -> None:
    async with EmbeddedNats(tmp_path) as server:
        with socket.create_connection(("127.0.0.1", server.port)):
            pass
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", server.port))


async def test_a_client_without_the_secret_is_refused(tmp_path: Path) -> None:
    async with EmbeddedNats(tmp_path) as server:
        with pytest.raises(nats.errors.Error, match=r"(?i)authorization"):
            await nats.connect(f"nats://127.0.0.1:{server.port}", allow_reconnect=False)


async def test_its_streams_survive_a_restart_and_a_crash(tmp_path: Path) -> None:
    server = EmbeddedNats(tmp_path, sync_interval="always")
    for restart, end in enumerate((server.stop, server.kill, server.stop), start=1):
        await server.start()
        client = await nats.connect(server.url)
        jetstream = client.jetstream()
        await jetstream.add_stream(name="FLOW", subjects=["flow.>"])
        assert (await jetstream.publish("flow.a", b"1")).seq == restart
        await client.close()
        await end()


async def test_a_restarted_server_has_its_former_port(tmp_path: Path) -> None:
    server = EmbeddedNats(tmp_path)
    await server.start()
    port = server.port
    await server.kill()
    await server.start()
    assert server.port == port
    await server.stop()


async def test_a_stream_larger_than_the_store_is_refused(tmp_path: Path) -> None:
    async with EmbeddedNats(tmp_path, file_store_bytes=MEBIBYTE) as server:
        client = await nats.connect(server.url)
        with pytest.raises(nats.js.errors.APIError, match="insufficient storage"):
            await client.jetstream().add_stream(name="FLOW", subjects=["flow.>"], max_bytes=2 * MEBIBYTE)
        await client.close()


async def test_a_directory_with_spaces_and_quotes_is_fine(tmp_path: Path) -> None:
    async with EmbeddedNats(tmp_path / 'my "own" séance') as server:
        assert server.store_dir.is_dir()


def test_the_program_comes_from_this_environment() -> None:
    assert nats_server_path().name == "nats-server"
