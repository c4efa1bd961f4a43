"""NautilusTrader's side: `python -m bench.peers.peer_nautilus WORK FOLDER`, in the peers' environment.

Its own objects are built before the clock starts. Logging is off, and so is its analysis after the run.
"""

import gc
import json
import sys
import time
from decimal import Decimal
from pathlib import Path

import numpy as np
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, RiskEngineConfig
from nautilus_trader.indicators import ExponentialMovingAverage
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import Bar, BarType, QuoteTick, TradeTick
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy

from bench.peers.data import Columns, read
from bench.peers.works import CAPITAL, FEE_TAKER, QUANTITY, WORKS, Work

VENUE = Venue("SIM")
INSTRUMENT = InstrumentId(Symbol("BTCUSDT"), VENUE)
DECIMALS = {"trades": (1, 3), "quotes": (1, 3), "bars": (3, 5)}
BARS = {
    "trades": "1-MINUTE-LAST-INTERNAL",
    "quotes": "1-MINUTE-MID-INTERNAL",
    "bars": "1-MINUTE-LAST-EXTERNAL",
}


class Turns(Strategy):
    """Long or short by one order at each turn."""

    def __init__(self, bar_type: BarType, size_decimals: int) -> None:
        super().__init__()
        self.bar_type = bar_type
        self.side = 0
        self.fills: list[tuple[int, float, float, float]] = []
        self.quantities = [Quantity(times * float(QUANTITY), size_decimals) for times in (1, 2)]

    def turn(self, side: int) -> None:
        """Go to the other side; the first one that the averages are on is no cross."""
        first, before, self.side = self.side == 0, self.side, side
        if first or side == before:
            return
        order = self.order_factory.market(
            INSTRUMENT,
            OrderSide.BUY if side > 0 else OrderSide.SELL,
            self.quantities[0 if self.portfolio.is_flat(INSTRUMENT) else 1],
        )
        self.submit_order(order)

    def on_order_filled(self, event) -> None:  # type: ignore[no-untyped-def]
        """Keep what the comparison needs."""
        sign = 1 if event.order_side == OrderSide.BUY else -1
        self.fills.append(
            (
                event.ts_event,
                sign * event.last_qty.as_double(),
                event.last_px.as_double(),
                event.commission.as_double(),
            )
        )

    def on_stop(self) -> None:
        """End flat."""
        self.close_all_positions(INSTRUMENT)


class EmaCross(Turns):
    """On bars, with the library's own averages."""

    def on_start(self) -> None:
        """Have the averages updated before `on_bar`."""
        self.fast, self.slow = ExponentialMovingAverage(10), ExponentialMovingAverage(20)
        self.register_indicator_for_bars(self.bar_type, self.fast)
        self.register_indicator_for_bars(self.bar_type, self.slow)
        self.subscribe_bars(self.bar_type)

    def on_bar(self, bar: Bar) -> None:
        """Turn at a cross."""
        if not self.slow.initialized:
            return
        fast, slow = self.fast.value, self.slow.value
        side = 1 if fast > slow else -1 if fast < slow else self.side
        if side != self.side:
            self.turn(side)


class TickCross(Turns):
    """On every trade, in plain Python: what `strategies.TickCross` does."""

    def on_start(self) -> None:
        """Trades, not bars."""
        self.fast = self.slow = 0.0
        self.seen = 0
        self.subscribe_trade_ticks(INSTRUMENT)

    def on_trade_tick(self, tick: TradeTick) -> None:
        """Move both averages; turn when they change sides."""
        price = tick.price.as_double()
        if not self.seen:
            self.fast = self.slow = price
            self.seen = 1
            return
        self.fast += (price - self.fast) * (2.0 / 6_001)
        self.slow += (price - self.slow) * (2.0 / 12_001)
        self.seen += 1
        if self.seen < 12_000:
            return
        side = 1 if self.fast > self.slow else -1
        if side != self.side:
            self.turn(side)


def instrument(price_decimals: int, size_decimals: int) -> CurrencyPair:
    """The pair, with the fees of the measurement and no margin."""
    return CurrencyPair(
        instrument_id=INSTRUMENT,
        raw_symbol=Symbol("BTCUSDT"),
        base_currency=BTC,
        quote_currency=USDT,
        price_precision=price_decimals,
        size_precision=size_decimals,
        price_increment=Price(10**-price_decimals, price_decimals),
        size_increment=Quantity(10**-size_decimals, size_decimals),
        ts_event=0,
        ts_init=0,
        margin_init=Decimal(0),
        margin_maint=Decimal(0),
        maker_fee=Decimal(0),
        taker_fee=Decimal(FEE_TAKER),
    )


def objects(work: Work, columns: Columns) -> list[TradeTick] | list[QuoteTick] | list[Bar]:
    """The library's own objects."""
    price, size = DECIMALS[work.data]
    ts = columns["ts"].astype(np.uint64)
    if work.data == "trades":
        sides = np.where(columns["side"] == "buy", 1, 2).astype(np.uint8)
        ids = [str(row) for row in range(len(ts))]
        return TradeTick.from_raw_arrays_to_list(
            INSTRUMENT, price, size, columns["price"].copy(), columns["size"].copy(), sides, ids, ts, ts
        )
    if work.data == "quotes":
        values = [columns[name].copy() for name in ("bid", "ask", "bid_size", "ask_size")]
        return QuoteTick.from_raw_arrays_to_list(INSTRUMENT, price, size, *values, ts, ts)
    values = [columns[name].copy() for name in ("open", "high", "low", "close", "volume")]
    return Bar.from_raw_arrays_to_list(bar_type(work), price, size, *values, ts, ts)


def bar_type(work: Work) -> BarType:
    """One-minute bars of the data."""
    return BarType.from_str(f"{INSTRUMENT}-{BARS[work.data]}")


def run(work: Work, data: list[TradeTick] | list[QuoteTick] | list[Bar]) -> tuple[tuple[float, float], Turns]:
    """Seconds of one run with a new engine, by the clock and of processor time, and its strategy."""
    engine = BacktestEngine(
        BacktestEngineConfig(
            logging=LoggingConfig(bypass_logging=True), run_analysis=False, risk_engine=RiskEngineConfig()
        )
    )
    engine.add_venue(
        venue=VENUE,
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        starting_balances=[Money(CAPITAL, USDT)],
        trade_execution=work.data == "trades",
    )
    engine.add_instrument(instrument(*DECIMALS[work.data]))
    engine.add_data(data)
    strategy = (TickCross if work.strategy == "TickCross" else EmaCross)(
        bar_type(work), DECIMALS[work.data][1]
    )
    engine.add_strategy(strategy)
    gc.collect()
    began, busy = time.perf_counter(), time.process_time()
    engine.run()
    seconds = (time.perf_counter() - began, time.process_time() - busy)
    engine.dispose()
    return seconds, strategy


def main(name: str, folder: Path) -> None:
    """Measure twice: cold and warm."""
    work = WORKS[name]
    began = time.perf_counter()
    data = objects(work, read(next((folder / work.data).glob("*.parquet"))))
    result = {"load_s": time.perf_counter() - began, "events": len(data), "runs_s": [], "cpu_s": []}
    for _ in range(2):
        seconds, strategy = run(work, data)
        result["runs_s"].append(seconds[0])
        result["cpu_s"].append(seconds[1])
        result["fills"] = strategy.fills
    (folder / f"{name}.peer.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
