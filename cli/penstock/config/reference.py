"""The reference of all settings, made from the models that validate them: `docs/configuration.md`.

``python -m penstock.config.reference FILE`` writes it below the file's marker, with ``--check`` it compares.
"""

import json
import sys
import types
import typing
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

from annotated_types import Ge, Gt, Le, Len, Lt, MaxLen, MinLen
from penstock_ingest.config import parse_duration
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from penstock.config.layers import PREFIX
from penstock.config.root import RootConfig

MARKER = "<!-- Below: made by `penstock config reference`; not written by hand. -->"
_BOUNDS = {Gt: ("above", "gt"), Ge: ("at least", "ge"), Lt: ("below", "lt"), Le: ("at most", "le")}
_WORDS = {bool: "true or false", int: "whole number", float: "number", Decimal: "number", str: "text"}
NOTHING = "\N{EN DASH}"
_HUGE = 10**12
"""A bound of this size is none that anybody wants to read."""


def markdown() -> str:
    """Every section with its settings, as Markdown."""
    parts: list[str] = []
    for place, model in sections(RootConfig, ()):
        rows = [_row(name, field) for name, field in model.model_fields.items() if model_in(field) is None]
        nested = [name for name, field in model.model_fields.items() if model_in(field) is not None]
        if not rows and not nested:
            continue
        parts.append(f"### {'.'.join(place) or 'The file itself'}\n\n{_summary(model)}\n")
        if rows and place and not any(part.endswith(("[]", ">")) for part in place):
            name = PREFIX + "__".join(part.upper() for part in place)
            parts.append(f"In the environment: `{name}__<SETTING>`.\n")
        if rows:
            parts.append("\n".join(("| setting | is | default | |", "|---|---|---|---|", *rows)) + "\n")
    return "\n".join(parts)


Section = tuple[tuple[str, ...], type[BaseModel]]


def sections(model: type[BaseModel], place: tuple[str, ...]) -> Iterator[Section]:
    """Every model of the configuration with its place, in the order of a file."""
    yield place, model
    for name, field in model.model_fields.items():
        inner = model_in(field)
        if inner is not None:
            yield from sections(inner, (*place, *_named(name, field.annotation)))


def model_in(field: FieldInfo) -> type[BaseModel] | None:
    """The model of a field that is a table, or a list or table of tables."""
    return _model(field.annotation)


def _model(hint: Any) -> type[BaseModel] | None:
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return hint
    return next((found for each in typing.get_args(hint) if (found := _model(each))), None)


def _named(name: str, hint: Any) -> tuple[str, ...]:
    origin = typing.get_origin(hint)
    if origin is dict:
        return (name, "<name>")
    return (f"{name}[]",) if origin in {tuple, list} else (name,)


def _summary(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def _row(name: str, field: FieldInfo) -> str:
    cells = (f"`{name}`", _kind(field), _default(field), " ".join((field.description or "").split()))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _kind(field: FieldInfo) -> str:
    metadata = [*field.metadata, *_inner_metadata(field.annotation)]
    if any(getattr(each, "func", None) is parse_duration for each in metadata):
        return "duration, as in `90s`, `2m`"
    return ", ".join(dict.fromkeys([_type(field.annotation), *_bounds(metadata)]))


def _inner_metadata(hint: Any) -> list[Any]:
    """What an annotation inside another one says, as in `Annotated[int, …] | None`."""
    if hasattr(hint, "__metadata__"):
        return [
            one
            for each in hint.__metadata__
            for one in (each.metadata if isinstance(each, FieldInfo) else [each])
        ]
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return [one for each in typing.get_args(hint) for one in _inner_metadata(each)]
    return []


def _bounds(metadata: list[Any]) -> Iterator[str]:
    for each in metadata:
        for kind, (word, attribute) in _BOUNDS.items():
            if isinstance(each, kind):
                value = getattr(each, attribute)
                if abs(value) < _HUGE:
                    yield f"{word} {_plain(value)}"
        if isinstance(each, MinLen | Len) and each.min_length:
            yield f"{each.min_length} or more"
        if isinstance(each, MaxLen):
            yield f"{each.max_length} or fewer"


def _type(hint: Any) -> str:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _type(arguments[0])
    if origin is typing.Literal:
        return ", ".join(f"`{each}`" for each in arguments)
    if origin in {typing.Union, types.UnionType}:
        return " or ".join(_type(each) for each in arguments if each is not type(None))
    if origin in {tuple, list}:
        return f"list of {_type(arguments[0])}"
    if origin is dict:
        return f"table of {_type(arguments[1])}"
    if isinstance(hint, type) and issubclass(hint, Enum):
        return ", ".join(f"`{each.value}`" for each in hint)
    return _WORDS.get(hint, "path" if hint is Path else "value")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    return NOTHING if value is None else f"`{_plain(value)}`"


def _plain(value: Any) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, str):
        return value or '""'
    if isinstance(value, tuple | list):
        return ", ".join(_plain(each) for each in value) or "[]"
    if isinstance(value, dict):
        return ", ".join(f"{key} = {_plain(each)}" for key, each in value.items()) or "{}"
    if isinstance(value, bool):
        return json.dumps(value)
    return f"{value:,}".replace(",", "_") if isinstance(value, int) else str(value)


def written(text: str) -> str:
    """A document with the part below its marker made anew. ValueError when it has no marker."""
    before, marker, _ = text.partition(MARKER)
    if not marker:
        raise ValueError(f"the document has no line {MARKER}")
    return f"{before}{marker}\n\n{markdown()}"


def main(arguments: list[str]) -> int:
    """Write the reference into a document, or see whether it is up to date."""
    check = "--check" in arguments
    file = Path(next(each for each in arguments if each != "--check"))
    text = file.read_text(encoding="utf-8")
    now = written(text)
    if check and now != text:
        sys.stderr.write(
            f"{file}: the settings have changed; run python -m penstock.config.reference {file}\n"
        )
        return 1
    if not check:
        file.write_text(now, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
