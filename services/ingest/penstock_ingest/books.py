"""Book updates: those that make a book as message columns, the others counted and set aside."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from penstock_contracts.market import BookAction, BookBatch

from penstock_ingest.chain import Chain, Loss, Update
from penstock_ingest.quarantine import Mask, Reason, Verdict, judge_numbers, judge_order, put
from penstock_ingest.scale import Floats, Ints
from penstock_ingest.table import SIDE_UNREADABLE, Rules, Table, judge_decimals, make_table, scaled


@dataclass(slots=True)
class RawBook:
    """Level changes as a source gives them, a row each; rows of one update stand together.

    An update without levels is one row of side 0, price 0 and size 0.
    """

    ts: Ints
    ts_event: Ints
    snapshot: Mask
    side: NDArray[np.int8]
    """+1 bid, -1 ask, 0 none, 2 unreadable."""
    price: Floats
    size: Floats
    first: Ints
    """Ids are -1 where the source gives none."""
    last: Ints
    previous: Ints
    verdict: Verdict


@dataclass(slots=True)
class BookTable:
    """The table of the good updates, and where the book was lost."""

    table: Table
    losses: list[Loss]


def joined(parts: Sequence[RawBook]) -> RawBook:
    """The rows of several sources as those of one, in the order given."""
    if len(parts) == 1:
        return parts[0]
    names = RawBook.__slots__
    return RawBook(**{name: np.concatenate([getattr(each, name) for each in parts]) for name in names})


def book_table(raw: RawBook, rules: Rules) -> BookTable:
    """Judge updates, each as a whole, and take the good ones over."""
    verdict, rows = raw.verdict, len(raw.ts)
    empty = (raw.side == 0) & (raw.price == 0) & (raw.size == 0)
    # An update without levels goes on as the deletion of a level that cannot be there.
    price, size = np.where(empty, 1.0, raw.price), raw.size
    put(verdict, raw.ts < 0, Reason.TIME)
    judge_numbers(verdict, (price,), size, size_may_be_zero=True)
    put(verdict, ((raw.side == 0) & ~empty) | (raw.side == SIDE_UNREADABLE), Reason.SIDE)
    judge_decimals(verdict, (price,), size, rules)
    columns, scales, rounded = scaled(verdict, {"price": price}, {"size": size}, rules, True)
    units = {name: np.zeros(rows, dtype=np.int64) for name in ("price", "size")}
    for name, column in units.items():
        column[verdict == 0] = columns[name]
    units["price"][empty] = 0
    side = np.where(empty, 1, raw.side).astype(np.int8)
    bounds = _bounds(raw)
    losses: list[Loss] = []
    chain = Chain(rules.price_jump_max)
    for begin, end, update in _updates(raw, side, units, bounds):
        reason, loss = chain.judge(update)
        if reason is not Reason.GOOD:
            spoiled = bool(verdict[begin:end].any())
            whole = Reason.UPDATE_INCOMPLETE if spoiled else reason
            put(verdict[begin:end], np.ones(end - begin, dtype=np.bool_), whole)
        if loss is not None:
            losses.append(loss)
    good = verdict == 0
    taken = {
        "ts_event": np.where(raw.ts_event >= 0, raw.ts_event, raw.ts)[good],
        "ts_init": raw.ts[good],
        "action": _actions(raw, bounds)[good],
        "side": side[good],
        "price": units["price"][good],
        "size": units["size"][good],
        "first_update_id": np.maximum(raw.first, 0)[good],
        "last_update_id": np.maximum(raw.last, 0)[good],
    }
    return BookTable(make_table(BookBatch, scales, taken, verdict, rounded), losses)


def _bounds(raw: RawBook) -> Ints:
    """First rows of the updates, and the number of rows."""
    differs = np.ones(len(raw.ts), dtype=np.bool_)
    differs[1:] = False
    for column in (raw.last, raw.snapshot, raw.ts):
        differs[1:] |= column[1:] != column[:-1]
    return np.append(np.flatnonzero(differs), len(raw.ts))


def _updates(
    raw: RawBook, side: NDArray[np.int8], units: dict[str, Ints], bounds: Ints
) -> Iterator[tuple[int, int, Update]]:
    starts = bounds[:-1]
    worst = np.maximum.reduceat(raw.verdict, starts)
    order = np.where(worst != 0, worst, 0).astype(np.int8)
    judge_order(order, raw.ts[starts], None)
    for at, (begin, end) in enumerate(zip(starts.tolist(), bounds[1:].tolist(), strict=True)):
        rows = slice(begin, end)
        late = order[at] == Reason.TIME_BACK  # the chain tells a repeat from a late update
        yield (
            begin,
            end,
            Update(
                ts=raw.ts.item(begin),
                snapshot=bool(raw.snapshot[begin]),
                first=raw.first.item(begin),
                last=raw.last.item(begin),
                previous=raw.previous.item(begin),
                sides=side[rows].tolist(),
                prices=units["price"][rows].tolist(),
                sizes=units["size"][rows].tolist(),
                reason=Reason.GOOD if late else Reason(int(order[at])),
            ),
        )


def _actions(raw: RawBook, bounds: Ints) -> NDArray[np.int8]:
    action = np.full(len(raw.ts), BookAction.SET, dtype=np.int8)
    first = bounds[:-1]
    action[first[raw.snapshot[first]]] = 0
    action[bounds[1:] - 1] |= np.int8(BookAction.LAST)
    return action
