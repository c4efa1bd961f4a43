from decimal import Decimal

import pytest
from penstock_strategy.views import Bar, Columns, Row
from support.features import BTC, MINUTE, START
from support.strategy import bars, rows


def test_a_bar_shows_floats_and_the_exact_price() -> None:
    columns = Columns(bars([100, 110], features={"ema_2": [1.0, 2.0]}))
    bar = Bar(columns, {"fast": "ema_2"}, 1)
    assert (bar.instrument, bar.ts, bar.interval) == (BTC, START + 2 * MINUTE, MINUTE)
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == (1.1, 1.15, 1.05, 1.1, 1.5)
    assert (bar.trades, bar.flags, bar.vwap) == (3, 0, 1.1)
    assert bar.price == Decimal("1.10")
    assert dict(bar.features()) == {"fast": 2.0}
    with pytest.raises(KeyError, match="slow"):
        bar["slow"]


def test_an_earlier_bar_stays_what_it_was() -> None:
    columns = Columns(bars([100, 110]))
    first, second = Bar(columns, {}, 0), Bar(columns, {}, 1)
    assert (first.close, second.close) == (1.0, 1.1)


def test_a_row_shows_its_trade() -> None:
    row = Row(Columns(rows([100])), {}, 0)
    assert (row.trigger, row.value, row.price, row.size, row.side) == ("trade", 1.0, Decimal("1.00"), 2.0, 1)
