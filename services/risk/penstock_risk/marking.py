"""Taking prices: row by row, or a stretch of thousands at once with the very same result.

A mark is evaluated when all its rows are there, that is when the first row of a later mark, or any
other message, comes; so a batch may be cut anywhere. A stretch is exact because the worth of a holding
rises or falls with the price: the extremes of an integer column bound equity. Where they show that no
stop can be reached, peak and drawdown follow from the extremes (linear) or cannot change; else the
rows are evaluated one by one. The course of several holdings is one such column (`together`).
"""

from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from penstock_contracts.batch import part_of
from penstock_contracts.features import Prices
from penstock_kernel.ledger import plain
from penstock_kernel.money import ZERO, from_scaled

from penstock_risk.account import Account, Holding
from penstock_risk.state import RiskState
from penstock_risk.stops import armed
from penstock_risk.together import Course, both_sides, course_of, extremes, last_rows

T = TypeVar("T")
Column = NDArray[np.int64]
OnBreach = Callable[[int], None]
"""Called with the mark at which equity lies at or below a stop's floor."""
_STRETCH_ROWS = 8
"""Fewer rows are faster one by one."""
_SEVERAL_ROWS = 32
"""The same where several instruments are held, and two rows for each of them."""


class _Breach(Exception):
    def __init__(self, ts: int) -> None:
        self.ts = ts


def take_prices(account: Account, prices: Prices, on_breach: OnBreach) -> None:
    """Mark the instruments of a batch and evaluate every mark but the last."""
    rows = len(prices.ts)
    if rows < _STRETCH_ROWS:
        _take_rows(account, prices, 0, rows, on_breach)
        return
    state = account.state.account
    first = int(prices.ts.searchsorted(state.ts_prices, "right")) if state.dirty else 0
    held = [number for number, name in enumerate(prices.instruments) if name in account.holdings]
    end = int(prices.ts.searchsorted(prices.ts[-1]))
    if first == rows or (len(held) > 1 and end - first < _SEVERAL_ROWS + 2 * len(held)):
        _take_rows(account, prices, 0, rows, on_breach)
        return
    # What is left of a mark that began in the batch before.
    _take_rows(account, prices, 0, first, on_breach)
    _settle(account, on_breach)
    if len(held) > 1:
        _take_several(account, prices, first, end, on_breach)
    elif held:
        _take_stretch(account, prices, first, held[0], on_breach)
    _take_last(account, prices, first)


def take_range(account: Account, prices: Prices, begin: int, end: int, on_breach: OnBreach) -> None:
    """As `take_prices` of the rows [begin, end) alone."""
    if end - begin < _STRETCH_ROWS:
        _take_rows(account, prices, begin, end, on_breach)
    else:
        take_prices(account, part_of(prices, begin, end), on_breach)


def quiet_rows(account: Account, prices: Prices) -> int:
    """How many leading rows reach no stop. Changes nothing."""
    if _far_from_stops(account, prices):
        return len(prices.ts)

    def stop(ts: int) -> None:
        raise _Breach(ts)

    scratch = _scratch(account, prices.instruments)
    try:
        take_prices(scratch, prices, stop)
        _settle(scratch, stop)
    except _Breach as breach:
        return int(np.searchsorted(prices.ts, breach.ts, side="left"))
    return len(prices.ts)


def _far_from_stops(account: Account, prices: Prices) -> bool:
    """Whether no row can reach a stop, by the extremes alone; what this leaves open the rows tell."""
    falls = rises = ZERO
    for number, name in enumerate(prices.instruments):
        holding = account.holdings.get(name)
        if holding is not None:
            worst, best = _extremes(holding, prices, number)
            falls += min(worst - holding.value, ZERO)
            rises += max(best - holding.value, ZERO)
    return account.out_of_reach(falls, rises)


def _extremes(holding: Holding, prices: Prices, which: int) -> tuple[Decimal, Decimal]:
    """The least and the most that a holding may be worth in a batch."""
    bids, asks = _sides(prices, which)
    if not len(bids):
        return holding.value, holding.value
    scale = prices.scales[which]
    bid_min, bid_max = from_scaled(bids.min().item(), scale), from_scaled(bids.max().item(), scale)
    if asks is bids:
        return holding.worth(bid_min, bid_max), holding.worth(bid_max, bid_min)
    ask_min, ask_max = from_scaled(asks.min().item(), scale), from_scaled(asks.max().item(), scale)
    return holding.worth(bid_min, ask_max), holding.worth(bid_max, ask_min)


