import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from penstock_api.access.roles import Caller, Role
from penstock_api.streaming import router, routes
from penstock_api.streaming.channels import CHANNELS
from penstock_contracts.signals import Note
from starlette.types import Receive, Scope, Send
from support.api import Api
from support.message_examples import example
from support.messages import GRID, START, approved, done, fill, prices, signal, trades
from support.store import SESSION
from support.streams import Fed
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

LIMIT_S = 60


def address(api: Api, query: str = "") -> str:
    return str(api.client.base_url).replace("http", "ws") + f"/api/v1/stream?{query}"


async def until(stream: ClientConnection, kind: str, **fields: Any) -> dict[str, Any]:
    async with asyncio.timeout(LIMIT_S):
        while True:
            frame: dict[str, Any] = json.loads(await stream.recv())
            if frame["type"] == kind and all(frame.get(name) == value for name, value in fields.items()):
                return frame


async def event(stream: ClientConnection, kind: str) -> dict[str, Any]:
    while True:
        for each in (await until(stream, "events"))["events"]:
            if each["kind"] == kind:
                found: dict[str, Any] = each
                return found


async def begun(api: Api) -> None:
    await api.knows("/api/v1/session", SESSION, "session_id")


@pytest.mark.parametrize(
    ("channel", "family", "message"),
    [
        ("pnl", "ord", example("ord", "pnl")),
        ("positions", "ord", example("ord", "position")),
        ("signals", "sig", signal()),
        ("orders", "ord", approved()),
        ("fills", "ven", fill()),
        ("state", "ord", example("ord", "state")),
    ],
)
async def test_what_is_written_to_the_log_comes_on_its_channel_under_its_sequence(
    api: Api, channel: str, family: Any, message: Any
) -> None:
    await begun(api)
    async with connect(address(api, f"channels={channel}")) as stream:
        snapshot = await until(stream, "snapshot")
        assert snapshot["channel"] == channel
        sequence = await api.session.put(family, message)
        frame = await until(stream, "events")
        assert frame["seq"] == sequence
        assert [each["seq"] for each in frame["events"]] == [sequence]
        assert channel in frame["events"][0]["channels"]


async def test_the_market_comes_from_the_log_and_from_what_passes_by(api: Api) -> None:
    await begun(api)
    async with connect(address(api, "channels=market&instruments=btc-usdt.binance")) as stream:
        assert (await until(stream, "snapshot"))["data"] == []
        await api.session.put("feat", prices())
        (market,) = (await until(stream, "latest"))["data"]
        assert market["last"] == "46301.50"
        await api.session.put("md", trades((START + GRID,), (4_640_000,)))
        async with asyncio.timeout(LIMIT_S):
            while not market["tape"]:
                (market,) = (await until(stream, "latest"))["data"]
        assert (market["last"], market["tape"][0]["price"]) == ("46400.00", "46400.00")


async def test_metrics_tell_how_the_services_do(api: Api) -> None:
    await begun(api)
    async with connect(address(api, "channels=metrics")) as stream:
        rows: list[dict[str, Any]] = []
        async with asyncio.timeout(LIMIT_S):
            while not rows or rows[0]["state"] != "running":
                rows = (await until(stream, "latest"))["data"]["services"]
        assert rows[0]["service"] == "api"


async def test_who_comes_back_gets_what_was_missed_over_either_transport(api: Api) -> None:
    await begun(api)
    async with connect(address(api, "channels=fills")) as stream:
        hello = await until(stream, "hello")
        await until(stream, "snapshot")
        at = await api.session.put("ven", fill(fill_id="f-1"))
        assert (await until(stream, "events"))["seq"] == at
    await api.session.put("ven", fill(fill_id="f-2"))
    await api.knows("/api/v1/state", 2, "fills")
    query = f"channels=fills&after={at}&session={hello['session']}"
    async with connect(address(api, query)) as stream:
        assert (await event(stream, "fill"))["data"]["fill_id"] == "f-2"
    headers = {"Last-Event-ID": str(at)}
    frames = server_sent(api, f"/api/v1/events?channels=fills&session={hello['session']}", headers)
    kinds = [await anext(frames) for _ in range(2)]
    assert [kind for kind, _ in kinds] == ["hello", "events"]
    assert kinds[1][1]["events"][0]["data"]["fill_id"] == "f-2"
    await frames.aclose()  # type: ignore[attr-defined]


async def server_sent(
    api: Api, path: str, headers: dict[str, str] | None = None
) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Frames of an event stream: the event's name and its data; the id must be the sequence."""
    async with api.client.stream("GET", path, headers=headers, timeout=LIMIT_S) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        async for line in answer.aiter_lines():
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
                continue
            if "data" in fields:
                data = json.loads(fields["data"])
                assert fields["event"] == data["type"]
                assert fields.get("id", str(data["seq"])) == str(data["seq"])
                yield fields["event"], data
            fields = {}


