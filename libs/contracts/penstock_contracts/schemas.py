"""JSON Schemas of every message type and version: `python -m penstock_contracts.schemas [--check|--write]`.

A plain message's schema describes its JSON. A columnar message's describes its header, with the columns
that follow it in `x-columns`: name, dtype and, for a matrix, the header field that names its columns.
The files are committed; a recording that they describe stays readable (`penstock_contracts.compatibility`).
"""

import argparse
import ast
import inspect
import json
import sys
import textwrap
from functools import cache
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from penstock_contracts.base import MessageType, message_types
from penstock_contracts.catalog import MODULES
from penstock_contracts.codec import adapter, header_adapter
from penstock_contracts.compatibility import Schema, incompatibilities
from penstock_contracts.instrument import Instrument

FOLDER = Path(__file__).with_name("schemas")
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _WireSchema(GenerateJsonSchema):
    """Decimals as they are on the wire: strings, their bounds as strings too."""

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> dict[str, Any]:
        bounds = {
            "x-minimum": schema.get("ge"),
            "x-exclusiveMinimum": schema.get("gt"),
            "x-maximum": schema.get("le"),
            "x-digitsMax": schema.get("max_digits"),
        }
        written = {key: str(value) for key, value in bounds.items() if value is not None}
        return {"type": "string", "format": "decimal", **written}


def schema_of(entry: MessageType) -> Schema:
    """The JSON Schema of a message type."""
    described = header_adapter(entry) if entry.columns else adapter(entry.cls)
    schema = described.json_schema(mode="validation", schema_generator=_WireSchema)
    documented = _descriptions()
    _describe(schema, documented.get(entry.cls.__name__, {}))
    for name, part in schema.get("$defs", {}).items():
        _describe(part, documented.get(name, {}))
    if entry.columns:
        texts = documented.get(entry.cls.__name__, {})
        schema["x-columns"] = [
            {
                "name": name,
                "dtype": column.dtype,
                **({"names": column.names} if column.names else {}),
                **({"description": texts[name]} if name in texts else {}),
            }
            for name, column in entry.columns
        ]
    head = {
        "$schema": _DIALECT,
        "$id": entry.name,
        "title": entry.name,
        "description": inspect.getdoc(entry.cls),
    }
    return {**head, **schema, "title": entry.name}


def check(folder: Path = FOLDER) -> list[str]:
    """What is wrong with the committed schemas, one line each; empty when they are those of the code."""
    problems = []
    expected = {entry.name: schema_of(entry) for entry in message_types()}
    for name, schema in expected.items():
        committed = _read(folder, name)
        if committed is None:
            problems.append(f"{name}: its schema is not committed; write it with --write")
            continue
        broken = incompatibilities(committed, schema)
        problems += [f"{name}: {each}; that needs a new major version" for each in broken]
        if not broken and committed != schema:
            problems.append(f"{name}: the committed schema is out of date; renew it with --write")
    gone = sorted(path.stem for path in folder.glob("*.json") if path.stem not in expected)
    return problems + [f"{name}: the type is gone; recordings still contain it" for name in gone]


def write(folder: Path = FOLDER) -> list[str]:
    """Write every schema that did not break; returns what broke, and is left as it was."""
    folder.mkdir(parents=True, exist_ok=True)
    problems = []
    for entry in message_types():
        schema = schema_of(entry)
        broken = incompatibilities(_read(folder, entry.name) or schema, schema)
        problems += [f"{entry.name}: {each}; that needs a new major version" for each in broken]
        if not broken:
            text = json.dumps(schema, indent=2, ensure_ascii=False)
            (folder / f"{entry.name}.json").write_text(text + "\n", encoding="utf-8")
    return problems


def _read(folder: Path, name: str) -> Schema | None:
    path = folder / f"{name}.json"
    if not path.exists():
        return None
    schema: Schema = json.loads(path.read_text(encoding="utf-8"))
    return schema


@cache
def _descriptions() -> dict[str, dict[str, str]]:
    """The docstrings of fields, by class: the string that follows a field in the source."""
    described: dict[str, dict[str, str]] = {}
    for module in (*MODULES, sys.modules[Instrument.__module__]):
        for node in ast.parse(inspect.getsource(module)).body:
            if not isinstance(node, ast.ClassDef):
                continue
            for field, text in zip(node.body, node.body[1:], strict=False):
                if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
                    assert isinstance(field.target, ast.Name)
                    assert isinstance(text.value, ast.Constant)
                    lines = textwrap.dedent(str(text.value.value)).split()
                    described.setdefault(node.name, {})[field.target.id] = " ".join(lines)
    return described


def _describe(schema: Schema, texts: dict[str, str]) -> None:
    for name, part in schema.get("properties", {}).items():
        part.pop("title", None)
        if name in texts:
            part["description"] = texts[name]


def main(arguments: list[str] | None = None) -> int:
    """Write the schemas, or check them; 1 when something is wrong with them."""
    parser = argparse.ArgumentParser(prog="penstock_contracts.schemas", description=__doc__)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument(
        "--check", action="store_true", help="fail when the committed schemas are not the code's"
    )
    mode.add_argument("--write", action="store_true", help="write them (the default)")
    problems = check() if parser.parse_args(arguments).check else write()
    for problem in problems:
        sys.stderr.write(problem + "\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
