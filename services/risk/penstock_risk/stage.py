"""Risk: the one door from signals to orders, and the keeper of positions and money."""

from collections.abc import Callable
from typing import Any

from penstock_contracts.base import Family, Message
from penstock_contracts.batch import between
from penstock_contracts.features import Prices
from penstock_contracts.market import InstrumentDefined, InstrumentStatus, Mark, Rate
from penstock_contracts.signals import Signal
from penstock_contracts.types import NEVER, OrderState, TradingState
from penstock_contracts.venue import Fill, OrderAccepted, OrderChanged
from penstock_kernel.grid import NS_PER_SECOND, grid_after, grid_at_or_after
from penstock_kernel.hours import Hours
from penstock_kernel.ledger import plain
from penstock_kernel.session import SessionConfig
from penstock_kernel.stage import NOTHING, IntervalEnd, Outputs, StageStatus
from pydantic import TypeAdapter, ValidationError

from penstock_risk import closing, holds
from penstock_risk.account import Account
from penstock_risk.commands import configured, obey
from penstock_risk.config import RiskConfig
from penstock_risk.decide import decide, gate
from penstock_risk.desk import Desk, no_position
from penstock_risk.fills import take_fill
from penstock_risk.limits import Refusal
from penstock_risk.marking import take_prices, take_range
from penstock_risk.modify import modify
from penstock_risk.reach import quiet_between
from penstock_risk.state import AccountState, Book, RiskState
from penstock_risk.stops import armed, reached, release
from penstock_risk.trading import Event
from penstock_risk.usage import usage

_SNAPSHOT = TypeAdapter(RiskState)


