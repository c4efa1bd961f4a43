"""Whether a message's new schema still reads what was written under the old one.

Within a major version only optional fields are added, bounds are widened and enumerations are
extended. Everything else makes a recording unreadable or means something else, and needs a new class.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

Schema = dict[str, Any]

_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "x-minimum", "x-exclusiveMinimum")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "x-maximum", "x-digitsMax")
_EXACT = ("pattern", "format")
_ABSENT = object()


def incompatibilities(old: Schema, new: Schema) -> list[str]:
    """What breaks from `old` to `new`, one line each, with the field's path; empty when nothing does."""
    problems = list(_compare("", _inlined(old, old), _inlined(new, new)))
    problems += _columns(old.get("x-columns", []), new.get("x-columns", []))
    return problems


def _inlined(schema: Any, root: Schema) -> Any:
    if isinstance(schema, list):
        return [_inlined(each, root) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inlined = {key: _inlined(value, root) for key, value in schema.items() if key not in {"$ref", "$defs"}}
    if "$ref" in schema:
        target = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
        return {**_inlined(target, root), **inlined}
    return inlined


def _compare(path: str, old: Schema, new: Schema) -> Iterator[str]:
    if old.get("default", _ABSENT) != new.get("default", _ABSENT) and "default" in old:
        yield f"{path}: the default changed from {old['default']!r} to {new.get('default', 'none')!r}"
    candidates = _options(new)
    for option in _options(old):
        found = [list(_compare_one(path, option, candidate)) for candidate in candidates]
        if not any(not problems for problems in found):
            alike = [
                problems
                for candidate, problems in zip(candidates, found, strict=True)
                if candidate.get("type") == option.get("type")
            ]
            yield from alike[0] if alike else [_type_changed(path, option, new)]


def _compare_one(path: str, old: Schema, new: Schema) -> Iterator[str]:
    if old.get("type") != new.get("type"):
        yield _type_changed(path, old, new)
        return
    for key in _EXACT:
        if old.get(key) != new.get(key) and key in new:
            yield f"{path}: the {key} changed from {old.get(key)!r} to {new[key]!r}"
    yield from _bounds(path, old, new)
    lost = [value for value in _values(old) if value not in _values(new)]
    if (lost or not _values(old)) and _values(new):
        yield f"{path}: no longer allows {', '.join(map(str, lost)) or 'every value'}"
    for key in ("items", "additionalProperties"):
        inner = old.get(key), new.get(key)
        if isinstance(inner[0], dict) and isinstance(inner[1], dict):
            yield from _compare(f"{path}[]", inner[0], inner[1])
    yield from _properties(path, old, new)


def _properties(path: str, old: Schema, new: Schema) -> Iterator[str]:
    before, after = old.get("properties", {}), new.get("properties", {})
    required = set(new.get("required", ()))
    newly_required = required - set(old.get("required", ()))
    for name in before:
        where = f"{path}.{name}" if path else name
        if name not in after:
            yield f"{where}: removed"
            continue
        if name in newly_required:
            yield f"{where}: was optional and is required"
        yield from _compare(where, before[name], after[name])
    for name in after:
        if name not in before and name in required:
            yield f"{path}.{name}: new and required" if path else f"{name}: new and required"


def _bounds(path: str, old: Schema, new: Schema) -> Iterator[str]:
    for key in (*_LOWER, *_UPPER):
        if key not in new:
            continue
        # Exact decimals are written as strings; their order is that of their numbers.
        sign = 1 if key in _LOWER else -1
        if key not in old or sign * Decimal(str(new[key])) > sign * Decimal(str(old[key])):
            yield f"{path}: {key} was {old.get(key, 'none')} and is {new[key]}"


def _columns(old: list[Schema], new: list[Schema]) -> Iterator[str]:
    before = {each["name"]: each for each in old}
    after = {each["name"]: each for each in new}
    for name, was in before.items():
        if name not in after:
            yield f"{name}: column removed"
            continue
        for key in ("dtype", "names"):
            if was.get(key) != after[name].get(key):
                yield f"{name}: {key} of the column changed from {was.get(key)} to {after[name].get(key)}"
    for name in after:
        if name not in before:
            yield f"{name}: column added"
    if set(before) == set(after):
        for was, is_now in zip(before, after, strict=True):
            if was != is_now:
                yield f"{was}: its place among the columns changed"
                return


def _options(schema: Schema) -> list[Schema]:
    options: list[Schema] = schema.get("anyOf", [schema])
    return options


def _values(schema: Schema) -> list[Any]:
    values: list[Any] = schema.get("enum", [schema["const"]] if "const" in schema else [])
    return values


def _type_changed(path: str, old: Schema, new: Schema) -> str:
    def names(schema: Schema) -> str:
        return " or ".join(str(each.get("type", "anything")) for each in _options(schema))

    return f"{path}: the type changed from {names(old)} to {names(new)}"
