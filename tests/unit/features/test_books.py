from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from penstock_contracts.base import Message
from penstock_contracts.batch import part_of
from penstock_contracts.features import FeatureBars, FeatureRows, Prices
from penstock_contracts.market import BookBatch, Gap, Mark
from penstock_features.config import FeaturesConfig
from penstock_features.stage import FeaturesStage
from penstock_kernel.declarations import BarSpec, FeatureSpec, RowSpec
from support.books import ASK, BID, Level, joined, update
from support.features import BTC, START, S, bars_of, quotes, session, trades

SPREAD = FeatureSpec(name="spread", function="spread_bps")
ROWS = RowSpec(instrument=BTC, trigger="quote", features=(SPREAD,))
BOOK: list[Level] = [(BID, 9000, 5), (BID, 8900, 7), (ASK, 9200, 3), (ASK, 9300, 9)]


def stage(*specs: BarSpec | RowSpec, quoted: bool = True) -> FeaturesStage:
    bars = tuple(each for each in specs if isinstance(each, BarSpec))
    rows = tuple(each for each in specs if isinstance(each, RowSpec))
    base = session(S, START).model_copy(update={"quoted": (BTC,) if quoted else ()})
    return FeaturesStage(FeaturesConfig.of(bars, rows), base)


def change(levels: Sequence[Level], after_ns: int, *, number: int = 1, snapshot: bool = False) -> BookBatch:
    return update(levels, ts=START + after_ns, number=number, snapshot=snapshot, key=BTC)


def gap(after_ns: int) -> Gap:
    return Gap(
        instrument=BTC,
        source="t",
        ts_init=START + after_ns,
        ts_from=START,
        ts_to=START,
        reason="x",
        book=True,
    )


def end(features: FeaturesStage, seconds: int) -> list[Message]:
    return list(features.end_interval(Mark(ts=START + seconds * S, start=START + (seconds - 1) * S)))


def price(outputs: Sequence[Message]) -> tuple[int, int, int]:
    """Last, bid and ask of the newest price."""
    made = [each for each in outputs if isinstance(each, Prices)][-1]
    return int(made.last[-1]), int(made.bid[-1]), int(made.ask[-1])


def test_the_best_prices_of_a_book_mark_its_instrument() -> None:
    features = stage()
    features.process(change(BOOK, 1, snapshot=True))
    features.process(change([(BID, 9000, 0), (ASK, 9100, 2)], 2, number=2))
    assert price(end(features, 1)) == (0, 8900, 9100)


def test_quotes_are_passed_over_while_the_book_is_known() -> None:
    features = stage()
    features.process(change(BOOK, 1, snapshot=True))
    features.process(quotes([(2, 8000, 8001)]))
    assert price(end(features, 1)) == (0, 9000, 9200)
    features.process(gap(S + 1))
    features.process(quotes([(S + 2, 8000, 8001)]))
    assert price(end(features, 2)) == (0, 8000, 8001)


def test_after_a_gap_trades_alone_give_the_price_until_the_next_snapshot() -> None:
    features = stage()
    features.process(change(BOOK, 1, snapshot=True))
    features.process(trades([(2, 9100, 1)]))
    assert price(end(features, 1)) == (9100, 9000, 9200)
    features.process(gap(S + 1))
    features.process(change([(BID, 9050, 1)], S + 2, number=2))
    assert price(end(features, 2)) == (9100, 0, 0)
    features.process(change(BOOK, 2 * S + 1, number=3, snapshot=True))
    assert price(end(features, 3)) == (9100, 9000, 9200)


def test_without_trades_the_last_quote_stays_and_grows_stale() -> None:
    features = stage()
    features.process(change(BOOK, 1, snapshot=True))
    end(features, 1)
    features.process(gap(S + 1))
    assert end(features, 2) == []


