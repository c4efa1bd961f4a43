"""A strategy over a made-up market, through all stages chained: for tests of strategies, and for their check.

The market is given as closes, or is a walk that is the same each time. Orders are filled as on paper, under a
risk profile in which no limit binds.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
from penstock_contracts.base import Message
from penstock_contracts.instrument import Instrument
from penstock_contracts.market import Mark, QuoteBatch, TradeBatch
from penstock_contracts.signals import Note, Signal
from penstock_contracts.types import InstrumentKind
from penstock_contracts.venue import Fill
from penstock_features.config import FeaturesConfig
from penstock_kernel.chain import Chain
from penstock_kernel.session import SessionConfig, StrategySpec
from penstock_risk.config import PROFILES
from penstock_strategy.config import StrategyConfig
from penstock_strategy.declarations import declarations
from penstock_strategy.stage import StrategyStage

from penstock_research.chained import Stages

MINUTE = 60_000_000_000
START = 1_700_000_040 * 1_000_000_000
KEYS = ("btc-usdt.rehearsal", "eth-usdt.rehearsal")
SCALE = 2
_WALK_BARS = 600
_ENDED_MARKS_MAX = 50
_LCG, _INCREMENT, _MODULUS = 6364136223846793005, 1442695040888963407, 1 << 64


@dataclass(slots=True)
class Rehearsal:
    """What a strategy did, in order."""

    outputs: list[Message] = field(default_factory=list)
    """Of strategy, risk and execution."""

    @property
    def signals(self) -> list[Signal]:
        """What it wanted."""
        return [each for each in self.outputs if isinstance(each, Signal)]

    @property
    def directions(self) -> list[str]:
        """`long`, `short` or `flat` of each signal."""
        return [each.direction.value for each in self.signals]

    @property
    def fills(self) -> list[Fill]:
        """What it traded."""
        return [each for each in self.outputs if isinstance(each, Fill)]

    @property
    def notes(self) -> list[Note]:
        """What it said; errors too."""
        return [each for each in self.outputs if isinstance(each, Note)]


def rehearse(
    source: str,
    closes: Mapping[str, Sequence[float]] | Sequence[float] | None = None,
    *,
    instruments: int = 1,
    restart_every: int = 0,
    **parameters: Any,
) -> Rehearsal:
    """Run a strategy (`file.py:Class` or a name) over one-minute bars with these closes.

    `closes` are of one instrument, or by key; without them the market is a walk of `instruments` instruments.
    With `restart_every` the strategy is rebuilt from its snapshot after so many bars. StrategyLoadError for
    a strategy that cannot be loaded; ValueError for closes that are no prices.
    """
    market = _market(closes, instruments)
    document = _document(source, parameters, tuple(market))
    stages = Stages.of(document)
    chain = Chain(stages.by_name())
    result = Rehearsal()
    quoted = any(spec["trigger"] == "quote" for spec in document["features"]["rows"])
    for number, (batches, mark) in enumerate(_intervals(market, quoted=quoted), 1):
        outputs = chain.interval(batches, mark)
        result.outputs += [each for name, made in outputs.items() if name != "features" for each in made[:-1]]
        if mark.ended and outputs["risk"][-1].flat:
            return result
        if restart_every and number % restart_every == 0:
            _restart(chain, stages)
    raise RuntimeError(f"{_ENDED_MARKS_MAX} marks after the data the account is still not flat")


def _restart(chain: Chain, stages: Stages) -> None:
    """A fresh strategy stage, its class loaded again, goes on from the snapshot of the one before."""
    runner = chain.runners["strategy"]
    fresh = StrategyStage(StrategyConfig(), stages.session)
    fresh.restore(runner.stage.snapshot())
    runner.stage = fresh


def _document(source: str, parameters: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    spec = StrategySpec(
        name="rehearsed", source=source, parameters=parameters, instruments=keys, interval=MINUTE
    )
    session = SessionConfig(
        session_id="rehearsal", currency="USDT", capital=Decimal(100_000), grid=MINUTE, start=START,
        instruments=tuple(_instrument(key) for key in keys), strategies=(spec,),
    )  # fmt: skip
    return {
        "session": session.model_dump(mode="json"),
        "features": FeaturesConfig.of(*declarations(session)).model_dump(mode="json"),
        "risk": PROFILES["open"].model_dump(mode="json"),
    }


def _instrument(key: str) -> Instrument:
    return Instrument(
        instrument=key, kind=InstrumentKind.PERPETUAL, base=key.partition("-")[0].upper(), quote="USDT",
        settlement="USDT", lot_size=Decimal("0.001"), price_decimals=SCALE, size_decimals=3,
        fee_maker=Decimal("0.0002"), fee_taker=Decimal("0.0005"),
    )  # fmt: skip


Market = dict[str, list[list[int]]]
"""By instrument and minute: the prices traded, in hundredths."""


def _market(closes: Mapping[str, Sequence[float]] | Sequence[float] | None, instruments: int) -> Market:
    if closes is None:
        return {key: _walk(number) for number, key in enumerate(KEYS[:instruments])}
    given = closes if isinstance(closes, Mapping) else {KEYS[0]: closes}
    market = {key: [[round(float(close) * 10**SCALE)] for close in series] for key, series in given.items()}
    if not market or len({len(series) for series in market.values()}) != 1:
        raise ValueError("each instrument needs as many closes as the others, and one at least")
    if any(price <= 0 for series in market.values() for (price,) in series):
        raise ValueError("closes must be positive")
    return market


def _walk(number: int) -> list[list[int]]:
    """Four trades a minute; calm, falling, rising and wild in turn. The same on every machine."""
    state, price = number + 1, 10_000 * 10**SCALE
    series = []
    for minute in range(_WALK_BARS):
        phase = minute // 60 % 4
        width, drift = (400, 400, 400, 4_000)[phase], (0, -300, 300, 0)[phase]
        prices = []
        for _ in range(4):
            state = (state * _LCG + _INCREMENT) % _MODULUS
            price = max(price + drift + (state >> 33) % (2 * width + 1) - width, 10**SCALE)
            prices.append(price)
        series.append(prices)
    return series


def _intervals(market: Market, *, quoted: bool) -> Iterator[tuple[list[Message], Mark]]:
    count = len(next(iter(market.values())))
    for minute in range(count + _ENDED_MARKS_MAX):
        start, ended = START + minute * MINUTE, minute >= count
        batches: list[Message] = []
        if not ended:
            for key, series in market.items():
                batches += _batches(key, series[minute], start, minute)[not quoted :]
        yield batches, Mark(ts=start + MINUTE, start=start, ended=ended)


def _batches(key: str, prices: list[int], start: int, minute: int) -> list[Message]:
    """Quotes, then trades."""
    count = len(prices)
    ts = start + MINUTE * (1 + np.arange(count, dtype=np.int64)) // count
    price = np.array(prices, dtype=np.int64)
    size = 1_000_000 + 1_000 * (np.arange(count, dtype=np.int64) + minute % 7)
    flags = np.zeros(count, dtype=np.int8)
    common: dict[str, Any] = {
        "instrument": key, "source": "rehearsal", "price_scale": SCALE, "size_scale": 3,
        "ts_event": ts, "ts_init": ts, "flags": flags,
    }  # fmt: skip
    side = np.array([1 if (value + minute) % 2 else -1 for value in prices], dtype=np.int8)
    ids = np.array([f"{minute}-{number}".encode() for number in range(count)])
    ahead = 1 + np.abs(price * 7 % 9)
    return [
        QuoteBatch(**common, bid=price - 1, ask=price + 1, bid_size=size * ahead, ask_size=size),
        TradeBatch(**common, price=price, size=size, side=side, trade_id=ids),
    ]
