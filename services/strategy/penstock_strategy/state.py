"""A strategy's declared state: a dataclass of JSON values, checked when the strategy is loaded."""

from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from penstock_strategy.errors import StrategyLoadError

_SCALARS = (bool, int, float, str, Decimal, NoneType)
_ALLOWED = (
    "bool, int, float, str, Decimal, None, enums, dataclasses of them, and list, tuple and dict of them"
)


def check_state_type(cls: Any, owner: str) -> None:
    """Refuse a state that a snapshot could not hold exactly. StrategyLoadError names the field."""
    if not is_dataclass(cls) or not isinstance(cls, type):
        raise StrategyLoadError(f"{owner}: its state must be a dataclass, not {cls!r}")
    _check_fields(cls, owner, cls.__name__)
    try:
        cls()
    except TypeError as error:
        raise StrategyLoadError(f"{owner}: every field of {cls.__name__} needs a default: {error}") from error


def _check_fields(cls: type[Any], owner: str, path: str) -> None:
    if "__pydantic_config__" not in cls.__dict__:
        cls.__pydantic_config__ = {"ser_json_inf_nan": "constants", "extra": "forbid"}
    try:
        hints = get_type_hints(cls)
    except NameError as error:
        raise StrategyLoadError(f"{owner}: {path}: {error}") from error
    for each in fields(cls):
        _check(hints[each.name], owner, f"{path}.{each.name}")


def _check(hint: Any, owner: str, path: str) -> None:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in _SCALARS or origin is Literal:
        return
    if isinstance(hint, type) and issubclass(hint, Enum):
        return
    if is_dataclass(hint) and isinstance(hint, type):
        _check_fields(hint, owner, path)
        return
    if origin in (Union, UnionType) or (origin in (list, tuple) and arguments):
        for argument in arguments:
            if argument is not Ellipsis:
                _check(argument, owner, path)
        return
    if origin is dict and arguments[0] in (str, int):
        _check(arguments[1], owner, path)
        return
    name = getattr(hint, "__name__", None) if not arguments else None
    raise StrategyLoadError(f"{owner}: {path} is {name or hint}: a state holds {_ALLOWED}")
