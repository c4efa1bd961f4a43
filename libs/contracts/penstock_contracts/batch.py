"""Parts of columnar messages."""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from penstock_contracts.base import first_type_of

T = TypeVar("T")


@cache
def _names(cls: type) -> tuple[Callable[..., Any], tuple[str, ...], tuple[str, ...]]:
    entry = first_type_of(cls)
    if not entry.columns:
        raise TypeError(f"{entry.name} has no rows")
    return entry.cls, entry.fields, tuple(name for name, _ in entry.columns)


def part_of(message: T, begin: int, end: int) -> T:
    """Rows [begin, end) of a columnar message, as views. TypeError for a plain one."""
    kind: type = type(message)
    cls, plain, columns = _names(kind)
    part: T = cls(
        **{name: getattr(message, name) for name in plain},
        **{name: getattr(message, name)[begin:end] for name in columns},
    )
    return part
