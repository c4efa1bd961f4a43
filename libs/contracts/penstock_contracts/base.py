"""The declaration of a message: one decorator, one registry.

A message is a frozen fact: a slotted dataclass that nobody edits. `message` registers it under its
family, kind and major version; the type checker treats it as frozen (building a really frozen
dataclass costs four times as much).
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeVar, dataclass_transform, get_type_hints

from penstock_contracts.columns import Column, column_of

Family = Literal["md", "feat", "sig", "ord", "ven", "ctl"]
FAMILIES: tuple[Family, ...] = ("md", "feat", "sig", "ord", "ven", "ctl")
FAMILY_NAMES: dict[Family, str] = {
    "md": "market",
    "feat": "feature",
    "sig": "signal",
    "ord": "order",
    "ven": "venue",
    "ctl": "control",
}

Message = Any
"""Any registered message. Narrow with `isinstance` or `match`."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)  # there is one of each: compared and hashed by identity
class MessageType:
    """What the registry knows of one message type."""

    family: Family
    kind: str
    major: int
    cls: type
    columns: tuple[tuple[str, Column], ...]
    """Names and descriptions of the column fields, in wire order; empty for a plain message."""
    fields: tuple[str, ...]
    """Names of the other fields, in wire order."""
    name: str = field(init=False)
    """The `ce-type`, for example `penstock.order.approved.v1`."""

    def __post_init__(self) -> None:
        name = f"penstock.{FAMILY_NAMES[self.family]}.{self.kind}.v{self.major}"
        object.__setattr__(self, "name", name)


_PYDANTIC = {"extra": "ignore", "ser_json_inf_nan": "constants"}
_BY_KIND: dict[tuple[Family, str, int], MessageType] = {}
_BY_CLASS: dict[type, dict[Family, MessageType]] = {}


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def message(family: Family | tuple[Family, ...], kind: str, major: int = 1) -> Callable[[type[T]], type[T]]:
    """Register a class as the message `kind` of a family, or of several (`done`)."""
    families = family if isinstance(family, tuple) else (family,)

    def register(cls: type[T]) -> type[T]:
        built = _configured(dataclass(slots=True, kw_only=True)(cls))
        hints = get_type_hints(built, include_extras=True)
        names = [each.name for each in fields(built)]  # type: ignore[arg-type]  # slotted above
        columns = tuple((name, column) for name in names if (column := column_of(hints[name])) is not None)
        plain = tuple(name for name in names if column_of(hints[name]) is None)
        for belongs in families:
            key = (belongs, kind, major)
            if key in _BY_KIND:
                raise TypeError(f"message {key} is registered twice")
            entry = MessageType(belongs, kind, major, built, columns, plain)
            _BY_KIND[key] = entry
            _BY_CLASS.setdefault(built, {})[belongs] = entry
        return built

    return register


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def record(cls: type[T]) -> type[T]:
    """Declare a part of a message: frozen and slotted like one, without a subject of its own."""
    return _configured(dataclass(slots=True, kw_only=True)(cls))


def _configured(cls: type[T]) -> type[T]:
    cls.__pydantic_config__ = _PYDANTIC  # type: ignore[attr-defined]
    return cls


def message_type(family: Family, kind: str, major: int) -> MessageType | None:
    """The registered type, or None when this version of Penstock does not know it."""
    return _BY_KIND.get((family, kind, major))


def type_of(message: Message, family: Family | None = None) -> MessageType:
    """The type of a message; `family` is needed only where one class serves several families."""
    entries = _BY_CLASS[type(message)]
    if family is not None:
        return entries[family]
    if len(entries) > 1:
        raise TypeError(f"{type(message).__name__} belongs to {', '.join(entries)}: name the family")
    return next(iter(entries.values()))


def first_type_of(cls: type) -> MessageType:
    """The type of a message class, in the first of its families: its layout is the same in all."""
    return next(iter(_BY_CLASS[cls].values()))


def message_types() -> tuple[MessageType, ...]:
    """Every registered type, ordered by name."""
    return tuple(sorted(_BY_KIND.values(), key=lambda entry: entry.name))
