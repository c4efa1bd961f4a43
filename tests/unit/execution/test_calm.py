"""Updates that leave resting orders alone pass together, and change the queues as one by one."""

from decimal import Decimal
from itertools import pairwise

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from penstock_contracts.batch import part_of
from penstock_contracts.types import MarketStatus
from penstock_execution.paper.calm import let_pass, pieces
from penstock_execution.paper.standing import apply_book, line_up, standing_of, usable
from penstock_execution.paper.state import Market, VenueOrder
from support.books import ASK, BID, Level, joined, update
from support.execution import instrument

D = Decimal
WHOLE: list[Level] = [(BID, 6, 50), (BID, 5, 40), (BID, 4, 30), (ASK, 9, 50), (ASK, 10, 40)]
BIDS = st.tuples(st.just(BID), st.integers(3, 10), st.integers(0, 60))
ASKS = st.tuples(st.just(ASK), st.integers(8, 12), st.integers(0, 60))
UPDATES = st.lists(st.lists(BIDS | ASKS, min_size=1, max_size=4), min_size=1, max_size=12)


def resting(number: int, sign: int, limit: str, queue: str) -> VenueOrder:
    return VenueOrder(
        order_id=f"o-{number}",
        arrival=number,
        strategy="one",
        sign=sign,
        limit=D(limit),
        immediate=False,
        left=D(1),
        reference=D(limit),
        ts_effect=0,
        resting=True,
        queue=D(queue),
    )


def market() -> Market:
    made = Market(instrument(), MarketStatus.TRADING, kind="book")
    batch = update(WHOLE, snapshot=True, scales=(2, 3))
    apply_book(standing_of(made), batch, 0, len(batch.price))
    made.orders = [
        resting(1, 1, "0.05", "0.033"),
        resting(2, 1, "0.05", "0.04"),
        resting(3, 1, "0.07", "0"),
        resting(4, 1, "0.045", "0"),
        resting(5, -1, "0.11", "0.01"),
    ]
    return made


@given(UPDATES, st.sampled_from([(2, 3), (1, 2), (3, 4)]), st.lists(st.integers(1, 11), max_size=3))
@example([[(BID, 9, 1), (BID, 5, 10)], [(BID, 9, 0)]], (2, 3), [])  # shorter while the sides cross
@example([[(BID, 5, 10)], [(BID, 5, 40)]], (2, 3), [])
@example([[(BID, 5, 10), (BID, 5, 40)]], (2, 3), [])  # only what an update ends with counts
def test_queues_follow_their_levels_as_if_each_update_were_looked_at(
    changes: list[list[Level]], scales: tuple[int, int], cuts: list[int]
) -> None:
    factor = (10 ** (scales[0] - 2), 10 ** (scales[1] - 3)) if scales[0] > 2 else (1, 1)
    updates = [
        update(
            [(side, price * factor[0], size * factor[1]) for side, price, size in levels],
            ts=at + 2,
            number=at + 2,
            scales=scales if scales[0] > 2 else (2, 3),
        )
        for at, levels in enumerate(changes)
    ]
    single, whole = market(), market()
    for each in updates:
        apply_book(standing_of(single), each, 0, len(each.price))
        if usable(single):
            for order in single.orders:
                line_up(single, order)
    edges = sorted({0, len(updates), *(cut for cut in cuts if cut < len(updates))})
    for begin, end in pairwise(edges):
        batch = joined(updates[begin:end])
        let_pass(whole, batch, 0, len(batch.price))
    assert [repr(order.queue) for order in whole.orders] == [repr(order.queue) for order in single.orders]
    assert whole == single


def test_calm_stretches_end_before_snapshots_and_before_what_meets_an_order() -> None:
    made = market()
    changes = [
        update([(BID, 4, 1), (ASK, 10, 7)], number=2),
        update([(BID, 5, 2)], number=3),
        update(WHOLE, number=4, snapshot=True),
        update([(BID, 6, 3)], number=5),
        update([(ASK, 9, 0), (ASK, 7, 3)], number=6),
        update([(ASK, 7, 0)], number=7),
    ]
    batch = joined(changes)
    found = [tuple(each) for each in pieces(made, batch)]
    assert found == [
        (3, True, True), (8, True, False), (9, True, True), (11, True, False), (12, True, False),
    ]  # fmt: skip
    inside = part_of(batch, 0, 2)
    inside.action[1] = 1
    assert [tuple(each) for each in pieces(made, inside)] == [(2, False, False)]
    assert np.all(batch.action[:1] == 1)
