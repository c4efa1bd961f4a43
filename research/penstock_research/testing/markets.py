"""Invented markets as frames and files: the same for the same seed, on every machine."""

from decimal import Decimal
from pathlib import Path

import polars as pl
from penstock_ingest.config import SyntheticConfig
from penstock_ingest.synthetic.market import SymbolMarket
from penstock_ingest.synthetic.minutes import minutes
from penstock_ingest.synthetic.walk import BLOCK_NS

MINI_SYMBOLS = {
    "btc-usdt": 60_000.0,
    "eth-usdt": 3_000.0,
    "sol-usdt": 150.0,
    "xrp-usdt": 0.6,
    "doge-usdt": 0.15,
}
"""The symbols of the mini data set, and the prices that they start at."""
MINI_DAYS = 2
START_NS = 1_767_225_600 * 10**9
"""2026-01-01T00:00:00Z."""


def mini_bars(
    seed: int = 1, *, days: int = MINI_DAYS, volatility: float = 0.8, correlation: float = 0.6
) -> dict[str, pl.DataFrame]:
    """One-minute bars of five symbols by symbol: `open_time` (ns UTC), open, high, low, close, volume.

    Volatility is of a year's returns, correlation that of any two symbols. Trends, ranges and volatile
    stretches take turns; now and then a price jumps.
    """
    made = minutes(
        MINI_SYMBOLS,
        seed=seed,
        start=START_NS,
        count=days * 1440,
        volatility=volatility,
        correlation=correlation,
    )
    names = ("open_time", "open", "high", "low", "close", "volume")
    return {
        symbol: pl.DataFrame({name: getattr(bars, name) for name in names}) for symbol, bars in made.items()
    }


def write_mini(folder: Path, seed: int = 1, *, days: int = MINI_DAYS) -> list[Path]:
    """The mini data set as files that `--data` and `replay:FILE` take: `btc-usdt-1m.csv` and so on."""
    files = []
    for symbol, frame in mini_bars(seed, days=days).items():
        file = folder / f"{symbol}-1m.csv"
        frame.write_csv(file)
        files.append(file)
    return files


def invented_trades(
    symbol: str = "btc-usdt",
    *,
    seconds: int = 120,
    seed: int = 1,
    rate: float = 5.0,
    volatility: float = 0.8,
    regimes: bool = True,
    jumps: float = 0.2,
    bursts: float = 1.0,
) -> pl.DataFrame:
    """Trades of one symbol of the synthetic market: `ts` (ns UTC), price, size, side, id.

    Settings as those of `ingest.synthetic`.
    """
    config = SyntheticConfig(
        seed=seed,
        symbols={symbol: Decimal(str(MINI_SYMBOLS.get(symbol, 100.0)))},
        rate=rate,
        volatility=volatility,
        regimes=regimes,
        jumps=jumps,
        bursts=bursts,
    )
    market = SymbolMarket(config, symbol)
    frames = []
    for _ in range(-(-seconds * 10**9 // BLOCK_NS)):
        raw = market.next_block()
        columns = {"ts": raw.ts, "price": raw.price, "size": raw.size, "side": raw.side}
        ids = pl.Series([each.decode() for each in raw.trade_id.tolist()], dtype=pl.String)
        frames.append(pl.DataFrame({**columns, "id": ids}))
    return pl.concat(frames).filter(pl.col("ts") <= START_NS + seconds * 10**9)
