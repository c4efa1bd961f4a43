"""Fills, trades and equity as frames. Prices and money are floats; `<name>_exact` has the decimal as text."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import polars as pl
from penstock_contracts.orders import PnlSampled
from penstock_contracts.venue import Fill
from penstock_kernel.fills_hash import canonical_decimal

from penstock_research.report.trips import Trip

TIME = pl.Datetime("ns", "UTC")
_FILL_TEXT = ("strategy", "instrument", "fee_currency")
_FILL_MONEY = ("price", "quantity", "fee")
_EQUITY = (
    "equity", "pnl_realized", "pnl_unrealized", "fees", "gross_exposure", "net_exposure", "reserved",
    "drawdown_max",
)  # fmt: skip


def fills_frame(fills: Sequence[Fill]) -> pl.DataFrame:
    """A row for each fill, in event order."""
    ordered = sorted(fills, key=lambda each: (each.ts, each.order_ordinal, each.number, each.instrument))
    columns: dict[str, Any] = {
        "ts": pl.Series([each.ts for each in ordered], dtype=pl.Int64).cast(TIME),
        "side": _text(each.side.value for each in ordered),
        "liquidity": _text(each.liquidity.value for each in ordered),
        "order": pl.Series([each.order_ordinal for each in ordered], dtype=pl.Int64),
        "order_id": _text(each.order_id for each in ordered),
    }
    for name in _FILL_TEXT:
        columns[name] = _text(getattr(each, name) for each in ordered)
    for name in _FILL_MONEY:
        columns |= _money(name, [getattr(each, name) for each in ordered])
    return pl.DataFrame(columns).select(
        "ts", "strategy", "instrument", "side", pl.all().exclude("ts", "strategy", "instrument", "side")
    )


def trades_frame(trips: Sequence[Trip]) -> pl.DataFrame:
    """A row for each round trip, in the order of their ends."""
    columns: dict[str, Any] = {
        "ts_open": pl.Series([each.ts_open for each in trips], dtype=pl.Int64).cast(TIME),
        "ts_close": pl.Series([each.ts_close for each in trips], dtype=pl.Int64).cast(TIME),
        "strategy": _text(each.strategy for each in trips),
        "instrument": _text(each.instrument for each in trips),
        "side": _text(each.side for each in trips),
        "currency": _text(each.currency for each in trips),
    }
    for name in ("quantity", "price_open", "price_close", "pnl", "fees", "net"):
        columns |= _money(name, [getattr(each, name) for each in trips])
    return pl.DataFrame(columns)


def equity_frame(samples: Sequence[PnlSampled]) -> pl.DataFrame:
    """The account at each sample and after each fill, in account currency."""
    columns: dict[str, Any] = {"ts": pl.Series([each.ts for each in samples], dtype=pl.Int64).cast(TIME)}
    for name in _EQUITY:
        columns |= _money(name, [getattr(each, name) for each in samples])
    return pl.DataFrame(columns)


def _text(values: Iterable[str]) -> pl.Series:
    return pl.Series(list(values), dtype=pl.String)


def _money(name: str, values: Sequence[Decimal | None]) -> dict[str, pl.Series]:
    return {
        name: pl.Series([None if each is None else float(each) for each in values], dtype=pl.Float64),
        f"{name}_exact": _text_or_null(values),
    }


def _text_or_null(values: Sequence[Decimal | None]) -> pl.Series:
    return pl.Series([None if each is None else canonical_decimal(each) for each in values], dtype=pl.String)
