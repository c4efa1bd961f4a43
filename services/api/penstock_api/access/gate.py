"""The gate that every request passes: from where, for which host, who, how often.

Whether the caller may do what the route does, the route says (`penstock_api.access.roles`). Here a request
gets its caller, or is turned away:

- an address that is not on the list, where there is a list;
- without tokens, which is possible on the loopback interface only, a request for another host's name: a page
  of a foreign site whose name was made to point here (DNS rebinding);
- a request that changes something, or opens a stream, sent by a page of another origin;
- a browser's session that changes something without giving its CSRF token back;
- too many requests. A halt is never one too many.
"""

import ipaddress
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

import structlog
from penstock_runtime.errors import BadConfiguration
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Receive, Scope, Send

from penstock_api.access.browser import COOKIE, CSRF_HEADER, Cookies
from penstock_api.access.rates import Rates
from penstock_api.access.roles import Caller, Role
from penstock_api.access.tokens import TokenFile
from penstock_api.config import ApiConfig
from penstock_api.problems import Problem, problem

_log = structlog.get_logger(__name__)

LOCAL = "local"
"""The caller where nobody is asked who they are."""
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
UNLIMITED = frozenset({"/livez", "/readyz", "/api/v1/halt"})
SIGN_IN = "/api/v1/login"
_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_BEARER = "bearer "
_CLOSE_POLICY = 1008


def is_loopback(host: str) -> bool:
    """Whether an address to listen on can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_bind(config: ApiConfig, tokens: TokenFile) -> None:
    """BadConfiguration for an address that others reach while nobody would be asked who they are."""
    if not is_loopback(config.host) and not tokens.any():
        raise BadConfiguration(
            f"api.host: {config.host} is open to others, and nobody would be asked who they are: make a "
            f"token first (`penstock token add NAME --role viewer`, kept in {tokens.path}), or listen on "
            "127.0.0.1"
        )


class Gate:
    """Knows tokens, cookies and rates; turns away or says who calls."""

    def __init__(self, config: ApiConfig, tokens: TokenFile, cookies: Cookies) -> None:
        self._config = config
        self._tokens = tokens
        self._cookies = cookies
        self._networks = config.allowed_networks
        self._open = is_loopback(config.host)
        self._reads = Rates(config.requests_per_s, config.requests_burst)
        self._writes = Rates(config.commands_per_s, config.commands_burst)
        self._failures = Rates(config.failures_per_minute / 60, config.failures_per_minute)

    def pass_on(self, scope: Scope) -> Caller | None:
        """Who calls, None for nobody that is known, put into the request's state as well.

        Raises the Problem that turns the request away.
        """
        headers = Headers(scope=scope)
        address = scope["client"][0] if scope.get("client") else ""
        self._check_address(address)
        asked = self._tokens.exists()
        if not asked and self._open:
            self._check_host(headers)
        method = scope.get("method", "GET")
        changes = method not in SAFE or scope["type"] == "websocket"
        if changes:
            self._check_origin(headers, scope)
        caller = self._caller(headers, address, asked=asked, changes=changes and method not in SAFE)
        scope.setdefault("state", {})["caller"] = caller
        self._check_rate(scope, caller, address, changes=method not in SAFE)
        return caller

    def _check_address(self, address: str) -> None:
        if not self._networks:
            return
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            raise Problem(403, "this address is not allowed") from None
        if not any(found in network for network in self._networks):
            raise Problem(403, "this address is not allowed")

    def _check_host(self, headers: Headers) -> None:
        if _hostname(headers.get("host", "")) not in {*_NAMES, self._config.host}:
            raise Problem(403, "this host is not served: ask for localhost or 127.0.0.1")

    def _check_origin(self, headers: Headers, scope: Scope) -> None:
        origin = headers.get("origin")
        site = headers.get("sec-fetch-site")
        if origin is None:
            if site in (None, "same-origin", "none"):
                return
        elif origin in self._config.origins or _same_origin(origin, headers.get("host", "")):
            return
        raise Problem(403, "a page of another origin may not do this")

    def _caller(self, headers: Headers, address: str, *, asked: bool, changes: bool) -> Caller | None:
        now = time.time_ns()
        given = headers.get("authorization", "")
        if given[: len(_BEARER)].lower() == _BEARER:
            found = self._tokens.find(given[len(_BEARER) :].strip(), now)
            if found is not None:
                return Caller(found.name, found.role, address, "token")
            self._count_failure(address)
            return None
        cookie = _cookie(headers.getlist("cookie"))
        name = self._cookies.name_in(cookie) if cookie else None
        record = self._tokens.named(name, now) if name else None
        if cookie and record is not None:
            signed = self._cookies.read(cookie, record.hash, now)
            if signed is not None:
                if changes and headers.get(CSRF_HEADER.decode(), "") != signed.csrf:
                    raise Problem(403, "the X-CSRF-Token header is missing, or not of this session")
                return Caller(record.name, record.role, address, "cookie", signed.csrf)
        if not asked and self._open:
            return Caller(LOCAL, Role.RISK_ADMIN, address, "open")
        return None

    def _count_failure(self, address: str) -> None:
        _log.warning("token_unknown", address=address)
        wait_s = self._failures.take(address, time.monotonic())
        if wait_s:
            raise Problem(429, "too many tokens that are not known", headers=_retry(wait_s))

    def _check_rate(self, scope: Scope, caller: Caller | None, address: str, *, changes: bool) -> None:
        if scope["path"] in UNLIMITED:
            return
        if scope["path"] == SIGN_IN and changes:
            wait_s = self._failures.take(address, time.monotonic())
        else:
            who = f"{caller.name}@{address}" if caller is not None else f"@{address}"
            wait_s = (self._writes if changes else self._reads).take(who, time.monotonic())
        if wait_s:
            raise Problem(429, "too many requests", headers=_retry(wait_s))


class GateMiddleware:
    """Lets pass whom the gate lets pass, and answers for it to all others."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its caller."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            self._gate.pass_on(scope)
        except Problem as refused:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": _CLOSE_POLICY, "reason": refused.detail})
                return
            answer = problem(refused.status, refused.detail, headers=refused.headers)
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _retry(wait_s: float) -> Mapping[str, str]:
    return {"Retry-After": str(max(1, round(wait_s + 0.5)))}


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _same_origin(origin: str, host: str) -> bool:
    try:
        return bool(host) and urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False


def _cookie(lines: list[str]) -> str | None:
    return cookie_parser("; ".join(lines)).get(COOKIE)
