"""Invented rates of exchange: of the market's seed, at known times, the same however they are read."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from penstock_contracts.market import Rate, TradeBatch
from penstock_ingest.config import IngestConfig
from penstock_ingest.feed import Feed
from penstock_ingest.sources import open_sources
from penstock_kernel.money import from_scaled

SECOND = 10**9
START = 1_767_225_600 * SECOND
SYMBOLS = {"dax-eur": "19000", "eur-usd": "1.06"}


def opened(seed: int = 1, **changes: object) -> list[Feed]:
    market = {"symbols": SYMBOLS, "seed": seed}
    return open_sources(
        IngestConfig.model_validate({"sources": ["synthetic"], "synthetic": market, **changes})
    )


def rates_of(*, seed: int = 1, every: str = "7s") -> Feed:
    (feed,) = [
        each for each in opened(seed, rates=["eur-usd.synthetic"], rate_interval=every)
        if each.name == "rate.eur-usd.synthetic"
    ]  # fmt: skip
    return feed


def test_they_come_as_the_market_begins_and_at_each_multiple_of_their_distance() -> None:
    feed = rates_of()
    found = [each for each in feed.read_until(START + 30 * SECOND) if isinstance(each, Rate)]
    assert [each.ts_init for each in found] == [START + 1, *_sevens(30)]
    assert {(each.base, each.quote, each.source) for each in found} == {
        ("EUR", "USD", "rate.eur-usd.synthetic")
    }
    assert all(Decimal("1.0") < each.rate < Decimal("1.1") for each in found)
    assert len({each.rate for each in found}) > 1
    # They come with what they convert, so that it may be traded alone.
    assert feed.instrument.instrument == "dax-eur.synthetic"


def _sevens(seconds: int) -> list[int]:
    first = START // (7 * SECOND) + 1
    return [at * 7 * SECOND for at in range(first, first + 9) if at * 7 <= START // SECOND + seconds]


def test_they_are_what_the_symbol_trades_at_and_its_trades_are_the_same_without_them() -> None:
    def trades(feeds: list[Feed]) -> dict[int, Decimal]:
        (feed,) = [each for each in feeds if each.instrument.instrument == "eur-usd.synthetic"]
        return {
            ts: from_scaled(price, each.price_scale)
            for each in feed.read_until(START + 60 * SECOND) if isinstance(each, TradeBatch)
            for ts, price in zip(each.ts_init.tolist(), each.price.tolist(), strict=True)
        }  # fmt: skip

    prices = trades(opened())
    assert trades(opened(rates=["eur-usd.synthetic"])) == prices
    for rate in rates_of(every="1s").read_until(START + 60 * SECOND):
        assert isinstance(rate, Rate)
        near = min(prices, key=lambda ts: abs(ts - rate.ts_init))
        if abs(near - rate.ts_init) < SECOND // 10:
            assert abs(prices[near] / rate.rate - 1) < Decimal("0.001")


def test_another_seed_is_another_market() -> None:
    until = START + 30 * SECOND
    assert rates_of(seed=2).read_until(until) != rates_of().read_until(until) == rates_of().read_until(until)


@settings(max_examples=20, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 90), max_size=8).map(sorted),
    position=st.integers(0, 8),
    rest=st.integers(0, 4),
)
def test_however_they_are_read_or_gone_on_with_they_are_the_same(
    cuts: list[int], position: int, rest: int
) -> None:
    whole = rates_of().read_until(START + 90 * SECOND)
    feed = rates_of()
    parts = [rate for at in cuts for rate in feed.read_until(START + at * SECOND)]
    parts += feed.read_until(START + 90 * SECOND)
    assert parts == whole
    feed.seek(position)
    feed.skip(rest)
    assert feed.position == position + rest
    assert feed.read_until(START + 90 * SECOND) == whole[position + rest :]
