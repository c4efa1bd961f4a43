import re
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from penstock_api import problems
from penstock_api.dashboard import router
from penstock_api.dashboard.routes import FILES

TRANSFER_BYTES_MAX = 200_000


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    problems.install(app)
    app.include_router(router)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield client


async def test_every_file_is_served_with_a_policy_that_lets_nothing_else_in(
    client: httpx.AsyncClient,
) -> None:
    assert {"index.html", "js/app.js", "css/tokens.css", "vendor/lightweight-charts.LICENSE.txt"} <= set(
        FILES
    )
    for path in ("/", *(f"/static/{name}" for name in FILES)):
        answer = await client.get(path)
        assert answer.status_code == 200, path
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_files_travel_compressed_where_the_browser_takes_it(client: httpx.AsyncClient) -> None:
    total = 0
    for name, file in FILES.items():
        plain = await client.get(f"/static/{name}", headers={"Accept-Encoding": "identity"})
        assert (plain.content, "content-encoding" in plain.headers) == (file.content, False)
        packed = await client.get(f"/static/{name}", headers={"Accept-Encoding": "gzip, br"})
        assert (packed.content, packed.headers["content-encoding"]) == (file.content, "gzip")
        assert packed.headers["vary"] == "Accept-Encoding"
        total += int(packed.headers["content-length"])
    assert total < TRANSFER_BYTES_MAX


def test_the_page_asks_for_all_its_modules_at_once() -> None:
    """A module that only another one names would be asked for only after that one has come."""
    page = FILES["index.html"].content.decode()
    named = set(re.findall(r'(?:src|href)="/static/([^"]+[.]m?js)"', page))
    assert named == {name for name in FILES if name.endswith((".js", ".mjs"))}


async def test_a_file_that_did_not_change_is_not_sent_again(client: httpx.AsyncClient) -> None:
    first = await client.get("/static/js/app.js")
    again = await client.get("/static/js/app.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/static/none.js",
        "/static/../routes.py",
        "/static/%2e%2e/routes.py",
        "/static//etc/passwd",
        "/static/..%2froutes.py",
        "/static/",
    ],
)
async def test_nothing_but_its_files_can_be_had(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


def test_no_file_names_another_host_but_in_what_is_only_a_link() -> None:
    for name, file in FILES.items():
        if name.endswith((".js", ".css", ".html")):
            text = file.content.decode()
            for scheme in ("http://", "https://", "ws://", "wss://"):
                found = [line for line in text.splitlines() if scheme in line]
                assert all('<a href="https://www.tradingview.com/"' in line for line in found), (name, found)
            assert "innerHTML" not in text, name
