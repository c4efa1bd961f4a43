"""Rows of one instrument from one source: the good as message columns, the others counted and set aside."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from penstock_contracts.market import BarBatch, BookBatch, QuoteBatch, TradeBatch
from penstock_contracts.types import RowFlag

from penstock_ingest.quarantine import (
    SAMPLES_MAX,
    Previous,
    Reason,
    Verdict,
    judge_bar_shape,
    judge_jumps,
    judge_numbers,
    judge_order,
    judge_repeats,
    put,
)
from penstock_ingest.scale import Floats, Ints, decimals, exact_at, fitting, to_units

Batch = TradeBatch | QuoteBatch | BookBatch | BarBatch
BATCHES = (TradeBatch, QuoteBatch, BookBatch, BarBatch)
SIDE_UNREADABLE = 2


@dataclass(frozen=True, slots=True)
class Rules:
    """What rows are judged by."""

    price_jump_max: float = 0.5
    price_decimals: int | None = None
    """Of the columns; none: as many as the prices have."""
    size_decimals: int | None = None


@dataclass(slots=True)
class RawTrades:
    """Trades as a source gives them: floats may be anything, `ts` is -1 where unreadable."""

    ts: Ints
    price: Floats
    size: Floats
    side: NDArray[np.int8]
    """+1 buy, -1 sell, 0 unknown, 2 unreadable."""
    trade_id: NDArray[np.bytes_]
    verdict: Verdict
    """Of what is known already, else 0."""


@dataclass(slots=True)
class RawBars:
    """Bars as a source gives them; `ts` is the bar's end, -1 where unreadable."""

    ts: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    trades: Ints
    interval: int
    verdict: Verdict


@dataclass(slots=True)
class Table:
    """Good rows in time order, as columns named like the message's fields."""

    make: type[Batch]
    plain: dict[str, Any]
    """The message's other fields, without instrument and source."""
    columns: dict[str, NDArray[Any]]
    bad_after: Ints
    """Of each quarantined row, how many good rows stand before it."""
    bad_reason: Verdict
    bad_row: Ints
    """Its place among all rows, from 0."""
    rounded: int = 0
    """Numbers with more decimals than the columns can hold beside the largest value."""
    samples: dict[int, str] = field(default_factory=dict)
    """Texts of the first quarantined rows, by place."""

    @property
    def ts(self) -> Ints:
        """Event times, ns."""
        column: Ints = self.columns["ts_init"]
        return column

    def flag_off_tick(self, tick_units: int, tick_scale: int) -> None:
        """Flag trades and quotes off the tick (an integer of `tick_scale` decimals)."""
        shift = tick_scale - self.plain["price_scale"]
        for name in ("price", "bid", "ask"):
            if name in self.columns:
                price = self.columns[name] * 10 ** max(shift, 0)
                off = price % (tick_units * 10 ** max(-shift, 0)) != 0
                flag = np.where(off, RowFlag.OFF_TICK, 0).astype(np.int8)
                self.columns["flags"] = self.columns["flags"] | flag


def trade_table(raw: RawTrades, rules: Rules, previous: Previous | None = None) -> tuple[Table, int]:
    """Judge trades and take the good ones over. Also returns how many prices lay beyond the jump bound."""
    verdict = raw.verdict
    put(verdict, raw.ts < 0, Reason.TIME)
    judge_numbers(verdict, (raw.price,), raw.size, size_may_be_zero=False)
    put(verdict, raw.side == SIDE_UNREADABLE, Reason.SIDE)
    judge_decimals(verdict, (raw.price,), raw.size, rules)
    judge_repeats(verdict, raw.trade_id, (raw.ts, raw.price, raw.size, raw.side))
    judge_order(verdict, raw.ts, previous)
    jumps = judge_jumps(verdict, raw.price, raw.price, raw.price, rules.price_jump_max, previous)
    columns, scales, rounded = scaled(verdict, {"price": raw.price}, {"size": raw.size}, rules, False)
    good = verdict == 0
    ts = raw.ts[good]
    columns |= {
        "ts_event": ts,
        "ts_init": ts,
        "side": raw.side[good],
        "flags": np.zeros(len(ts), dtype=np.int8),
        "trade_id": raw.trade_id[good],
    }
    return make_table(TradeBatch, scales, columns, verdict, rounded), jumps


