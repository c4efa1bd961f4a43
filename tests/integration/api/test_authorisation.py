"""Every route with every role: generated from the app, so that a new route cannot be forgotten."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, APIWebSocketRoute
from penstock_api.access.roles import Needs, Role
from penstock_api.access.tokens import TokenFile
from penstock_api.app import create_app
from penstock_api.config import ApiConfig
from penstock_api.feed import Feed
from penstock_api.openapi import role_of, routes_of
from penstock_api.server import serve
from penstock_runtime.board import Board
from penstock_runtime.embedded.server import free_port
from penstock_runtime.errors import BadConfiguration
from penstock_runtime.log import Log
from penstock_runtime.store.pool import open_pool
from support.store import session_log

PUBLIC = {"/livez", "/readyz", "/api/v1/login"}
"""Open to everybody, and by intention. The dashboard's files too: they are the same for all."""
CONFIG = ApiConfig(
    command_timeout_s=0.01, requests_per_s=1e5, requests_burst=10**5, commands_per_s=1e5,
    commands_burst=10**5, failures_per_minute=10**5,
)  # fmt: skip
OPERATORS_MAY = {
    "/api/v1/halt", "/api/v1/reduce", "/api/v1/flatten", "/api/v1/close", "/api/v1/cancel", "/api/v1/orders",
    "/api/v1/orders/{order_id}", "/api/v1/strategies/{name}/on", "/api/v1/strategies/{name}/off",
    "/api/v1/strategies/{name}/mode",
}  # fmt: skip
RISK_ADMINS_MAY = {"/api/v1/resume", "/api/v1/risk/settings"}


@dataclass
class Guarded:
    client: httpx.AsyncClient
    app: FastAPI
    tokens: TokenFile
    token: dict[Role, str]


@pytest.fixture
async def guarded(nats_url: str, postgres_url: str, tmp_path: Path) -> AsyncIterator[Guarded]:
    """The app with a token of each role, over a real log and database."""
    async with session_log(nats_url):
        log = await Log.connect(nats_url, name="api")
        pool = await open_pool(postgres_url, name="api")
        feed, stop = Feed(log), asyncio.Event()
        app = create_app(CONFIG, log, feed, Board(), pool, data_dir=tmp_path)
        tokens = TokenFile(tmp_path / "tokens.json")
        token = {role: tokens.add(role.value, role) for role in Role}
        feeding = asyncio.create_task(feed.run(stop))
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            while not feed.caught_up:
                await asyncio.sleep(0.01)
            yield Guarded(client, app, tokens, token)
        stop.set()
        await asyncio.gather(feeding, return_exceptions=True)
        await log.close()
        pool.terminate()


def routes(app: FastAPI) -> list[tuple[str, APIRoute]]:
    found = [each for each in routes_of(app) if isinstance(each, APIRoute)]
    assert len(found) > 40, "the app's routes are not found"
    return [(method, each) for each in found for method in sorted(each.methods or ())]


def filled(path: str) -> str:
    return (
        re.sub(r"{instrument}", "none.binance", path) if "instrument" in path else re.sub("{.*?}", "x", path)
    )


async def test_every_route_says_who_may_or_is_open_by_intention(guarded: Guarded) -> None:
    for method, route in routes(guarded.app):
        if not route.include_in_schema:
            assert "dashboard" in route.tags, f"{route.path} is in no schema and is not of the dashboard"
            assert method in ("GET", "HEAD")
            continue
        role = role_of(route)
        assert (role is None) == (route.path in PUBLIC), f"{method} {route.path}"
        if method != "GET" and route.path not in (*PUBLIC, "/api/v1/logout"):
            assert role is not Role.VIEWER, f"{method} {route.path} changes something"
        if method != "GET" and route.path in OPERATORS_MAY:
            assert role is Role.OPERATOR
        if method != "GET" and route.path in RISK_ADMINS_MAY:
            assert role is Role.RISK_ADMIN


async def test_every_stream_says_who_may(guarded: Guarded) -> None:
    streams = [each for each in routes_of(guarded.app) if isinstance(each, APIWebSocketRoute)]
    assert streams
    for route in streams:
        assert [each for each in route.dependant.dependencies if isinstance(each.call, Needs)], route.path


