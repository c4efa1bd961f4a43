"""A command goes through the api; where that is not the way it goes through the log, and it says so."""

import json
import threading
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from penstock.errors import CannotRun, CommandError
from penstock.launch import giving
from penstock.launch.commands import Part, command
from penstock.launch.giving import by_api
from penstock.launch.paths import Running
from penstock_contracts.control import Command, ManualOrder
from penstock_contracts.types import OrderType, Side

ACCEPTED = {
    "command_id": "c-1", "outcome": "accepted", "state": "halted", "previous": "active", "reason": "why",
    "ts": 1, "order_id": None, "holds": ["halted: strategy a"],
}  # fmt: skip
PENDING = {**ACCEPTED, "outcome": "pending"}


class Api:
    """Gives the answers that it was told, in turn, the last one for ever; None hangs."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, Any]] | None] = [(200, ACCEPTED)]
        self.asked: list[tuple[str, str, str | None, str | None]] = []
        self.leave = threading.Event()
        api = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", 0)))
                key, token = self.headers.get("idempotency-key"), self.headers.get("authorization")
                api.asked.append((self.command, self.path, key, token))
                answer = api.answers.pop(0) if len(api.answers) > 1 else api.answers[0]
                if answer is None:
                    api.leave.wait(60)
                    return
                body = json.dumps(answer[1]).encode()
                self.send_response(answer[0])
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815  (as the library calls them)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def running(self) -> Running:
        return running(f"http://127.0.0.1:{self.server.server_port}")


def running(url: str) -> Running:
    return Running(session_id="s", pid=1, started_at=1, partition=0, nats_url="", api_url=url)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    monkeypatch.delenv("PENSTOCK_TOKEN", raising=False)
    made = Api()
    yield made
    made.leave.set()
    made.server.shutdown()
    made.server.server_close()


HALT = command("halt", "news", by="cli")


def order(verb: Any, **fields: Any) -> Command:
    wish = ManualOrder(side=Side.BUY, quantity=Decimal(1), type=OrderType.LIMIT, limit_price=Decimal(2))
    return Command(command_id="c-2", verb=verb, ts_issued=1, ts_expires=2, by="cli", order=wish, **fields)


def test_what_the_api_accepts_is_told_with_the_way_that_it_went(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    told = by_api(api.running, HALT)
    assert told is not None
    assert (told.state, told.previous, told.reason, told.holds) == (
        "halted", "active", "why", ("halted: strategy a",)
    )  # fmt: skip
    assert capsys.readouterr().err == f"through the api at {api.running.api_url}\n"


def test_while_it_is_pending_it_is_asked_again_with_the_same_key(api: Api) -> None:
    api.answers = [(202, PENDING), (202, PENDING), (200, ACCEPTED)]
    assert by_api(api.running, HALT) is not None
    assert [key for _, _, key, _ in api.asked] == [HALT.command_id] * 3


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((401, {"detail": "a token is needed"}), "the api asks for a token, and PENSTOCK_TOKEN is not set"),
        ((503, {"detail": "the log is away"}), "the api is not ready: the log is away"),
    ],
)
def test_an_api_that_cannot_judge_is_not_the_way(
    api: Api, capsys: pytest.CaptureFixture[str], answer: tuple[int, dict[str, Any]], why: str
) -> None:
    api.answers = [answer]
    assert by_api(api.running, HALT) is None
    assert capsys.readouterr().err == f"through the log: {why}\n"


def test_an_api_that_is_not_there_is_not_the_way(capsys: pytest.CaptureFixture[str]) -> None:
    assert by_api(running(""), HALT) is None
    assert by_api(running("http://127.0.0.1:1"), HALT) is None
    assert capsys.readouterr().err.splitlines() == [
        "through the log: the session has no api yet", "through the log: the api does not answer",
    ]  # fmt: skip


@pytest.mark.parametrize("status", [401, 403, 409, 429])
def test_what_the_api_refuses_does_not_go_through_the_log(
    api: Api, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setenv("PENSTOCK_TOKEN", "pst_x")
    api.answers = [(status, {"detail": "no"})]
    with pytest.raises(CommandError, match="resume: refused: no"):
        by_api(api.running, command("resume", "why", by="cli"))
    assert api.asked[0][3] == "Bearer pst_x"


def test_a_halt_goes_through_the_log_whenever_the_api_does_not_accept_it(
    api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(giving, "HALT_TIMEOUT_S", 0.2)
    for answer in ((403, {"detail": "no"}), (202, PENDING), None):
        api.answers = [answer]
        assert by_api(api.running, HALT, insist=True) is None
        assert "through the log: halt " in capsys.readouterr().err.replace("halt: ", "halt ")


def test_what_risk_has_refused_is_refused(api: Api) -> None:
    api.answers = [(409, {"detail": "halt is not possible while halted"})]
    with pytest.raises(CommandError, match="halt: refused: halt is not possible while halted"):
        by_api(api.running, HALT, insist=True)


def test_what_may_have_arrived_is_not_given_a_second_time(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(giving, "ANSWER_TIMEOUT_S", 0.5)
    monkeypatch.setattr(giving, "_TIMEOUT_S", 0.1)
    api.answers = [None]
    with pytest.raises(CommandError, match="place was given, but the session did not follow"):
        by_api(api.running, order("place", instrument="btc-usdt.binance"))
    assert {key for _, _, key, _ in api.asked} == {"c-2"}


def test_what_is_no_answer_of_the_api_is_told(api: Api) -> None:
    api.answers = [(200, {"hello": 1})]
    with pytest.raises(CannotRun, match="Field required"):
        by_api(api.running, HALT)


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        (HALT, ("POST", "/halt")),
        (command("reduce", "", by="cli"), ("POST", "/reduce")),
        (command("resume", "x", by="cli"), ("POST", "/resume")),
        (command("flatten", "", by="cli", override=True), ("POST", "/flatten")),
        (command("close", "", by="cli", part=Part(strategy="a")), ("POST", "/close")),
        (command("cancel", "", by="cli"), ("POST", "/cancel")),
        (order("cancel", order_id="o-1"), ("DELETE", "/orders/o-1")),
        (order("place", instrument="btc-usdt.binance"), ("POST", "/orders")),
        (order("modify", order_id="o-1"), ("PATCH", "/orders/o-1")),
        (order("limits", arguments={"trades_max": "7"}), ("PATCH", "/risk/settings")),
        (order("strategy_on", strategy="a"), ("POST", "/strategies/a/on")),
        (order("strategy_off", strategy="a"), ("POST", "/strategies/a/off")),
        (
            order("strategy_mode", strategy="a", arguments={"mode": "shadow"}),
            ("POST", "/strategies/a/mode"),
        ),
    ],
)
def test_each_verb_has_its_call(api: Api, given: Command, asked: tuple[str, str]) -> None:
    assert by_api(api.running, given) is not None
    method, path, key, _ = api.asked[0]
    assert (method, path.removeprefix("/api/v1").partition("?")[0], key) == (*asked, given.command_id)