def bar_table(raw: RawBars, rules: Rules) -> tuple[Table, int]:
    """Judge bars and take the good ones over. Also returns how many prices lay beyond the jump bound."""
    verdict = raw.verdict
    prices = {"open": raw.open, "high": raw.high, "low": raw.low, "close": raw.close}
    body = tuple(prices.values())
    put(verdict, raw.ts < 0, Reason.TIME)
    judge_numbers(verdict, body, raw.volume, size_may_be_zero=True)
    judge_bar_shape(verdict, raw.open, raw.high, raw.low, raw.close)
    judge_decimals(verdict, body, raw.volume, rules)
    judge_repeats(verdict, raw.ts, (*body, raw.volume))
    judge_order(verdict, raw.ts, None)
    phases, counts = np.unique(raw.ts[verdict == 0] % raw.interval, return_counts=True)
    if len(phases) > 1:
        put(verdict, raw.ts % raw.interval != phases[np.argmax(counts)], Reason.OFF_INTERVAL)
    jumps = judge_jumps(verdict, raw.high, raw.low, raw.close, rules.price_jump_max, None)
    columns, scales, rounded = scaled(verdict, prices, {"volume": raw.volume}, rules, True)
    good = verdict == 0
    ts = raw.ts[good]
    still = (columns["volume"] == 0) & (columns["high"] == columns["low"])
    columns |= {
        "ts_event": ts,
        "ts_init": ts,
        "trades": raw.trades[good],
        "vwap": np.full(len(ts), np.nan),
        "flags": np.where(still, RowFlag.EMPTY, 0).astype(np.int8),
    }
    return make_table(BarBatch, scales | {"interval": raw.interval}, columns, verdict, rounded), jumps


def judge_decimals(verdict: Verdict, prices: tuple[Floats, ...], size: Floats, rules: Rules) -> None:
    """More decimals than configured."""
    for column in prices:
        if rules.price_decimals is not None:
            put(
                verdict,
                ~exact_at(np.where(verdict == 0, column, 0.0), rules.price_decimals),
                Reason.OUT_OF_RANGE,
            )
    if rules.size_decimals is not None:
        put(verdict, ~exact_at(np.where(verdict == 0, size, 0.0), rules.size_decimals), Reason.OUT_OF_RANGE)


def scaled(
    verdict: Verdict,
    prices: Mapping[str, Floats],
    sizes: Mapping[str, Floats],
    rules: Rules,
    size_may_be_zero: bool,
) -> tuple[dict[str, NDArray[Any]], dict[str, int], int]:
    """The good rows' numbers as integers, their scales, and how many had to be rounded.

    What would become 0, or not fit, is quarantined.
    """
    units: dict[str, Ints] = {}
    rounded = 0
    scales = {
        "price_scale": _scale(verdict, prices, rules.price_decimals),
        "size_scale": _scale(verdict, sizes, rules.size_decimals),
    }
    for label, group in (("price_scale", prices), ("size_scale", sizes)):
        scale = scales[label]
        for name, column in group.items():
            put(
                verdict,
                np.where(verdict == 0, column, 0.0) * float(10**scale) >= 2.0**62,
                Reason.OUT_OF_RANGE,
            )
            safe = np.where(verdict == 0, column, 1.0)
            units[name] = to_units(safe, scale)
            rounded += int(np.count_nonzero(~exact_at(safe, scale)))
            if label == "price_scale" or not size_may_be_zero:
                put(verdict, units[name] == 0, Reason.OUT_OF_RANGE)
    return {name: column[verdict == 0] for name, column in units.items()}, scales, rounded


def _scale(verdict: Verdict, group: Mapping[str, Floats], configured: int | None) -> int:
    if configured is not None:
        return configured
    good = [column[verdict == 0] for column in group.values()]
    scale = max(decimals(column) for column in good)
    return min(fitting(column, scale) for column in good)


def make_table(
    make: type[Batch], plain: dict[str, Any], columns: dict[str, NDArray[Any]], verdict: Verdict, rounded: int
) -> Table:
    """The table of the good rows' columns, with what became of the others."""
    bad = np.flatnonzero(verdict)
    return Table(
        make=make,
        plain=plain,
        columns=columns,
        bad_after=bad - np.arange(len(bad)),
        bad_reason=verdict[bad],
        bad_row=bad,
        rounded=rounded,
    )


def counted(reasons: Verdict) -> Counter[str]:
    """How many rows for each reason."""
    counts = np.bincount(reasons, minlength=1)
    return Counter({Reason(code).label: int(counts[code]) for code in np.flatnonzero(counts).tolist()})


def sampled(table: Table) -> list[int]:
    """Places of the quarantined rows whose text is kept."""
    places: list[int] = table.bad_row[:SAMPLES_MAX].tolist()
    return places
