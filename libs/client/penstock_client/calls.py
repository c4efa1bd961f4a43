"""Every call of the api, as data: what to send, and what comes back. Sending is the client's."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Generic, TypeVar
from urllib.parse import quote as quoted

from pydantic import TypeAdapter

from penstock_client import models

T = TypeVar("T")
API = "/api/v1"


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request; `answer` reads what comes back."""

    method: str
    path: str
    answer: TypeAdapter[T]
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    key: str | None = None
    """Idempotency key."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Which rows, and from where on."""

    limit: int = 100
    cursor: str | None = None
    session: str | None = None
    strategy: str | None = None
    instrument: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the account: what meets all the filters that are given."""

    venue: str | None = None
    instrument: str | None = None
    underlying: str | None = None
    strategy: str | None = None


EVERY, WHOLE = Rows(), Part()
_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}


def _read(shape: type[T]) -> TypeAdapter[T]:
    if shape not in _ADAPTERS:
        _ADAPTERS[shape] = TypeAdapter(shape)
    return _ADAPTERS[shape]


def _get(path: str, shape: type[T], **query: Any) -> Call[T]:
    return Call("GET", API + path, _read(shape), _given(query))


def _give(method: str, path: str, key: str | None, **body: Any) -> Call[models.Done]:
    return Call(method, API + path, _read(models.Done), body=_given(body), key=key)


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: str(value) if isinstance(value, Decimal) else value
        for name, value in values.items()
        if value is not None
    }


def _rows(rows: Rows, *but: str) -> dict[str, Any]:
    return {name: getattr(rows, name) for name in Rows.__slots__ if name not in but}


def _part(part: Part) -> dict[str, Any]:
    return {name: getattr(part, name) for name in Part.__slots__}


def _at(name: str) -> str:
    return quoted(name, safe="")


def after(call: Call[models.Page[T]], page: models.Page[T]) -> Call[models.Page[T]] | None:
    """The call for the page after one; None when it was the last."""
    if page.next_cursor is None:
        return None
    return replace(call, query={**call.query, "cursor": page.next_cursor})


# --- What is -----------------------------------------------------------------------------------------


def me() -> Call[models.Me]:
    """Who the api takes you for."""
    return _get("/me", models.Me)


def session() -> Call[models.Session]:
    """The session that runs."""
    return _get("/session", models.Session)


def state() -> Call[models.State]:
    """Trading state, money, prices, working orders, counts."""
    return _get("/state", models.State)


def health() -> Call[models.Health]:
    """Services and streams: whether everything works."""
    return _get("/health", models.Health)


def risk() -> Call[models.Risk]:
    """The trading state, and how much of each limit is used."""
    return _get("/risk", models.Risk)


def risk_settings() -> Call[models.Settings]:
    """Risk's settings as they hold now."""
    return _get("/risk/settings", models.Settings)


def strategies() -> Call[models.Page[models.Strategy]]:
    """The session's strategies."""
    return _get("/strategies", models.Page[models.Strategy])


def strategy(name: str) -> Call[models.Strategy]:
    """One strategy."""
    return _get(f"/strategies/{_at(name)}", models.Strategy)


def positions() -> Call[models.Page[models.Position]]:
    """Every position, flat ones too."""
    return _get("/positions", models.Page[models.Position])


def balances() -> Call[models.Page[models.Balance]]:
    """The balances at the venues."""
    return _get("/balances", models.Page[models.Balance])


def prices() -> Call[models.Page[models.Price]]:
    """The last price of every instrument."""
    return _get("/prices", models.Page[models.Price])


def instruments() -> Call[models.Page[models.Instrument]]:
    """The session's instruments."""
    return _get("/instruments", models.Page[models.Instrument])


def instrument(key: str) -> Call[models.Instrument]:
    """One instrument, `<symbol>.<venue>`."""
    return _get(f"/instruments/{_at(key)}", models.Instrument)


def quote(key: str) -> Call[models.Price]:
    """The last price of an instrument."""
    return _get(f"/market/{_at(key)}/quote", models.Price)


