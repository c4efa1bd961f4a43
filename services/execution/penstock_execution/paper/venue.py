"""The paper venue: orders and cancels in, market data past them, answers out."""

from typing import Any

from penstock_contracts.instrument import Instrument
from penstock_contracts.market import BarBatch, TradeBatch
from penstock_contracts.orders import OrderApproved
from penstock_contracts.types import NEVER, Liquidity, MarketStatus, OrderType, TimeInForce
from penstock_kernel.ledger import plain

from penstock_execution.config import PaperConfig
from penstock_execution.paper.bars import BarMatcher
from penstock_execution.paper.matching import Matcher, Share, shares
from penstock_execution.paper.pricing import fee_of, taking_price
from penstock_execution.paper.state import Answer, Market, PaperState, VenueOrder
from penstock_execution.paper.trades import TradeMatcher
from penstock_execution.states import Event

_TYPES = (OrderType.MARKET, OrderType.LIMIT)
_TIMES_IN_FORCE = (TimeInForce.GTC, TimeInForce.IOC)


class PaperVenue:
    """Matches orders by the rules of `docs/fills.md`. Knows event time only."""

    def __init__(self, config: PaperConfig, instruments: tuple[Instrument, ...]) -> None:
        self.config = config
        self.state = PaperState()
        self._orders: dict[str, tuple[Market, VenueOrder]] = {}
        self._matchers: dict[type, Matcher[Any]] = {
            TradeBatch: TradeMatcher(config),
            BarBatch: BarMatcher(config),
        }
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

    def match(self, batch: TradeBatch | BarBatch) -> None:
        """Let the batch pass its instrument's orders. UnsupportedSetting if it cannot support a setting."""
        market = self.state.markets.get(batch.instrument)
        rows = len(batch.ts_init)
        if market is None or not rows:
            return
        matcher = self._matchers[type(batch)]
        if not matcher.counts(market, batch):
            return
        if market.kind != matcher.kind:
            self.config.refuse_unsupported(batch.instrument, matcher.kind)
            market.kind = matcher.kind
        if market.orders and market.trading:
            row = matcher.first_row(batch, market.orders, 0)
            while row < rows:
                self._match_row(matcher, market, batch, row)
                row = matcher.first_row(batch, market.orders, row + 1) if market.orders else rows
        matcher.remember(market, batch)

    def quiet_rows(self, batch: TradeBatch | BarBatch) -> int:
        """How many leading rows cannot do anything to an order; see `Skippable`."""
        market = self.state.markets.get(batch.instrument)
        if market is None or not market.orders or not market.trading:
            return len(batch.ts_init)
        matcher = self._matchers[type(batch)]
        if not matcher.counts(market, batch):
            return len(batch.ts_init)
        return matcher.first_row(batch, market.orders, 0)

    def has_orders(self, key: str) -> bool:
        """Whether an order of ours is at the venue, or on its way there, in this instrument."""
        market = self.state.markets.get(key)
        return market is not None and bool(market.orders)

    # --- What we ask ---------------------------------------------------------------------------------

    def submit(self, approval: OrderApproved, ts_effect: int) -> None:
        """Send an order of a defined instrument; the venue has it from `ts_effect` on."""
        state = self.state
        state.arrivals += 1
        order = VenueOrder(
            order_id=approval.order_id,
            arrival=state.arrivals,
            sign=approval.side.sign,
            limit=approval.limit_price if approval.type is OrderType.LIMIT else None,
            immediate=approval.time_in_force is TimeInForce.IOC,
            left=approval.quantity,
            ts_effect=ts_effect,
        )
        refusal = self._refusal(approval, state.arrivals)
        if refusal:
            self._answer(order, Event.REJECT, ts_effect, refusal)
            return
        self._answer(order, Event.ACCEPT, ts_effect)
        market = state.markets[approval.instrument]
        market.orders.append(order)
        self._orders[order.order_id] = (market, order)

    def _refusal(self, approval: OrderApproved, arrival: int) -> str:
        every = self.config.reject_every
        if every and arrival % every == 0:
            return f"venue: order {arrival} is rejected by reject_every = {every}"
        if approval.type not in _TYPES:
            return f"venue: no {approval.type} orders on paper yet"
        if approval.time_in_force not in _TIMES_IN_FORCE:
            return f"venue: no {approval.time_in_force} orders on paper yet"
        if approval.post_only:
            return "venue: no post-only orders on paper yet"
        if approval.type is OrderType.LIMIT and approval.limit_price is None:
            return "venue: a limit order without a limit price"
        return ""

    def cancel(self, order_id: str, ts_effect: int, reason: str) -> None:
        """Ask for a cancel, in effect at `ts_effect` but not before the order itself. Too late: no effect."""
        entry = self._orders.get(order_id)
        if entry is not None:
            order = entry[1]
            order.ts_cancel = max(ts_effect, order.ts_effect)
            order.cancel_reason = reason

    # --- Time ----------------------------------------------------------------------------------------

    def pass_time(self, start: int, end: int, ended: bool) -> None:
        """All data up to `end` went past: cancels come true, and without further data market orders fill."""
        if ended and self.state.ts_ended is None:
            self.state.ts_ended = start
        for market, order in list(self._orders.values()):
            if ended and order.ts_effect <= end and self._finish(market, order):
                continue
            if order.ts_cancel <= end:
                self._remove(market, order)
                self._answer(order, Event.CANCEL, order.ts_cancel, order.cancel_reason)

    def _finish(self, market: Market, order: VenueOrder) -> bool:
        """End an order that would take, for no datum will come any more; whether it was ended."""
        assert self.state.ts_ended is not None
        ts = max(order.ts_effect, self.state.ts_ended, market.ts_last)
        price = market.price
        if ts > order.ts_cancel or not market.trading or price is None:
            return False
        if order.limit is None:
            cost = taking_price(price, order.sign, None, self.config)
            self._fill(market, Share(order, cost, Liquidity.TAKER, order.left), ts)
            return True
        if order.immediate:
            self._remove(market, order)
            self._answer(order, Event.CANCEL, ts, "ioc")
        return order.immediate

    def take_answers(self, until: int) -> list[Answer]:
        """What we know at `until`, in the order of knowing it, then of arrival of the orders."""
        answers = self.state.answers
        if not answers:
            return []
        known = [answer for answer in answers if answer.ts_known <= until]
        if known:
            self.state.answers = [answer for answer in answers if answer.ts_known > until]
            known.sort(key=lambda answer: (answer.ts_known, answer.arrival, answer.sequence))
        return known

    def next_due(self, after: int) -> int:
        """The first time after `after` at which an answer arrives or an order or cancel takes effect, ns."""
        due = min((answer.ts_known for answer in self.state.answers), default=NEVER)
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

    # --- One row -------------------------------------------------------------------------------------

    def _match_row(self, matcher: Matcher[Any], market: Market, batch: Any, row: int) -> None:
        seeing = matcher.seeing(batch, row, market.orders)
        offer = matcher.offer(market, batch, row, seeing)
        for share in shares(offer, market.instrument.lot_size):
            self._fill(market, share, matcher.fill_time(batch, row, share.order))
        for order in seeing:
            if order.immediate and order.left > 0:
                self._remove(market, order)
                self._answer(order, Event.CANCEL, matcher.fill_time(batch, row, order), "ioc")

    def _fill(self, market: Market, share: Share, ts: int) -> None:
        order, price, liquidity, quantity = share
        order.left -= quantity
        answer = self._answer(order, Event.FILL if order.left else Event.FILL_LAST, ts)
        # Without trailing zeros: the scale of the data leaves no trace in a fill.
        answer.price = plain(price)
        answer.quantity = plain(quantity)
        answer.fee = plain(fee_of(market.instrument, quantity, price, liquidity, self.config))
        answer.fee_currency = market.instrument.settlement
        answer.liquidity = liquidity
        answer.left = plain(order.left)
        if not order.left:
            self._remove(market, order)

    def _remove(self, market: Market, order: VenueOrder) -> None:
        market.orders.remove(order)
        del self._orders[order.order_id]

    def _answer(self, order: VenueOrder, event: Event, ts: int, reason: str = "") -> Answer:
        order.answers += 1
        answer = Answer(
            order_id=order.order_id,
            arrival=order.arrival,
            sequence=order.answers,
            event=event,
            ts=ts,
            ts_known=ts + self.config.response_latency_ns,
            reason=reason,
        )
        self.state.answers.append(answer)
        return answer
