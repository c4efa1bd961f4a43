"""From what pydantic says of a configuration to one line: full path, what is wrong, what is allowed."""

import difflib
import typing
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from penstock.config.layers import DEFAULT, Merged
from penstock.errors import ConfigError

_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "decimal": "a number",
    "bool": "true or false",
    "string": "text",
    "list": "a list",
    "tuple": "a list",
    "dict": "a table",
    "model": "a table",
}


def explain(error: ValidationError, model: type[BaseModel], merged: Merged) -> ConfigError:
    """The first thing that is wrong, unknown keys before all else: they often explain the rest."""
    errors = sorted(error.errors(include_url=False), key=lambda each: each["type"] != "extra_forbidden")
    first = errors[0]
    place = tuple(str(part) for part in first["loc"])
    origin = merged.origin_of(place)
    text = f"{'.'.join(place) or 'configuration'}: {_what(first, model, place)}"
    if origin != DEFAULT:
        text += f" ({origin})"
    return ConfigError(text)


def near(word: str, known: Iterable[str]) -> str:
    """A hint at what may have been meant, or at everything that is possible."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else f"allowed: {', '.join(names)}"


def _what(error: ErrorDetails, model: type[BaseModel], place: Sequence[str]) -> str:
    kind, context = error["type"], error.get("ctx", {})
    given = _given(error.get("input"))
    if kind == "extra_forbidden":
        return f"unknown key; {near(place[-1], _fields_at(model, place[:-1]))}"
    if kind == "missing":
        return "is missing"
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        return f"{given} is not allowed; must be {words} {context[key]}"
    if kind in {"literal_error", "enum"}:
        return f"{given} is not allowed; allowed: {str(context['expected']).replace(chr(39), '')}"
    if kind in {"value_error", "assertion_error"}:
        return str(context.get("error", error["msg"]))
    word = _KINDS.get(kind.partition("_")[0])
    if word is not None and kind.endswith(("_type", "_parsing", "_from_float", "_attributes_type")):
        return f"{given} is not allowed; must be {word}"
    return f"{given} is not allowed: {error['msg'][0].lower()}{error['msg'][1:]}"


def _given(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _fields_at(model: type[BaseModel], place: Sequence[str]) -> list[str]:
    """The keys that are known at a place of a model."""
    current: type[BaseModel] | None = model
    for part in place:
        if current is not None and part in current.model_fields:
            current = _model_in(current.model_fields[part].annotation)
    return list(current.model_fields) if current is not None else []


def _model_in(hint: Any) -> type[BaseModel] | None:
    """The model inside an annotation such as `dict[str, Limits]` or `Limits | None`."""
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return hint
    return next((found for each in typing.get_args(hint) if (found := _model_in(each))), None)
