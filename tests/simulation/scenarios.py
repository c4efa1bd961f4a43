"""What is traded in a simulated session: its market, its stages, made from a seed."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from penstock_contracts.columns import text_column
from penstock_contracts.instrument import Instrument
from penstock_contracts.market import TradeBatch
from penstock_contracts.types import InstrumentKind
from penstock_execution.config import ExecutionConfig
from penstock_execution.stage import ExecutionStage
from penstock_features.config import FeaturesConfig
from penstock_features.stage import FeaturesStage
from penstock_ingest.feed import TableFeed
from penstock_ingest.schedule import Schedule
from penstock_ingest.table import Table
from penstock_kernel.grid import NS_PER_SECOND
from penstock_kernel.session import SessionConfig, StrategySpec
from penstock_kernel.stage import Stage
from penstock_risk.config import PROFILES
from penstock_risk.stage import RiskStage
from penstock_strategy.config import StrategyConfig
from penstock_strategy.declarations import declarations
from penstock_strategy.stage import StrategyStage
from support import toy

SESSION = "simulated"


@dataclass(frozen=True)
class Scenario:
    """A session to simulate."""

    instrument: Instrument
    grid: int
    start: int
    table: Table
    batch_rows: int
    """Rows of a message: few, so that an interval has several."""
    stages: Callable[[], Mapping[str, Stage]]
    steps: int
    """Of the scheduler, in which about a fifth of the session is over."""

    def schedule(self) -> Schedule:
        """The market from its beginning."""
        rows = np.arange(len(self.table.ts), dtype=np.int64)
        feed = TableFeed("trades", self.instrument, self.table, rows, self.batch_rows)
        return Schedule([feed], self.grid, self.start)


def _instrument(key: str) -> Instrument:
    return Instrument(
        instrument=key, kind=InstrumentKind.SPOT, base="BTC", quote="USDT", settlement="USDT",
        tick_size=Decimal("0.01"), lot_size=Decimal("0.001"), price_decimals=2, size_decimals=3,
        fee_maker=Decimal("0.0002"), fee_taker=Decimal("0.0005"),
    )  # fmt: skip


def _table(ts: list[int], price: list[int], size: int) -> Table:
    none = np.zeros(0, dtype=np.int64)
    times = np.array(ts, dtype=np.int64)
    columns: dict[str, Any] = {
        "ts_event": times, "ts_init": times, "price": np.array(price, dtype=np.int64),
        "size": np.full(len(ts), size, dtype=np.int64), "side": np.ones(len(ts), dtype=np.int8),
        "flags": np.zeros(len(ts), dtype=np.int8),
        "trade_id": text_column([str(at) for at in range(len(ts))]),
    }  # fmt: skip
    plain = {"price_scale": 2, "size_scale": 3}
    return Table(TradeBatch, plain, columns, none, np.zeros(0, dtype=np.int8), none)


def _market(
    rng: random.Random, grid: int, start: int, intervals: int, calm: float
) -> tuple[list[int], list[int]]:
    """Times and prices: some intervals are empty, with `calm` as their share."""
    times: list[int] = []
    prices: list[int] = []
    price = 4_650_000
    for k in range(intervals):
        count = 0 if k and rng.random() < calm else rng.randint(1, 4)
        for ts in sorted(rng.sample(range(1, grid + 1), count)):
            price += rng.randint(-20_000, 20_000)
            times.append(start + k * grid + ts)
            prices.append(price)
    return times, prices


def toys(rng: random.Random) -> Scenario:
    """Order-sensitive toy stages: any message lost, doubled or displaced alters all that follows."""
    start = 10 * toy.GRID
    times, prices = _market(rng, toy.GRID, start, rng.randint(8, 12), rng.choice((0.0, 0.3)))
    return Scenario(
        _instrument(toy.INSTRUMENT), toy.GRID, start, _table(times, prices, 1000), rng.choice((1, 2, 4)),
        toy.toy_stages, 500,
    )  # fmt: skip


def crossing(rng: random.Random) -> Scenario:
    """The real stages: moving averages that cross often, market orders, fills on trades."""
    grid, start = NS_PER_SECOND, 1_700_000_000 * NS_PER_SECOND
    instrument = _instrument("btc-usdt.replay")
    times, prices = _market(rng, grid, start, 20, 0.1)
    spec = StrategySpec(
        name="cross", source="ma_cross", parameters={"fast": 1, "slow": 2, "fraction": "0.1"},
        instruments=(instrument.instrument,), interval=grid,
    )  # fmt: skip
    session = SessionConfig(
        session_id=SESSION, currency="USDT", capital=Decimal(100_000), grid=grid, start=start,
        instruments=(instrument,), strategies=(spec,), realtime=False,
    )  # fmt: skip
    declared = FeaturesConfig.of(*declarations(session))

    def stages() -> dict[str, Stage]:
        return {
            "features": FeaturesStage(declared, session),
            "strategy": StrategyStage(StrategyConfig(), session),
            "risk": RiskStage(PROFILES["open"], session),
            "execution": ExecutionStage(ExecutionConfig(), session),
        }

    return Scenario(instrument, grid, start, _table(times, prices, 30), 2, stages, 1000)


SCENARIOS: dict[str, Callable[[random.Random], Scenario]] = {"toy": toys, "real": crossing}


def settings() -> Any:
    """What ingest is told of the session."""
    return SimpleNamespace(
        session=SimpleNamespace(session_id=SESSION),
        config_hash="simulated",
        data_dir=Path(),
        section=lambda _name, model: model(),
    )