async def test_server_sent_events_carry_the_same_frames(api: Api) -> None:
    await begun(api)
    await api.session.put("ord", approved(), done(flat=False))
    await api.knows("/api/v1/state", 1, "orders", "approved")
    async with connect(address(api, "channels=orders")) as stream:
        over_socket = await until(stream, "snapshot")
    frames = server_sent(api, "/api/v1/events?channels=orders")
    assert (await anext(frames))[0] == "hello"
    assert (await anext(frames))[1] == over_socket
    await frames.aclose()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("channels=prices", "channels"),
        ("channels=", "channels"),
        ("after=-1", "after"),
        ("after=x", "after"),
        ("instruments=%3B", "instruments"),
        ("session=%27", "session"),
        ("colour=red", "colour"),
    ],
)
async def test_a_wish_that_is_not_valid_is_refused_naming_the_field(api: Api, query: str, field: str) -> None:
    answer = await api.client.get(f"/api/v1/events?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == f"query.{field}"
    async with connect(address(api, query)) as stream:
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(stream.recv(), LIMIT_S)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008
    assert field in closed.value.rcvd.reason


async def test_a_page_of_another_site_gets_no_stream(api: Api) -> None:
    await begun(api)
    with pytest.raises(InvalidStatus):
        async with connect(address(api), origin="https://example.org"):  # type: ignore[arg-type]
            pass


async def test_streams_end_with_the_service_at_once_and_say_so(api: Api) -> None:
    await begun(api)
    async with connect(address(api, "channels=fills")) as stream:
        await until(stream, "snapshot")
        frames = server_sent(api, "/api/v1/events?channels=fills")
        await anext(frames)
        api.stop.set()
        assert (await until(stream, "closing"))["reason"] == "the service stops; connect again"
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(stream.recv(), LIMIT_S)
        rest = [kind async for kind, _ in frames]
        assert rest[-1] == "closing"
    await asyncio.wait_for(api.task, LIMIT_S)


@asynccontextmanager
async def streaming(fed: Fed) -> AsyncIterator[int]:
    """The stream of a hub that is fed by hand, served; yields its port."""
    app = FastAPI()
    app.state.hub = fed.hub
    app.include_router(router)

    async def called(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["caller"] = Caller("test", Role.VIEWER, "127.0.0.1", "open")
        await app(scope, receive, send)

    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(called, lifespan="off", log_config=None))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        await fed.hub.close()
        server.should_exit = True
        await asyncio.wait_for(serving, LIMIT_S)
        listener.close()


WEBSOCKET = (
    "GET /api/v1/stream?channels=signals HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
EVENTS = "GET /api/v1/events?channels=signals HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("request_text", [WEBSOCKET, EVENTS], ids=["websocket", "events"])
async def test_who_does_not_read_is_dropped_and_the_others_get_everything(
    monkeypatch: pytest.MonkeyPatch, request_text: str
) -> None:
    monkeypatch.setattr(routes, "SLOW_S", 1.0)
    fed = Fed()
    async with (
        streaming(fed) as port,
        connect(f"ws://127.0.0.1:{port}/api/v1/stream?channels=signals") as good,
    ):
        await until(good, "snapshot")
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.connect(("127.0.0.1", port))
            deaf.sendall(request_text.encode())
            async with asyncio.timeout(LIMIT_S):
                while fed.hub.clients < 2:
                    await asyncio.sleep(0.01)
            received = number = 0
            async with asyncio.timeout(LIMIT_S):
                while not fed.hub.dropped:
                    for _ in range(100):
                        number += 1
                        text = f"{number} " + "x" * 1_900
                        fed.put("sig", Note(strategy="cross", ts=number, level="info", text=text))
                    while received < number:
                        received += len((await until(good, "events"))["events"])
        assert received == number
        async with asyncio.timeout(LIMIT_S):
            while fed.hub.clients > 1:
                await asyncio.sleep(0.01)


async def test_when_as_many_follow_as_are_allowed_the_next_is_told_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("penstock_api.streaming.hub.CLIENTS_MAX", 1)
    async with streaming(Fed()) as port, connect(f"ws://127.0.0.1:{port}/api/v1/stream") as first:
        await until(first, "snapshot")
        async with connect(f"ws://127.0.0.1:{port}/api/v1/stream") as second:
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(second.recv(), LIMIT_S)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1013


def test_there_is_a_test_of_every_channel() -> None:
    assert set(CHANNELS) == {"pnl", "positions", "signals", "orders", "fills", "state", "market", "metrics"}


async def test_the_first_state_comes_in_one_answer_and_a_stream_goes_on_from_it(api: Api) -> None:
    await begun(api)
    await api.session.put("ven", fill(fill_id="f-1"))
    await api.knows("/api/v1/state", 1, "fills")
    path = "/api/v1/snapshot?channels=fills,state"
    answer = await api.client.get(path)
    first = answer.json()
    assert answer.headers["content-encoding"] == "gzip"
    assert (await api.client.get(path, headers={"Accept-Encoding": "identity"})).json() == first
    assert list(first["channels"]) == ["fills", "state"]
    assert [each["fill_id"] for each in first["channels"]["fills"]] == ["f-1"]
    at = await api.session.put("ven", fill(fill_id="f-2"))
    query = f"channels=fills,state&after={first['seq']}&session={first['session']}"
    async with connect(address(api, query)) as stream:
        frame = await until(stream, "events")
        assert [(each["seq"], each["data"]["fill_id"]) for each in frame["events"]] == [(at, "f-2")]
    assert (await api.client.get("/api/v1/snapshot?channels=all")).status_code == 422


async def test_frames_are_not_compressed_for_each_client_anew(api: Api) -> None:
    await begun(api)
    async with connect(address(api, "channels=fills"), compression="deflate") as stream:
        assert stream.protocol.extensions == []
