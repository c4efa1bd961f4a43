"""The client against the api's own description: every operation, parameter, body and field."""

import inspect
from decimal import Decimal
from functools import cache
from typing import Any, cast, get_args, get_type_hints

import pytest
from penstock_api.app import create_app
from penstock_api.config import ApiConfig
from penstock_api.feed import Feed
from penstock_client import AsyncClient, Client, calls, models
from penstock_client.calls import Call, Part, Rows
from penstock_runtime.board import Board
from penstock_runtime.log import Log
from penstock_runtime.store.pool import Pool
from pydantic import BaseModel

WITHOUT_A_METHOD = {
    ("post", "/api/v1/login"), ("post", "/api/v1/logout"), ("get", "/api/v1/events"),
    ("get", "/api/v1/snapshot"),
    ("get", "/api/v1/orders/{order_id}/trace"), ("get", "/metrics"), ("get", "/livez"), ("get", "/readyz"),
}  # fmt: skip
"""A browser's, a stream's (`Client.stream`), and other tools'."""
VALUES: dict[str, Any] = {
    "name": "x", "key": "btc-usdt.binance", "order_id": "o-1", "instrument": "btc-usdt.binance",
    "side": "buy", "quantity": Decimal("0.5"), "reason": "why", "limits": {"trades_max": "7"},
    "rows": Rows(2, "c", "s", "a", "b.c"), "part": Part("v", "i.v", "BTC", "a"), "who": "desk",
    "mode": "shadow",
    "since": 1, "until": 2, "limit_price": "1", "stop_price": "1", "trail": "1", "price": "1", "expire_at": 5,
}  # fmt: skip
CALLS = {
    name: made
    for name, made in vars(calls).items()
    if inspect.isfunction(made)
    and made.__module__ == calls.__name__
    and not name.startswith("_")
    and name != "after"
}


@cache
def document() -> dict[str, Any]:
    # The description needs the app's routes alone: there is neither log nor database.
    log, pool = cast(Log, None), cast(Pool, None)
    app = create_app(ApiConfig(), log, Feed(log), Board(), pool)
    return app.openapi()


def made(name: str) -> Call[Any]:
    """A call with every argument given."""
    parameters = inspect.signature(CALLS[name]).parameters
    given = {each: VALUES[each] for each in parameters if each in VALUES}
    if name in {"instrument", "quote", "book", "bars", "features"}:
        given["key"] = VALUES["key"]
    elif "key" in parameters:
        given["key"] = "k-1"
    call: Call[Any] = CALLS[name](**given)
    return call


def operation(call: Call[Any]) -> tuple[str, dict[str, Any]]:
    """The path in the document that a call goes to, the most literal one, and its operation."""
    found = [path for path in document()["paths"] if _matches(path, call.path)]
    path = min(found, key=lambda each: each.count("{"))
    return path, document()["paths"][path][call.method.lower()]


def _matches(path: str, asked: str) -> bool:
    ours, theirs = path.split("/"), asked.split("/")
    return len(ours) == len(theirs) and all(
        a == b or a.startswith("{") for a, b in zip(ours, theirs, strict=True)
    )


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def test_every_operation_has_a_call() -> None:
    told = {(method, path) for path, operations in document()["paths"].items() for method in operations}
    called = {(call.method.lower(), operation(call)[0]) for call in map(made, CALLS)}
    assert told - called == WITHOUT_A_METHOD
    assert called <= told


@pytest.mark.parametrize("name", sorted(CALLS))
def test_what_is_sent_is_what_the_api_takes(name: str) -> None:
    call = made(name)
    _, found = operation(call)
    known = {each["name"] for each in found.get("parameters", ()) if each["in"] == "query"}
    assert set(call.query) == known, "every parameter can be given, and no other"
    headers = {each["name"] for each in found.get("parameters", ()) if each["in"] == "header"}
    assert (call.key is not None) == ("Idempotency-Key" in headers)
    if "requestBody" not in found:
        assert call.body is None
        return
    schema = resolved(found["requestBody"]["content"]["application/json"]["schema"])
    assert call.body is not None
    assert set(call.body) == set(schema["properties"])


@pytest.mark.parametrize("name", sorted(CALLS))
def test_what_comes_back_has_every_field_that_is_read(name: str) -> None:
    call = made(name)
    _, found = operation(call)
    shape = get_args(get_type_hints(CALLS[name])["return"])[0]
    if isinstance(shape, type) and issubclass(shape, BaseModel):
        compare(shape, resolved(found["responses"]["200"]["content"]["application/json"]["schema"]), name)


def compare(shape: type[BaseModel], schema: dict[str, Any], where: str) -> None:
    for field, info in shape.model_fields.items():
        assert field in schema["properties"], f"{where}.{field}"
        inner = schema["properties"][field]
        nullable = any(each.get("type") == "null" for each in inner.get("anyOf", ()))
        assert not nullable or type(None) in get_args(info.annotation), f"{where}.{field} may be null"
        nested = inner.get("items", inner)
        for each in (nested, *nested.get("anyOf", ())):
            for model in models_in(info.annotation):
                if "properties" in resolved(each):
                    compare(model, resolved(each), f"{where}.{field}")


def models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for each in get_args(annotation) for found in models_in(each)]


@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_both_clients_have_a_method_for_every_call(client: type) -> None:
    for name, call in CALLS.items():
        method = inspect.signature(getattr(client, name))
        ours = {each: value.default for each, value in method.parameters.items() if each != "self"}
        theirs = {each: value.default for each, value in inspect.signature(call).parameters.items()}
        assert ours == theirs, name


def test_the_comparison_can_fail() -> None:
    class Wrong(models.Me):
        colour: str

    with pytest.raises(AssertionError, match="colour"):
        compare(Wrong, resolved({"$ref": "#/components/schemas/MeAnswer"}), "me")
