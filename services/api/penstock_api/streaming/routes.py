"""The stream over WebSocket and as server-sent events: the same frames, two ways to carry them."""

import asyncio
import contextlib
import gzip
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response, WebSocket
from fastapi.responses import StreamingResponse
from penstock_contracts.types import Id, InstrumentKey
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator
from starlette.types import Send
from starlette.websockets import WebSocketDisconnect, WebSocketState

from penstock_api.access.roles import VIEWER
from penstock_api.problems import Problem
from penstock_api.streaming.channels import CHANNELS, Channel
from penstock_api.streaming.hub import TOO_SLOW, Hub
from penstock_api.streaming.snapshots import whole_text
from penstock_api.streaming.subscription import Subscription, Wish

router = APIRouter(prefix="/api/v1", tags=["stream"], dependencies=[VIEWER])

SLOW_S = 10.0
"""A client that takes nothing for so long is dropped."""
_GOING_AWAY, _POLICY, _TRY_LATER = 1001, 1008, 1013
_RETRY_MS = 1_000
_GZIP_LEVEL = 3
_KEY: TypeAdapter[str] = TypeAdapter(InstrumentKey)
Sequence = Annotated[int, Field(ge=0, le=2**63 - 1)]


def _list_of(pattern: str) -> str:
    """What a comma-separated list looks like, as the description says it."""
    return f"^({pattern})(,({pattern}))*$"


Instruments = Annotated[
    str,
    Field(
        max_length=4_000,
        json_schema_extra={"pattern": _list_of(r"[a-z0-9_-]{1,64}\.[a-z0-9_-]{1,32}")},
    ),
]


class SnapshotRequest(BaseModel):
    """What to show."""

    model_config = ConfigDict(extra="forbid")

    channels: str = Field(
        default=",".join(CHANNELS),
        max_length=200,
        examples=["orders,fills"],
        json_schema_extra={"pattern": _list_of("|".join(CHANNELS))},
    )
    """Comma-separated."""
    instruments: Instruments | None = None
    """Of channel market only these, comma-separated; all by default."""

    @field_validator("channels")
    @classmethod
    def _known(cls, value: str) -> str:
        names = value.split(",")
        unknown = [name for name in names if name not in CHANNELS]
        if unknown:
            raise ValueError(f"there are {', '.join(CHANNELS)}")
        return value

    @field_validator("instruments")
    @classmethod
    def _keys(cls, value: str | None) -> str | None:
        for key in value.split(",") if value else ():
            try:
                _KEY.validate_python(key)
            except ValidationError:
                raise ValueError("an instrument is <symbol>.<venue>") from None
        return value

    @property
    def wanted(self) -> tuple[Channel, ...]:
        """The channels, each once and in their order."""
        given = self.channels.split(",")
        return tuple(name for name in CHANNELS if name in given)

    @property
    def keys(self) -> frozenset[str] | None:
        """The instruments; None for all."""
        return frozenset(self.instruments.split(",")) if self.instruments else None


class StreamRequest(SnapshotRequest):
    """What to stream, and from where on."""

    after: Sequence | None = None
    """The last `seq` received: what came since is sent instead of snapshots, where it is still there."""
    session: Id | None = None
    """The session that `after` is of, as `hello` named it."""

    def wish(self, after: int | None = None) -> Wish:
        """As the stream takes it."""
        return Wish(self.wanted, self.keys, self.after if after is None else after, self.session)


class SnapshotAnswer(BaseModel):
    """The channels as of one place in the log."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    seq: int
    """To be given to a stream as `after`: it goes on from here."""
    session: str
    caught_up: bool
    """False while the log is still read from its beginning: then there are no channels yet."""
    channels: dict[str, Any]
    """By channel: the `data` of its snapshot frame."""


@router.get("/snapshot", response_model=SnapshotAnswer)
async def snapshot(request: Request, wanted: Annotated[SnapshotRequest, Query()]) -> Response:
    """What a stream begins with, in one answer and compressed: for a page's first look."""
    hub: Hub = request.app.state.hub
    content = whole_text(hub, wanted.wanted, wanted.keys).encode()
    headers = {"Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        content = await asyncio.to_thread(gzip.compress, content, _GZIP_LEVEL, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(content, headers=headers, media_type="application/json")


@router.websocket("/stream")
async def stream(websocket: WebSocket) -> None:
    """Frames as text messages, one JSON object each."""
    hub: Hub = websocket.app.state.hub
    try:
        wish = StreamRequest.model_validate(dict(websocket.query_params)).wish()
    except ValidationError as error:
        await websocket.accept()
        await websocket.close(_POLICY, _reason(error))
        return
    if hub.full:
        await websocket.accept()
        await websocket.close(_TRY_LATER, "as many clients as are allowed follow already")
        return
    await websocket.accept()
    sending = asyncio.create_task(_send(websocket, hub, wish), name="stream")
    try:
        while not sending.done():
            receiving = asyncio.create_task(websocket.receive(), name="stream receive")
            await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_COMPLETED)
            if not receiving.done():
                receiving.cancel()
                await asyncio.gather(receiving, return_exceptions=True)
                break
            if receiving.result()["type"] == "websocket.disconnect":
                break
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def _send(websocket: WebSocket, hub: Hub, wish: Wish) -> None:
    code, reason = _GOING_AWAY, "the service stops"
    with hub.followed(market="market" in wish.channels):
        try:
            async for frame in Subscription(hub, wish).frames():
                async with asyncio.timeout(SLOW_S):
                    await websocket.send_text(frame.text)
        except TimeoutError:
            hub.drop("websocket")
            code, reason = _TRY_LATER, TOO_SLOW
        except (WebSocketDisconnect, RuntimeError):
            if websocket.application_state is WebSocketState.CONNECTED and not hub.closing:
                raise
    with contextlib.suppress(TimeoutError, RuntimeError, WebSocketDisconnect):
        async with asyncio.timeout(1):
            await websocket.close(code, reason)


@router.get("/events", response_class=StreamingResponse)
async def events(
    request: Request,
    wanted: Annotated[StreamRequest, Query()],
    last_event_id: Annotated[Sequence | None, Header()] = None,
) -> StreamingResponse:
    """The same frames as server-sent events: the frame's type is the event, its `seq` the id."""
    hub: Hub = request.app.state.hub
    if hub.full:
        raise Problem(503, "as many clients as are allowed follow already")
    return _EventStream(hub, wanted.wish(last_event_id))


class _EventStream(StreamingResponse):
    """Server-sent events to a client that is dropped when it does not read."""

    media_type = "text/event-stream"

    def __init__(self, hub: Hub, wish: Wish) -> None:
        self._hub = hub
        super().__init__(_events(hub, wish), headers={"cache-control": "no-store", "x-accel-buffering": "no"})

    async def stream_response(self, send: Send) -> None:
        async def in_time(message: object) -> None:
            async with asyncio.timeout(SLOW_S):
                await send(message)  # type: ignore[arg-type]  # as it came

        try:
            await super().stream_response(in_time)
        except TimeoutError:
            self._hub.drop("events")


async def _events(hub: Hub, wish: Wish) -> AsyncIterator[bytes]:
    with hub.followed(market="market" in wish.channels):
        yield f"retry: {_RETRY_MS}\n\n".encode()
        async for frame in Subscription(hub, wish).frames():
            yield frame.event


def _reason(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}"[:120]
