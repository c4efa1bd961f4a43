from penstock_ingest.chain import UNKNOWN, Chain, Loss, Update
from penstock_ingest.quarantine import Reason

BOOK = [(1, 100, 5), (1, 99, 7), (-1, 101, 3), (-1, 103, 9)]


def update(
    levels: list[tuple[int, int, int]],
    ts: int,
    last: int = UNKNOWN,
    *,
    first: int | None = None,
    previous: int = UNKNOWN,
    snapshot: bool = False,
    reason: Reason = Reason.GOOD,
) -> Update:
    sides, prices, sizes = ([level[place] for level in levels] for place in range(3))
    return Update(
        ts, snapshot, last if first is None else first, last, previous, sides, prices, sizes, reason
    )


def begun(last: int = 10, ts: int = 100) -> Chain:
    chain = Chain(jump_max=0.5)
    assert chain.judge(update(BOOK, ts, last, snapshot=True)) == (Reason.GOOD, None)
    return chain


def test_updates_that_count_on_are_good() -> None:
    chain = begun()
    assert chain.judge(update([(1, 100, 6)], 110, 11)) == (Reason.GOOD, None)
    assert chain.judge(update([(1, 100, 0)], 110, 13, first=12)) == (Reason.GOOD, None)


def test_a_missing_update_loses_the_book_until_the_next_snapshot() -> None:
    chain = begun()
    reason, loss = chain.judge(update([(1, 100, 6)], 120, 12))
    assert (reason, loss) == (Reason.UPDATE_MISSING, Loss(120, 100, "update 12 does not follow 10"))
    assert chain.judge(update([(1, 100, 6)], 130, 13)) == (Reason.NO_BOOK, None)
    assert chain.judge(update(BOOK, 140, 20, snapshot=True)) == (Reason.GOOD, None)
    assert chain.judge(update([(1, 98, 6)], 150, 21)) == (Reason.GOOD, None)


def test_a_chain_may_name_the_update_before() -> None:
    chain = begun(last=10)
    # The first update after a snapshot may begin before the snapshot's id.
    assert chain.judge(update([(1, 100, 6)], 110, 15, first=8, previous=7))[0] is Reason.GOOD
    assert chain.judge(update([(1, 100, 7)], 120, 22, first=18, previous=15))[0] is Reason.GOOD
    assert chain.judge(update([(1, 100, 7)], 130, 29, first=25, previous=24))[0] is Reason.UPDATE_MISSING


def test_an_update_that_was_seen_is_a_duplicate_and_loses_nothing() -> None:
    chain = begun()
    chain.judge(update([(1, 100, 6)], 110, 11))
    assert chain.judge(update([(1, 100, 6)], 110, 11)) == (Reason.DUPLICATE, None)
    assert chain.judge(update([(1, 100, 6)], 105, 9)) == (Reason.DUPLICATE, None)
    assert chain.judge(update([(1, 100, 6)], 120, 12)) == (Reason.GOOD, None)


def test_updates_before_the_first_snapshot_are_told_as_one_gap() -> None:
    chain = Chain(jump_max=0.5)
    assert chain.judge(update([(1, 100, 6)], 50, 8)) == (Reason.NO_BOOK, Loss(50, 50, "no snapshot yet"))
    assert chain.judge(update([(1, 100, 6)], 60, 9)) == (Reason.NO_BOOK, None)


def test_a_crossed_book_is_lost() -> None:
    chain = begun()
    assert chain.judge(update([(1, 101, 1)], 110, 11)) == (
        Reason.CROSSED,
        Loss(110, 100, "the book crossed"),
    )
    assert chain.judge(update([(1, 101, 0)], 120, 12))[0] is Reason.NO_BOOK


def test_a_level_that_moves_within_one_update_crosses_nothing() -> None:
    chain = begun()
    assert chain.judge(update([(1, 102, 1), (-1, 101, 0)], 110, 11))[0] is Reason.GOOD


def test_a_late_update_loses_the_book() -> None:
    chain = begun()
    reason, loss = chain.judge(update([(1, 100, 6)], 90, 11))
    assert (reason, loss) == (Reason.TIME_BACK, Loss(100, 100, "an update came late"))


def test_an_update_that_is_bad_in_itself_loses_the_book() -> None:
    chain = begun()
    reason, loss = chain.judge(update([(1, 100, 6)], 110, 11, reason=Reason.NOT_A_NUMBER))
    assert reason is Reason.NOT_A_NUMBER
    assert loss == Loss(110, 100, "an update was not usable: not_a_number")


def test_a_price_jump_is_held_until_another_snapshot_confirms_it() -> None:
    far = [(side, price * 3, size) for side, price, size in BOOK]
    chain = begun()
    assert chain.judge(update(far, 110, 20, snapshot=True))[0] is Reason.PRICE_JUMP
    assert chain.judge(update(far, 120, 30, snapshot=True)) == (Reason.GOOD, None)
    assert chain.judge(update([(1, 301, 1)], 130, 31)) == (Reason.GOOD, None)


def test_a_price_jump_that_is_not_confirmed_leaves_the_price_as_it_was() -> None:
    far = [(side, price * 3, size) for side, price, size in BOOK]
    chain = begun()
    chain.judge(update(far, 110, 20, snapshot=True))
    assert chain.judge(update(BOOK, 120, 30, snapshot=True)) == (Reason.GOOD, None)
    assert chain.judge(update(far, 130, 40, snapshot=True))[0] is Reason.PRICE_JUMP


def test_without_ids_updates_are_taken_as_they_come() -> None:
    chain = begun(last=UNKNOWN)
    assert chain.judge(update([(1, 100, 6)], 110)) == (Reason.GOOD, None)
