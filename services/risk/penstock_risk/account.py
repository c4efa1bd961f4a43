"""The account: what is held, what it is worth at the last prices, and how far equity has fallen.

Equity = capital + realised PnL - fees + unrealised PnL, each currency at its last rate. Longs are
marked at bid and shorts at ask where there are quotes, else both at last. All sums are exact; what a
rate other than 1 makes of an amount is rounded to the ledger's decimals first.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from penstock_contracts.features import Prices
from penstock_contracts.market import Rate
from penstock_contracts.orders import PnlSampled
from penstock_contracts.types import NEVER
from penstock_kernel.balances import balances
from penstock_kernel.errors import HaltError
from penstock_kernel.grid import NS_PER_SECOND
from penstock_kernel.ledger import Contract, fit, plain
from penstock_kernel.money import ONE, ZERO, from_scaled
from penstock_kernel.session import SessionConfig

from penstock_risk.config import RiskConfig
from penstock_risk.days import NO_BOUNDARY, Days
from penstock_risk.exposure import Sums, measure
from penstock_risk.state import Book, MarkPrice, RiskState

if TYPE_CHECKING:
    from penstock_risk.reach import Reach


class Holding:
    """What all strategies together hold of one instrument. Derived from the books."""

    __slots__ = ("contract", "cost", "long", "rate", "short", "value")

    def __init__(self, contract: Contract, rate: Decimal) -> None:
        self.contract = contract
        self.rate = rate
        self.long = ZERO
        """Sum of the long positions."""
        self.short = ZERO
        """Sum of the short positions, not positive."""
        self.cost = ZERO
        self.value = ZERO
        """Unrealised PnL at the last price, in account currency."""

    @property
    def affine(self) -> bool:
        """Whether the value is price times a constant plus another, exactly."""
        return self.rate == ONE and not self.contract.inverse

    def worth(self, bid: Decimal, ask: Decimal) -> Decimal:
        """Unrealised PnL in account currency with longs at `bid` and shorts at `ask`."""
        unit_value = self.contract.unit_value
        value = -self.cost
        if self.long:
            value += self.long * unit_value(bid)
        if self.short:
            value += self.short * unit_value(ask)
        return value if self.rate is ONE else converted(value, self.rate)


class Account:
    """The arithmetic over a `RiskState`. Everything of its own is derived; `rebuild` makes it anew."""

    __slots__ = (
        "_currency",
        "_instruments",
        "base",
        "calm",
        "capital",
        "config",
        "counts_max",
        "daily_loss_max",
        "day_length",
        "days",
        "duration_ns_max",
        "exact",
        "fees",
        "floor",
        "foreign",
        "holdings",
        "pnl_realized",
        "reach",
        "state",
        "sums",
        "unrealized",
    )

    def __init__(self, config: RiskConfig, session: SessionConfig, state: RiskState) -> None:
        self._currency = session.currency
        self._instruments = session.by_key
        self.capital = session.capital
        self.days = Days(session)
        self.day_length = self.days.length
        self.state = state
        self.calm: tuple[Prices, int] | None = None
        """Prices, and up to which row nothing reaches a stop as long as nothing but prices changes."""
        self.reach: tuple[Prices, Reach] | None = None
        """Prices, and their extremes."""
        self.configure(config)

    def configure(self, config: RiskConfig) -> None:
        """Take over settings, new or changed."""
        self.config = config
        self.daily_loss_max = config.daily_loss_fraction_max * self.capital
        self.duration_ns_max = config.duration_s_max * NS_PER_SECOND
        self.counts_max = (
            Decimal(config.consecutive_losses_max),
            Decimal(config.trades_max),
            Decimal(config.duration_s_max),
        )
        self.rebuild()

    def rebuild(self) -> None:
        """Derive everything from the books, marks and rates: after a fill, a rate or a restore."""
        self.calm = None
        self.sums = Sums(self.state.books)
        self.holdings: dict[str, Holding] = {}
        realized = fees = ZERO
        foreign: dict[str, Decimal] = {}
        for book in self.state.books:
            position = book.position
            if position.contract.currency != self._currency and (position.quantity or position.pnl_realized):
                foreign[position.contract.currency] = self.need_rate(position.contract.currency)
            if position.pnl_realized or position.contract.currency == self._currency:
                realized += self.convert(position.pnl_realized, position.contract.currency)
            for currency, amount in position.fees.items():
                fees += self.convert(amount, currency)
                if currency != self._currency:
                    foreign[currency] = self.need_rate(currency)
            if position.quantity:
                self._hold(book)
        self.pnl_realized, self.fees = realized, fees
        self.foreign = foreign
        self.exact = not foreign and all(each.affine for each in self.holdings.values())
        self.base = self.capital + realized - fees
        self.unrealized = ZERO
        for instrument, holding in self.holdings.items():
            self._revalue(holding, self.state.marks[instrument])
        self.set_floor()

    def booked(self, book: Book) -> tuple[Decimal, Decimal] | None:
        """What a book has earned and paid; None where any of it is in another currency than the account's."""
        position, own = book.position, self._currency
        if position.contract.currency != own or any(currency != own for currency in position.fees):
            return None
        return position.pnl_realized, position.fees.get(own, ZERO)

    def rebook(self, book: Book, before: tuple[Decimal, Decimal] | None, beside: Iterable[Book]) -> None:
        """As `rebuild` after a fill in this book, which had earned and paid `before`.

        `beside`: all books of its instrument. Sums of linear contracts in one currency are exact, so only
        what has changed is counted again.
        """
        now = self.booked(book)
        if before is None or now is None or not self.exact or book.position.contract.inverse:
            self.rebuild()
            return
        self.calm = None
        self.sums.changed(book)
        self.pnl_realized += now[0] - before[0]
        self.fees += now[1] - before[1]
        self.base = self.capital + self.pnl_realized - self.fees
        held = self.holdings.pop(book.instrument, None)
        if held is not None:
            self.unrealized -= held.value
        for each in beside:
            if each.position.quantity:
                self._hold(each)
        if book.instrument in self.holdings:
            self._revalue(self.holdings[book.instrument], self.state.marks[book.instrument])
        self.set_floor()

    def _hold(self, book: Book) -> None:
        position = book.position
        holding = self.holdings.get(book.instrument)
        if holding is None:
            rate = self.need_rate(position.contract.currency)
            holding = self.holdings[book.instrument] = Holding(position.contract, rate)
        holding.cost += position.cost
        if position.quantity > 0:
            holding.long += position.quantity
        else:
            holding.short += position.quantity

    # --- Currencies ---

    def rate(self, currency: str) -> Decimal | None:
        """Worth of one unit in account currency, None when no rate is known."""
        return ONE if currency == self._currency else self.state.rates.get(currency)

    def need_rate(self, currency: str) -> Decimal:
        """The rate of a currency that we hold or owe. HaltError without one: equity would be a guess."""
        rate = self.rate(currency)
        if rate is None:
            raise HaltError(f"no rate from {currency} to {self._currency}: the account cannot be valued")
        return rate

    def convert(self, amount: Decimal, currency: str) -> Decimal:
        """An amount in account currency."""
        return amount if currency == self._currency else converted(amount, self.need_rate(currency))

    def take_rate(self, rate: Rate) -> bool:
        """Note a rate from or to the account currency; True if it was one."""
        if rate.quote == self._currency:
            self.state.rates[rate.base] = rate.rate
        elif rate.base == self._currency:
            self.state.rates[rate.quote] = fit(ONE / rate.rate)
        else:
            return False
        self.rebuild()
        self.state.account.dirty = True
        return True

    # --- Prices ---

    def take_price(self, instrument: str, scale: int, ts_data: int, last: int, bid: int, ask: int) -> None:
        """Mark an instrument. Equity shows it after `settle`."""
        mark = self.state.marks.get(instrument)
        if mark is None:
            self.state.marks[instrument] = MarkPrice(scale, ts_data, last, bid, ask)
            return
        mark.scale, mark.ts_data, mark.last, mark.bid, mark.ask = scale, ts_data, last, bid, ask
        holding = self.holdings.get(instrument)
        if holding is not None:
            self._revalue(holding, mark)
            self.sums.repriced(instrument)

    def _revalue(self, holding: Holding, mark: MarkPrice) -> None:
        bid = from_scaled(mark.bid or mark.last, mark.scale)
        ask = from_scaled(mark.ask, mark.scale) if mark.ask else from_scaled(mark.last, mark.scale)
        self.set_value(holding, holding.worth(bid, ask))

    def set_value(self, holding: Holding, value: Decimal) -> None:
        """Replace what a holding is worth."""
        self.unrealized += value - holding.value
        holding.value = value

    def price(self, instrument: str, sign: int) -> Decimal | None:
        """What a buy (+1) or a sell (-1) would pay or get now; None without a price."""
        mark = self.state.marks.get(instrument)
        if mark is None:
            return None
        value = (mark.ask if sign > 0 else mark.bid) or mark.last
        return from_scaled(value, mark.scale) if value > 0 else None

    def exposure(self, book: Book) -> Decimal:
        """Signed notional of a book's position, in account currency."""
        position = book.position
        held = position.quantity
        if not held:
            return ZERO
        price = self.price(book.instrument, -1 if held > 0 else 1)
        assert price is not None
        return held * self.unit_notional(position.contract, price)

    def unit_notional(self, contract: Contract, price: Decimal) -> Decimal:
        """Notional of one unit at a price, in account currency. HaltError without a rate."""
        return self.convert(abs(contract.unit_value(price)), contract.currency)

    def balances(self) -> dict[str, Decimal]:
        """How much there is of each currency."""
        known = {**self._instruments, **self.state.instruments}
        held = ((known[book.instrument], book.position) for book in self.state.books)
        return balances(self._currency, plain(self.capital), held)

    # --- Equity ---

    def settle(self) -> bool:
        """Evaluate equity at the prices taken last. True when it lies at or below a stop's floor."""
        account = self.state.account
        account.dirty = False
        return self.note(account.ts_prices)

    def note(self, ts: int) -> bool:
        """Evaluate equity as of an event time: peak, drawdown, day. True when a stop's floor is reached."""
        account = self.state.account
        day = (ts - 1) // self.day_length
        if day > account.day:
            self.begin_day(day)
        equity = account.equity = plain(self.base + self.unrealized)
        if equity > account.stop_peak:
            account.stop_peak = equity
            account.equity_peak = max(account.equity_peak, equity)
            self.set_floor()
        fall = account.equity_peak - equity
        if fall > account.drawdown_max:  # rarely, so that `plain` costs little
            account.drawdown_max = plain(fall)
        return equity <= self.floor

    def session_day(self, instrument: str, day: str) -> bool:
        """Take note of a session date; True when the account's day begins with it."""
        number = self.days.begun(instrument, day)
        if number is None or number <= self.state.account.day:
            return False
        self.begin_day(number)
        return True

    def next_day(self, ts: int) -> int:
        """When the next day begins as far as times tell; NEVER where a calendar says so once it does."""
        if self.day_length == NO_BOUNDARY:
            return NEVER
        return ((ts - 1) // self.day_length + 1) * self.day_length

    def begin_day(self, day: int) -> None:
        """The daily loss starts again from equity as it was last; what counts by the day, from zero."""
        account = self.state.account
        self.calm = None
        account.day = day
        account.day_equity = account.equity
        if self.config.on_trades == "day":
            account.trades = 0
        if self.config.on_consecutive_losses == "day":
            account.losses_in_a_row = 0
        self.set_floor()

    def set_floor(self) -> None:
        """The equity at which the first of daily loss and drawdown stops trading."""
        account = self.state.account
        day_floor = account.day_equity - self.daily_loss_max
        peak_floor = account.stop_peak - account.stop_peak * self.config.drawdown_fraction_max
        self.floor = max(day_floor, peak_floor)

    def out_of_reach(self, falls: Decimal, rises: Decimal) -> bool:
        """Whether no stop can be reached while holdings lose or gain at most so much.

        Equity stays between `low` and `high`, so any peak lies between the present one and `high`, any floor
        of the peak between those of the two, and a day that begins starts at `high` or below.
        """
        state = self.state.account
        now = self.base + self.unrealized
        low, high = min(now + falls, state.equity), max(now + rises, state.equity)
        peak = max(state.stop_peak, high)
        peak_floor = peak - peak * self.config.drawdown_fraction_max
        return low > max(self.floor, high - self.daily_loss_max, peak_floor)

    def sample(self, ts: int) -> PnlSampled:
        """The account as it stands."""
        account = self.state.account
        exposures = measure(self)
        return PnlSampled(
            strategy=None,
            ts=ts,
            currency=self._currency,
            equity=account.equity,
            pnl_realized=self.pnl_realized,
            pnl_unrealized=plain(self.unrealized),
            fees=self.fees,
            gross_exposure=exposures.gross,
            net_exposure=exposures.net,
            reserved=exposures.reserved,
            equity_peak=account.equity_peak,
            drawdown_max=account.drawdown_max,
            rates=dict(self.foreign),
        )


def converted(amount: Decimal, rate: Decimal) -> Decimal:
    """An amount at a rate, on the ledger's decimals so that sums of such amounts are exact."""
    return fit(amount * rate)
