"""The client that waits: one method for each call, see `penstock_client.calls`."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import httpx

from penstock_client import calls, models
from penstock_client.errors import Unreachable
from penstock_client.transport import TIMEOUT_S, T, answered, frames_of, headers_of, request_of


class Client:
    """A session's api. Raises ApiError for what the api refuses, Unreachable where it does not answer.

    `transport` is httpx's: an app in the same process, or a mock in tests.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._http = httpx.Client(
            base_url=url, headers=headers_of(token), timeout=timeout_s, transport=transport
        )

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Where the api is."""
        return str(self._http.base_url)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(self, call: calls.Call[T]) -> T:
        """Send a call; returns what it brings."""
        try:
            response = self._http.request(**request_of(call))
        except httpx.TransportError as error:
            raise Unreachable(f"{self._http.base_url} does not answer: {error}") from error
        return answered(call, response)

    def every(self, call: calls.Call[models.Page[T]]) -> Iterator[T]:
        """All rows from a page on, page by page."""
        following: calls.Call[models.Page[T]] | None = call
        while following is not None:
            page = self.send(following)
            yield from page.items
            following = calls.after(following, page)

    def stream(self, channels: Sequence[str], after: int | None = None) -> Iterator[dict[str, Any]]:
        """Frames of the stream as they come, from a sequence on; ends when the connection does."""
        query = {"channels": ",".join(channels), **({} if after is None else {"after": str(after)})}
        try:
            with self._http.stream("GET", f"{calls.API}/events", params=query) as response:
                if response.is_error:
                    response.read()
                    answered(calls.me(), response)
                for line in response.iter_lines():
                    yield from frames_of(line)
        except httpx.TransportError as error:
            raise Unreachable(f"{self._http.base_url} does not answer: {error}") from error

    def me(self) -> models.Me:
        """Who the api takes you for."""
        return self.send(calls.me())

    def session(self) -> models.Session:
        """The session that runs."""
        return self.send(calls.session())

    def state(self) -> models.State:
        """Trading state, money, prices, working orders, counts."""
        return self.send(calls.state())

    def health(self) -> models.Health:
        """Services and streams: whether everything works."""
        return self.send(calls.health())

    def risk(self) -> models.Risk:
        """The trading state, and how much of each limit is used."""
        return self.send(calls.risk())

    def risk_settings(self) -> models.Settings:
        """Risk's settings as they hold now."""
        return self.send(calls.risk_settings())

    def strategies(self) -> models.Page[models.Strategy]:
        """The session's strategies."""
        return self.send(calls.strategies())

    def strategy(self, name: str) -> models.Strategy:
        """One strategy."""
        return self.send(calls.strategy(name))

    def positions(self) -> models.Page[models.Position]:
        """Every position, flat ones too."""
        return self.send(calls.positions())

    def balances(self) -> models.Page[models.Balance]:
        """The balances at the venues."""
        return self.send(calls.balances())

    def prices(self) -> models.Page[models.Price]:
        """The last price of every instrument."""
        return self.send(calls.prices())

    def instruments(self) -> models.Page[models.Instrument]:
        """The session's instruments."""
        return self.send(calls.instruments())

    def instrument(self, key: str) -> models.Instrument:
        """One instrument, `<symbol>.<venue>`."""
        return self.send(calls.instrument(key))

    def quote(self, key: str) -> models.Price:
        """The last price of an instrument."""
        return self.send(calls.quote(key))

    def book(self, key: str, depth: int = 10) -> models.Book:
        """The best levels of a book."""
        return self.send(calls.book(key, depth))

    def bars(
        self,
        key: str,
        interval_s: int = 60,
        limit: int = 500,
        since: int | None = None,
        until: int | None = None,
    ) -> models.Bars:
        """Bars of an instrument that end in (since, until], ns; the last `limit` of them."""
        return self.send(calls.bars(key, interval_s, limit, since, until))

    def features(self, key: str, limit: int = 1) -> models.Page[models.Features]:
        """The last rows of an instrument's features, newest first."""
        return self.send(calls.features(key, limit))

    def working_orders(self) -> models.Page[models.WorkingOrder]:
        """The orders in which something can still happen."""
        return self.send(calls.working_orders())

    def orders(self, rows: calls.Rows = calls.EVERY) -> models.Page[models.Order]:
        """Orders, newest first."""
        return self.send(calls.orders(rows))

    def order(self, order_id: str) -> models.OrderDetail:
        """One order, and what happened to it."""
        return self.send(calls.order(order_id))

    def explain(self, order_id: str) -> dict[str, Any]:
        """Why an order was sent, and what became of it."""
        return self.send(calls.explain(order_id))

    def fills(self, rows: calls.Rows = calls.EVERY) -> models.Page[models.Fill]:
        """Fills, newest first."""
        return self.send(calls.fills(rows))

    def signals(self, rows: calls.Rows = calls.EVERY) -> models.Page[models.Signal]:
        """Signals with their outcomes, newest first."""
        return self.send(calls.signals(rows))

    def refusals(self, rows: calls.Rows = calls.EVERY) -> models.Page[models.Refusal]:
        """Signals that risk refused, newest first."""
        return self.send(calls.refusals(rows))

    def pnl(self, rows: calls.Rows = calls.EVERY) -> models.Page[models.Pnl]:
        """Samples of the account, newest first."""
        return self.send(calls.pnl(rows))

    def audit(self, rows: calls.Rows = calls.EVERY, who: str | None = None) -> models.Page[models.AuditEntry]:
        """Commands and changes of the trading state, newest first."""
        return self.send(calls.audit(rows, who))

    def dead_letters(self) -> models.Page[models.DeadLetter]:
        """Messages that could not be read."""
        return self.send(calls.dead_letters())

    def quarantine(self, rows: calls.Rows = calls.EVERY) -> models.Page[models.Quarantined]:
        """Rows of the sources that were not believed, newest first."""
        return self.send(calls.quarantine(rows))

    def sessions(self, limit: int = 100) -> models.Page[models.PastSession]:
        """The sessions that the database knows, the last one first."""
        return self.send(calls.sessions(limit))

    def reports(self) -> models.Page[models.Report]:
        """Sessions and backtests with their reports."""
        return self.send(calls.reports())

    def report(self, name: str) -> dict[str, Any]:
        """The report of a session or backtest."""
        return self.send(calls.report(name))

    def halt(
        self, reason: str = "", key: str | None = None, *, part: calls.Part = calls.WHOLE
    ) -> models.Done:
        """Stop trading: cancel what works, send nothing new; positions stay."""
        return self.send(calls.halt(reason, key, part=part))

    def reduce(
        self, reason: str = "", key: str | None = None, *, part: calls.Part = calls.WHOLE
    ) -> models.Done:
        """Let pass only what brings a position nearer to zero."""
        return self.send(calls.reduce(reason, key, part=part))

    def resume(self, reason: str, key: str | None = None, *, part: calls.Part = calls.WHOLE) -> models.Done:
        """Trade again; takes a risk admin, and a reason."""
        return self.send(calls.resume(reason, key, part=part))

    def flatten(
        self,
        part: calls.Part = calls.WHOLE,
        reason: str = "",
        *,
        override: bool = False,
        key: str | None = None,
    ) -> models.Done:
        """Cancel what works and close what is open; `override` (a risk admin's): also while halted."""
        return self.send(calls.flatten(part, reason, override=override, key=key))

    def close_positions(self, part: calls.Part, reason: str = "", key: str | None = None) -> models.Done:
        """Close the positions of a part of the account."""
        return self.send(calls.close_positions(part, reason, key))

    def cancel(self, part: calls.Part = calls.WHOLE, reason: str = "", key: str | None = None) -> models.Done:
        """Cancel the working orders of a part of the account."""
        return self.send(calls.cancel(part, reason, key))

    def place(
        self,
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
    ) -> models.Done:
        """Place an order in the name of `manual`; `price` is the one that you saw."""
        return self.send(
            calls.place(
                instrument,
                side,
                quantity,
                order_type,
                limit_price=limit_price,
                stop_price=stop_price,
                trail=trail,
                time_in_force=time_in_force,
                expire_at=expire_at,
                post_only=post_only,
                reduce_only=reduce_only,
                price=price,
                reason=reason,
                key=key,
            )
        )

    def modify(
        self,
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
    ) -> models.Done:
        """Change a working order in its place; `quantity` is what is to be left."""
        return self.send(
            calls.modify(
                order_id,
                side=side,
                quantity=quantity,
                limit_price=limit_price,
                stop_price=stop_price,
                trail=trail,
                price=price,
                reason=reason,
                key=key,
            )
        )

    def cancel_order(self, order_id: str, reason: str = "", key: str | None = None) -> models.Done:
        """Cancel one order."""
        return self.send(calls.cancel_order(order_id, reason, key))

    def switch_on(self, name: str, reason: str = "", key: str | None = None) -> models.Done:
        """Switch a strategy on."""
        return self.send(calls.switch_on(name, reason, key))

    def switch_off(
        self, name: str, reason: str = "", *, close: bool = False, key: str | None = None
    ) -> models.Done:
        """Switch a strategy off; with `close` it is asked to close its positions first."""
        return self.send(calls.switch_off(name, reason, close=close, key=key))

    def switch_mode(self, name: str, mode: str, reason: str = "", key: str | None = None) -> models.Done:
        """Let a strategy trade (`trade`, takes a risk admin), or keep a virtual ledger only (`shadow`)."""
        return self.send(calls.switch_mode(name, mode, reason, key))

    def change_limits(
        self, limits: Mapping[str, str], reason: str = "", key: str | None = None
    ) -> models.Done:
        """Change risk's settings, all of them or none; takes a risk admin."""
        return self.send(calls.change_limits(limits, reason, key))
