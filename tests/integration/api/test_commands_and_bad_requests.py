import asyncio
from typing import Any

import pytest
from support.api import Api, answer_next
from support.store import SESSION


@pytest.mark.parametrize(
    ("verb", "body", "state"),
    [
        ("halt", {"reason": "spread too wide"}, "halted"),
        ("resume", {"reason": "checked"}, "active"),
        ("flatten", {"instrument": "btc-usdt.binance", "strategy": "cross", "override": True}, "reducing"),
    ],
)
async def test_a_command_goes_to_the_log_and_is_answered_with_what_risk_says(
    api: Api, verb: str, body: dict[str, Any], state: str
) -> None:
    await api.knows("/api/v1/session", SESSION, "session_id")
    risk = asyncio.create_task(answer_next(api.session))
    answer = await api.client.post(f"/api/v1/{verb}", json=body)
    command = await risk
    assert (command.verb, command.by, command.reason) == (verb, "local", body.get("reason", ""))
    assert (command.instrument, command.override) == (body.get("instrument"), body.get("override", False))
    assert command.ts_expires - command.ts_issued == 30_000_000_000
    assert answer.status_code == 200
    found = answer.json()
    assert (found["command_id"], found["outcome"], found["state"]) == (command.command_id, "accepted", state)
    assert (await api.client.get("/api/v1/state")).json()["trading_state"] == state


async def test_a_command_that_risk_refuses_is_a_conflict_with_its_reason(api: Api) -> None:
    await api.knows("/api/v1/session", SESSION, "session_id")
    risk = asyncio.create_task(answer_next(api.session, accepted=False))
    answer = await api.client.post("/api/v1/flatten", json={})
    await risk
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "halted: flatten needs override"


async def test_a_command_that_nobody_answers_is_pending(api: Api) -> None:
    await api.knows("/api/v1/session", SESSION, "session_id")
    answer = await api.client.post("/api/v1/halt", json={})
    assert answer.status_code == 202
    assert answer.json()["outcome"] == "pending"
    assert answer.json()["command_id"].startswith("c-")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "field"),
    [
        ("POST", "/api/v1/resume", {}, 422, "body.reason"),
        ("POST", "/api/v1/resume", {"reason": "  "}, 422, "body.reason"),
        ("POST", "/api/v1/halt", {"reason": "x", "user": "me"}, 422, "body.user"),
        ("POST", "/api/v1/flatten", {"instrument": "a.b; DROP TABLE fills"}, 422, "body.instrument"),
        ("POST", "/api/v1/halt", {"reason": "x" * 2001}, 422, "body.reason"),
        ("POST", "/api/v1/halt", None, 422, "body"),
        ("GET", "/api/v1/fills?limit=0", None, 422, "query.limit"),
        ("GET", "/api/v1/fills?limit=many", None, 422, "query.limit"),
        ("GET", "/api/v1/fills?colour=red", None, 422, "query.colour"),
        ("GET", "/api/v1/fills?cursor=%C3%A4", None, 422, "query.cursor"),
        ("GET", "/api/v1/fills?cursor=OTk5", None, 422, "query.cursor"),
        ("GET", "/api/v1/fills?strategy=%27%20OR%201%3D1", None, 422, "query.strategy"),
        ("GET", "/api/v1/nothing", None, 404, None),
        ("DELETE", "/api/v1/fills", None, 405, None),
    ],
)
async def test_a_bad_request_gets_a_problem_that_names_the_field(
    api: Api, method: str, path: str, body: Any, status: int, field: str | None
) -> None:
    await api.knows("/api/v1/session", SESSION, "session_id")
    answer = await api.client.request(method, path, json=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["type"], problem["status"]) == ("about:blank", status)
    if field is not None:
        assert [each["field"] for each in problem["errors"]] == [field]
    assert "Traceback" not in answer.text


async def test_a_body_that_is_too_large_is_refused_whether_it_says_so_or_not(api: Api) -> None:
    large = b"x" * (64 * 1024 + 1)

    async def in_pieces() -> Any:
        for start in range(0, len(large), 8192):
            yield large[start : start + 8192]

    headers = {"content-type": "application/json"}
    for content in (large, in_pieces()):
        answer = await api.client.post("/api/v1/halt", content=content, headers=headers)
        assert answer.status_code == 413
        assert answer.json()["status"] == 413


async def test_a_form_of_a_foreign_page_gives_no_command(api: Api) -> None:
    # A browser sends such a body to any address without asking; JSON it has to ask for.
    answer = await api.client.post(
        "/api/v1/halt", content=b'{"reason": "x"}', headers={"content-type": "text/plain"}
    )
    assert answer.status_code == 422