def _sides(prices: Prices, which: int) -> tuple[Column, Column]:
    """Bids and asks of one instrument's rows, the last price where there are none."""
    last, bid, ask = prices.last, prices.bid, prices.ask
    if len(prices.instruments) > 1:
        rows = prices.index == which
        last, bid, ask = last[rows], bid[rows], ask[rows]
    return both_sides(last, bid, ask)


def _scratch(account: Account, instruments: tuple[str, ...]) -> Account:
    state: RiskState = _copy(account.state)
    state.account = _copy(state.account)
    state.marks = {name: _copy(mark) for name, mark in state.marks.items() if name in instruments}
    scratch = _copy(account)
    scratch.state = state
    scratch.holdings = {name: _copy(holding) for name, holding in account.holdings.items()}
    return scratch


def _copy(original: T) -> T:
    """A shallow copy of an object with slots; `copy.copy` takes five times as long."""
    kind = type(original)
    made = kind.__new__(kind)
    for name in kind.__slots__:  # type: ignore[attr-defined]  # all that are copied here have them
        setattr(made, name, getattr(original, name))
    return made


def _settle(account: Account, on_breach: OnBreach) -> None:
    if account.state.account.dirty and account.settle():
        on_breach(account.state.account.ts_prices)


def _take_rows(account: Account, prices: Prices, first: int, last: int, on_breach: OnBreach) -> None:
    state = account.state.account
    names, scales = prices.instruments, prices.scales
    for row in range(first, last):
        ts = prices.ts.item(row)
        if state.dirty and ts > state.ts_prices and account.settle():
            on_breach(state.ts_prices)
        which = prices.index.item(row)
        account.take_price(
            names[which],
            scales[which],
            prices.ts_data.item(row),
            prices.last.item(row),
            prices.bid.item(row),
            prices.ask.item(row),
        )
        state.ts_prices = ts
        state.dirty = True


def _take_last(account: Account, prices: Prices, first: int) -> None:
    """Take the last row of each instrument: the mark that is not evaluated yet."""
    for which, row in last_rows(prices, first, len(prices.ts)):
        account.take_price(
            prices.instruments[which],
            prices.scales[which],
            prices.ts_data.item(row),
            prices.last.item(row),
            prices.bid.item(row),
            prices.ask.item(row),
        )
    account.state.account.ts_prices = prices.ts.item(-1)
    account.state.account.dirty = True


def _take_several(account: Account, prices: Prices, first: int, end: int, on_breach: OnBreach) -> None:
    """Evaluate the marks of the rows [first, end), of which several instruments are held."""
    state = account.state.account
    course = course_of(account, prices, first, end)
    start = account.base + account.unrealized
    edges = _day_cuts(prices.ts[first:end], account.day_length)
    for begin, stop in pairwise(first + edge for edge in edges):
        day = (prices.ts.item(begin) - 1) // account.day_length
        if day > state.day:
            account.begin_day(day)
        if course is None:
            at_once = _noted(account, *extremes(account, prices, begin, stop), None)
        else:
            at_once = _noted_course(account, start, course, begin, stop)
        if at_once:
            for which, row in last_rows(prices, begin, stop):
                _value_row(account, prices, which, row)
            state.equity = plain(account.base + account.unrealized)
        else:
            _take_rows(account, prices, begin, stop, on_breach)
            _settle(account, on_breach)


def _noted_course(account: Account, start: Decimal, course: Course, begin: int, stop: int) -> bool:
    """As `_noted` of the marks whose rows are [begin, stop); `start`: equity before the course."""
    marks = slice(*course.stops.searchsorted((begin, stop), "right").tolist())
    moved, scale = course.moved[marks], course.scale
    low, high = (start + from_scaled(each.item(), scale) for each in (moved.min(), moved.max()))
    return _noted(account, low, high, lambda: _fall(moved, scale))


