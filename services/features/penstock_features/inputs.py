"""The columns beyond prices that features read, made of what a row of each kind has."""

from penstock_contracts.market import QuoteBatch, TradeBatch

from penstock_features.registry import Rows
from penstock_features.stretches import floats


def bar_inputs(rows: Rows, volume: list[float], vwap: list[float], *, volume_in_quote: bool) -> Rows:
    """Bars with the amount in base units, and the price that stands for it."""
    prices = [
        known if known == known else (high + low + close) / 3.0  # noqa: PLR0124  (NaN where unknown)
        for known, high, low, close in zip(vwap, rows.high, rows.low, rows.close, strict=True)
    ]
    if volume_in_quote:
        volume = [amount / price if price else 0.0 for amount, price in zip(volume, prices, strict=True)]
    return rows._replace(size=volume, weight_price=prices)


def trade_inputs(rows: Rows, batch: TradeBatch) -> Rows:
    """Trades with size and aggressor."""
    return rows._replace(
        size=floats(batch.size, batch.size_scale), weight_price=rows.close, side=batch.side.tolist()
    )


def quote_inputs(rows: Rows, batch: QuoteBatch) -> Rows:
    """Quotes with both sides' prices and sizes."""
    return rows._replace(
        bid=floats(batch.bid, batch.price_scale),
        ask=floats(batch.ask, batch.price_scale),
        bid_size=floats(batch.bid_size, batch.size_scale),
        ask_size=floats(batch.ask_size, batch.size_scale),
    )
