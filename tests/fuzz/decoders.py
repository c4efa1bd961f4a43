"""Every decoder, as a function of bytes that must neither crash nor hang, nor take what it could not write.

A target raises only what is a finding. What a decoder may raise for bad input is named here.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
from penstock_contracts import codec, frames, headers, subjects
from penstock_contracts.catalog import message_types
from penstock_contracts.errors import ContractError, UnreadableMessage
from penstock_ingest.errors import FileError
from penstock_ingest.files.lines import book_lines
from penstock_kernel import tracing
from penstock_runtime.errors import Halt
from penstock_runtime.log.delivery import Delivered, received_in, times_in, traceparent_in
from penstock_runtime.store.archive import pack, unpack

ENTRIES = tuple(message_types())
GOLDEN = Path(__file__).resolve().parents[1] / "contract" / "golden"
FILE = Path("given.jsonl")


class Finding(AssertionError):
    """A decoder that does what it must not."""


def messages(data: bytes) -> None:
    """The first byte chooses a kind, the rest is content: what is taken can be written, and read again."""
    if not data:
        return
    entry = ENTRIES[data[0] % len(ENTRIES)]
    try:
        taken = codec.decode(entry.family, entry.kind, entry.major, data[1:])
    except UnreadableMessage:
        return
    written = codec.encode(taken)
    again = codec.decode(entry.family, entry.kind, entry.major, written)
    if codec.encode(again) != written:
        raise Finding(f"{entry.name} is another after it was written and read")


def envelopes(data: bytes) -> None:
    """A header block, whatever it says."""
    try:
        origin = headers.origin_in(data)
        headers.cause_in(data)
        if frames.is_frame(data):
            frames.count_in(data)
    except UnreadableMessage:
        return
    finally:
        headers.parse(data)
        received_in(data)
        times_in(data)
        tracing.parse(traceparent_in(data))
        tracing.parse(data.decode("latin-1"))
    if origin is not None and not (origin.producer and origin.epoch >= 0 and origin.index >= 0):
        raise Finding(f"an origin that cannot be: {origin!r}")


def subject_names(data: bytes) -> None:
    """A subject: what is taken for one of ours is written as it was read."""
    text = data.decode("utf-8", "replace")
    parsed = subjects.parse(text)
    if parsed is None:
        return
    key = f"{parsed.instrument}.{parsed.venue}"
    if subjects.subject(parsed.partition, parsed.family, parsed.major, parsed.kind, key) != text:
        raise Finding(f"{text!r} is taken for {parsed}")


def framed(data: bytes) -> None:
    """The content of a frame: what is taken is packed again to the same bytes, and its parts can be read."""
    if not data:
        return
    try:
        parts = frames.unpack(data[1:], data[0])
    except UnreadableMessage:
        return
    try:
        packed = frames.pack(parts)[2]
    except ValueError:
        packed = data[1:]  # header blocks as no writer makes them
    if packed != data[1:]:
        raise Finding("a frame that is packed otherwise than it was")
    for part in parts:
        try:
            Delivered(1, *part).decode()
        except ContractError:
            continue


def archived(data: bytes) -> None:
    """A run of the archive."""
    try:
        unpack(data)
    except Halt:
        return


def venue_lines(data: bytes) -> None:
    """Book messages as a venue sends them: each row has its place in the file, and none is invented."""
    try:
        frame, broken = book_lines(FILE, data)
    except FileError:
        return
    if frame.height != len(broken) or not np.all(~broken | frame["symbol"].is_null().to_numpy()):
        raise Finding("rows and verdicts that do not fit together")
    places = frame[frame.columns[0]].to_list()
    if any(after < before for before, after in pairwise(places)):
        raise Finding("rows out of order")


TARGETS: dict[str, Callable[[bytes], None]] = {
    "messages": messages,
    "envelopes": envelopes,
    "subjects": subject_names,
    "frames": framed,
    "archive": archived,
    "lines": venue_lines,
}
"""By name."""


def seeds() -> dict[str, list[bytes]]:
    """Well-formed input for each target: the golden messages, and what is made of them."""
    known: dict[str, list[bytes]] = {name: [] for name in TARGETS}
    for number, entry in enumerate(ENTRIES):
        for file in sorted(GOLDEN.glob(f"{entry.name}.*")):
            content = file.read_bytes()
            if file.suffix == ".headers":
                known["envelopes"].append(content)
            else:
                known["messages"].append(bytes([number]) + content)
                subject = subjects.subject(0, entry.family, entry.major, entry.kind, "a.b")
                known["subjects"].append(subject.encode())
                block = headers.unnumbered(entry.name, "x", 1, partition=0, source="s")
                known["frames"].append(b"\x02" + frames.pack([(subject, block, content)] * 2)[2])
    line = (
        b'{"topic":"orderbook.1.X","type":"delta","ts":1,"cts":1,'
        b'"data":{"s":"X","b":[["1","2"]],"a":[],"u":2,"seq":3}}'
    )
    known["archive"].append(pack([(7, "p0.md.v1.mark._._", b"NATS/1.0\r\n\r\n", b"{}")] * 3))
    known["lines"].append(line + b"\n" + line)
    return known