def book(key: str, depth: int = 10) -> Call[models.Book]:
    """The best levels of a book."""
    return _get(f"/market/{_at(key)}/book", models.Book, depth=depth)


def bars(
    key: str, interval_s: int = 60, limit: int = 500, since: int | None = None, until: int | None = None
) -> Call[models.Bars]:
    """Bars of an instrument that end in (since, until], ns; the last `limit` of them."""
    return _get(
        f"/market/{_at(key)}/bars", models.Bars, interval_s=interval_s, limit=limit, since=since, until=until
    )


def features(key: str, limit: int = 1) -> Call[models.Page[models.Features]]:
    """The last rows of an instrument's features, newest first."""
    return _get(f"/features/{_at(key)}", models.Page[models.Features], limit=limit)


def working_orders() -> Call[models.Page[models.WorkingOrder]]:
    """The orders in which something can still happen."""
    return _get("/orders/working", models.Page[models.WorkingOrder])


def orders(rows: Rows = EVERY) -> Call[models.Page[models.Order]]:
    """Orders, newest first."""
    return _get("/orders", models.Page[models.Order], **_rows(rows))


def order(order_id: str) -> Call[models.OrderDetail]:
    """One order, and what happened to it."""
    return _get(f"/orders/{_at(order_id)}", models.OrderDetail)


def explain(order_id: str) -> Call[dict[str, Any]]:
    """Why an order was sent, and what became of it."""
    return _get(f"/orders/{_at(order_id)}/explain", dict[str, Any])


def fills(rows: Rows = EVERY) -> Call[models.Page[models.Fill]]:
    """Fills, newest first."""
    return _get("/fills", models.Page[models.Fill], **_rows(rows))


def signals(rows: Rows = EVERY) -> Call[models.Page[models.Signal]]:
    """Signals with their outcomes, newest first."""
    return _get("/signals", models.Page[models.Signal], **_rows(rows))


def refusals(rows: Rows = EVERY) -> Call[models.Page[models.Refusal]]:
    """Signals that risk refused, newest first."""
    return _get("/refusals", models.Page[models.Refusal], **_rows(rows))


def pnl(rows: Rows = EVERY) -> Call[models.Page[models.Pnl]]:
    """Samples of the account, newest first."""
    return _get("/pnl", models.Page[models.Pnl], **_rows(rows, "strategy", "instrument"))


def audit(rows: Rows = EVERY, who: str | None = None) -> Call[models.Page[models.AuditEntry]]:
    """Commands and changes of the trading state, newest first."""
    return _get("/audit", models.Page[models.AuditEntry], **_rows(rows, "strategy", "instrument"), who=who)


def dead_letters() -> Call[models.Page[models.DeadLetter]]:
    """Messages that could not be read."""
    return _get("/dlq", models.Page[models.DeadLetter])


def quarantine(rows: Rows = EVERY) -> Call[models.Page[models.Quarantined]]:
    """Rows of the sources that were not believed, newest first."""
    return _get("/quarantine", models.Page[models.Quarantined], **_rows(rows, "strategy", "instrument"))


def sessions(limit: int = 100) -> Call[models.Page[models.PastSession]]:
    """The sessions that the database knows, the last one first."""
    return _get("/sessions", models.Page[models.PastSession], limit=limit)


def reports() -> Call[models.Page[models.Report]]:
    """Sessions and backtests with their reports."""
    return _get("/reports", models.Page[models.Report])


def report(name: str) -> Call[dict[str, Any]]:
    """The report of a session or backtest."""
    return _get(f"/reports/{_at(name)}", dict[str, Any])


# --- What to do --------------------------------------------------------------------------------------


def halt(reason: str = "", key: str | None = None, *, part: Part = WHOLE) -> Call[models.Done]:
    """Stop trading: cancel what works, send nothing new; positions stay."""
    return _give("POST", "/halt", key, reason=reason, **_part(part))


def reduce(reason: str = "", key: str | None = None, *, part: Part = WHOLE) -> Call[models.Done]:
    """Let pass only what brings a position nearer to zero."""
    return _give("POST", "/reduce", key, reason=reason, **_part(part))


