import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_contracts.batch import part_of
from penstock_kernel.book import ASK, BID, BookSide, OrderBook
from pydantic import TypeAdapter
from support.books import Level, joined, update

SNAPSHOT: list[Level] = [(BID, 100, 5), (BID, 99, 7), (ASK, 101, 3), (ASK, 103, 9)]
LEVELS = st.tuples(st.sampled_from((BID, ASK)), st.integers(1, 12), st.integers(0, 4))
UPDATES = st.lists(
    st.tuples(st.booleans(), st.lists(LEVELS, min_size=1, max_size=6)), min_size=1, max_size=12
)


def book(*levels: Level) -> OrderBook:
    made = OrderBook()
    made.apply(update(levels or SNAPSHOT, snapshot=True))
    return made


def test_a_snapshot_gives_both_sides_best_first() -> None:
    made = book()
    assert list(made.bids.levels()) == [(100, 5), (99, 7)]
    assert list(made.asks.levels()) == [(101, 3), (103, 9)]
    assert (made.bids.best, made.bids.best_size, made.asks.best, made.asks.best_size) == (100, 5, 101, 3)
    assert made.two_sided


def test_a_size_of_zero_deletes_the_level_and_another_replaces_it() -> None:
    made = book()
    made.apply(update([(BID, 100, 0), (ASK, 101, 8), (ASK, 102, 1), (BID, 50, 0)], number=2))
    assert list(made.bids.levels()) == [(99, 7)]
    assert list(made.asks.levels()) == [(101, 8), (102, 1), (103, 9)]
    assert made.last_update_id == 2


def test_a_later_snapshot_leaves_nothing_of_the_book_before() -> None:
    made = book()
    made.apply(update([(ASK, 200, 1)], snapshot=True))
    assert list(made.bids.levels()) == []
    assert list(made.asks.levels()) == [(200, 1)]
    assert made.usable
    assert not made.two_sided


def test_updates_before_the_first_snapshot_make_no_book() -> None:
    made = OrderBook()
    made.apply(update([(BID, 100, 5), (ASK, 101, 1)]))
    assert not made.usable
    assert made.bids.best == made.asks.best == 0


def test_after_a_gap_nothing_is_believed_until_the_next_snapshot() -> None:
    made = book()
    made.gap()
    made.apply(update([(BID, 100, 5), (ASK, 101, 1)], number=9))
    assert not made.usable
    assert list(made.bids.levels()) == []
    made.apply(update(SNAPSHOT, number=10, snapshot=True))
    assert made.usable


def test_inside_an_update_the_book_is_not_usable() -> None:
    made = book()
    change = update([(ASK, 101, 0), (BID, 102, 4)], number=2)
    made.apply(change, 0, 1)
    assert not made.usable
    made.apply(change, 1)
    assert made.usable
    assert made.bids.best == 102


def test_a_crossed_book_is_not_usable_until_it_uncrosses() -> None:
    made = book()
    made.apply(update([(BID, 101, 1)], number=2))
    assert not made.usable
    made.apply(update([(BID, 101, 0)], number=3))
    assert made.usable


@pytest.mark.parametrize(
    ("size", "limit", "taken"),
    [
        (3, None, [(101, 3)]),
        (4, None, [(101, 3), (103, 1)]),
        (4, 102, [(101, 3)]),
        (99, None, [(101, 3), (103, 9)]),
        (1, 100, []),
    ],
)
def test_walking_takes_the_best_levels_no_worse_than_the_limit(
    size: int, limit: int | None, taken: list[tuple[int, int]]
) -> None:
    assert book().asks.walk(size, limit) == taken


def test_walking_the_bids_goes_downwards() -> None:
    assert book().bids.walk(6, 99) == [(100, 5), (99, 1)]
    assert book().bids.walk(6, 100) == [(100, 5)]


def test_a_batch_with_more_decimals_makes_the_whole_book_finer() -> None:
    made = book()
    made.apply(update([(BID, 1001, 25)], number=2, scales=(3, 4)))
    made.apply(update([(BID, 98, 1)], number=3))
    assert (made.price_scale, made.size_scale) == (3, 4)
    assert list(made.bids.levels()) == [(1001, 25), (1000, 50), (990, 70), (980, 10)]


