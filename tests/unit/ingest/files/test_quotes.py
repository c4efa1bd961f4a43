from pathlib import Path

import numpy as np
import pytest
from penstock_contracts.market import QuoteBatch
from penstock_contracts.types import RowFlag
from support.ingest import BEGIN, SECOND, open_files, write_csv

HEADER = "timestamp,bid,ask,bid_size,ask_size"


def rows(count: int = 12) -> list[str]:
    return [
        f"{BEGIN + at * SECOND},{100 + at % 3}.25,{101 + at % 3}.5,{1 + at % 2}.5,2" for at in range(count)
    ]


def read(folder: Path, given: list[str], header: str = HEADER) -> tuple[QuoteBatch, dict[str, int]]:
    (feed,) = open_files(write_csv(folder, "btc-usdt-quotes.csv", header, given))
    (batch,) = feed.read_until(2**62)
    assert isinstance(batch, QuoteBatch)
    return batch, dict(feed.quarantined)


def test_quotes_are_read_with_their_sizes(tmp_path: Path) -> None:
    batch, bad = read(tmp_path, rows())
    assert (batch.instrument, batch.price_scale, batch.size_scale, bad) == ("btc-usdt.replay", 2, 1, {})
    assert batch.bid[:3].tolist() == [10025, 10125, 10225]
    assert batch.ask[:3].tolist() == [10150, 10250, 10350]
    assert batch.bid_size[:3].tolist() == [15, 25, 15]
    assert batch.ask_size[:3].tolist() == [20, 20, 20]
    assert batch.ts_init.tolist() == [BEGIN + at * SECOND for at in range(12)]


def test_quotes_without_sizes_have_unknown_ones(tmp_path: Path) -> None:
    batch, _ = read(tmp_path, [row.rsplit(",", 2)[0] for row in rows()], "timestamp,bid,ask")
    assert not batch.bid_size.any()
    assert not batch.ask_size.any()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("{ts},101,100.5,1,1", "crossed"),
        ("{ts},0,100.5,1,1", "price_not_positive"),
        ("{ts},-1,100.5,1,1", "price_not_positive"),
        ("{ts},nan,100.5,1,1", "not_a_number"),
        ("{ts},100,inf,1,1", "infinite"),
        ("{ts},100,,1,1", "not_a_number"),
        ("{ts},100,101,-1,1", "size_not_positive"),
        ("{ts},100,101,1,-1", "size_not_positive"),
        ("{ts},100,101,1,nan", "not_a_number"),
        ("{ts},100000,100001,1,1", "price_jump"),
        ("{ts},1,101,1,1", "price_jump"),
        ("when,100,101,1,1", "time"),
        ("1500000000000000000,100,101,1,1", "time_back"),
    ],
)
def test_a_quote_that_cannot_be_believed_is_counted_and_left_out(
    tmp_path: Path, row: str, reason: str
) -> None:
    given = rows()
    given[5] = row.format(ts=BEGIN + 5 * SECOND)
    batch, bad = read(tmp_path, given)
    assert bad == {reason: 1}
    assert len(batch.bid) == 11
    assert (batch.bid < 11000).all()


def test_a_locked_quote_is_good(tmp_path: Path) -> None:
    given = rows()
    given[5] = f"{BEGIN + 5 * SECOND},101,101,1,1"
    assert read(tmp_path, given)[1] == {}


def test_a_jump_that_the_next_quote_confirms_is_good(tmp_path: Path) -> None:
    given = [*rows(6), *(f"{BEGIN + at * SECOND},500,501,1,1" for at in range(6, 12))]
    batch, bad = read(tmp_path, given)
    assert bad == {}
    assert batch.bid[6] == 50000


def test_quotes_off_a_defined_tick_are_flagged(tmp_path: Path) -> None:
    definition = tmp_path / "instruments.toml"
    definition.write_text('[[instrument]]\ninstrument = "btc-usdt.replay"\ntick_size = 0.5\n')
    file = write_csv(tmp_path, "btc-usdt-quotes.csv", HEADER, rows())
    (feed,) = open_files(file, instruments_file=definition)
    (batch,) = feed.read_until(2**62)
    assert np.array_equal(batch.flags == RowFlag.OFF_TICK, batch.bid % 50 != 0)
    assert (batch.flags == RowFlag.OFF_TICK).all()  # every bid ends in .25


def test_trades_and_quotes_of_one_instrument_come_in_one_order_of_time(tmp_path: Path) -> None:
    quotes = write_csv(tmp_path, "btc-usdt-quotes.csv", HEADER, rows())
    trades = write_csv(
        tmp_path,
        "btc-usdt-trades.csv",
        "ts,price,size",
        [f"{BEGIN + at * SECOND + SECOND // 2},100.75,1" for at in range(12)],
    )
    first, second = open_files(quotes, trades)
    assert first.instrument == second.instrument
    assert first.instrument.instrument == "btc-usdt.replay"
