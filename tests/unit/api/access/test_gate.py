"""What the gate lets through, and as whom."""

from pathlib import Path
from typing import Any

import pytest
from penstock_api.access.browser import COOKIE, Cookies
from penstock_api.access.gate import Gate, is_loopback
from penstock_api.access.roles import Caller, Role
from penstock_api.access.tokens import TokenFile
from penstock_api.config import ApiConfig
from penstock_api.problems import Problem

FAR = 2**62


class Door:
    def __init__(self, folder: Path, **config: Any) -> None:
        self.tokens = TokenFile(folder / "tokens.json")
        self.cookies = Cookies(folder)
        self.gate = Gate(ApiConfig(**config), self.tokens, self.cookies)

    def ask(
        self, method: str = "GET", path: str = "/api/v1/state", client: str = "127.0.0.1", **headers: str
    ) -> Caller | None:
        given = {"host": "127.0.0.1:8420", **{name.replace("_", "-"): each for name, each in headers.items()}}
        raw = [(name.encode(), value.encode()) for name, value in given.items()]
        kind = "websocket" if method == "WS" else "http"
        scope: dict[str, Any] = {"type": kind, "path": path, "headers": raw, "client": (client, 5000)}
        if method != "WS":
            scope["method"] = method
        return self.gate.pass_on(scope)

    def refused(self, *arguments: str, **headers: str) -> tuple[int, str]:
        with pytest.raises(Problem) as problem:
            self.ask(*arguments, **headers)
        return problem.value.status, problem.value.detail


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


def test_without_tokens_whoever_asks_on_this_machine_is_local(door: Door) -> None:
    assert door.ask() == Caller("local", Role.RISK_ADMIN, "127.0.0.1", "open")
    assert door.ask(host="localhost:8420") is not None
    assert door.ask("POST", host="[::1]:8420") is not None


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8420", "127.0.0.1.evil.example", "", "a@b:c"])
def test_without_tokens_another_hosts_name_is_not_served(door: Door, host: str) -> None:
    assert door.refused(host=host)[0] == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "null"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE", "WS"])
def test_pages_of_other_origins_change_nothing_and_open_no_stream(
    door: Door, method: str, headers: dict[str, str]
) -> None:
    assert door.refused(method, **headers) == (403, "a page of another origin may not do this")
    assert door.ask("GET", **headers) is not None


def test_our_own_page_and_listed_origins_may(tmp_path: Path) -> None:
    door = Door(tmp_path, origins=("https://desk.example",))
    for headers in (
        {"origin": "http://127.0.0.1:8420", "sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "none"},
        {"origin": "https://desk.example", "sec_fetch_site": "cross-site"},
    ):
        assert door.ask("POST", **headers) is not None


def test_with_tokens_only_their_holders_are_known(door: Door) -> None:
    token = door.tokens.add("desk", Role.OPERATOR)
    assert door.ask() is None
    assert door.ask(authorization="Bearer nonsense") is None
    assert door.ask(authorization=f"Basic {token}") is None
    known = Caller("desk", Role.OPERATOR, "127.0.0.1", "token")
    assert door.ask(authorization=f"Bearer {token}") == known
    assert door.ask(authorization=f"bearer {token}", host="api.example") == known
    door.tokens.revoke("desk")
    assert door.ask(authorization=f"Bearer {token}") is None
    assert door.ask() is None


def test_nobody_is_local_where_others_can_listen(tmp_path: Path) -> None:
    assert Door(tmp_path, host="0.0.0.0").ask() is None


def test_a_browsers_session_needs_its_csrf_token_for_what_changes_something(door: Door) -> None:
    door.tokens.add("desk", Role.OPERATOR)
    (record,) = door.tokens.all()
    value, signed = door.cookies.make(record.name, record.hash, FAR)
    cookie = f"theme=dark; {COOKIE}={value}"
    caller = door.ask(cookie=cookie)
    assert caller is not None
    assert (caller.name, caller.via, caller.csrf) == ("desk", "cookie", signed.csrf)
    assert door.refused("POST", cookie=cookie)[0] == 403
    assert door.refused("POST", cookie=cookie, x_csrf_token="0" * 64)[0] == 403
    assert door.ask("POST", cookie=cookie, x_csrf_token=signed.csrf) == caller
    assert door.ask("WS", cookie=cookie) == caller
    door.tokens.revoke("desk")
    assert door.ask(cookie=cookie) is None


def test_only_addresses_on_the_list_get_in(tmp_path: Path) -> None:
    door = Door(tmp_path, allowed_networks=("127.0.0.0/8", "fd00::/8"))
    assert door.ask() is not None
    assert door.ask(client="fd00::7") is not None
    assert door.refused(client="10.0.0.7") == (403, "this address is not allowed")
    assert door.refused(client="nowhere")[0] == 403


def test_commands_are_limited_more_than_reads_and_a_halt_never(tmp_path: Path) -> None:
    door = Door(tmp_path, requests_burst=5, requests_per_s=0.001, commands_burst=2, commands_per_s=0.001)
    for _ in range(2):
        door.ask("POST", "/api/v1/flatten")
    assert door.refused("POST", "/api/v1/flatten")[0] == 429
    for _ in range(5):
        door.ask()
    assert door.refused()[0] == 429
    assert door.ask(client="127.0.0.2") is not None
    for path in ("/api/v1/halt", "/livez"):
        for _ in range(20):
            assert door.ask("POST", path) is not None


def test_guessing_tokens_ends_soon(tmp_path: Path) -> None:
    door = Door(tmp_path, failures_per_minute=3)
    token = door.tokens.add("desk", Role.VIEWER)
    for _ in range(3):
        door.ask(authorization="Bearer pst_guess")
    assert door.refused(authorization="Bearer pst_guess") == (429, "too many tokens that are not known")
    assert door.ask(authorization=f"Bearer {token}") is not None


def test_what_is_this_machine_only() -> None:
    assert [is_loopback(each) for each in ("127.0.0.1", "::1", "localhost", "127.9.9.9")] == [True] * 4
    assert [is_loopback(each) for each in ("0.0.0.0", "::", "10.0.0.1", "desk.example", "")] == [False] * 5
