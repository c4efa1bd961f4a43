"""The committed schemas are those of the code, and a change that breaks recordings is caught by name."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from penstock_contracts import schemas
from penstock_contracts.catalog import message_types
from penstock_contracts.compatibility import Schema, incompatibilities

SIGNAL = "penstock.signal.signal.v1"
TRADE = "penstock.market.trade.v1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(schemas.FOLDER, tmp_path / "schemas"))


def edit(folder: Path, name: str, change: Callable[[Schema], Any]) -> None:
    """Change what is committed, as if the code had moved away from it."""
    path = folder / f"{name}.json"
    schema = json.loads(path.read_text())
    change(schema)
    path.write_text(json.dumps(schema))


def test_the_committed_schemas_are_those_of_the_code() -> None:
    assert schemas.check() == []


def test_there_is_one_for_every_type() -> None:
    assert {path.stem for path in schemas.FOLDER.glob("*.json")} == {entry.name for entry in message_types()}


def put(path: str, value: Any) -> Callable[[Schema], Any]:
    """Set what lies at a path; a list is appended to."""

    def change(schema: Any) -> None:
        *way, last = path.split("/")
        for step in way:
            schema = schema[int(step) if isinstance(schema, list) else step]
        if isinstance(schema.get(last), list):
            schema[last].append(value)
        else:
            schema[last] = value

    return change


def cut(path: str) -> Callable[[Schema], Any]:
    """Remove what lies at a path."""

    def change(schema: Any) -> None:
        *way, last = path.split("/")
        for step in way:
            schema = schema[int(step) if isinstance(schema, list) else step]
        schema.pop(int(last) if isinstance(schema, list) else last)

    return change


MARK = "penstock.market.mark.v1"
BAR = "penstock.feature.bar.v1"
NULLABLE = [{"type": "string"}, {"type": "null"}]


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        (SIGNAL, put("properties/urgency", {"type": "string"}), "urgency: removed"),
        (SIGNAL, put("$defs/OrderStyle/properties/iceberg", {"type": "boolean"}), "style.iceberg: removed"),
        (SIGNAL, cut("properties/price"), "price: new and required"),
        (MARK, cut("$defs/Command/properties/verb"), "commands[].verb: new and required"),
        (SIGNAL, cut("required/6"), "price: was optional and is required"),
        (SIGNAL, put("properties/ts/type", "string"), "ts: the type changed from string to integer"),
        (
            SIGNAL,
            put("properties/strategy/anyOf", NULLABLE),
            "strategy: the type changed from null to string",
        ),
        (SIGNAL, put("$defs/Direction/enum", "hedge"), "direction: no longer allows hedge"),
        (SIGNAL, put("properties/confidence/maximum", 2), "confidence: maximum was 2 and is 1"),
        (SIGNAL, cut("properties/confidence/minimum"), "confidence: minimum was none and is 0"),
        (
            SIGNAL,
            put("properties/features_ref/maxLength", 3_000),
            "features_ref: maxLength was 3000 and is 2000",
        ),
        (SIGNAL, put("properties/strategy/pattern", "^.*$"), "strategy: the pattern changed"),
        (
            SIGNAL,
            put("properties/confidence/default", 0.5),
            "confidence: the default changed from 0.5 to 1.0",
        ),
        (SIGNAL, put("properties/price/x-maximum", "1e31"), "price: x-maximum was 1e31"),
        (TRADE, put("x-columns/2/dtype", "<f8"), "price: dtype of the column changed from <f8 to <i8"),
        (TRADE, cut("x-columns/6"), "trade_id: column added"),
        (TRADE, put("x-columns", {"name": "maker", "dtype": "|i1"}), "maker: column removed"),
        (TRADE, lambda old: old["x-columns"].reverse(), "trade_id: its place among the columns changed"),
        (BAR, cut("x-columns/9/names"), "values: names of the column changed from None to names"),
    ],
)
def test_a_change_that_breaks_recordings_is_named_and_not_written(
    folder: Path, name: str, change: Callable[[Schema], Any], says: str
) -> None:
    edit(folder, name, change)
    before = (folder / f"{name}.json").read_text()
    problems = schemas.check(folder)
    assert any(each.startswith(f"{name}: {says}") for each in problems), problems
    assert all("new major version" in each for each in problems)
    assert schemas.write(folder) == problems
    assert (folder / f"{name}.json").read_text() == before


@pytest.mark.parametrize(
    "change",
    [
        lambda schema: schema["properties"].pop("regime"),
        lambda schema: schema["$defs"]["Direction"]["enum"].pop(),
        lambda schema: schema["properties"]["features_ref"].update(maxLength=100),
        lambda schema: schema["properties"]["strategy"].update(description="another text"),
        lambda schema: schema["required"].append("target"),
    ],
    ids=["an optional field", "another value", "a wider bound", "a description", "a default"],
)
def test_an_addition_is_drift_until_it_is_written(folder: Path, change: Callable[[Schema], Any]) -> None:
    edit(folder, SIGNAL, change)
    assert schemas.check(folder) == [f"{SIGNAL}: the committed schema is out of date; renew it with --write"]
    assert schemas.write(folder) == []
    assert schemas.check(folder) == []


def test_a_type_that_is_not_committed_and_one_that_is_gone_are_named(folder: Path) -> None:
    (folder / f"{SIGNAL}.json").rename(folder / "penstock.signal.wish.v1.json")
    first, second = schemas.check(folder)
    assert first == f"{SIGNAL}: its schema is not committed; write it with --write"
    assert second == "penstock.signal.wish.v1: the type is gone; recordings still contain it"


def test_a_field_may_become_nullable_but_not_cease_to_be() -> None:
    single = {"properties": {"a": {"type": "string"}}}
    nullable = {"properties": {"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}}}
    assert incompatibilities(single, nullable) == []
    assert incompatibilities(nullable, single) == ["a: the type changed from null to string"]


def test_fields_are_described_in_the_schema() -> None:
    entry = next(entry for entry in message_types() if entry.name == "penstock.order.approved.v1")
    properties = schemas.schema_of(entry)["properties"]
    assert properties["ts"]["description"] == "Event time of the decision."
    assert properties["quantity"]["type"] == "string"


def test_the_command_tells_by_its_exit_code(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert schemas.main(["--check"]) == 0
    monkeypatch.setattr(schemas, "check", lambda: ["x: broken"])
    assert schemas.main(["--check"]) == 1
    assert capsys.readouterr().err == "x: broken\n"