@pytest.mark.parametrize("holder", [None, *Role])
async def test_the_matrix_of_routes_and_roles(guarded: Guarded, holder: Role | None) -> None:
    headers = {"authorization": f"Bearer {guarded.token[holder]}"} if holder is not None else {}
    for method, route in routes(guarded.app):
        role = role_of(route)
        if role is None or route.path == "/api/v1/events":
            continue  # a stream does not end; that it asks for a role is tested above
        body = {"json": {}} if method in ("POST", "PATCH") else {}
        answer = await guarded.client.request(method, filled(route.path), headers=headers, **body)
        what = f"{method} {route.path} by {holder}: {answer.text[:200]}"
        if holder is None:
            assert answer.status_code == 401, what
            assert answer.headers["www-authenticate"] == "Bearer", what
        elif holder.allows(role):
            assert answer.status_code not in (401, 403, 500), what
        else:
            assert answer.status_code == 403, what
            assert answer.json()["detail"] == f"{holder} has the role {holder}; this takes {role}", what
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json", what


async def test_only_a_risk_admin_flattens_what_is_halted(guarded: Guarded) -> None:
    for role, status in ((Role.OPERATOR, 403), (Role.RISK_ADMIN, 202)):
        headers = {"authorization": f"Bearer {guarded.token[role]}"}
        answer = await guarded.client.post("/api/v1/flatten", json={"override": True}, headers=headers)
        assert answer.status_code == status


async def test_only_a_risk_admin_lets_a_strategy_trade(guarded: Guarded) -> None:
    for role, mode, status in (
        (Role.VIEWER, "shadow", 403), (Role.OPERATOR, "trade", 403),
        # There is none of this name: the role was enough.
        (Role.OPERATOR, "shadow", 404), (Role.RISK_ADMIN, "trade", 404),
    ):  # fmt: skip
        headers = {"authorization": f"Bearer {guarded.token[role]}"}
        body = {"mode": mode}
        answer = await guarded.client.post("/api/v1/strategies/a/mode", json=body, headers=headers)
        assert answer.status_code == status, (role, mode, answer.text)


async def test_a_browser_signs_in_acts_and_signs_out(guarded: Guarded) -> None:
    client = guarded.client
    assert (await client.post("/api/v1/login", json={"token": "pst_wrong"})).status_code == 401
    answer = await client.post("/api/v1/login", json={"token": guarded.token[Role.OPERATOR]})
    cookie = answer.headers["set-cookie"]
    assert all(each in cookie for each in ("HttpOnly", "SameSite=strict", "Path=/"))
    csrf = answer.json()["csrf_token"]
    me = (await client.get("/api/v1/me")).json()
    assert (me["name"], me["role"], me["via"], me["csrf_token"]) == ("operator", "operator", "cookie", csrf)
    assert (await client.post("/api/v1/halt", json={})).status_code == 403
    crossed = {"x-csrf-token": csrf, "origin": "http://evil.example"}
    assert (await client.post("/api/v1/halt", json={}, headers=crossed)).status_code == 403
    signed = {"x-csrf-token": csrf, "origin": "http://127.0.0.1"}
    assert (await client.post("/api/v1/halt", json={}, headers=signed)).status_code == 202
    assert (await client.post("/api/v1/logout", headers=signed)).status_code == 204
    assert (await client.get("/api/v1/me")).status_code == 401


async def test_a_revoked_token_ends_at_once(guarded: Guarded) -> None:
    headers = {"authorization": f"Bearer {guarded.token[Role.VIEWER]}"}
    assert (await guarded.client.get("/api/v1/me", headers=headers)).status_code == 200
    guarded.tokens.revoke("viewer")
    assert (await guarded.client.get("/api/v1/me", headers=headers)).status_code == 401


async def test_an_address_for_others_without_tokens_is_refused_at_start(
    nats_url: str, postgres_url: str, tmp_path: Path
) -> None:
    async with session_log(nats_url) as session:
        pool = await open_pool(postgres_url, name="api")
        config = ApiConfig(host="0.0.0.0", port=free_port())
        with pytest.raises(BadConfiguration, match="penstock token add"):
            await serve(config, session.log, pool, asyncio.Event(), data_dir=tmp_path)
        TokenFile(tmp_path / "tokens.json").add("desk", Role.VIEWER)
        stop = asyncio.Event()
        serving = asyncio.create_task(serve(config, session.log, pool, stop, data_dir=tmp_path))
        async with asyncio.timeout(60), httpx.AsyncClient() as client:
            while True:
                try:
                    answer = await client.get(f"http://127.0.0.1:{config.port}/api/v1/state")
                    break
                except httpx.TransportError:
                    await asyncio.sleep(0.05)
        assert answer.status_code == 401
        stop.set()
        await serving
        pool.terminate()
