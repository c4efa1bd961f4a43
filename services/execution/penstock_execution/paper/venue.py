"""The paper venue: orders and cancels in, market data past them, answers out."""

from typing import Any

from penstock_contracts.batch import between
from penstock_contracts.instrument import Instrument
from penstock_contracts.market import BarBatch, BookBatch, InstrumentStatus, QuoteBatch, TradeBatch
from penstock_contracts.orders import OrderApproved
from penstock_contracts.types import NEVER, Liquidity, MarketStatus
from penstock_kernel.hours import Hours

from penstock_execution.config import DataKind, PaperConfig
from penstock_execution.paper import calm
from penstock_execution.paper.bars import BarMatcher
from penstock_execution.paper.entry import closed_to, order_of, refusal_of
from penstock_execution.paper.links import (
    room,
)
from penstock_execution.paper.lives import STANDING, unfilled
from penstock_execution.paper.matching import Matcher, Share
from penstock_execution.paper.pricing import taking_price
from penstock_execution.paper.rows import RowsPast
from penstock_execution.paper.standing import touch
from penstock_execution.paper.state import Answer, Market, PaperState, VenueOrder, copy_of
from penstock_execution.paper.trades import TradeAdvancer, TradeMatcher
from penstock_execution.states import Event

MarketBatch = TradeBatch | BarBatch | QuoteBatch | BookBatch


