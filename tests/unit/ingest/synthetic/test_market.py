from collections import Counter

import numpy as np
import pytest
from penstock_contracts.market import TradeBatch
from penstock_ingest.config import IngestConfig, SyntheticConfig
from penstock_ingest.feed import Feed
from penstock_ingest.sources import open_sources
from penstock_ingest.synthetic.faults import FAULTS
from support.ingest import SECOND, rows_in


def feeds(**settings: object) -> list[Feed]:
    return open_sources(IngestConfig.model_validate({"synthetic": settings}))


START = SyntheticConfig().start
PINNED_PRICES = [5999558, 5998301, 5998113, 5997556, 5997556]
PINNED_TIMES = [65581425, 582545166, 1052731617, 1204565709, 1260999633]


def trades(feed: Feed, seconds: int = 600) -> TradeBatch:
    (batch,) = feed.columns(START + seconds * SECOND, 10**7)
    assert isinstance(batch, TradeBatch)
    return batch


def closes(batch: TradeBatch) -> list[float]:
    """Of one-second bars."""
    last = dict(zip(((batch.ts_init - START - 1) // SECOND).tolist(), batch.price.tolist(), strict=True))
    return [float(last[second]) for second in sorted(last)]


def crosses(prices: list[float], fast: int, slow: int) -> list[int]:
    """Number of the bar at each crossing of two simple averages."""
    above = [
        sum(prices[at - fast : at]) / fast > sum(prices[at - slow : at]) / slow
        for at in range(slow, len(prices) + 1)
    ]
    return [slow + at for at in range(1, len(above)) if above[at] != above[at - 1]]


def test_the_same_seed_gives_the_same_market_and_another_seed_another() -> None:
    first, again, other = (rows_in(feeds(seed=seed)[0].read_until(START + 60 * SECOND)) for seed in (4, 4, 5))
    assert first == again
    assert [row[6] for row in first] != [row[6] for row in other]


def test_a_known_seed_gives_known_trades() -> None:
    """Pinned: the market must be the same on every machine and in every later version."""
    (batch, *_) = feeds(seed=1)[0].read_until(START + 10 * SECOND)
    assert batch.price[:5].tolist() == PINNED_PRICES
    assert (batch.ts_init[:5] - START).tolist() == PINNED_TIMES


def test_a_symbol_trades_the_same_whatever_others_there_are() -> None:
    alone = feeds(symbols={"eth-usdt": 3000})[0]
    among = next(feed for feed in feeds() if feed.instrument.instrument == "eth-usdt.synthetic")
    assert rows_in(alone.read_until(START + 60 * SECOND)) == rows_in(among.read_until(START + 60 * SECOND))


def test_shifted_in_time_it_is_the_same_market() -> None:
    now = trades(feeds()[0], 60)
    (later,) = feeds(start=START + 7 * SECOND)[0].columns(START + 67 * SECOND, 10**6)
    assert now.price.tolist() == later.price.tolist()
    assert (later.ts_init - now.ts_init).tolist() == [7 * SECOND] * len(now.price)


@pytest.mark.parametrize("malformed", [1, 16, 100, 1000])
def test_exactly_so_many_faults_are_injected_and_found_for_the_right_reasons(malformed: int) -> None:
    market = feeds(malformed=malformed, rate=20)
    found: Counter[str] = Counter()
    for feed in market:
        feed.read_until(START + 300 * SECOND)
        found += feed.quarantined
    share = [len(range(symbol, malformed, len(market))) for symbol in range(len(market))]
    expected = Counter(FAULTS[number % len(FAULTS)][0].label for count in share for number in range(count))
    assert found == expected
    assert found.total() == malformed


def test_faults_do_not_change_the_good_rows() -> None:
    for clean, spoiled in zip(feeds(), feeds(malformed=200), strict=True):
        until = START + 120 * SECOND
        assert rows_in(clean.read_until(until)) == rows_in(spoiled.read_until(until))


def test_a_hundred_faults_come_within_the_first_minute() -> None:
    market = feeds(malformed=100)
    for feed in market:
        feed.read_until(START + 70 * SECOND)
    assert sum(feed.quarantined.total() for feed in market) == 100


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_averages_of_one_second_bars_cross_often_and_soon(seed: int) -> None:
    found = [crosses(closes(trades(feed)), 5, 20) for feed in feeds(seed=seed)]
    assert sum(len(each) for each in found) > 80
    assert min(each[0] for each in found) <= 45


def test_the_default_market_crosses_within_half_a_minute() -> None:
    assert min(crosses(closes(trades(feed)), 5, 20)[0] for feed in feeds()) <= 29


def test_prices_stay_realistic() -> None:
    for feed, start in zip(feeds(), (60_000, 3_000, 150), strict=True):
        batch = trades(feed, 3600)
        prices = batch.price / 10**batch.price_scale
        assert 0.85 * start < prices.min() < prices.max() < 1.15 * start
        assert 4 * 3600 < len(prices) < 8 * 3600
        assert set(batch.side.tolist()) == {1, -1}
        assert len(set(batch.trade_id.tolist())) == len(batch.trade_id)
        assert batch.size.min() >= 1


def test_returns_of_symbols_are_as_correlated_as_configured() -> None:
    def correlation(wanted: float) -> float:
        market = feeds(correlation=wanted, rate=30, symbols={"a-b": 100, "c-d": 100}, jumps=0)
        (first, second) = (np.array(closes(trades(feed, 3000))) for feed in market)
        size = min(len(first), len(second))
        left, right = (np.diff(np.log(each[:size:10])) for each in (first, second))
        return float(np.corrcoef(left, right)[0, 1])

    assert correlation(0.9) > 0.75
    assert abs(correlation(0.0)) < 0.3


def test_its_position_counts_good_and_faulty_rows_over_all_blocks() -> None:
    (feed, *_) = feeds(malformed=100)
    for seconds in (5, 15, 65, 200):
        feed.read_until(START + seconds * SECOND)
        assert feed.position == feed.released + feed.quarantined.total()
    assert feed.quarantined.total() > 30
