"""Top-of-book quotes: the good as message columns, the others counted and set aside."""

from dataclasses import dataclass

import numpy as np
from penstock_contracts.market import QuoteBatch

from penstock_ingest.quarantine import (
    Previous,
    Reason,
    Verdict,
    judge_jumps,
    judge_numbers,
    judge_order,
    put,
)
from penstock_ingest.scale import Floats, Ints
from penstock_ingest.table import Rules, Table, judge_decimals, make_table, scaled


@dataclass(slots=True)
class RawQuotes:
    """Quotes as a source gives them: floats may be anything, `ts` is -1 where unreadable."""

    ts: Ints
    bid: Floats
    ask: Floats
    bid_size: Floats
    """0 where the source states no sizes."""
    ask_size: Floats
    verdict: Verdict


def quote_table(raw: RawQuotes, rules: Rules, previous: Previous | None = None) -> tuple[Table, int]:
    """Judge quotes and take the good ones over. Also returns how many lay beyond the jump bound.

    A quote whose bid equals its ask is good: markets lock for a moment.
    """
    verdict = raw.verdict
    put(verdict, raw.ts < 0, Reason.TIME)
    judge_numbers(verdict, (raw.bid, raw.ask), raw.bid_size, size_may_be_zero=True)
    judge_numbers(verdict, (), raw.ask_size, size_may_be_zero=True)
    put(verdict, raw.bid > raw.ask, Reason.CROSSED)
    judge_decimals(verdict, (raw.bid, raw.ask), raw.bid_size, rules)
    judge_decimals(verdict, (), raw.ask_size, rules)
    judge_order(verdict, raw.ts, previous)
    middle = (raw.bid + raw.ask) / 2
    jumps = judge_jumps(verdict, raw.ask, raw.bid, middle, rules.price_jump_max, previous)
    prices = {"bid": raw.bid, "ask": raw.ask}
    sizes = {"bid_size": raw.bid_size, "ask_size": raw.ask_size}
    columns, scales, rounded = scaled(verdict, prices, sizes, rules, True)
    ts = raw.ts[verdict == 0]
    columns |= {"ts_event": ts, "ts_init": ts, "flags": np.zeros(len(ts), dtype=np.int8)}
    return make_table(QuoteBatch, scales, columns, verdict, rounded), jumps
