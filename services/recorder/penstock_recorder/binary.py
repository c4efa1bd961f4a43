"""PostgreSQL's binary COPY format from NumPy columns, without a Python object per row.

A row on the wire is an int16 count of fields, then for each field an int32 length (-1 is NULL) and its
bytes, big endian. Every cell of a column gets the same width here, so that a batch is one matrix of
bytes; where cells are shorter (text, NULL) a mask drops the rest. Format: PostgreSQL documentation,
COPY, "Binary Format"; the types' layouts are those of its `*_recv` functions.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_LENGTH_BYTES = 4
_FLOAT8_OID = 701
_NUMERIC_BASE = 10_000
_BASE_DIGITS = 4
_GROUPS_WHOLE_MAX = 5  # 10_000 ** 5 is above any 64-bit integer
_NEGATIVE = 0x4000
_WIDE_SCALE = 16  # above it, a padded fraction does not fit 64 bits

Bytes2D = NDArray[np.uint8]


class Cells(NamedTuple):
    """A column on the wire: a row of bytes per cell, and which of them count (None: all)."""

    data: Bytes2D
    kept: NDArray[np.bool_] | None = None


def constant(field: bytes | None, rows: int) -> Cells:
    """The same field in every row; None is NULL."""
    cell = b"\xff\xff\xff\xff" if field is None else len(field).to_bytes(_LENGTH_BYTES, "big") + field
    return Cells(np.broadcast_to(np.frombuffer(cell, np.uint8), (rows, len(cell))))


def constant_text(text: str, rows: int) -> Cells:
    """The same text in every row."""
    return constant(text.encode(), rows)


def constant_bigint(value: int, rows: int) -> Cells:
    """The same bigint in every row."""
    return constant(value.to_bytes(8, "big", signed=True), rows)


def constant_text_array(texts: Sequence[str], rows: int) -> Cells:
    """The same text[] in every row."""
    parts = [text.encode() for text in texts]
    head = b"".join(word.to_bytes(4, "big") for word in (1 if parts else 0, 0, 25))
    if parts:
        head += len(parts).to_bytes(4, "big") + (1).to_bytes(4, "big")
    return constant(head + b"".join(len(part).to_bytes(4, "big") + part for part in parts), rows)


def bigint(values: NDArray[np.int64], null: NDArray[np.bool_] | None = None) -> Cells:
    """A bigint column, NULL where `null`."""
    return _nullable(_fixed(values, ">i8"), null)


def smallint(values: NDArray[np.integer], null: NDArray[np.bool_] | None = None) -> Cells:
    """A smallint column, NULL where `null`."""
    return _nullable(_fixed(values, ">i2"), null)


def float8(values: NDArray[np.float64]) -> Cells:
    """A double precision column, NULL where it is NaN."""
    return _nullable(_fixed(values, ">f8"), np.isnan(values))


def text(values: NDArray[np.bytes_]) -> Cells:
    """A text column of UTF-8 bytes, NULL where empty."""
    rows, width = len(values), values.dtype.itemsize
    lengths = np.char.str_len(values)
    data = np.empty((rows, _LENGTH_BYTES + width), np.uint8)
    data[:, :_LENGTH_BYTES] = _words(np.where(lengths == 0, -1, lengths), ">i4")
    data[:, _LENGTH_BYTES:] = np.ascontiguousarray(values).view(np.uint8).reshape(rows, width)
    kept = np.ones(data.shape, np.bool_)
    kept[:, _LENGTH_BYTES:] = np.arange(width) < lengths[:, None]
    return Cells(data, kept)


def blob(values: Bytes2D) -> Cells:
    """A bytea column: one row of bytes per cell."""
    rows, width = values.shape
    data = np.empty((rows, _LENGTH_BYTES + width), np.uint8)
    data[:, :_LENGTH_BYTES] = np.frombuffer(width.to_bytes(_LENGTH_BYTES, "big"), np.uint8)
    data[:, _LENGTH_BYTES:] = values
    return Cells(data)


def choice(values: NDArray[np.integer], names: dict[int, str]) -> Cells:
    """A text column of names by small integers, NULL where an integer has none."""
    width = max(len(name) for name in names.values())
    table = np.zeros(256, f"S{width}")
    for value, name in names.items():
        table[value & 0xFF] = name.encode()
    return text(table[values.astype(np.int64) & 0xFF])


def numeric(values: NDArray[np.int64], scale: int, null: NDArray[np.bool_] | None = None) -> Cells:
    """A NUMERIC column of the integers `values` of `scale` decimals (0 to 18), exact, NULL where `null`."""
    magnitude = np.abs(values).view(np.uint64)
    unit = np.uint64(10**scale)
    whole, fraction = magnitude // unit, magnitude % unit
    groups_whole = _groups(int(whole.max(initial=0)))
    groups = [*_split(whole, groups_whole), *_split_fraction(fraction, scale)]
    size = 8 + 2 * len(groups)
    data = np.empty((len(values), _LENGTH_BYTES + size), np.uint8)
    weight = groups_whole - 1
    head = size.to_bytes(4, "big") + len(groups).to_bytes(2, "big") + weight.to_bytes(2, "big")
    data[:, :8] = np.frombuffer(head, np.uint8)
    data[:, 8:10] = _words(np.where(values < 0, _NEGATIVE, 0), ">u2")
    data[:, 10:12] = np.frombuffer(scale.to_bytes(2, "big"), np.uint8)
    for position, group in enumerate(groups):
        data[:, 12 + 2 * position : 14 + 2 * position] = _words(group, ">u2")
    return _nullable(data, null)


def float8_array(values: NDArray[np.float64]) -> Cells:
    """A double precision[] column: one array per row of the matrix; NaN stays NaN."""
    rows, count = values.shape
    words = (1, 0, _FLOAT8_OID, count, 1) if count else (0, 0, _FLOAT8_OID)
    head = b"".join(word.to_bytes(4, "big") for word in words)
    size = len(head) + 12 * count
    data = np.empty((rows, _LENGTH_BYTES + size), np.uint8)
    data[:, : _LENGTH_BYTES + len(head)] = np.frombuffer(size.to_bytes(4, "big") + head, np.uint8)
    elements = data[:, _LENGTH_BYTES + len(head) :].reshape(rows, count, 12)
    elements[:, :, :4] = np.frombuffer((8).to_bytes(4, "big"), np.uint8)
    elements[:, :, 4:] = np.ascontiguousarray(values, ">f8").view(np.uint8).reshape(rows, count, 8)
    return Cells(data)


def rows_bytes(columns: Sequence[Cells]) -> bytes:
    """The rows of these columns, without the header and the trailer of a COPY."""
    rows = len(columns[0].data)
    width = 2 + sum(column.data.shape[1] for column in columns)
    data = np.empty((rows, width), np.uint8)
    data[:, :2] = np.frombuffer(len(columns).to_bytes(2, "big"), np.uint8)
    kept = np.ones(data.shape, np.bool_) if any(column.kept is not None for column in columns) else None
    start = 2
    for column in columns:
        end = start + column.data.shape[1]
        data[:, start:end] = column.data
        if kept is not None and column.kept is not None:
            kept[:, start:end] = column.kept
        start = end
    return data.tobytes() if kept is None else data[kept].tobytes()


def _words(values: NDArray[np.generic], dtype: str) -> Bytes2D:
    converted = np.ascontiguousarray(values, np.dtype(dtype))
    return converted.view(np.uint8).reshape(len(values), converted.dtype.itemsize)


def _fixed(values: NDArray[np.generic], dtype: str) -> Bytes2D:
    words = _words(values, dtype)
    data = np.empty((len(values), _LENGTH_BYTES + words.shape[1]), np.uint8)
    data[:, :_LENGTH_BYTES] = np.frombuffer(words.shape[1].to_bytes(_LENGTH_BYTES, "big"), np.uint8)
    data[:, _LENGTH_BYTES:] = words
    return data


def _nullable(data: Bytes2D, null: NDArray[np.bool_] | None) -> Cells:
    if null is None or not null.any():
        return Cells(data)
    data[null, :_LENGTH_BYTES] = 0xFF
    kept = np.ones(data.shape, np.bool_)
    kept[null, _LENGTH_BYTES:] = False
    return Cells(data, kept)


def _groups(largest: int) -> int:
    return next(count for count in range(1, _GROUPS_WHOLE_MAX + 1) if largest < _NUMERIC_BASE**count)


def _split(values: NDArray[np.uint64], groups: int) -> list[NDArray[np.uint64]]:
    """The digits to base 10,000, most significant first."""
    digits: list[NDArray[np.uint64]] = []
    rest = values
    for _ in range(groups):
        digits.append(rest % np.uint64(_NUMERIC_BASE))
        rest = rest // np.uint64(_NUMERIC_BASE)
    return digits[::-1]


def _split_fraction(fraction: NDArray[np.uint64], scale: int) -> list[NDArray[np.uint64]]:
    if scale > _WIDE_SCALE:
        tail = np.uint64(10 ** (scale - _WIDE_SCALE))
        return [
            *_split(fraction // tail, _WIDE_SCALE // _BASE_DIGITS),
            fraction % tail * np.uint64(10 ** (_WIDE_SCALE + _BASE_DIGITS - scale)),
        ]
    groups = -(-scale // _BASE_DIGITS)
    return _split(fraction * np.uint64(10 ** (groups * _BASE_DIGITS - scale)), groups)
