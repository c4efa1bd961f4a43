"""From all layers to a validated configuration with the origin of each value."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from penstock.config.explain import explain, near
from penstock.config.layers import (
    Layer,
    Merged,
    Place,
    from_environment,
    from_settings,
    merge,
    nested,
    parse_toml,
    read_toml,
)
from penstock.config.root import RootConfig
from penstock.errors import ConfigError

DEFAULT_PROFILE = "conservative"
TEMPLATE = "template:"
"""What a `--config` begins with that names a template that comes with Penstock."""


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag of the command line that stands for a configured value."""

    name: str
    path: str
    value: Any


@dataclass(frozen=True, slots=True)
class ConfigOptions:
    """What a command line says of the configuration."""

    profile: str | None = None
    file: Path | None = None
    flags: tuple[Flag, ...] = ()
    settings: tuple[str, ...] = ()
    """`path=value` of each `--set`."""

    @property
    def given(self) -> list[str]:
        """The options that were given, as they were written."""
        named = {"--profile": self.profile, "--config": self.file}
        return [*(name for name, value in named.items() if value), *(flag.name for flag in self.flags)] + (
            ["--set"] if self.settings else []
        )


@dataclass(frozen=True, slots=True)
class Loaded:
    """A valid configuration."""

    root: RootConfig
    merged: Merged
    profile: str

    def is_set(self, *place: str) -> bool:
        """Whether a value was given in any layer above the defaults."""
        value: Any = self.merged.values
        for part in place:
            if not isinstance(value, dict) or part not in value:
                return False
            value = value[part]
        return True


@dataclass(frozen=True, slots=True)
class Entry:
    """One value as `config show` lists it."""

    path: str
    value: Any
    origin: str


def profiles() -> list[str]:
    """The names of the profiles that come with Penstock."""
    return _shipped("profiles")


def templates() -> list[str]:
    """The names of the configuration files that come with Penstock, one for each built-in strategy."""
    return _shipped("templates")


def template_text(name: str) -> str:
    """The text of a template. ConfigError when there is none of that name."""
    known = templates()
    if name not in known:
        raise ConfigError(f"template {name}: there is no such template; {near(name, known)}")
    return _text("templates", name)


def load(options: ConfigOptions, environment: Mapping[str, str]) -> Loaded:
    """Put the layers together and validate them. ConfigError names the first field that is wrong."""
    name, own = options.profile or DEFAULT_PROFILE, Layer({}, "")
    if options.file is not None:
        own = _own(str(options.file))
    layers = [
        profile(name),
        own,
        *from_environment(environment),
        *(
            Layer(nested(tuple(flag.path.split(".")), flag.value), f"flag {flag.name}")
            for flag in options.flags
        ),
        *from_settings(options.settings),
    ]
    merged = merge(layers)
    try:
        root = RootConfig.model_validate(merged.values)
    except ValidationError as error:
        raise explain(error, RootConfig, merged) from error
    return Loaded(root, merged, name)


def _own(file: str) -> Layer:
    """The layer of `--config`: a file, or a template that is named instead of one."""
    if not file.startswith(TEMPLATE):
        return Layer(read_toml(Path(file)), f"file {file}")
    text = template_text(file.removeprefix(TEMPLATE))
    return Layer(parse_toml(text.encode(), file), file.replace(":", " ", 1))


def _shipped(folder: str) -> list[str]:
    found = files("penstock.config") / folder
    return sorted(each.name.removesuffix(".toml") for each in found.iterdir() if each.name.endswith(".toml"))


def _text(folder: str, name: str) -> str:
    return (files("penstock.config") / folder / f"{name}.toml").read_text(encoding="utf-8")


def profile(name: str) -> Layer:
    """The layer of a profile. ConfigError when there is none of that name."""
    known = profiles()
    if name not in known:
        raise ConfigError(f"--profile {name}: there is no such profile; {near(name, known)}")
    return Layer(tomllib.loads(_text("profiles", name)), f"profile {name}")


def entries(loaded: Loaded) -> list[Entry]:
    """Every value of the configuration with its origin, in the order of the sections."""
    return list(_walk(loaded.root, (), loaded.merged))


def _walk(value: Any, place: Place, merged: Merged) -> Iterator[Entry]:
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _walk(getattr(value, name), (*place, name), merged)
    elif isinstance(value, dict) and value:
        for key, each in value.items():
            yield from _walk(each, (*place, str(key)), merged)
    else:
        yield Entry(".".join(place), _plain(value), merged.origin_of(place))


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(each) for each in value]
    return value if isinstance(value, bool | int | float | str | None) else str(value)
