"""What was refused before it became a command is in the audit: who, from where, what, why."""

import asyncio
from pathlib import Path

import httpx
import pytest
from penstock_api.access.roles import Role
from penstock_api.access.tokens import TokenFile
from penstock_contracts.control import Audited
from support.api import served
from support.store import SESSION, SessionLog, record

pytestmark = pytest.mark.servers


async def audited(session: SessionLog, count: int) -> list[tuple[int, Audited]]:
    """The first entries that the log has, once there are so many, with their places in it."""
    found: list[tuple[int, Audited]] = []
    reader = await session.log.reader(("ctl",))
    try:
        async with asyncio.timeout(120):
            while len(found) < count:
                delivered = reader.poll()
                if delivered is None:
                    await reader.wait(1.0)
                elif delivered.kind == "audit":
                    found.append((delivered.sequence, delivered.decode()))
    finally:
        await reader.stop()
    return found


async def test_refused_requests_are_in_the_audit(nats_url: str, postgres_url: str, tmp_path: Path) -> None:
    tokens = TokenFile(tmp_path / "tokens.json")
    viewer = {"authorization": f"Bearer {tokens.add('screen', Role.VIEWER)}"}
    desk = {"authorization": f"Bearer {tokens.add('desk', Role.OPERATOR)}"}
    async with served(nats_url, postgres_url, data_dir=tmp_path) as api:
        asked = [
            api.client.post("/api/v1/halt", json={}),
            api.client.post("/api/v1/halt", json={}, headers=viewer),
            api.client.delete("/api/v1/orders/o-1", headers=viewer),
            api.client.post(
                "/api/v1/reduce", content=b"{", headers={**desk, "content-type": "application/json"}
            ),
            api.client.post("/api/v1/cancel", json={}, headers={**desk, "origin": "http://evil.example"}),
        ]
        answers = [await each for each in asked]
        assert [each.status_code for each in answers] == [401, 403, 403, 422, 403]
        # What is no command, and what does not exist, is not.
        assert (await api.client.get("/api/v1/dlq", headers=viewer)).status_code == 403
        assert (await api.client.post("/api/v1/nothing", json={})).status_code == 404
        found = await audited(api.session, 4)
        told = [(each.who, each.what, each.status) for _, each in found]
        assert told == [
            ("nobody", "POST /api/v1/halt", 401),
            ("screen", "POST /api/v1/halt", 403),
            ("screen", "DELETE /api/v1/orders/{order_id}", 403),
            ("nobody", "POST /api/v1/cancel", 403),
        ]
        assert {each.origin for _, each in found} == {"api 127.0.0.1"}
        assert found[1][1].reason == "screen has the role viewer; this takes operator"
        await record(nats_url, postgres_url, found[-1][0])
        rows = (await api.client.get("/api/v1/audit", headers=viewer)).json()["items"]
        newest = rows[0]
        assert (newest["what"], newest["outcome"]) == ("POST /api/v1/cancel", "refused")
        assert newest["details"] == {"origin": "api 127.0.0.1", "status": 403, "unwritten": 0}


async def test_who_knocks_too_often_is_counted(nats_url: str, postgres_url: str, tmp_path: Path) -> None:
    TokenFile(tmp_path / "tokens.json").add("desk", Role.OPERATOR)
    async with served(nats_url, postgres_url, data_dir=tmp_path) as api:
        for _ in range(70):
            assert (await api.client.post("/api/v1/halt", json={})).status_code == 401
        found = await audited(api.session, 60)
        assert len(found) == 60
        assert sum(each.unwritten for _, each in found) + 60 <= 70


async def test_a_command_that_was_read_too_late_is_answered(nats_url: str, postgres_url: str) -> None:
    async with served(nats_url, postgres_url) as api:
        await api.knows("/api/v1/session", SESSION, "session_id")
        first = await api.client.post("/api/v1/halt", json={}, headers={"idempotency-key": "k"})
        assert (first.status_code, first.json()["outcome"]) == (202, "pending")
        await api.session.log.publish_audited(
            Audited(
                ts=1,
                who="ingest",
                what="halt",
                outcome="expired",
                reason="it was read 5 s after the 30 s within which it could act",
                command_id=first.json()["command_id"],
            )
        )
        async with asyncio.timeout(120):
            while (answer := await again(api.client)).status_code == 202:
                pass
        assert answer.status_code == 409
        assert answer.json()["detail"] == "expired: it was read 5 s after the 30 s within which it could act"


async def again(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post("/api/v1/halt", json={}, headers={"idempotency-key": "k"})
