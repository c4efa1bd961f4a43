"""The worked interval of `docs/concepts.md`, run by the stages themselves."""

from dataclasses import replace
from decimal import Decimal

import pytest
from penstock_contracts.base import type_of
from penstock_contracts.codec import decode, encode, same
from penstock_contracts.features import FeatureBars
from penstock_contracts.instrument import Instrument
from penstock_contracts.market import InstrumentDefined, Mark, TradeBatch
from penstock_contracts.orders import OrderApproved, PnlSampled, PositionChanged
from penstock_contracts.signals import Signal
from penstock_contracts.types import Direction, InstrumentKind, Side
from penstock_contracts.venue import Fill, OrderAccepted, OrderSubmitted
from penstock_execution.config import ExecutionConfig
from penstock_execution.stage import ExecutionStage
from penstock_features.config import FeaturesConfig
from penstock_features.stage import FeaturesStage
from penstock_kernel.chain import Chain, IntervalOutputs
from penstock_kernel.grid import NS_PER_MS, NS_PER_SECOND
from penstock_kernel.session import SessionConfig, StrategySpec
from penstock_kernel.topology import PLACES
from penstock_risk.config import PROFILES
from penstock_risk.stage import RiskStage
from penstock_strategy.config import StrategyConfig
from penstock_strategy.declarations import declarations
from penstock_strategy.stage import StrategyStage
from support.messages import KEY, START, i64, trades

GRID = 100 * NS_PER_MS
TRADES = {-2_940: 4_630_000, -1_940: 4_620_000, -940: 4_610_000, 940: 4_650_150, 1_035: 4_650_200}
"""Price by ms from 12:00:00."""


def chain() -> tuple[Chain, Instrument]:
    instrument = Instrument(
        instrument=KEY, kind=InstrumentKind.SPOT, base="BTC", quote="USDT", settlement="USDT",
        tick_size=Decimal("0.01"), lot_size=Decimal("0.001"), price_decimals=2, size_decimals=6,
        fee_maker=Decimal("0.0002"), fee_taker=Decimal("0.0005"),
    )  # fmt: skip
    spec = StrategySpec(
        name="cross", source="ma_cross", parameters={"fast": 1, "slow": 2, "fraction": "0.1"},
        instruments=(KEY,), interval=NS_PER_SECOND,
    )  # fmt: skip
    session = SessionConfig(
        session_id="worked", currency="USDT", capital=Decimal(100_000), grid=GRID,
        start=START - 3 * NS_PER_SECOND, instruments=(instrument,), strategies=(spec,),
    )  # fmt: skip
    stages = {
        "features": FeaturesStage(FeaturesConfig.of(*declarations(session)), session),
        "strategy": StrategyStage(StrategyConfig(), session),
        "risk": RiskStage(PROFILES["open"], session),
        "execution": ExecutionStage(ExecutionConfig(), session),
    }
    return Chain(stages), instrument


def trade(ms: int) -> TradeBatch:
    enough_for_the_order = i64(10_000_000)
    return replace(trades([START + ms * NS_PER_MS], [TRADES[ms]]), size=enough_for_the_order)


@pytest.fixture(scope="module")
def intervals() -> dict[int, IntervalOutputs]:
    """What each producer put out, by the ms at which the interval ended."""
    stages, instrument = chain()
    result = {}
    for end in range(-2_900, 1_400, 100):
        market: list[object] = [trade(ms) for ms in TRADES if end - 100 < ms <= end]
        if end == -2_900:
            at = START - 3 * NS_PER_SECOND + 1
            market.insert(0, InstrumentDefined(instrument=instrument, ts_event=at, ts_init=at))
        ts = START + end * NS_PER_MS
        result[end] = stages.interval(market, Mark(ts=ts, start=ts - GRID))
    return result


def kinds(outputs: IntervalOutputs) -> dict[str, list[str]]:
    return {producer: [type(each).__name__ for each in made] for producer, made in outputs.items()}


def test_the_bar_the_signal_and_the_approval_fall_in_one_interval(
    intervals: dict[int, IntervalOutputs],
) -> None:
    outputs = intervals[1_000]
    assert kinds(outputs) == {
        "features": ["FeatureBars", "Prices", "Done"],
        "strategy": ["Signal", "Done"],
        "risk": ["OrderApproved", "Done"],
        "execution": ["Done"],
    }
    (bars, *_), (signal, _), (approved, _) = outputs["features"], outputs["strategy"], outputs["risk"]
    assert isinstance(bars, FeatureBars)
    assert bars.values[0][0] > bars.values[0][1]
    assert isinstance(signal, Signal)
    assert (signal.direction, signal.target, signal.price) == (
        Direction.LONG,
        Decimal("0.1"),
        Decimal("46501.50"),
    )
    assert isinstance(approved, OrderApproved)
    assert (approved.side, approved.quantity) == (Side.BUY, Decimal("0.215"))


def test_execution_learns_of_the_order_in_the_next_interval_and_fills_it(
    intervals: dict[int, IntervalOutputs],
) -> None:
    outputs = intervals[1_100]
    assert kinds(outputs) == {
        "features": ["Prices", "Done"],
        "strategy": ["Done"],
        "risk": ["Done"],
        "execution": ["OrderSubmitted", "OrderAccepted", "Fill", "Done"],
    }
    submitted, accepted, fill, _ = outputs["execution"]
    assert isinstance(submitted, OrderSubmitted)
    assert submitted.ts_effect == START + 1_020 * NS_PER_MS
    assert isinstance(accepted, OrderAccepted)
    assert accepted.ts == START + 1_020 * NS_PER_MS
    assert isinstance(fill, Fill)
    assert (fill.ts, fill.ts_known) == (START + 1_035 * NS_PER_MS, START + 1_055 * NS_PER_MS)
    assert (fill.quantity, fill.price) == (Decimal("0.215"), Decimal("46511.3004"))


def test_everything_that_was_put_out_survives_the_wire(intervals: dict[int, IntervalOutputs]) -> None:
    for outputs in intervals.values():
        for producer, made in outputs.items():
            for each in made:
                entry = type_of(each, PLACES[producer].family)
                assert same(decode(entry.family, entry.kind, entry.major, encode(each)), each)


def test_risk_books_the_fill_one_interval_later(intervals: dict[int, IntervalOutputs]) -> None:
    assert kinds(intervals[1_200])["risk"] == ["PositionChanged", "PnlSampled", "Done"]
    position, sample, _ = intervals[1_200]["risk"]
    assert isinstance(position, PositionChanged)
    assert (position.quantity, position.average_price) == (Decimal("0.215"), Decimal("46511.3004"))
    assert (position.fees, position.currency) == (Decimal("4.999964793"), "USDT")
    assert isinstance(sample, PnlSampled)
    assert (sample.fees, sample.pnl_realized) == (position.fees, 0)
    assert {producer: made for producer, made in kinds(intervals[1_300]).items() if made != ["Done"]} == {}
