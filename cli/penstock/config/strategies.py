"""Strategies as they are named on the command line and in files.

``name``, ``name:param=value,...``, ``file.py:Class`` or ``file.py:Class:param=value,...``. Five words are not
parameters of the strategy but of its place in the session: ``name`` (it must be unique; default: the
strategy's own, numbered when it occurs again), ``instrument`` (several joined by ``+``), ``interval`` of its
bars, ``capital_fraction`` and ``mode``.
"""

from decimal import Decimal
from typing import Any, Literal

from penstock_contracts.types import InstrumentKey, Name, Positive
from penstock_ingest.config import Duration
from penstock_kernel.session import Guardrails
from pydantic import BaseModel, ConfigDict, Field, model_validator

from penstock.config.layers import parse_value
from penstock.errors import ConfigError

PLACE = ("name", "instrument", "interval", "capital_fraction", "mode")


class StrategyChoice(BaseModel):
    """One strategy of the session."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = Field(min_length=1, description="A built-in's name, `file.py:Class`, or an entry point.")
    name: Name | None = Field(default=None, description="Unique in the session; default: from the source.")
    parameters: dict[str, Any] = Field(default={}, description="Parameters of the strategy.")
    instruments: tuple[InstrumentKey, ...] = Field(
        default=(), description="Instruments that it sees; default: all of the session."
    )
    interval: Duration | None = Field(default=None, description="Of its bars; default: run.bar_interval.")
    capital_fraction: Positive | None = Field(
        default=None, le=Decimal(1), description="Its share of the capital; default: equal shares."
    )
    mode: Literal["trade", "shadow"] = Field(
        default="trade", description="shadow: traded in a virtual ledger only, never by execution."
    )
    shadow_cost_bps: Decimal = Field(
        default=Decimal(2), ge=0, le=1_000,
        description="Added to the price of virtual fills: half the spread and slippage, basis points.",
    )  # fmt: skip
    guardrails: Guardrails = Field(default=Guardrails(), description="Bounds of this strategy.")

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return parse_strategy(value) if isinstance(value, str) else value


def parse_strategy(text: str) -> dict[str, Any]:
    """The fields of a `StrategyChoice` written as text. ConfigError when it cannot be read."""
    source, parameters = _split(text)
    choice: dict[str, Any] = {"source": source}
    values: dict[str, Any] = {}
    for pair in parameters.split(",") if parameters else []:
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not equals or not key or not value:
            raise ConfigError(f"--strategy {text}: {pair!r} is not param=value")
        if key in choice or key in values:
            raise ConfigError(f"--strategy {text}: {key} is given twice")
        if key == "instrument":
            choice["instruments"] = tuple(value.split("+"))
        elif key in PLACE:
            choice[key] = value
        else:
            values[key] = _scalar(value)
    return {**choice, "parameters": values}


def _split(text: str) -> tuple[str, str]:
    """Source and parameters. A colon also stands before a class, and in a drive or a URL-like path."""
    head, colon, tail = text.partition(":")
    if not head.endswith(".py"):
        return head, tail
    name, second, parameters = tail.partition(":")
    if not colon or not name:
        raise ConfigError(f"--strategy {text}: which class? write {head}:Class")
    return f"{head}:{name}", parameters if second else ""


def _scalar(text: str) -> Any:
    """A parameter's value: whole numbers, numbers and booleans as such, the rest as text."""
    if text in {"true", "false"}:
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return parse_value(text)


def default_name(source: str) -> str:
    """A name made of a source: `ma_cross` stays, `my/file.py:Fast` becomes `Fast`."""
    return source.rpartition(":")[2]
