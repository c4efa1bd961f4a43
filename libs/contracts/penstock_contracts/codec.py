"""Messages to bytes and back. The only module that knows either layout.

Plain messages are JSON. Columnar messages are described in `penstock_contracts.columns`.
"""

import struct
from functools import lru_cache
from typing import Any, get_type_hints

import numpy as np
from pydantic import ConfigDict, TypeAdapter, ValidationError, create_model
from pydantic_core import from_json, to_json

from penstock_contracts.base import Family, Message, MessageType, first_type_of
from penstock_contracts.catalog import message_type
from penstock_contracts.errors import UnknownVersion, UnreadableMessage

MESSAGE_BYTES_MAX = 256 * 1024
_LENGTH = struct.Struct("<I")
_ROWS_MAX = 1 << 24


@lru_cache(maxsize=None)
def adapter(cls: type) -> TypeAdapter[Any]:
    """The pydantic adapter of a plain message or record."""
    return TypeAdapter(cls)


@lru_cache(maxsize=None)
def header_adapter(entry: MessageType) -> TypeAdapter[Any]:
    """The pydantic adapter of a columnar message's header."""
    hints = get_type_hints(entry.cls, include_extras=True)
    model = create_model(
        f"{entry.cls.__name__}Header",
        __config__=ConfigDict(extra="ignore"),
        rows=(int, ...),
        widths=(dict[str, int], {}),
        **{name: (hints[name], ...) for name in entry.fields},
    )
    return TypeAdapter(model)


def encode(message: Message) -> bytes:
    """The message as bytes."""
    entry = first_type_of(type(message))
    if entry.columns:
        return _encode_columns(message, entry)
    return adapter(entry.cls).dump_json(message)


def decode(family: Family, kind: str, major: int, data: bytes) -> Message:
    """The message that `data` holds.

    Raises UnknownVersion for a kind or version that is not registered, UnreadableMessage for anything
    else that is wrong with it. Unknown optional fields are ignored.
    """
    entry = message_type(family, kind, major)
    if entry is None:
        raise UnknownVersion(f"unknown message {family}.{kind}.v{major}")
    try:
        if entry.columns:
            return _decode_columns(data, entry)
        return adapter(entry.cls).validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "message"
        raise UnreadableMessage(f"{entry.name}: {where}: {first['msg']}") from error
    except (ValueError, struct.error, RecursionError) as error:
        raise UnreadableMessage(f"{entry.name}: {error}") from error


def same(left: Message, right: Message) -> bool:
    """Whether two messages say the same, arrays included."""
    return type(left) is type(right) and encode(left) == encode(right)


def _encode_columns(message: Message, entry: MessageType) -> bytes:
    widths = {}
    parts: list[bytes] = []
    rows = -1
    for name, column in entry.columns:
        array = getattr(message, name)
        if rows < 0:
            rows = len(array)
        elif len(array) != rows:
            raise ValueError(f"{entry.name}: column {name} has {len(array)} rows, not {rows}")
        if column.dtype == "S":
            widths[name] = array.dtype.itemsize
        raw = np.ascontiguousarray(array, dtype=array.dtype if column.dtype == "S" else column.dtype).tobytes()
        parts.append(raw)
        parts.append(bytes(-len(raw) % 8))
    plain = {name: getattr(message, name) for name in entry.fields}
    header = to_json({"rows": max(rows, 0), "widths": widths, **plain})
    header += b" " * (-(len(header) + 4) % 8)
    return b"".join((_LENGTH.pack(len(header)), header, *parts))


def _decode_columns(data: bytes, entry: MessageType) -> Message:
    (length,) = _LENGTH.unpack_from(data)
    if length + 4 > len(data):
        raise ValueError(f"header of {length} bytes in a message of {len(data)}")
    header = header_adapter(entry).validate_python(from_json(data[4 : 4 + length]))
    rows, widths = header.rows, header.widths
    if not 0 <= rows <= _ROWS_MAX:
        raise ValueError(f"{rows} rows")
    values = {name: getattr(header, name) for name in entry.fields}
    offset = 4 + length
    for name, column in entry.columns:
        count, shape = rows, None
        if column.names:
            shape = (rows, len(values[column.names]))
            count = shape[0] * shape[1]
        width = widths.get(name, 0)
        if column.dtype == "S" and not 0 < width <= 256:
            raise ValueError(f"text column {name} of width {width}")
        dtype = np.dtype(f"S{width}" if column.dtype == "S" else column.dtype)
        size = count * dtype.itemsize
        if offset + size > len(data):
            raise ValueError(f"column {name} is cut off")
        array = np.frombuffer(data, dtype=dtype, count=count, offset=offset)
        values[name] = array if shape is None else array.reshape(shape)
        offset += size + (-size % 8)
    return entry.cls(**values)


def rows_of(message: Message) -> int:
    """How many rows a message stands for: those of its columns, else one."""
    columns = first_type_of(type(message)).columns
    return len(getattr(message, columns[0][0])) if columns else 1


__all__ = ["MESSAGE_BYTES_MAX", "adapter", "decode", "encode", "header_adapter", "rows_of", "same"]
