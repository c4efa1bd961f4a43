"""What we took of a level, and what makes it whole again."""

import pytest
from penstock_execution.paper.standing import apply_book
from penstock_execution.paper.state import Standing
from support.books import ASK, BID, Level, update

WHOLE: list[Level] = [(BID, 990, 5), (BID, 980, 7), (ASK, 1010, 3), (ASK, 1020, 9)]


def standing() -> Standing:
    made = Standing()
    batch = update(WHOLE, snapshot=True, scales=(3, 3))
    apply_book(made, batch, 0, len(batch.price))
    made.taken_asks.update({1010: 3, 1020: 1})
    made.taken_bids.update({990: 2, 1020: 4})
    return made


@pytest.mark.parametrize(
    ("scales", "factor"), [((3, 3), 1), ((2, 3), 10), ((4, 4), 1)], ids=["same", "coarser", "finer"]
)
def test_a_level_that_is_set_again_is_whole_whatever_the_scale(scales: tuple[int, int], factor: int) -> None:
    made = standing()
    price = 1020 * 10 ** (scales[0] - 3) if scales[0] >= 3 else 1020 // factor
    apply_book(made, update([(ASK, price, 8)], number=2, scales=scales), 0, 1)
    finer = 10 if scales[0] == 4 else 1
    assert made.taken_asks == {1010 * finer: 3 * finer}
    assert made.taken_bids == {990 * finer: 2 * finer, 1020 * finer: 4 * finer}


def test_a_snapshot_makes_everything_whole() -> None:
    made = standing()
    apply_book(made, update(WHOLE[:3], number=2, snapshot=True, scales=(3, 3)), 0, 3)
    assert (made.taken_bids, made.taken_asks) == ({}, {})