def resume(reason: str, key: str | None = None, *, part: Part = WHOLE) -> Call[models.Done]:
    """Trade again; takes a risk admin, and a reason."""
    return _give("POST", "/resume", key, reason=reason, **_part(part))


def flatten(
    part: Part = WHOLE, reason: str = "", *, override: bool = False, key: str | None = None
) -> Call[models.Done]:
    """Cancel what works and close what is open; `override` (a risk admin's): also while halted."""
    return _give("POST", "/flatten", key, reason=reason, override=override, **_part(part))


def close_positions(part: Part, reason: str = "", key: str | None = None) -> Call[models.Done]:
    """Close the positions of a part of the account."""
    return _give("POST", "/close", key, reason=reason, **_part(part))


def cancel(part: Part = WHOLE, reason: str = "", key: str | None = None) -> Call[models.Done]:
    """Cancel the working orders of a part of the account."""
    return _give("POST", "/cancel", key, reason=reason, **_part(part))


def place(
    instrument: str,
    side: str,
    quantity: Decimal | str,
    order_type: str = "market",
    *,
    limit_price: Decimal | str | None = None,
    stop_price: Decimal | str | None = None,
    trail: Decimal | str | None = None,
    time_in_force: str = "gtc",
    expire_at: int | None = None,
    post_only: bool = False,
    reduce_only: bool = False,
    price: Decimal | str | None = None,
    reason: str = "",
    key: str | None = None,
) -> Call[models.Done]:
    """Place an order in the name of `manual`; `price` is the one that you saw."""
    return _give(
        "POST",
        "/orders",
        key,
        instrument=instrument,
        side=side,
        quantity=quantity,
        type=order_type,
        limit_price=limit_price,
        stop_price=stop_price,
        trail=trail,
        time_in_force=time_in_force,
        expire_at=expire_at,
        post_only=post_only,
        reduce_only=reduce_only,
        price=price,
        reason=reason,
    )


def modify(
    order_id: str,
    *,
    side: str | None = None,
    quantity: Decimal | str | None = None,
    limit_price: Decimal | str | None = None,
    stop_price: Decimal | str | None = None,
    trail: Decimal | str | None = None,
    price: Decimal | str | None = None,
    reason: str = "",
    key: str | None = None,
) -> Call[models.Done]:
    """Change a working order in its place; `quantity` is what is to be left."""
    return _give(
        "PATCH",
        f"/orders/{_at(order_id)}",
        key,
        side=side,
        quantity=quantity,
        limit_price=limit_price,
        stop_price=stop_price,
        trail=trail,
        price=price,
        reason=reason,
    )


def cancel_order(order_id: str, reason: str = "", key: str | None = None) -> Call[models.Done]:
    """Cancel one order."""
    path = f"{API}/orders/{_at(order_id)}"
    return Call("DELETE", path, _read(models.Done), _given({"reason": reason or None}), key=key)


def switch_on(name: str, reason: str = "", key: str | None = None) -> Call[models.Done]:
    """Switch a strategy on."""
    return _give("POST", f"/strategies/{_at(name)}/on", key, reason=reason)


def switch_off(
    name: str, reason: str = "", *, close: bool = False, key: str | None = None
) -> Call[models.Done]:
    """Switch a strategy off; with `close` it is asked to close its positions first."""
    return _give("POST", f"/strategies/{_at(name)}/off", key, reason=reason, close=close)


def switch_mode(name: str, mode: str, reason: str = "", key: str | None = None) -> Call[models.Done]:
    """Let a strategy trade (`trade`, takes a risk admin), or keep a virtual ledger only (`shadow`)."""
    return _give("POST", f"/strategies/{_at(name)}/mode", key, reason=reason, mode=mode)


def change_limits(limits: Mapping[str, str], reason: str = "", key: str | None = None) -> Call[models.Done]:
    """Change risk's settings, all of them or none; takes a risk admin."""
    return _give("PATCH", "/risk/settings", key, reason=reason, limits=dict(limits))