def test_each_update_gives_a_feature_row_with_the_books_spread() -> None:
    features = stage(ROWS)
    batch = joined(
        [
            change(BOOK, 1, snapshot=True),
            change([(ASK, 9200, 0), (ASK, 9001, 4)], 2, number=2),
            change([(BID, 9001, 1)], 3, number=3),  # crossed: no row
            change([(BID, 9001, 0)], 4, number=4),
        ]
    )
    (rows,) = features.process(batch)
    assert isinstance(rows, FeatureRows)
    assert rows.ts.tolist() == [START + 1, START + 2, START + 4]
    assert rows.price.tolist() == [91000, 90005, 90005]
    assert rows.size.tolist() == [8, 9, 9]
    assert [round(float(value), 6) for value in rows.values[:, 0]] == [219.78022, 1.111049, 1.111049]


def test_bars_of_an_instrument_with_quotes_alone_are_made_of_their_middles() -> None:
    features = stage(bars_of(S))
    features.process(quotes([(1, 90, 92), (2, 94, 97), (3, 88, 89)]))
    (bars,) = [each for each in end(features, 1) if isinstance(each, FeatureBars)]
    assert (bars.source, bars.price_scale) == ("quotes", 3)
    columns = (bars.open, bars.high, bars.low, bars.close, bars.volume, bars.trades)
    assert [column.tolist() for column in columns] == [[910], [955], [885], [885], [0], [0]]
    assert bars.vwap[0] != bars.vwap[0]


def test_where_there_are_trades_too_bars_are_made_of_them_alone() -> None:
    features = stage(bars_of(S), quoted=False)
    features.process(quotes([(1, 90, 92)]))
    features.process(trades([(2, 91, 4)]))
    (bars,) = [each for each in end(features, 1) if isinstance(each, FeatureBars)]
    assert (bars.source, bars.open.tolist(), bars.trades.tolist()) == ("trades", [91], [1])


LEVELS = st.lists(
    st.tuples(st.sampled_from((BID, ASK)), st.integers(1, 12), st.integers(0, 4)), min_size=1, max_size=5
)


@given(
    st.lists(st.tuples(LEVELS, st.booleans(), st.integers(0, 3)), min_size=1, max_size=12),
    st.sets(st.integers(1, 60)),
    st.booleans(),
)
def test_cuts_and_restarts_change_nothing(
    changes: list[tuple[list[Level], bool, int]], cuts: set[int], restart: bool
) -> None:
    updates, now = [], 1
    for number, (levels, snapshot, seconds) in enumerate(changes):
        now += seconds * S // 2
        updates.append(change(levels, now, number=number, snapshot=snapshot))
    last = now // S + 1

    def run(cut: bool) -> list[tuple[object, ...]]:
        features, seen = stage(ROWS, bars_of(S)), []
        for second in range(1, last + 1):
            mine = [each for each in updates if (second - 1) * S < each.ts_init[0] - START <= second * S]
            batch = joined(mine) if mine else None
            rows = len(batch.price) if batch is not None else 0
            edges = (
                [0, *sorted(each for each in cuts if cut and each < rows), rows] if batch is not None else []
            )
            for begin, stop in pairwise(edges):
                assert batch is not None
                seen += features.process(part_of(batch, begin, stop))
                if restart and cut:
                    saved = features.snapshot()
                    features = stage(ROWS, bars_of(S))
                    features.restore(saved)
            seen += end(features, second)
        return contents(seen)

    assert run(cut=True) == run(cut=False)


def contents(outputs: Sequence[Message]) -> list[tuple[object, ...]]:
    seen: list[tuple[object, ...]] = []
    for each in outputs:
        match each:
            case FeatureRows():
                seen += zip(each.ts.tolist(), each.price.tolist(), each.size.tolist(), strict=True)
            case FeatureBars():
                seen += zip(
                    each.ts.tolist(), each.open.tolist(), each.high.tolist(), each.close.tolist(), strict=True
                )
            case Prices():
                seen += zip(
                    each.ts.tolist(), each.ts_data.tolist(), each.bid.tolist(), each.ask.tolist(), strict=True
                )
    return seen
