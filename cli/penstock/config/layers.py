"""Layers of configuration: later ones win, and every value remembers where it came from.

From the weakest to the strongest: defaults, profile, `--config` file, environment
(`PENSTOCK__SECTION__FIELD`), flags and `--set path=value` in the order of the command line.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from penstock.errors import ConfigError

PREFIX = "PENSTOCK__"
DEFAULT = "default"

Values = dict[str, Any]
Place = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Layer:
    """Values from one place."""

    values: Values
    origin: str
    """As it is shown: `profile conservative`, `file my.toml`, `flag --capital`."""


@dataclass(slots=True)
class Merged:
    """All layers on top of one another."""

    values: Values = field(default_factory=dict)
    origins: dict[Place, str] = field(default_factory=dict)

    def origin_of(self, place: Place) -> str:
        """Where the value at a place came from; a value inside a list has its list's origin."""
        for length in range(len(place), 0, -1):
            if (found := self.origins.get(place[:length])) is not None:
                return found
        # A table has no origin of its own: that of the first value in it.
        return next((origin for each, origin in self.origins.items() if each[: len(place)] == place), DEFAULT)


def merge(layers: Iterable[Layer]) -> Merged:
    """Tables are merged key by key; everything else is replaced as a whole."""
    merged = Merged()
    for layer in layers:
        _lay(merged.values, layer.values, layer.origin, merged.origins, ())
    return merged


def _lay(below: Values, above: Values, origin: str, origins: dict[Place, str], at: Place) -> None:
    for key, value in above.items():
        place = (*at, key)
        if isinstance(value, dict) and isinstance(below.get(key, {}), dict):
            _lay(below.setdefault(key, {}), value, origin, origins, place)
            continue
        for covered in [each for each in origins if each[: len(place)] == place]:
            del origins[covered]
        below[key] = value
        origins[place] = origin


def read_toml(path: Path) -> Values:
    """The values of a TOML file; ConfigError with file and line when it cannot be read."""
    try:
        return parse_toml(path.read_bytes(), str(path))
    except OSError as error:
        raise ConfigError(f"--config: {path}: {error.strerror or error}") from error


def parse_toml(content: bytes, name: str) -> Values:
    """The values of a TOML text."""
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name}: not UTF-8 text at byte {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        text = str(error)
        if text.startswith(("Cannot overwrite", "Cannot declare")):
            line = _line(text) or len(content.decode().splitlines())
            raise ConfigError(f"{name}: {_key_at(content, line)} is given twice (line {line})") from error
        raise ConfigError(f"{name}: not TOML: {text[0].lower()}{text[1:]}") from error


def _line(text: str) -> int:
    """The line that tomllib names, as in `(at line 3, column 7)`; 0 for `(at end of document)`."""
    digits = text.rpartition("line ")[2].partition(",")[0]
    return int(digits) if digits.isdigit() else 0


def _key_at(content: bytes, number: int) -> str:
    """The key, with its table, on a line of a TOML text."""
    lines = content.decode().splitlines()
    if not 0 < number <= len(lines):
        return "a key"
    line = lines[number - 1].strip()
    if line.startswith("["):
        return line.strip("[]")
    tables = [each.strip().strip("[]") for each in lines[:number] if each.strip().startswith("[")]
    key = line.partition("=")[0].strip()
    return f"{tables[-1]}.{key}" if tables else key


def from_environment(environment: Mapping[str, str]) -> list[Layer]:
    """One layer for each variable of the form `PENSTOCK__SECTION__FIELD`, ordered by name."""
    layers = []
    for name in sorted(environment):
        if not name.startswith(PREFIX):
            continue
        parts = [part.lower() for part in name.removeprefix(PREFIX).split("__")]
        if not all(parts):
            raise ConfigError(f"{name}: not a path; write PENSTOCK__SECTION__FIELD")
        layers.append(Layer(nested(tuple(parts), parse_value(environment[name])), f"environment {name}"))
    return layers


def from_settings(settings: Iterable[str]) -> list[Layer]:
    """One layer for each `--set path=value`."""
    layers = []
    for setting in settings:
        path, equals, value = setting.partition("=")
        place = _place(path) if equals else ()
        if not place:
            raise ConfigError(f"--set {setting}: write path=value, for example risk.order_quantity_max=1")
        layers.append(Layer(nested(place, parse_value(value.strip())), f"--set {path.strip()}"))
    return layers


def _place(path: str) -> Place:
    """The keys of a dotted path; a key with a dot of its own is quoted, as in TOML. Empty when it is none."""
    try:
        value = tomllib.loads(f"{path} = 0")
    except tomllib.TOMLDecodeError:
        return ()
    place: list[str] = []
    while isinstance(value, dict):
        (key,) = value
        place.append(key)
        value = value[key]
    return tuple(place)


def nested(place: Place, value: Any) -> Values:
    """A value at its place in otherwise empty tables."""
    for key in reversed(place):
        value = {key: value}
    assert isinstance(value, dict)
    return value


def parse_value(text: str) -> Any:
    """A value as it is typed: lists, tables and quoted strings as in TOML, all else as it stands.

    The model turns words into numbers and booleans where it wants them: `007` stays text for a name.
    """
    if not text.startswith(("[", "{", '"', "'")):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{text}: not a TOML value: {error}") from error
