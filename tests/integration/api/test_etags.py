"""Every read that answers in one piece has an ETag, and says 304 to whoever has its answer already."""

from dataclasses import replace
from typing import Any

from penstock_contracts.market import InstrumentDefined
from penstock_runtime.store.migrate import migrate
from support.api import Api
from support.message_examples import example
from support.messages import KEY, ORDER, approved, fill, prices, signal
from support.store import SESSION, record

STREAMS = {"/api/v1/events"}
NOT_HERE = {"/api/v1/reports/{name}", "/api/v1/strategies/{name}", "/api/v1/orders/{order_id}/trace"}
"""There is neither a report, nor a strategy, nor a trace of an order in this session."""
MOVING = {"/api/v1/health", "/api/v1/risk", "/api/v1/snapshot"}
"""What is measured anew with each request is another answer."""


def defined() -> InstrumentDefined:
    found = example("feat", "instrument")
    assert isinstance(found, InstrumentDefined)
    return replace(found, instrument=replace(found.instrument, instrument=KEY))


async def test_each_read_has_a_tag_and_is_not_sent_again_to_who_has_it(
    api: Api, nats_url: str, postgres_url: str
) -> None:
    await migrate(postgres_url)
    await api.session.put("feat", defined(), prices())
    await api.session.put("sig", signal())
    await api.session.put("ord", approved(), example("ord", "position"), example("ord", "pnl"))
    last = await api.session.put("ven", example("ven", "submitted"), example("ven", "accepted"), fill())
    await record(nats_url, postgres_url, last)
    await api.knows("/api/v1/session", SESSION, "session_id")
    await api.knows("/api/v1/state", 1, "fills")
    document: dict[str, Any] = (await api.client.get("/api/openapi.json")).json()
    looked_at = 0
    for path, operations in document["paths"].items():
        if "get" not in operations or not path.startswith("/api/") or path in STREAMS:
            continue
        url = path.replace("{instrument}", KEY).replace("{order_id}", ORDER).replace("{name}", "none")
        first = await api.client.get(url)
        if path in NOT_HERE:
            assert first.status_code == 404, path
            assert "etag" not in first.headers, path
            continue
        assert first.status_code == 200, f"{path}: {first.text}"
        tag = first.headers["etag"]
        for known, expected in ((tag, 304), (f'"x", W/{tag}', 304), ('"x"', 200), ("", 200)):
            again = await api.client.get(url, headers={"if-none-match": known})
            if path in MOVING and again.status_code == 200:
                continue
            assert again.status_code == expected, f"{path} with {known!r}"
            assert again.headers["etag"] == tag, path
            assert (again.content == b"") == (expected == 304), path
        looked_at += 1
    assert looked_at > 25


async def test_every_body_has_an_example_and_the_api_takes_it(api: Api) -> None:
    await api.knows("/api/v1/session", SESSION, "session_id")
    await api.session.put("feat", defined(), prices())
    document: dict[str, Any] = (await api.client.get("/api/openapi.json")).json()
    looked_at = 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if "requestBody" not in operation:
                continue
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            examples = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]].get(
                "examples", []
            )
            assert examples, f"{method} {path} has no example"
            url = path.replace("{order_id}", ORDER).replace("{name}", "cross")
            for body in examples:
                answer = await api.client.request(method, url, json=body)
                assert answer.status_code not in (400, 422, 500), f"{method} {path}: {answer.text}"
                looked_at += 1
    assert looked_at > 10
