"""Rates of exchange from the prices of instruments: what `eur-usd` costs is what a EUR is worth in USD."""

from collections.abc import Sequence

import numpy as np
from penstock_contracts.base import Message
from penstock_contracts.instrument import Instrument
from penstock_contracts.market import Rate
from penstock_kernel.money import from_scaled

from penstock_ingest.errors import SourceError
from penstock_ingest.events import EventFeed
from penstock_ingest.feed import Feed, TableFeed
from penstock_ingest.synthetic.feed import SyntheticFeed
from penstock_ingest.synthetic.rates import SyntheticRates
from penstock_ingest.table import Table


def rate_feeds(feeds: Sequence[Feed], keys: Sequence[str], every: int) -> list[Feed]:
    """For each of these instruments a feed of rates, at most one in `every` ns.

    Of an invented instrument they are invented with it, of the same seed.
    SourceError for one that no source has prices of, or that has not its quote currency's price of its base.
    """
    made: list[Feed] = []
    for key in keys:
        priced = next(
            (each for each in feeds if each.instrument.instrument == key and _has_prices(each)), None
        )
        if priced is None:
            raise SourceError(f"ingest.rates: no source has bars, trades or quotes of {key}")
        instrument = priced.instrument
        if instrument.inverse or instrument.multiplier != 1:
            raise SourceError(f"ingest.rates: a price of {key} is not one of a {instrument.base}")
        name, along = f"rate.{key}", _with(feeds, instrument)
        if isinstance(priced, SyntheticFeed):
            made.append(SyntheticRates(name, along, *priced.market, instrument, every))
        elif isinstance(priced, TableFeed):
            made.append(EventFeed(name, along, _rates(priced.table, instrument, every)))
    return made


def _has_prices(feed: Feed) -> bool:
    if isinstance(feed, SyntheticFeed):
        return True
    return isinstance(feed, TableFeed) and bool({"close", "price", "bid"} & feed.table.columns.keys())


def _with(feeds: Sequence[Feed], instrument: Instrument) -> Instrument:
    """The instrument that the rates come with: one that settles in the base, if this one is not traded."""
    others = (feed.instrument for feed in feeds if feed.instrument.instrument != instrument.instrument)
    return next((each for each in others if each.settlement == instrument.base), instrument)


def _rates(table: Table, instrument: Instrument, every: int) -> list[tuple[int, Message | None]]:
    """The first price of each stretch of `every` ns; of quotes the middle."""
    ts, columns, scale = table.ts, table.columns, int(table.plain["price_scale"])
    rows = np.flatnonzero(np.diff(ts // every, prepend=-1))
    found: list[tuple[int, Message | None]] = []
    for row in rows.tolist():
        at = int(ts[row])
        if "bid" in columns:
            rate = from_scaled((int(columns["bid"][row]) + int(columns["ask"][row])) * 5, scale + 1)
        else:
            rate = from_scaled(columns["close" if "close" in columns else "price"][row], scale)
        found.append(
            (
                at,
                Rate(
                    base=instrument.base,
                    quote=instrument.quote,
                    source=f"rate.{instrument.instrument}",
                    ts_event=at,
                    ts_init=at,
                    rate=rate,
                ),
            )
        )
    return found
