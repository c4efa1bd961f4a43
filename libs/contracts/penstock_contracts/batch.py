"""Parts of columnar messages."""

from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

from penstock_contracts.base import first_type_of

T = TypeVar("T")
_Reader = Callable[[Any], tuple[Any, ...]]


@cache
def _reading(
    cls: type,
) -> tuple[Callable[[Any], tuple[Any, ...]], Callable[[Any], tuple[Any, ...]], list[str]]:
    """What reads a message's plain fields, what reads its columns, and the names of both."""
    entry = first_type_of(cls)
    if not entry.columns:
        raise TypeError(f"{entry.name} has no rows")
    columns = [name for name, _ in entry.columns]
    return attrgetter(*entry.fields), attrgetter(*columns), [*entry.fields, *columns]


def part_of(message: T, begin: int, end: int) -> T:
    """Rows [begin, end) of a columnar message, as views. TypeError for a plain one."""
    kind: type = type(message)
    plain, columns, names = _reading(kind)
    rows = slice(begin, end)
    values = [*plain(message), *[column[rows] for column in columns(message)]]
    part: T = kind(**dict(zip(names, values, strict=True)))
    return part


def between(message: T, begin: int, end: int) -> T:
    """Rows [begin, end) of a message: itself where that is all of it, or it has no rows."""
    columns = first_type_of(type(message)).columns
    if not columns or (begin == 0 and end == len(getattr(message, columns[0][0]))):
        return message
    return part_of(message, begin, end)
