"""The extremes that spare looking at rows are those of the rows."""

import numpy as np
import pytest
from penstock_contracts.features import Prices
from penstock_kernel.money import from_scaled
from penstock_risk.reach import _BLOCK_ROWS, Reach

ROWS = 3 * _BLOCK_ROWS + 78


@pytest.mark.parametrize("instruments", [1, 3])
@pytest.mark.parametrize("quoted", [True, False])
@pytest.mark.parametrize("full", [True, False])
def test_extremes_from_a_block_on_are_those_of_its_rows(instruments: int, quoted: bool, full: bool) -> None:
    random = np.random.Generator(np.random.PCG64(5))
    index = random.integers(0, instruments, ROWS, dtype=np.int32)
    index[2 * _BLOCK_ROWS :] %= 2  # the third is seen no more
    block = _BLOCK_ROWS
    if full:
        index = np.resize(np.arange(instruments, dtype=np.int32), ROWS)
        block = -(-_BLOCK_ROWS // instruments) * instruments
    last = random.integers(1000, 9000, ROWS)
    bid = np.where(random.random(ROWS) < 0.9, last - 1, 0) if quoted else np.zeros(ROWS, dtype=np.int64)
    ask = np.where(bid > 0, last + 2, 0)
    ts = np.arange(1, ROWS + 1)
    prices = Prices(
        instruments=("a.x", "b.x", "c.x")[:instruments], scales=(2, 3, 4)[:instruments], index=index,
        ts=ts, ts_data=ts, last=last, bid=bid, ask=ask,
    )  # fmt: skip
    reach = Reach(prices)
    for begin in (0, 1, _BLOCK_ROWS - 1, _BLOCK_ROWS, 2 * _BLOCK_ROWS + 5, ROWS - 1):
        for which in range(instruments):
            own = np.flatnonzero(index == which)
            own = own[own >= begin // block * block]
            if not len(own):
                assert reach.of(which, begin) is None
                continue
            bids, asks = (np.where(side > 0, side, last)[own] for side in (bid, ask))
            expected = (bids.min(), bids.max(), asks.min(), asks.max())
            assert reach.of(which, begin) == tuple(from_scaled(each, which + 2) for each in expected)
    assert full or instruments == 1 or reach.of(2, ROWS - 1) is None
