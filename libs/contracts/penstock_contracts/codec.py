"""Messages to bytes and back. The only module that knows either layout.

Plain messages are JSON. Columnar messages are described in `penstock_contracts.columns`.
"""

import struct
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from functools import cache, lru_cache
from operator import attrgetter
from typing import Annotated, Any, get_type_hints

import numpy as np
from annotated_types import Ge, Le
from pydantic import ConfigDict, TypeAdapter, ValidationError, create_model
from pydantic.fields import FieldInfo
from pydantic_core import to_json

from penstock_contracts.base import Family, Message, MessageType, first_type_of
from penstock_contracts.catalog import message_type
from penstock_contracts.closing import BY_HAND
from penstock_contracts.errors import UnknownVersion, UnreadableMessage

MESSAGE_BYTES_MAX = 256 * 1024
"""What a producer keeps its messages below; batches are cut to fit."""
DECODE_BYTES_MAX = 4 * MESSAGE_BYTES_MAX
"""What no reader looks at any more: also the largest message that `encode` makes."""
_LENGTH = struct.Struct("<I")
_TEXT_WIDTH_MAX = 256


@cache
def adapter(cls: type) -> TypeAdapter[Any]:
    """The pydantic adapter of a plain message or record."""
    return TypeAdapter(cls)


@cache
def header_adapter(entry: MessageType) -> TypeAdapter[Any]:
    """The pydantic adapter of a columnar message's header."""
    hints = get_type_hints(entry.cls, include_extras=True)
    declared = {each.name: each for each in fields(entry.cls)}
    plain: dict[str, Any] = {name: (hints[name], _default(declared[name])) for name in entry.fields}
    model = create_model(
        f"{entry.cls.__name__}Header",
        __config__=ConfigDict(extra="ignore"),
        rows=(Annotated[int, Ge(0), Le(DECODE_BYTES_MAX)], ...),
        widths=(dict[str, Annotated[int, Ge(1), Le(_TEXT_WIDTH_MAX)]], {}),
        **plain,
    )
    return TypeAdapter(model)


def _default(declared: Field[Any]) -> Any:
    if declared.default_factory is not MISSING:
        return FieldInfo(default_factory=declared.default_factory)
    return ... if declared.default is MISSING else declared.default


def encode(message: Message) -> bytes:
    """The message as bytes.

    Raises ValueError when it cannot be written: a field of another type than declared, columns of
    different lengths or another dtype, more than DECODE_BYTES_MAX.
    """
    cls = type(message)
    by_hand = BY_HAND.get(cls)
    if by_hand is not None and (plain := by_hand(message)) is not None:
        return plain
    entry = first_type_of(cls)
    if entry.columns:
        data = _encode_columns(message, entry)
    else:
        data = adapter(entry.cls).serializer.to_json(message, warnings="error")
    if len(data) > DECODE_BYTES_MAX:
        raise ValueError(f"{entry.name} of {len(data)} bytes, at most {DECODE_BYTES_MAX} can be read")
    return data


