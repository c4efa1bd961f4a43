"""Where two messages differ, field by field, arrays by their first row."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np

SHOWN_CHARACTERS_MAX = 200


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that differs, as text."""

    field: str
    """Its path: `fee`, `commands[0].verb`, `close[17]`."""
    recorded: str
    computed: str


def differences(recorded: Any, computed: Any) -> list[Difference]:
    """Every field in which two messages differ; of a column the first row and how many more."""
    if type(recorded) is not type(computed):
        return [Difference("type", type(recorded).__name__, type(computed).__name__)]
    return list(_compare("", recorded, computed))


def _compare(path: str, left: Any, right: Any) -> Iterator[Difference]:
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        yield from _columns(path, left, right)
    elif type(left) is not type(right):
        yield Difference(path, _shown(left), _shown(right))
    elif is_dataclass(left):
        for each in fields(left):
            name = f"{path}.{each.name}" if path else each.name
            yield from _compare(name, getattr(left, each.name), getattr(right, each.name))
    elif isinstance(left, dict):
        for key in sorted({*left, *right}, key=str):
            yield from _compare(f"{path}[{key}]", left.get(key), right.get(key))
    elif isinstance(left, tuple | list):
        if len(left) != len(right):
            yield Difference(f"len({path})", str(len(left)), str(len(right)))
        for position, (one, other) in enumerate(zip(left, right, strict=False)):
            yield from _compare(f"{path}[{position}]", one, other)
    elif repr(left) != repr(right):  # 1 and 1.0, 0.0 and -0.0 are written differently; nan is not nan
        yield Difference(path, _shown(left), _shown(right))


def _columns(path: str, left: np.ndarray[Any, Any], right: np.ndarray[Any, Any]) -> Iterator[Difference]:
    if left.shape != right.shape or left.dtype != right.dtype:
        yield Difference(path, f"{left.dtype} {left.shape}", f"{right.dtype} {right.shape}")
        return
    width = left.dtype.itemsize
    cells = (len(left), -1) if left.ndim > 1 else (len(left), 1)
    raw = [np.ascontiguousarray(each).view(np.uint8).reshape(-1, width) for each in (left, right)]
    unequal = (raw[0] != raw[1]).any(axis=1).reshape(cells)
    rows = np.flatnonzero(unequal.any(axis=1))
    if len(rows):
        row = int(rows[0])
        more = f" ({len(rows) - 1} more rows)" if len(rows) > 1 else ""
        yield Difference(f"{path}[{row}]", _shown(left[row]) + more, _shown(right[row]))


def _shown(value: Any) -> str:
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return text if len(text) <= SHOWN_CHARACTERS_MAX else text[:SHOWN_CHARACTERS_MAX] + "…"
