"""What is measured: which data, which strategy, and what Penstock must reach beside which peer."""

from dataclasses import dataclass, field
from typing import Any

CAPITAL = 1_000_000
QUANTITY = "0.1"
"""Every position, long or short, in units."""
FEE_TAKER, FEE_MAKER = "0.0005", "0.0002"
LOCKSTEP_MARKS = 60_000
"""The lockstep path runs over so many intervals from the start: all of them would take minutes a row."""
WINDOWS = tuple(range(10, 160, 10))
"""Of the moving averages of the sweep: 105 pairs."""


@dataclass(frozen=True, slots=True)
class Work:
    """One row of the table."""

    name: str
    title: str
    data: str
    """Name of a data set, see `prepare`."""
    unit: str
    peer: str
    """The module that does the same: `peer_<peer>.py`."""
    must: float
    """Penstock's events per second over the peer's, at least."""
    aim: float
    ours: str = "ours"
    """The module that measures Penstock."""
    strategy: str = "ma_cross"
    parameters: dict[str, Any] = field(default_factory=lambda: {"fast": 10, "slow": 20, "kind": "ema"})
    interval: str = "1m"
    stepwise: bool = False
    grid: str | None = None
    """Distance of the marks; the default is that of the data."""


WORKS = {
    work.name: work
    for work in (
        Work("trades", "trades to 1-minute bars, EMA 10/20", "trades", "trades", "nautilus", 30, 100),
        Work(
            "every-trade", "a Python strategy on every trade", "trades", "trades", "nautilus", 3, 10,
            strategy="TickCross", parameters={},
        ),
        Work("quotes", "quotes to 1-minute bars, EMA 10/20", "quotes", "quotes", "nautilus", 30, 30),
        Work("bars", "the BTC month four times, EMA 10/20", "bars", "bars", "nautilus", 20, 50, grid="20s"),
        Work("bars-stepwise", "the same, bar by bar", "bars", "bars", "nautilus", 10, 10, grid="20s",
            stepwise=True),
        Work("books", "a book, one passive strategy", "books", "level changes", "hftbacktest", 0.05, 0.3,
            strategy="Quoter", parameters={}, interval="20s"),
        Work("books-every-update", "the same, called on every update", "books", "level changes",
            "hftbacktest", 0.05, 0.3, strategy="Passive", parameters={}),
        Work("sweep", "105 EMA pairs over the BTC month", "month", "bar-combinations", "vectorbt", 0.1, 0.25,
            ours="ours_sweep", grid="20s"),
    )
}  # fmt: skip

DEFINITIONS = {
    "nautilus": (
        "when a market order is filled: here by the next trade, quote or bar after the submit latency of",
        "20 ms, at its price (of a bar its open); there at once, at the price that made the strategy decide.",
        "When a fill is known: here after the response latency, the next interval; there within the order.",
        "The end: here the position is closed when the data is over: one fill more, left out below.",
        "Quantity: here at most what the bar, trade or quote shows, the rest with the next; there all of it.",
        "Fees: the same rate, of the price that was got; no spread and no slippage on either side.",
        "Limits: here every limit is evaluated for every signal, the stops at every mark; there the risk",
        "engine checks each order's price, quantity and notional.",
    ),
    "hftbacktest": (
        "When an order reaches the venue: here after 20 ms and not before its interval of 100 ms has ended,",
        "and what replaces another only when that one is cancelled; there after 20 ms.",
        "When the strategy is asked: every 20 s on both sides, here in Python; `books-every-update` besides",
        "calls ours on every update. An event is one level change: what hftbacktest counts as its events.",
        "Risk: here every order passes all limits; there is none.",
    ),
    "vectorbt": (
        "When an order is filled: here by the next bar, at its open; there at the signal's own close.",
        "Cash and margin: here limits in the account's currency; there an order is cut to the cash at hand.",
        "What is computed: here every signal, refusal, order, fill, position and mark of each pair goes",
        "through the stages; there arrays of orders, without a venue and without risk.",
    ),
}
"""By peer, what differs by definition. Its effect is in each row's comparison: fill prices, fees, equity."""
