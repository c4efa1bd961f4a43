"""Frames: a run of one producer's outputs, kept in the log as one message.

Where a replay runs as fast as the stages follow, most outputs are small and say that nothing happened. A
frame carries such a run under the subject and the number of its last output, which is a mark or a `done`.
Every output in it keeps its own number, subject, headers and content; readers of the log see the outputs.

On the wire: the headers of the last output, `penstock-frame: <how many>` before them and the type
`penstock.frame.v1`; the payload is, for each output, three little-endian unsigned integers (16, 16 and 32
bits: the lengths of subject, header block and content) and then these three.
"""

import struct
from collections.abc import Sequence

from penstock_contracts.base import Family
from penstock_contracts.errors import UnreadableMessage

FRAME = "penstock-frame"
TYPE = "penstock.frame.v1"
_START = b"NATS/1.0\r\n"
_PREFIX = _START + f"{FRAME}: ".encode()
_CE_TYPE = b"\r\nce-type: "
_DIGITS_MAX = 9
_LENGTHS = struct.Struct("<HHI")

Part = tuple[str, bytes, bytes]
"""Subject, header block and content of an output."""

CARRIED: frozenset[tuple[Family, str]] = frozenset(
    [
        ("md", "trade"), ("md", "quote"), ("md", "bar"), ("md", "mark"),
        ("feat", "bar"), ("feat", "row"), ("feat", "price"), ("feat", "done"),
        ("sig", "done"), ("ord", "done"), ("ven", "done"),
    ]
)  # fmt: skip
"""Families and kinds that a frame may carry: what concerns a signal or an order always stands alone."""

CLOSING = frozenset({"mark", "done"})
"""Kinds of which one is a frame's last."""


def is_frame(block: bytes) -> bool:
    """Whether a message with this header block is a frame."""
    return block.startswith(_PREFIX)


def count_in(block: bytes) -> int:
    """How many outputs a frame with this header block carries. UnreadableMessage when it does not say."""
    text = block[len(_PREFIX) : block.find(b"\r\n", len(_PREFIX))]
    if not text.isdigit() or len(text) > _DIGITS_MAX:
        raise UnreadableMessage(f"frame: not a number of outputs: {text[:40]!r}")
    return int(text)


def pack(parts: Sequence[Part]) -> Part:
    """The frame that carries these outputs, in their order."""
    subject, block, _ = parts[-1]
    head, found, rest = block.removeprefix(_START).partition(_CE_TYPE)
    if found:
        rest = TYPE.encode() + rest[rest.index(b"\r\n") :]
    pieces: list[bytes] = []
    for name, headers, content in parts:
        encoded = name.encode()
        pieces += (_LENGTHS.pack(len(encoded), len(headers), len(content)), encoded, headers, content)
    return subject, b"%b%d\r\n%b%b%b" % (_PREFIX, len(parts), head, found, rest), b"".join(pieces)


def unpack(data: bytes, count: int) -> list[Part]:
    """The outputs that a frame carries, in their order. UnreadableMessage when they are not `count`."""
    parts: list[Part] = []
    at, size = 0, len(data)
    while at < size:
        if at + _LENGTHS.size > size:
            raise UnreadableMessage(f"frame: {size - at} bytes after its last output")
        name, headers, content = _LENGTHS.unpack_from(data, at)
        at += _LENGTHS.size
        block = at + name
        body = block + headers
        end = body + content
        if end > size:
            raise UnreadableMessage(f"frame: an output of {end - at} bytes where {size - at} are left")
        subject = data[at:block]
        if not subject.isascii():
            raise UnreadableMessage(f"frame: not a subject: {subject[:200]!r}")
        parts.append((subject.decode(), data[block:body], data[body:end]))
        at = end
    if not parts or len(parts) != count:
        raise UnreadableMessage(f"frame: {len(parts)} outputs where {count} were announced")
    return parts


__all__ = ["CARRIED", "CLOSING", "FRAME", "TYPE", "Part", "count_in", "is_frame", "pack", "unpack"]