def decode(family: Family, kind: str, major: int, data: bytes) -> Message:
    """The message that `data` holds.

    Raises UnknownVersion for a kind or version that is not registered, UnreadableMessage for anything
    else that is wrong with it. Unknown fields are ignored: a later minor version may have added them.
    Types are strict (no number in quotes, no 1 for true). What a column's values mean is not checked.
    """
    entry = message_type(family, kind, major)
    if entry is None:
        raise UnknownVersion(f"unknown message {family}.{kind}.v{major}")
    if len(data) > DECODE_BYTES_MAX:
        raise UnreadableMessage(f"{entry.name}: {len(data)} bytes, at most {DECODE_BYTES_MAX} are read")
    try:
        if entry.columns:
            return _decode_columns(data, entry)
        return adapter(entry.cls).validator.validate_json(data, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "message"
        raise UnreadableMessage(f"{entry.name}: {where}: {first['msg']}") from error
    except (ValueError, ArithmeticError, struct.error, RecursionError) as error:
        raise UnreadableMessage(f"{entry.name}: {error}") from error


def same(left: Message, right: Message) -> bool:
    """Whether two messages say the same, arrays included."""
    return type(left) is type(right) and encode(left) == encode(right)


def _encode_columns(message: Message, entry: MessageType) -> bytes:
    plan = _column_plan(entry)
    arrays, plain = _parts_of(entry)
    columns = arrays(message)
    rows = len(columns[0])
    flat = (rows,)
    widths: tuple[tuple[str, int], ...] = ()
    parts: list[bytes] = [b""]
    for (name, dtype, names), array in zip(plan, columns, strict=True):
        shape = (rows, len(getattr(message, names))) if names else flat
        if array.shape != shape:
            raise ValueError(f"{entry.name}: column {name} has the shape {array.shape}, not {shape}")
        found = array.dtype
        if dtype is None and found.kind == "S":
            widths += ((name, found.itemsize),)
        elif found is not dtype and found != dtype:
            raise ValueError(f"{entry.name}: column {name} is {found}, not {dtype.str if dtype else 'S'}")
        raw = array.tobytes()
        parts.append(raw)
        if len(raw) % 8:
            parts.append(bytes(-len(raw) % 8))
    values = plain(message)
    try:
        parts[0] = _header(entry, rows, widths, *values)
    except TypeError:  # a list, say, which no cache keeps
        parts[0] = _header.__wrapped__(entry, rows, widths, *values)
    return b"".join(parts)


@lru_cache(maxsize=4096, typed=True)
def _header(entry: MessageType, rows: int, widths: tuple[tuple[str, int], ...], *values: Any) -> bytes:
    """What stands before the columns: of an instrument's messages of one row it is always the same."""
    plain = dict(zip(entry.fields, values, strict=True))
    header = to_json({"rows": rows, "widths": dict(widths), **plain})
    header += b" " * (-(len(header) + 4) % 8)
    return _LENGTH.pack(len(header)) + header


@cache
def _parts_of(entry: MessageType) -> tuple[Callable[[Message], tuple[Any, ...]], ...]:
    """What takes a message's columns, and what its other fields, as tuples."""
    return _taking([name for name, _ in entry.columns]), _taking(list(entry.fields))


def _taking(names: list[str]) -> Callable[[Message], tuple[Any, ...]]:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda message: tuple([getattr(message, name) for name in names])


@cache
def _column_plan(entry: MessageType) -> tuple[tuple[str, np.dtype[Any] | None, str], ...]:
    """For each column: its name, its dtype (None: text, the message says how wide), its `names`."""
    return tuple(
        (name, None if column.dtype == "S" else np.dtype(column.dtype), column.names)
        for name, column in entry.columns
    )


def _decode_columns(data: bytes, entry: MessageType) -> Message:
    (length,) = _LENGTH.unpack_from(data)
    offset = 4 + length
    if offset > len(data):
        raise ValueError(f"header of {length} bytes in a message of {len(data)}")
    header = header_adapter(entry).validator.validate_json(data[4:offset], strict=True)
    rows = header.rows
    values = {name: getattr(header, name) for name in entry.fields}
    for name, dtype, names in _column_plan(entry):
        if dtype is None:
            if name not in header.widths:
                raise ValueError(f"text column {name} without a width")
            dtype = np.dtype(f"S{header.widths[name]}")  # noqa: PLW2901  (its width is the message's)
        count = rows * len(values[names]) if names else rows
        size = count * dtype.itemsize
        if offset + size > len(data):
            raise ValueError(f"column {name} is cut off")
        array = np.frombuffer(data, dtype, count, offset)
        values[name] = array.reshape(rows, len(values[names])) if names else array
        offset += size + (-size % 8)
    if offset != len(data):
        raise ValueError(f"columns of {rows} rows end at byte {offset} of {len(data)}")
    return entry.cls(**values)


def rows_of(message: Message) -> int:
    """How many rows a message stands for: those of its columns, else one."""
    columns = first_type_of(type(message)).columns
    return len(getattr(message, columns[0][0])) if columns else 1


__all__ = [
    "DECODE_BYTES_MAX",
    "MESSAGE_BYTES_MAX",
    "adapter",
    "decode",
    "encode",
    "header_adapter",
    "rows_of",
    "same",
]