def _fall(series: Column, scale: int) -> Decimal:
    """The deepest fall below what came before."""
    return from_scaled((np.maximum.accumulate(series) - series).max().item(), scale)


def _value_row(account: Account, prices: Prices, which: int, row: int) -> None:
    holding = account.holdings.get(prices.instruments[which])
    if holding is not None:
        last, bid, ask = prices.last.item(row), prices.bid.item(row), prices.ask.item(row)
        _value(account, holding, prices.scales[which], bid if bid > 0 else last, ask if ask > 0 else last)


def _take_stretch(account: Account, prices: Prices, first: int, which: int, on_breach: OnBreach) -> None:
    """Evaluate the rows of the one instrument that is held, but for those of the last mark."""
    end = int(prices.ts.searchsorted(prices.ts[-1]))
    rows: slice | Column = slice(first, end)
    if len(prices.instruments) > 1:
        rows = first + np.flatnonzero(prices.index[first:end] == which)
    ts, last, bid, ask = prices.ts[rows], prices.last[rows], prices.bid[rows], prices.ask[rows]
    if not len(ts):
        return
    bid, ask = np.where(bid > 0, bid, last), np.where(ask > 0, ask, last)
    holding = account.holdings[prices.instruments[which]]
    for start, end in pairwise(_day_cuts(ts, account.day_length)):
        day = (ts.item(start) - 1) // account.day_length
        if day > account.state.account.day:
            account.begin_day(day)
        part = slice(start, end)
        _evaluate(account, holding, prices.scales[which], (ts[part], bid[part], ask[part]), on_breach)


def _day_cuts(ts: Column, length: int) -> list[int]:
    """Where the days of ascending times begin, and where the last one ends."""
    if (ts.item(0) - 1) // length == (ts.item(-1) - 1) // length:
        return [0, len(ts)]
    return [0, *(np.flatnonzero(np.diff((ts - 1) // length)) + 1).tolist(), len(ts)]


def _evaluate(
    account: Account,
    holding: Holding,
    scale: int,
    columns: tuple[Column, Column, Column],
    on_breach: OnBreach,
) -> None:
    """Evaluate a stretch within one day, at once where that is exact."""
    ts, bid, ask = columns
    state = account.state.account
    others = account.base + account.unrealized - holding.value
    low = others + holding.worth(from_scaled(bid.min(), scale), from_scaled(ask.max(), scale))
    high = others + holding.worth(from_scaled(bid.max(), scale), from_scaled(ask.min(), scale))
    one_sided = not (holding.long and holding.short)
    per_unit = abs(holding.long + holding.short) * holding.contract.multiplier
    series = bid if holding.long else -ask
    fall = (lambda: per_unit * _fall(series, scale)) if holding.affine and one_sided else None
    if not _noted(account, low, high, fall):
        for row in range(len(ts)):
            _value(account, holding, scale, bid.item(row), ask.item(row))
            if account.note(ts.item(row)):
                on_breach(ts.item(row))
        return
    _value(account, holding, scale, bid.item(-1), ask.item(-1))
    state.equity = plain(account.base + account.unrealized)


def _noted(account: Account, low: Decimal, high: Decimal, fall: Callable[[], Decimal] | None) -> bool:
    """Note peak and drawdown of a stretch whose equity lies between both; False where only its rows tell.

    `fall`: its deepest fall below a peak of its own, where that is known; the bounds are then exact.
    """
    state = account.state.account
    high = plain(high)
    peak = max(state.stop_peak, high)
    floor = max(account.floor, peak - peak * account.config.drawdown_fraction_max)
    if low <= floor and armed(account.state):
        return False
    if high <= state.stop_peak and state.equity_peak - low <= state.drawdown_max:
        return True
    if fall is None:
        return False
    state.drawdown_max = plain(max(state.drawdown_max, state.equity_peak - low, fall()))
    state.stop_peak = peak
    state.equity_peak = max(state.equity_peak, high)
    account.set_floor()
    return True


def _value(account: Account, holding: Holding, scale: int, bid: int, ask: int) -> None:
    account.set_value(holding, holding.worth(from_scaled(bid, scale), from_scaled(ask, scale)))
