"""Instruments: from `instruments.toml`, or inferred from a file's name and data, saying what was assumed.

`instruments.toml` holds one table `[[instrument]]` for each::

    [[instrument]]
    instrument = "btc-perp.replay"     # <symbol>.<venue>; files are at the venue `replay`
    files = ["btc-perp-*.csv.gz"]      # optional: the files that hold it, where their names do not say so
    kind = "perpetual"                 # and any other field of penstock_contracts.instrument.Instrument

What a definition leaves out is inferred from the file, with a warning; numbers may be strings to stay exact.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from datetime import datetime
from decimal import Decimal
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
from penstock_contracts.codec import adapter
from penstock_contracts.instrument import Instrument
from penstock_contracts.subjects import instrument_key
from penstock_contracts.types import InstrumentKey, InstrumentKind
from penstock_kernel.grid import NS_PER_DAY, NS_PER_SECOND
from penstock_kernel.money import unit
from pydantic import TypeAdapter, ValidationError

from penstock_ingest.errors import DefinitionError
from penstock_ingest.names import DOLLARS, Named
from penstock_ingest.table import Table

FEE_TAKER = Decimal("0.0005")
FEE_MAKER = Decimal("0.0002")
REPLAY = "replay"
SYNTHETIC = "synthetic"
_LOT_DECIMALS_MAX = 8
_TURNOVER_PER_DAY_MAX = 10**12
"""Dollars. No instrument trades so much in a day: volumes that say so are in the quote currency."""


@dataclass(frozen=True, slots=True)
class Definition:
    """One entry of `instruments.toml`: the fields that it gives, checked one by one."""

    instrument: str
    files: tuple[str, ...]
    values: dict[str, Any]
    where: str
    """File and entry, for errors."""


def load_definitions(file: Path) -> list[Definition]:
    """Read `instruments.toml`. DefinitionError names file, entry and field."""
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DefinitionError(f"{file}: cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DefinitionError(f"{file}: not TOML: {error}") from None
    entries = document.pop("instrument", None)
    if document:
        raise DefinitionError(
            f"{file}: {next(iter(document))}: not known; the file takes only [[instrument]] tables"
        )
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DefinitionError(f"{file}: instrument: write one [[instrument]] table for each")
    found: dict[str, Definition] = {}
    for at, entry in enumerate(entries):
        definition = _definition(f"{file}: instrument[{at}]", entry)
        if definition.instrument in found:
            raise DefinitionError(f"{definition.where}.instrument: {definition.instrument} is defined twice")
        found[definition.instrument] = definition
    return list(found.values())


def define(
    definition: Definition | None, inferred: Mapping[str, Any], assumptions: Mapping[str, str]
) -> Instrument:
    """The instrument: what was defined, the rest inferred. `assumptions` are texts by field."""
    given = definition.values if definition is not None else {}
    values = {**inferred, **given}
    if "quote" in given and "settlement" not in given:
        values["settlement"] = given["quote"]
    texts = tuple(text for name, text in assumptions.items() if name not in given)
    missing = [each.name for each in fields(Instrument) if _required(each) and each.name not in values]
    where = definition.where if definition is not None else str(values.get("instrument"))
    if missing:
        raise DefinitionError(f"{where}.{missing[0]}: missing")
    values.setdefault("assumptions", texts)
    try:
        instrument: Instrument = adapter(Instrument).validate_python(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        path = ".".join(str(part) for part in first["loc"])
        raise DefinitionError(f"{where}.{path}: {first['msg']}") from None
    return instrument


def infer(
    named: Named, venue: str, tables: Sequence[Table], notes: Sequence[str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Fields of an instrument as its name and all its rows tell them, and what was assumed, by field."""
    price_decimals = max(table.plain["price_scale"] for table in tables)
    values: dict[str, Any] = {
        "instrument": instrument_key(named.symbol, venue),
        "kind": named.kind,
        "base": named.base,
        "quote": named.quote,
        "settlement": named.settlement,
        "price_decimals": price_decimals,
        "tick_size": unit(price_decimals),
        "fee_taker": FEE_TAKER,
        "fee_maker": FEE_MAKER,
    }
    texts = {("kind" if text.startswith("spot") else "quote"): text for text in named.assumptions}
    texts["tick_size"] = f"tick {unit(price_decimals):f}: the most decimals of its prices"
    in_quote = named.quote in DOLLARS and any(
        _turnover_per_day(table) > _TURNOVER_PER_DAY_MAX for table in tables
    )
    lot_decimals = _lot_decimals(tables, in_quote)
    values |= {"lot_size": unit(lot_decimals), "size_decimals": lot_decimals}
    texts["lot_size"] = f"lot {unit(lot_decimals):f} {named.base}"
    if in_quote:
        values["volume_unit"] = "quote"
        texts["volume_unit"] = (
            f"volume in {named.quote}: in {named.base} it would be above 10^12 {named.quote} a day"
        )
    elif any("volume" in table.columns for table in tables):
        texts["volume_unit"] = f"volume in {named.base}"
    texts["fee_taker"] = f"fees {FEE_TAKER} taker, {FEE_MAKER} maker"
    if named.kind in (InstrumentKind.PERPETUAL, InstrumentKind.FUTURE):
        texts["inverse"] = f"linear, multiplier 1, settled in {named.settlement}"
    return values, texts | {f"file {at}": note for at, note in enumerate(dict.fromkeys(notes))}


