"""Strategies by built-in name, `file.py:Class` or entry point, with one-line errors."""

import inspect
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from hashlib import blake2b
from importlib.metadata import entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import NoneType
from typing import Any

from penstock_kernel.declarations import BarSpec, RowSpec
from penstock_kernel.session import StrategySpec
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from penstock_strategy.builtin import BUILTIN
from penstock_strategy.context import Context
from penstock_strategy.errors import StrategyLoadError
from penstock_strategy.state import check_state_type
from penstock_strategy.strategy import Needs, Parameters, Strategy

GROUP = "penstock.strategies"
"""The entry-point group in which installed packages offer strategies."""

_NAMED_BOUNDS = (("ge", "from {}"), ("gt", "above {}"), ("le", "to {}"), ("lt", "below {}"))

_WORDS = {int: "an integer", float: "a number", Decimal: "a number", bool: "true or false", str: "text"}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A strategy's class with its checked parameters."""

    owner: str
    """How errors call it: the strategy's name in the session."""
    cls: type[Strategy[Any, Any]]
    parameters: Parameters
    file: str
    """Source file of the class."""

    def build(self, context: Context) -> Strategy[Any, Any]:
        """An instance with a state as new."""
        return self.cls(context, self.parameters, self.cls.state_type())

    def declared(self, strategy: Strategy[Any, Any]) -> Needs:
        """What the strategy needs. StrategyLoadError when it does not say, or says nonsense."""
        try:
            needs = strategy.declare()
        except Exception as error:
            raise StrategyLoadError(f"{self.owner}: declare: {type(error).__name__}: {error}") from error
        if not isinstance(needs, Needs):
            raise StrategyLoadError(f"{self.owner}: declare must return Needs, not {type(needs).__name__}")
        if needs.warm_up < 0:
            raise StrategyLoadError(f"{self.owner}: warm_up must not be negative, not {needs.warm_up}")
        declared: list[BarSpec | RowSpec] = [*needs.bars, *needs.rows]
        series = [(bar.instrument, str(bar.interval)) for bar in needs.bars]
        series += [(row.instrument, row.trigger) for row in needs.rows]
        for instrument, kind in series:
            if series.count((instrument, kind)) > 1:
                raise StrategyLoadError(
                    f"{self.owner}: it declares {instrument} twice: give all features to one declaration"
                )
        for each in declared:
            if each.instrument not in strategy.instruments:
                raise StrategyLoadError(
                    f"{self.owner}: it declares {each.instrument}, which it was not given"
                )
            for spec in each.features:
                if spec.other is not None and spec.other not in strategy.instruments:
                    raise StrategyLoadError(
                        f"{self.owner}: {spec.name} compares with {spec.other}, which it was not given"
                    )
            names = [spec.name for spec in each.features]
            if len(set(names)) < len(names):
                raise StrategyLoadError(f"{self.owner}: two features of {each.instrument} share a name")
        return needs


def load(spec: StrategySpec) -> Loaded:
    """Find a strategy's class and check its parameters and state. StrategyLoadError says what is wrong."""
    cls = find(spec.source)
    check_state_type(cls.state_type, spec.name)
    try:
        parameters = cls.parameters_type.model_validate(spec.parameters)
    except ValidationError as error:
        raise StrategyLoadError(f"{spec.name}: {_parameter_error(cls.parameters_type, error)}") from error
    return Loaded(spec.name, cls, parameters, inspect.getfile(cls))


def find(source: str) -> type[Strategy[Any, Any]]:
    """The class that a source names. StrategyLoadError when there is none, or it is no strategy."""
    path, separator, name = source.rpartition(":")
    if separator and path.endswith(".py"):
        found = _from_file(Path(path), name)
    elif source.endswith(".py"):
        raise StrategyLoadError(f"strategy {source}: name its class, as in {source}:MyStrategy")
    elif source in BUILTIN:
        found = BUILTIN[source]
    else:
        found = _from_entry_point(source)
    if not (isinstance(found, type) and issubclass(found, Strategy)):
        raise StrategyLoadError(f"strategy {source}: {getattr(found, '__name__', found)} is not a Strategy")
    return found


def source_file(source: str) -> str:
    """The file of a strategy's class. StrategyLoadError when there is none."""
    return inspect.getfile(find(source))


def known() -> list[str]:
    """Names of the built-in strategies and of those that installed packages offer."""
    return sorted({*BUILTIN, *(each.name for each in entry_points(group=GROUP))})


def _from_entry_point(name: str) -> Any:
    for each in entry_points(group=GROUP):
        if each.name == name:
            try:
                return each.load()
            except Exception as error:
                raise StrategyLoadError(f"strategy {name}: {each.value} does not load: {error}") from error
    raise StrategyLoadError(
        f"unknown strategy {name!r}{_near(name, known())}; there are {', '.join(known())}; "
        "your own is named as file.py:Class"
    )


def _from_file(path: Path, name: str) -> Any:
    if not path.is_file():
        raise StrategyLoadError(f"strategy file {path} does not exist")
    path = path.resolve()
    digest = blake2b(str(path).encode(), digest_size=6).hexdigest()
    module_name = f"penstock_user_{path.stem}_{digest}"
    spec = spec_from_file_location(module_name, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    # Registered: dataclasses and annotations look their module up by name.
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[module_name]
        raise StrategyLoadError(f"strategy file {path}: {type(error).__name__}: {error}") from error
    found = getattr(module, name, None)
    if found is None:
        classes = [
            each.__name__
            for each in vars(module).values()
            if isinstance(each, type) and issubclass(each, Strategy) and each.__module__ == module_name
        ]
        has = f"it has {', '.join(classes)}" if classes else "it has no strategy"
        raise StrategyLoadError(f"strategy file {path} has no {name!r}{_near(name, classes)}; {has}")
    return found


def _near(name: str, names: Iterable[str]) -> str:
    near = get_close_matches(name, list(names), n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def _parameter_error(cls: type[Parameters], error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    names = list(cls.model_fields)
    if not first["loc"]:
        return str(first["msg"]).removeprefix("Value error, ")
    name = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        return f"no parameter {name!r}{_near(name, names)}; it has {', '.join(names) or 'none'}"
    if first["type"] == "missing":
        return f"parameter {name} is missing ({allowed(cls.model_fields[name])})"
    return f"parameter {name} must be {allowed(cls.model_fields[name])}, not {first['input']!r}"


def allowed(info: FieldInfo) -> str:
    """What a parameter may be, in words: its type and its bounds."""
    arguments = getattr(info.annotation, "__args__", None) or (info.annotation,)
    kinds = [_in_words(each) for each in arguments if each is not NoneType]
    bounds = [
        text.format(getattr(each, bound))
        for bound, text in _NAMED_BOUNDS
        for each in info.metadata
        if getattr(each, bound, None) is not None
    ]
    return " ".join([" or ".join(kinds), *bounds]) + (", or none" if NoneType in arguments else "")


def _in_words(hint: Any) -> str:
    if isinstance(hint, str):  # an argument of a Literal
        return repr(hint)
    return _WORDS.get(hint) or str(getattr(hint, "__name__", hint))
