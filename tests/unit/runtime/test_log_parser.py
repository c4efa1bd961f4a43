"""Messages of taps take a short way through the parser: all of them, in order, however the bytes are cut."""

import asyncio
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from penstock_runtime.log.client import LogClient, TapProtocol

TAPPED, OTHER = 5, 6
BLOCK = b"NATS/1.0\r\npenstock-index: 1\r\n\r\n"


class Client(LogClient):
    """Keeps what comes without a connection."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, str, bytes, bytes]] = []
        self.others: list[bytes] = []
        self.pings = 0
        self.sinks[TAPPED] = lambda *message: self.seen.append(message)

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes | None
    ) -> None:
        if sid == TAPPED:
            await super()._process_msg(sid, subject, reply, data, headers)
        else:
            self.others.append(data)

    async def _process_ping(self) -> None:
        self.pings += 1


def tapped(number: int, payload: bytes, reply: bool) -> bytes:
    place = f"$JS.ACK.{number} " if reply else ""
    sizes = f"{len(BLOCK)} {len(BLOCK) + len(payload)}"
    return f"HMSG p0.md.{number} {TAPPED} {place}{sizes}\r\n".encode() + BLOCK + payload + b"\r\n"


def plain(payload: bytes) -> bytes:
    return b"MSG inbox %d %d\r\n%b\r\n" % (OTHER, len(payload), payload)


PIECES = st.lists(
    st.one_of(
        st.tuples(st.just("tapped"), st.binary(max_size=60), st.booleans()),
        st.tuples(st.just("plain"), st.binary(max_size=60), st.just(False)),
        st.tuples(st.just("ping"), st.just(b""), st.just(False)),
    ),
    max_size=12,
)


@given(PIECES, st.lists(st.integers(0, 2_000), max_size=12), st.booleans())
def test_every_message_arrives_once_and_in_order_wherever_the_bytes_are_cut(
    pieces: list[tuple[str, bytes, bool]], cuts: list[int], late: bool
) -> None:
    wire = b""
    for number, (kind, payload, reply) in enumerate(pieces):
        wire += {"tapped": tapped(number, payload, reply), "plain": plain(payload), "ping": b"PING\r\n"}[kind]
    client = Client()

    async def read() -> None:
        # As the connection does it: what is not a tap's goes through the stream reader to the parser.
        reader = asyncio.StreamReader()
        protocol = TapProtocol(client, reader, asyncio.StreamReaderProtocol(reader))
        places = sorted({0, len(wire), *(cut for cut in cuts if cut < len(wire))})
        for begin, end in pairwise(places):
            protocol.data_received(wire[begin:end])
            if late and begin % 3:
                continue
            while reader._buffer:  # type: ignore[attr-defined]
                await client._ps.parse(await reader.read(65_536))
        while reader._buffer:  # type: ignore[attr-defined]
            await client._ps.parse(await reader.read(65_536))

    asyncio.run(read())
    expected = [
        (f"p0.md.{number}", f"$JS.ACK.{number}" if reply else "", BLOCK, payload)
        for number, (kind, payload, reply) in enumerate(pieces)
        if kind == "tapped"
    ]
    assert client.seen == expected
    assert client.others == [payload for kind, payload, _ in pieces if kind == "plain"]
    assert client.pings == sum(kind == "ping" for kind, _, _ in pieces)


def test_a_large_message_that_comes_in_many_reads_arrives_whole() -> None:
    payload = bytes(range(256)) * 1_000
    wire = tapped(1, payload, reply=True) + tapped(2, b"x", reply=True)
    client = Client()

    async def read() -> None:
        for at in range(0, len(wire), 32_768):
            await client._ps.parse(wire[at : at + 32_768])

    asyncio.run(read())
    assert [message[3] for message in client.seen] == [payload, b"x"]
