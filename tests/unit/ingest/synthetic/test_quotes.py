from penstock_contracts.market import QuoteBatch, TradeBatch
from penstock_ingest.config import IngestConfig, SyntheticConfig
from penstock_ingest.feed import Feed
from penstock_ingest.sources import open_sources, quoted_of
from support.ingest import SECOND, rows_in

START = SyntheticConfig().start


def feeds(**settings: object) -> list[Feed]:
    return open_sources(IngestConfig.model_validate({"synthetic": {"quotes": True, **settings}}))


def quotes(feed: Feed, seconds: int) -> QuoteBatch:
    (batch,) = feed.columns(START + seconds * SECOND, 10**7)
    assert isinstance(batch, QuoteBatch)
    return batch


def test_ten_quotes_a_second_never_cross_and_have_sizes() -> None:
    for feed in feeds()[1::2]:
        batch = quotes(feed, 60)
        assert len(batch.bid) == 600
        assert (batch.bid < batch.ask).all()
        assert (batch.bid_size > 0).all()
        assert (batch.ask_size > 0).all()
        assert feed.quarantined.total() == 0


def test_trades_are_the_same_with_and_without_quotes() -> None:
    first, second = feeds()[0], feeds(quotes=False)[0]
    assert rows_in(first.read_until(START + 60 * SECOND)) == rows_in(second.read_until(START + 60 * SECOND))
    assert len(feeds(quotes=False)) == 3
    assert quoted_of(feeds()) == ()


def test_buyers_pay_the_ask_of_their_time_and_sellers_get_the_bid() -> None:
    trading, quoting = feeds(seed=3)[:2]
    (trades,) = trading.columns(START + 60 * SECOND, 10**7)
    assert isinstance(trades, TradeBatch)
    best = quotes(quoting, 60)
    at = best.ts_init.searchsorted(trades.ts_init, side="right") - 1
    assert (trades.price[trades.side > 0] == best.ask[at][trades.side > 0]).all()
    assert (trades.price[trades.side < 0] == best.bid[at][trades.side < 0]).all()


def test_a_seed_makes_the_same_quotes_however_they_are_read() -> None:
    whole = rows_in(feeds()[1].read_until(START + 35 * SECOND))
    stepwise = feeds()[1]
    pieces = [
        row for step in range(1, 351) for row in rows_in(stepwise.read_until(START + step * SECOND // 10))
    ]
    assert pieces == whole
    resumed = feeds()[1]
    resumed.seek(123)
    assert rows_in(resumed.read_until(START + 35 * SECOND)) == whole[123:]