@given(UPDATES)
def test_the_book_is_what_the_last_size_of_each_price_says(changes: list[tuple[bool, list[Level]]]) -> None:
    made = OrderBook()
    naive: dict[tuple[int, int], int] | None = None
    for number, (snapshot, levels) in enumerate(changes):
        made.apply(update(levels, number=number, snapshot=snapshot))
        if snapshot:
            naive = {}
        if naive is not None:
            naive.update({(side, price): size for side, price, size in levels})
        left = {} if naive is None else {key: size for key, size in naive.items() if size}
        bids = sorted(((price, size) for (side, price), size in left.items() if side == BID), reverse=True)
        asks = sorted((price, size) for (side, price), size in left.items() if side == ASK)
        assert list(made.bids.levels()) == bids
        assert list(made.asks.levels()) == asks
        crossed = bool(bids and asks) and bids[0][0] >= asks[0][0]
        assert made.usable == (naive is not None and not crossed)


@given(UPDATES, st.data())
def test_cuts_between_rows_change_nothing(
    changes: list[tuple[bool, list[Level]]], data: st.DataObject
) -> None:
    batch = joined([update(levels, number=at, snapshot=new) for at, (new, levels) in enumerate(changes)])
    rows = len(batch.price)
    cuts = sorted(data.draw(st.lists(st.integers(0, rows), max_size=6)))
    whole, pieces = OrderBook(), OrderBook()
    whole.apply(batch)
    for begin, end in zip([0, *cuts], [*cuts, rows], strict=True):
        pieces.apply(part_of(batch, begin, end))
    assert whole == pieces


def test_the_tops_are_those_after_each_update_that_leaves_the_book_usable() -> None:
    batch = joined(
        [
            update(SNAPSHOT, snapshot=True),
            update([(ASK, 101, 0), (BID, 101, 1)], ts=5, number=2),
            update([(BID, 99, 2)], ts=6, number=3),
            update([(ASK, 101, 6)], ts=7, number=4),  # crossed
            update([(BID, 101, 0)], ts=8, number=5),
            update([(BID, 100, 0), (BID, 99, 0)], ts=9, number=6),  # no bids
        ]
    )
    made = OrderBook()
    tops = made.tops(batch)
    assert tops is not None
    assert [column.tolist() for column in tops] == [
        [3, 5, 6, 8],
        [100, 101, 101, 100],
        [101, 103, 103, 101],
        [5, 1, 1, 5],
        [3, 9, 9, 6],
    ]
    assert (made.ts, made.last_update_id, made.whole, made.two_sided) == (9, 6, True, False)
    assert made.tops(update([(ASK, 102, 1)], ts=10, number=7)) is None


@given(UPDATES, st.data())
def test_tops_are_what_single_updates_leave_however_the_rows_are_cut(
    changes: list[tuple[bool, list[Level]]], data: st.DataObject
) -> None:
    updates = [update(levels, number=at, snapshot=new) for at, (new, levels) in enumerate(changes)]
    single, expected = OrderBook(), []
    for each in updates:
        single.apply(each)
        if single.two_sided:
            bids, asks = single.bids, single.asks
            expected.append((bids.best, asks.best, bids.best_size, asks.best_size))
    batch = joined(updates)
    rows = len(batch.price)
    cuts = sorted(data.draw(st.lists(st.integers(0, rows), max_size=6)))
    made, seen = OrderBook(), []
    for begin, end in zip([0, *cuts], [*cuts, rows], strict=True):
        tops = made.tops(part_of(batch, begin, end))
        seen += [] if tops is None else list(zip(*(column.tolist() for column in tops[1:]), strict=True))
    assert seen == expected
    assert made == single


def test_a_book_survives_being_written_as_json() -> None:
    adapter = TypeAdapter(OrderBook)
    made = book()
    read = adapter.validate_json(adapter.dump_json(made))
    assert read == made
    assert isinstance(read.bids, BookSide)