def _turnover_per_day(table: Table) -> float:
    """Median turnover of a bar, in quote currency were the volume in base, times the bars of a day."""
    if "volume" not in table.columns or not len(table.ts):
        return 0.0
    volume = float(np.median(table.columns["volume"])) / float(10 ** table.plain["size_scale"])
    return volume * _median_price(table) * (NS_PER_DAY / int(table.plain["interval"]))


def _median_price(table: Table) -> float:
    name = next(name for name in ("close", "price", "bid") if name in table.columns)
    column = table.columns[name]
    return float(np.median(column)) / float(10 ** table.plain["price_scale"])


def _lot_decimals(tables: Sequence[Table], in_quote: bool) -> int:
    """As many decimals as sizes have; where volume is in quote currency, a lot worth at most one of it."""
    if not in_quote:
        return min(max(int(table.plain["size_scale"]) for table in tables), _LOT_DECIMALS_MAX)
    price = max(_median_price(table) for table in tables)
    return next((each for each in range(_LOT_DECIMALS_MAX) if price <= 10**each), _LOT_DECIMALS_MAX)


@lru_cache(maxsize=1)
def _field_adapters() -> dict[str, TypeAdapter[Any]]:
    hints = get_type_hints(Instrument, include_extras=True)
    return {
        each.name: TypeAdapter(hints[each.name]) for each in fields(Instrument) if each.name != "assumptions"
    }


def _required(each: Any) -> bool:
    return each.default is MISSING and each.default_factory is MISSING


def _plain(where: str, name: str, value: object) -> object:
    """A float as the decimal that it is written as, a time as ns."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise DefinitionError(f"{where}.{name}: say in which zone, as in 2024-12-20T21:00:00Z")
        return int(value.timestamp()) * NS_PER_SECOND
    return str(value) if isinstance(value, float) else value


def _definition(where: str, entry: Mapping[str, Any]) -> Definition:
    adapters = _field_adapters()
    files = entry.get("files", [])
    if not isinstance(files, list) or not all(isinstance(each, str) for each in files):
        raise DefinitionError(f"{where}.files: a list of file names or patterns")
    values: dict[str, Any] = {}
    for name, value in entry.items():
        if name == "files":
            continue
        if name not in adapters:
            raise DefinitionError(f"{where}.{name}: not known; fields are {', '.join(adapters)}")
        try:
            values[name] = adapters[name].validate_python(_plain(where, name, value))
        except ValidationError as error:
            message = error.errors(include_url=False, include_input=False)[0]["msg"]
            raise DefinitionError(f"{where}.{name}: {message}") from None
    if "instrument" not in values:
        raise DefinitionError(f"{where}.instrument: missing; write <symbol>.<venue>, as in btc-perp.replay")
    return Definition(values["instrument"], tuple(files), values, where)


def definition_for(
    definitions: Sequence[Definition], key: InstrumentKey, file: Path | None
) -> Definition | None:
    """The definition of an instrument: the one that lists its file, else the one of its key."""
    if file is not None:
        for definition in definitions:
            if any(fnmatch(file.name, pattern) for pattern in definition.files):
                return definition
    return next((each for each in definitions if each.instrument == key), None)