class PaperVenue(RowsPast):
    """Matches orders by the rules of `docs/fills.md`. Knows event time only."""

    def __init__(self, config: PaperConfig, instruments: tuple[Instrument, ...]) -> None:
        super().__init__(config)
        self._matchers: dict[type, Matcher[Any]] = {
            TradeBatch: TradeMatcher(config),
            BarBatch: BarMatcher(config),
        }
        self._advancer = TradeAdvancer(config)
        for instrument in instruments:
            self.define(instrument)

    # --- What the market says ------------------------------------------------------------------------

    def define(self, instrument: Instrument) -> None:
        """Add an instrument, or take its new definition."""
        market = self.state.markets.get(instrument.instrument)
        if market is None:
            self.state.markets[instrument.instrument] = Market(instrument, instrument.status)
        else:
            market.instrument = instrument
            market.status = instrument.status

    def set_status(self, key: str, status: MarketStatus) -> None:
        """Take an instrument's new status; an instrument that is not defined cannot be traded anyway."""
        market = self.state.markets.get(key)
        if market is not None:
            market.status = status

    def set_hours(self, message: InstrumentStatus) -> None:
        """Take what an instrument's calendar, or its expiry, says."""
        market = self.state.markets.get(message.instrument)
        if market is not None:
            market.hours = Hours.said(message, market.hours)

    def match(self, batch: MarketBatch, begin: int = 0, end: int | None = None) -> None:
        """Let rows of a batch pass its instrument's orders, by default all of them.

        UnsupportedSetting if it cannot support a setting.
        """
        market = self.state.markets.get(batch.instrument)
        end = len(batch.ts_init) if end is None else end
        if market is None or begin >= end or market.expired:
            return
        if type(batch) is not BarBatch:
            batch, begin, end = between(batch, begin, end), 0, end - begin
        if isinstance(batch, QuoteBatch | BookBatch):
            if self._stands(market, batch):
                self._continuous.match(market, batch)
            return
        matcher = self._matcher(market, batch)
        if not matcher.counts(market, batch):
            return
        if market.kind not in STANDING:
            self._set_kind(market, matcher.kind)
        if market.orders and market.trading:
            self._match_rows(matcher, market, batch, begin, end)
        matcher.remember(market, batch, end)

    def _stands(self, market: Market, batch: QuoteBatch | BookBatch) -> bool:
        """Whether quotes or books of this kind fill: books before quotes."""
        kind: DataKind = "quote" if isinstance(batch, QuoteBatch) else "book"
        if kind == "quote" and market.kind == "book":
            return False
        if market.kind != kind:
            market.standing = None
        self._set_kind(market, kind)
        return True

    def _set_kind(self, market: Market, kind: DataKind) -> None:
        if market.kind != kind:
            self.config.refuse_unsupported(market.instrument.instrument, kind)
            market.kind = kind

    def _matcher(self, market: Market, batch: TradeBatch | BarBatch) -> Matcher[Any]:
        if market.kind in STANDING and isinstance(batch, TradeBatch):
            return self._advancer
        return self._matchers[type(batch)]

    def lose_book(self, key: str | None) -> None:
        """Updates of a book are missing (of all, for None): nothing trades on it before the next snapshot."""
        for name, market in self.state.markets.items():
            if market.kind == "book" and market.standing is not None and key in (None, name):
                market.standing.book.gap()
                market.standing.taken_bids.clear()
                market.standing.taken_asks.clear()

    def quiet_rows(self, batch: MarketBatch, begin: int = 0, end: int | None = None) -> int:
        """How many leading ones of some rows cannot do anything to an order; see `Skippable`."""
        market = self.state.markets.get(batch.instrument)
        end = len(batch.ts_init) if end is None else end
        if market is None or not market.orders or not market.trading or begin >= end:
            return end - begin
        if type(batch) is not BarBatch:
            batch, begin, end = between(batch, begin, end), 0, end - begin
        if isinstance(batch, QuoteBatch | BookBatch):
            quiet = calm.quiet_rows(market, batch) if isinstance(batch, BookBatch) else None
            return self._quiet_by_trial(market, batch) if quiet is None else quiet
        matcher = self._matcher(market, batch)
        if not matcher.counts(market, batch):
            return end - begin
        return matcher.first_row(batch, market.orders, range(begin, end)) - begin

    def _quiet_by_trial(self, market: Market, batch: QuoteBatch | BookBatch) -> int:
        """Let the batch pass a copy of the market until something is answered."""
        trial = PaperVenue(self.config, ())
        copied = copy_of(market)
        trial.restore(PaperState(markets={batch.instrument: copied}, arrivals=self.state.arrivals))
        if not trial._stands(copied, batch):
            return len(batch.ts_init)
        return trial._continuous.match(copied, batch, lambda: bool(trial.state.answers))

    def has_orders(self, key: str) -> bool:
        """Whether an order of ours is at the venue, or on its way there, in this instrument."""
        market = self.state.markets.get(key)
        return market is not None and bool(market.orders)

    # --- What we ask ---------------------------------------------------------------------------------

    def submit(self, approval: OrderApproved, ts_effect: int) -> None:
        """Send an order of a defined instrument; the venue has it from `ts_effect` on."""
        state = self.state
        state.arrivals += 1
        market = state.markets[approval.instrument]
        order = order_of(approval, state.arrivals, ts_effect, market)
        refusal = self._refusal(approval, order, market)
        if refusal:
            self._answer(order, Event.REJECT, ts_effect, refusal)
            if order.replaces in self._orders:
                self._answer(self._orders[order.replaces][1], Event.REPLACE_REJECT, ts_effect, refusal)
            return
        if market.kind in STANDING and not order.held:
            order.arrived = False  # it meets what stands at its effect
        if order.arrived:
            self._answer(order, Event.ACCEPT, ts_effect)
        market.orders.append(order)
        self._orders[order.order_id] = (market, order)

    def _refusal(self, approval: OrderApproved, order: VenueOrder, market: Market) -> str:
        every = self.config.reject_every
        if every and order.arrival % every == 0:
            return f"venue: order {order.arrival} is rejected by reject_every = {every}"
        if order.parent and order.parent not in self._orders:
            return "venue: its parent does not work"
        return refusal_of(approval, order.ts_effect) or closed_to(approval, order.ts_effect, market)

    def cancel(self, order_id: str, ts_effect: int, reason: str) -> None:
        """Ask for a cancel, in effect at `ts_effect` but not before the order itself. Too late: no effect."""
        entry = self._orders.get(order_id)
        if entry is not None:
            order = entry[1]
            ts = max(ts_effect, order.ts_effect)
            if ts < order.ts_cancel:
                order.ts_cancel, order.expires, order.cancel_reason = ts, False, reason

    # --- Time ----------------------------------------------------------------------------------------

    def pass_time(self, start: int, end: int, ended: bool) -> None:
        """All data up to `end` went past: cancels come true, and without further data market orders fill."""
        if ended and self.state.ts_ended is None:
            self.state.ts_ended = start
        if not (ended or self._any_due(end)):
            return
        self._arrive_until(end)
        for market, order in list(self._orders.values()):
            if order.order_id not in self._orders:
                continue  # it ended because of another one
            if order.settles and order.ts_effect <= end:
                self._settle(market, order)
                continue
            if ended and order.ts_effect <= end and self._finish(market, order):
                continue
            if order.ts_cancel <= end:
                event = Event.EXPIRE if order.expires else Event.CANCEL
                self._end(market, order, event, order.ts_cancel, order.cancel_reason)

    def _any_due(self, end: int) -> bool:
        """Whether time alone does something to an order up to `end`."""
        for _, order in self._orders.values():
            if order.ts_cancel <= end or (order.ts_effect <= end and (order.settles or not order.arrived)):
                return True
        return False

    def _finish(self, market: Market, order: VenueOrder) -> bool:
        """End an order that would take, for no datum will come any more; whether it was ended."""
        assert self.state.ts_ended is not None
        ts = max(order.ts_effect, self.state.ts_ended, market.ts_last)
        price = market.price
        if market.standing is not None:
            price = touch(market, order.sign) or order.reference
        if ts > order.ts_cancel or price is None or order.waiting or order.held:
            return False
        if not (market.trading or order.reduce_only):
            return False  # only what closes a position need not wait for a session that will not come
        if order.limit is None:
            cost = taking_price(price, order.sign, None, self.config)
            quantity = room(market, order)
            if quantity > 0:
                self.fill(market, Share(order, cost, Liquidity.TAKER, quantity), ts)
            return quantity > 0
        if order.immediate:
            self._end(market, order, Event.CANCEL, ts, unfilled(order))
        return order.immediate

    def _settle(self, market: Market, order: VenueOrder) -> None:
        price = order.reference if market.price is None else market.price
        self.fill(market, Share(order, price, Liquidity.TAKER, order.left), order.ts_effect)

    def take_answers(self, until: int) -> list[Answer]:
        """What we know at `until`, in the order of knowing it, then of arrival of the orders."""
        answers = self.state.answers
        if not answers:
            return []
        known = [answer for answer in answers if answer.ts_known <= until]
        if not known:
            return known
        self.state.answers = [answer for answer in answers if answer.ts_known > until]
        if len(known) > 1:
            known.sort(key=lambda answer: (answer.ts_known, answer.arrival, answer.sequence))
        return known

    def next_due(self, after: int) -> int:
        """The first time after `after` at which an answer arrives or an order or cancel takes effect, ns."""
        due = NEVER
        for answer in self.state.answers:
            due = min(due, answer.ts_known)
        for _, order in self._orders.values():
            due = min(due, order.ts_cancel)
            if order.ts_effect > after:
                due = min(due, order.ts_effect)
        return due

    def restore(self, state: PaperState) -> None:
        """Take over a state."""
        self.state = state
        self._orders = {
            order.order_id: (market, order) for market in state.markets.values() for order in market.orders
        }
