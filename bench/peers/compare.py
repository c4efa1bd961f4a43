"""What two engines' fills come to: how many, at what prices, and the equity that they give."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.peers.data import MINUTE_NS, Columns

Floats = NDArray[np.float64]
CURVE_POINTS = 100
"""Of each equity curve that is written down."""


def curve(fills: Sequence[Sequence[float]], ts: NDArray[np.int64], prices: Floats, capital: float) -> Floats:
    """Equity at each time: the capital, what fills paid and cost, and the position at the price then.

    The same arithmetic for both engines; `fills` are rows of time, signed quantity, price and fee.
    """
    if not fills:
        return np.full(len(ts), capital)
    times = np.array([int(row[0]) for row in fills], dtype=np.int64)
    quantity, price, fee = np.array([row[1:] for row in fills], dtype=np.float64).T
    cash = np.concatenate(([0.0], np.cumsum(-quantity * price - fee)))
    held = np.concatenate(([0.0], np.cumsum(quantity)))
    place = np.searchsorted(times, ts, side="right")
    return capital + cash[place] + held[place] * prices


def compare(
    ours: Sequence[Sequence[float]], peer: Sequence[Sequence[float]], data: Columns, capital: float
) -> dict[str, Any]:
    """Fills, fees, final equity of both, and how far the curves lie apart at most."""
    ts, prices = minute_prices(data)
    # What closes the position when the data is over has no counterpart where the peer leaves it open.
    within = [row for row in ours if row[0] <= ts[-1]]
    curves = [curve(each, ts, prices, capital) for each in (within, peer)]
    step = max(len(ts) // CURVE_POINTS, 1)
    return {
        "fills": [len(within), len(peer)],
        "fees": [round(sum(row[3] for row in each), 2) for each in (within, peer)],
        "price_difference_bps": _price_difference(within, peer),
        "equity_final": [round(float(each[-1]), 2) for each in curves],
        "equity_deviation": round(float(np.abs(curves[0] - curves[1]).max()), 2),
        "curves": [np.round(each[::step], 2).tolist() for each in curves],
    }


def fills_agree(fills: Sequence[int], within: float = 0.01) -> bool:
    """Whether two numbers of fills differ by no more than a share of the larger, or by one."""
    return abs(fills[0] - fills[1]) <= max(within * max(fills), 1)


def minute_prices(data: Columns) -> tuple[NDArray[np.int64], Floats]:
    """The last price of each minute that has one; of quotes the middle."""
    ts = data["ts"].astype(np.int64)
    if "bid" in data:
        prices = (data["bid"].astype(np.float64) + data["ask"].astype(np.float64)) / 2
    else:
        prices = data["close" if "close" in data else "price"].astype(np.float64)
    last = np.append(np.flatnonzero(np.diff(-(-ts // MINUTE_NS))), len(ts) - 1)
    return ts[last], prices[last]


def _price_difference(ours: Sequence[Sequence[float]], peer: Sequence[Sequence[float]]) -> float | None:
    """How much worse ours are filled than the peer's, basis points, where every fill has its counterpart."""
    sides = [[row[1] > 0 for row in each] for each in (ours, peer)]
    if not ours or sides[0] != sides[1]:
        return None
    worse = [
        (mine[2] - theirs[2]) / theirs[2] * (1 if mine[1] > 0 else -1)
        for mine, theirs in zip(ours, peer, strict=True)
    ]
    return round(1e4 * sum(worse) / len(worse), 4)