class RiskStage:
    """Turns signals into sized orders, holds them against every limit, closes positions on stops."""

    ignores: frozenset[tuple[Family, str]] = frozenset(
        ("feat", kind) for kind in ("bar", "row", "regime", "drift")
    )

    def __init__(self, config: RiskConfig, session: SessionConfig) -> None:
        self._base_config = config
        self._session = session
        capital = plain(session.capital)
        self._adopt(RiskState(account=AccountState(capital, capital, stop_peak=capital, day_equity=capital)))

    def _adopt(self, state: RiskState) -> None:
        self._state = state
        config = configured(self._base_config, state.settings) if state.settings else self._base_config
        self._account = Account(config, self._session, state)
        self._desk = Desk(self._base_config, config, self._session, self._account)
        defined = (*self._session.instruments, *state.instruments.values())
        self._expiring = any(each.expiry is not None for each in defined)

    # --- Messages ---

    def process(self, message: Message) -> Outputs:
        """React to a message. What features says beside prices, instruments, status and rates is ignored."""
        kind = type(message)
        if kind is Prices:
            return self._prices(message)
        handler = _HANDLERS.get(kind)
        if handler is None:
            return NOTHING
        if self._state.account.dirty:
            return [*self._settle(), *handler(self, message)]
        return handler(self, message)

    def _prices(self, prices: Prices) -> Outputs:
        outputs: list[Message] = []
        take_prices(self._account, prices, lambda ts: outputs.extend(self._stop(ts)))
        return outputs

    @property
    def desk(self) -> Desk:
        """Its books, instruments and caps: for what stands before its door."""
        return self._desk

    def settle(self) -> list[Message]:
        """Evaluate the last mark before something is decided that is not handed to `process`."""
        return self._settle() if self._state.account.dirty else []

    def _settle(self) -> list[Message]:
        """Evaluate the last mark, now that all its prices are there."""
        if self._state.account.dirty and self._account.settle():
            return self._stop(self._state.account.ts_prices)
        return []

    def _stop(self, ts: int) -> list[Message]:
        """Act on the stop that was reached, if one was and stops act."""
        stop = reached(self._account, ts) if armed(self._state) else None
        if stop is None:
            return []
        rule = Refusal(stop.rule, stop.limit, stop.value)
        return closing.stop_trading(self._desk, ts, rule, stop.after == "end", self._account.next_day(ts))

    def _signal(self, signal: Signal) -> Outputs:
        desk = self._desk
        ts = max(signal.ts, self._state.now)
        refusal = gate(desk, signal)
        if refusal is not None:
            return [desk.refuse(signal, ts, refusal)]
        definition = desk.definition(signal.instrument)
        assert definition is not None
        book = desk.book(signal.strategy, definition)
        outputs = desk.supersede(book, signal)
        if signal.style.modify:
            changed = modify(desk, book, signal)
            if changed:
                return [*outputs, *changed]
        outputs += desk.cancel_signal_orders(book, ts, "new_signal")
        book.waiting = signal
        outputs += self._decide_waiting(book)
        return outputs

    def _decide_waiting(self, book: Book) -> list[Message]:
        """Decide the signal that waits, once no order of its predecessor works."""
        signal = book.waiting
        if signal is None or any(not order.closing for order in book.working.values()):
            return []
        book.waiting = None
        return decide(self._desk, book, signal)

    def _fill(self, fill: Fill) -> Outputs:
        known = self._desk.find(fill.strategy, fill.instrument)
        lost = known is not None and fill.order_id in known.lost
        book, changed = take_fill(self._desk, fill)
        self._account.note(fill.ts_known)
        outputs: list[Message] = [changed, self._account.sample(fill.ts_known)]
        outputs += self._stop(max(fill.ts_known, self._state.now))
        if lost:
            outputs += closing.halt_for(self._desk, fill.ts_known, f"order {fill.order_id}, lost, has filled")
        outputs += self._decide_waiting(book)
        return outputs

    def _accepted(self, accepted: OrderAccepted) -> Outputs:
        book = self._desk.find(accepted.strategy, accepted.instrument)
        order = book.working.get(accepted.order_id) if book is not None else None
        if order is not None:
            order.accepted = True
        return NOTHING

    def _order(self, changed: OrderChanged) -> Outputs:
        book = self._desk.find(changed.strategy, changed.instrument)
        if book is None or changed.order_id not in book.working or not changed.to_state.terminal:
            return NOTHING
        order = self._desk.take_off(book, changed.order_id)
        if changed.to_state is OrderState.LOST:
            book.lost[changed.order_id] = order
        if changed.to_state is OrderState.REJECTED and book.closing == "expiry" and order.closing:
            # Asking again would be no better: somebody has to look at what the venue made of it.
            why = f"{book.instrument} has expired and is not settled: {changed.reason}"
            return closing.halt_for(self._desk, max(changed.ts, self._state.now), why)
        return self._decide_waiting(book)

    def _instrument(self, message: InstrumentDefined) -> Outputs:
        self._desk.define(message.instrument)
        self._expiring = self._expiring or message.instrument.expiry is not None
        return NOTHING

    def _status(self, message: InstrumentStatus) -> Outputs:
        key, state = message.instrument, self._state
        if message.scheduled:
            state.hours[key] = Hours.said(message, state.hours.get(key))
            if self._account.session_day(key, message.day) and state.waiting_day:
                state.waiting_until = message.ts_event
                return self._new_day(max(state.now, message.ts_event))
        else:
            state.statuses[key] = message.status
        return NOTHING

    def _rate(self, rate: Rate) -> Outputs:
        account = self._account
        if not account.take_rate(rate) or not {rate.base, rate.quote} & account.foreign.keys():
            return NOTHING
        # What the account has is worth another amount: the end of the data may come before the next sample.
        reached_floor = account.settle()
        outputs: list[Message] = [account.sample(rate.ts_init)]
        return [*outputs, *self._stop(self._state.account.ts_prices)] if reached_floor else outputs

    # --- Intervals ---

    def end_interval(self, end: IntervalEnd) -> Outputs:
        """Sample, obey commands, act on time and on the end of the data, send closing orders."""
        state = self._state
        outputs = self._settle() if state.account.dirty else []
        if self._uneventful(end):
            state.now = end.ts
            return outputs
        sample_every = self._account.config.sample_interval_s * NS_PER_SECOND
        if state.started < 0:
            state.started = end.start
            state.sample_at = grid_after(end.start, sample_every)
        if end.ts > state.sample_at:
            # What this interval brings is not known yet: the sample is of the mark that began it.
            outputs.append(self._account.sample(end.start))
            state.sample_at = grid_at_or_after(end.ts, sample_every)
        for command in end.commands:
            outputs += obey(self._desk, command, end.ts)
            if command.verb == "limits":
                self._reconfigure()
        outputs += self._time(end)
        if self._expiring:
            outputs += closing.expire(self._desk, end.ts)
        outputs += closing.advance(self._desk, end.ts)
        state.now = end.ts
        return outputs

    def _uneventful(self, end: IntervalEnd) -> bool:
        """Whether nothing but time passes, and nothing of ours is due."""
        state = self._state
        if end.ts > state.sample_at or end.commands or end.ended or self._expiring or state.started < 0:
            return False
        if state.waiting_day or end.ts - state.started >= self._account.duration_ns_max:
            return False
        return not self._desk.closing

    def _time(self, end: IntervalEnd) -> list[Message]:
        state = self._state
        if end.ended and not state.ended:
            state.ended = True
            if state.trading is TradingState.HALTED:
                return []
            changed = closing.move(self._desk, end.ts, Event.ENDED, "the data is over")
            return [changed, *closing.begin(self._desk, end.ts, "ended")]
        if released := self._new_day(end.ts):
            return released
        # Loss, drawdown and trades act when they change; a command may have moved their limits.
        return self._stop(end.ts) if end.commands or end.ts >= self._deadline() else []

    def _new_day(self, ts: int) -> list[Message]:
        """Let trading go on where a stop waited for the day that has begun; nothing while it has not."""
        state = self._state
        if not state.waiting_day or ts < state.waiting_until or not self._flat():
            return []
        release(self._account, ts)
        released: list[Message] = []
        if not state.operator_hold:
            released.append(closing.move(self._desk, ts, Event.NEW_DAY, "a new day"))
        return [*released, *self._stop(ts)]

    def _deadline(self) -> int:
        return self._state.started + self._account.duration_ns_max

    def _reconfigure(self) -> None:
        config = configured(self._base_config, self._state.settings)
        self._account.configure(config)
        self._desk.configure(config)

    def status(self) -> StageStatus:
        """Due at the next sample, the session's longest duration, and the day that a stop waits for."""
        state = self._state
        due = state.sample_at + 1
        if armed(state):
            due = min(due, self._deadline())
        if state.waiting_day:
            due = min(due, state.waiting_until)
        # An account that is HALTED leaves its positions.
        flat = not self._desk.working if state.trading is TradingState.HALTED else self._flat()
        return StageStatus(next_due=min(NEVER, due), flat=flat, stop=state.stop)

    def _flat(self) -> bool:
        """Whether nothing works, and nothing is held but where an operator halted a part."""
        if self._desk.working:
            return False
        if not self._account.holdings:
            return True
        return bool(self._state.holds) and all(
            no_position(book) or holds.halted(self._desk, book) for book in self._state.books
        )

    def quiet_rows(self, message: Message, begin: int = 0, end: int | None = None) -> int:
        """How many leading rows of prices reach no stop; of other messages none."""
        if type(message) is not Prices:
            return 0
        end = len(message.ts) if end is None else end
        return quiet_between(self._account, message, begin, end) if armed(self._state) else end - begin

    def process_rows(self, message: Message, begin: int, end: int) -> Outputs:
        """As `process` of these rows."""
        if type(message) is not Prices:
            return self.process(between(message, begin, end))
        outputs: list[Message] = []
        take_range(self._account, message, begin, end, lambda ts: outputs.extend(self._stop(ts)))
        return outputs

    def next_due_apart(self) -> int:
        """When it is due apart from the samples that `pass_run` takes on its way, ns."""
        state = self._state
        if self._expiring or state.waiting_day or state.started < 0 or self._desk.closing:
            return self.status().next_due
        return self._deadline() if armed(state) else NEVER

    def pass_run(self, rows: tuple[Prices, int, int] | None, end: IntervalEnd) -> Outputs:
        """As `process_rows` and the end of a run of intervals, with the samples of the intervals inside."""
        state, grid, start = self._state, self._session.grid, end.start
        outputs: list[Message] = []
        while (after := grid_after(state.sample_at, grid)) <= end.ts:
            if rows is not None:
                prices, begin, stop = rows
                upto = begin + int(prices.ts[begin:stop].searchsorted(after - grid, "right"))
                outputs += self.process_rows(prices, begin, upto)
                rows = prices, upto, stop
            outputs += self.end_interval(Mark(ts=after, start=after - grid))
            start = after
        if rows is not None:
            outputs += self.process_rows(*rows)
        if start < end.ts:
            outputs += self.end_interval(Mark(ts=end.ts, start=start))
        return outputs

    # --- State ---

    def describe(self) -> dict[str, Any]:
        """The operator's view: decimals as strings, in account currency unless a position says otherwise."""
        state, account = self._state, self._account
        return {
            "currency": self._session.currency,
            "state": state.trading.value,
            "holds": holds.told(self._desk),
            "stop": state.stop,
            "equity": str(state.account.equity),
            "pnl_realized": str(account.pnl_realized),
            "pnl_unrealized": str(plain(account.unrealized)),
            "fees": str(account.fees),
            "balances": {name: str(total) for name, total in account.balances().items()},
            "drawdown_max": str(state.account.drawdown_max),
            "positions": [_described(book) for book in state.books if book.position.quantity],
            "working": sum(len(book.working) for book in state.books),
            "orders": state.orders,
            "trades": state.account.trades,
            "refused": state.refused,
            "limits": usage(self._desk),
        }

    def snapshot(self) -> bytes:
        """The whole state as JSON."""
        return _SNAPSHOT.dump_json(self._state)

    def restore(self, state: bytes) -> None:
        """Take over a snapshot. ValueError when it is not one of risk's."""
        try:
            self._adopt(_SNAPSHOT.validate_json(state))
        except ValidationError as wrong:
            first = wrong.errors(include_url=False, include_input=False)[0]
            raise ValueError(f"no snapshot of risk: {first['loc']}: {first['msg']}") from wrong


def _described(book: Book) -> dict[str, str]:
    position = book.position
    return {
        "strategy": book.strategy,
        "instrument": book.instrument,
        "quantity": str(position.quantity),
        "average_price": str(position.average_price),
        "pnl_realized": str(position.pnl_realized),
        "currency": position.contract.currency,
    }


_HANDLERS: dict[type, Callable[[RiskStage, Any], Outputs]] = {
    Signal: RiskStage._signal,
    Fill: RiskStage._fill,
    OrderAccepted: RiskStage._accepted,
    OrderChanged: RiskStage._order,
    InstrumentDefined: RiskStage._instrument,
    InstrumentStatus: RiskStage._status,
    Rate: RiskStage._rate,
}
"""What risk reacts to, beside prices."""
