from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_ingest.quarantine import Previous, Reason, judge_jumps, judge_order, judge_repeats
from support.ingest import (
    BEGIN,
    SECOND,
    bars_file,
    everything,
    open_files,
    trade_rows,
    trades_file,
    write_csv,
)

AT_5 = BEGIN + 5 * SECOND // 4


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (f"{AT_5},6,NaN,1", "not_a_number"),
        (f"{AT_5},6,abc,1", "not_a_number"),
        (f"{AT_5},6,,1", "not_a_number"),
        (f"{AT_5},6,100,nan", "not_a_number"),
        (f"{AT_5},6", "not_a_number"),
        (f"{AT_5},6,inf,1", "infinite"),
        (f"{AT_5},6,100,-Infinity", "infinite"),
        (f"{AT_5},6,0,1", "price_not_positive"),
        (f"{AT_5},6,-100,1", "price_not_positive"),
        (f"{AT_5},6,100,0", "size_not_positive"),
        (f"{AT_5},6,100,-1", "size_not_positive"),
        (f"{AT_5},6,1e30,1", "out_of_range"),
        (f"{BEGIN},6,100,1", "time_back"),
        (f"{AT_5 + 3600 * SECOND},6,100,1", "time_ahead"),
        (",6,100,1", "time"),
        ("whenever,6,100,1", "time"),
        (f"{AT_5},5,100,1", "duplicate_conflict"),
        (f"{BEGIN + SECOND},5,100.06,2", "duplicate"),
        (f"{AT_5},6,1000,1", "price_jump"),
        (f"{AT_5},6,1,1", "price_jump"),
        (f"{AT_5},6,100,1,7", "columns"),
        (f"{AT_5},{'6' * 65},100,1", "trade_id"),
    ],
)
def test_a_malformed_trade_is_set_aside_and_counted(tmp_path: Path, row: str, reason: str) -> None:
    (feed,) = open_files(trades_file(tmp_path, 40, r5=row))

    assert len(everything(feed)) == 39
    assert feed.quarantined == {reason: 1}
    assert feed.position == 40
    (sample,) = feed.take_quarantined()
    assert (sample.row, sample.reason) == (7, reason)
    assert sample.text.startswith(row.split(",", maxsplit=1)[0])


MINUTE_5 = f"{(BEGIN // SECOND // 60 + 5) * 60}"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (f"{MINUTE_5},100,99,101,100,1", "high_below_low"),
        (f"{MINUTE_5},103,102,99,101,1", "outside_range"),
        (f"{MINUTE_5},100,102,99,98,1", "outside_range"),
        (f"{MINUTE_5},100,102,99,NaN,1", "not_a_number"),
        (f"{MINUTE_5},100,inf,99,101,1", "infinite"),
        (f"{MINUTE_5},100,102,0,101,1", "price_not_positive"),
        (f"{MINUTE_5},100,102,99,101,-1", "size_not_positive"),
        (f"{int(MINUTE_5) - 60},100,102,99,101,1", "duplicate_conflict"),
        (f"{int(MINUTE_5) - 60},104,106,103,105,14.5", "duplicate"),
        (f"{int(MINUTE_5) + 1},100,102,99,101,1", "off_interval"),
        (f"{MINUTE_5},100,102,0.01,101,1", "price_jump"),
    ],
)
def test_a_malformed_bar_is_set_aside_and_leaves_a_gap(tmp_path: Path, row: str, reason: str) -> None:
    (feed,) = open_files(bars_file(tmp_path, 40, r5=row))

    rows = everything(feed)

    assert [each[0] for each in rows].count("Gap") == 1
    assert len(rows) == 39 + 1
    assert feed.quarantined == {reason: 1}


def test_a_bar_without_volume_is_good_and_flagged_where_nothing_moved(tmp_path: Path) -> None:
    (feed,) = open_files(bars_file(tmp_path, 40, r5=f"{MINUTE_5},100,100,100,100,0"))
    rows = everything(feed)
    assert feed.quarantined.total() == 0
    assert rows[5][-1] == 4


def test_a_price_that_jumps_and_stays_is_confirmed_by_the_next(tmp_path: Path) -> None:
    rows = trade_rows(20) + [row.replace(",1", ",9", 1) for row in trade_rows(40, price=200.0)[20:]]
    (feed,) = open_files(write_csv(tmp_path, "btc-usdt.csv", "ts,id,price,size", rows))
    assert len(everything(feed)) == 40
    assert feed.quarantined.total() == 0


def test_a_jump_on_the_last_row_is_never_confirmed(tmp_path: Path) -> None:
    (feed,) = open_files(trades_file(tmp_path, 40, r39=f"{BEGIN + 10 * SECOND},40,1000,1"))
    assert len(everything(feed)) == 39
    assert feed.quarantined == {"price_jump": 1}


def test_trades_off_a_tick_that_was_defined_are_flagged_not_quarantined(tmp_path: Path) -> None:
    definitions = tmp_path / "instruments.toml"
    definitions.write_text('[[instrument]]\ninstrument = "btc-usdt.replay"\ntick_size = "0.05"\n')
    (feed,) = open_files(trades_file(tmp_path, 20), instruments_file=definitions)
    (batch,) = feed.read_until(2**62)
    assert feed.quarantined.total() == 0
    assert batch.flags.tolist() == [int(price % 5 != 0) for price in batch.price.tolist()]
    assert 0 < sum(batch.flags.tolist()) < 20


@given(st.lists(st.integers(0, 12), max_size=40), st.none() | st.integers(0, 12))
def test_what_is_left_after_judging_order_never_goes_back(times: list[int], before: int | None) -> None:
    ts = np.array(times, dtype=np.int64)
    verdict = np.zeros(len(ts), dtype=np.int8)

    judge_order(verdict, ts, None if before is None else Previous(before, 1.0))

    left = ts[verdict == 0]
    assert np.all(np.diff(left) >= 0)
    assert before is None or not len(left) or left[0] >= before
    assert len(left) == len(ts) or bool(np.any(np.diff(ts) < 0)) or before is not None


@given(
    st.lists(st.sampled_from([1.0, 1.2, 10.0, 12.0, 100.0]), max_size=30),
    st.none() | st.sampled_from([1.0, 10.0]),
)
def test_a_price_far_from_the_last_good_one_stays_only_when_the_next_is_near(
    prices: list[float], before: float | None
) -> None:
    price = np.array(prices, dtype=np.float64)
    verdict = np.zeros(len(price), dtype=np.int8)

    judge_jumps(verdict, price, price, price, 0.5, None if before is None else Previous(0, before))

    def far(last: float, value: float) -> bool:
        return value > last * 1.5 or value * 1.5 < last

    last = before
    for at, value in enumerate(prices):
        confirmed = at + 1 < len(prices) and not far(value, prices[at + 1])
        bad = last is not None and far(last, value) and not confirmed
        assert (verdict[at] == Reason.PRICE_JUMP) == bad
        last = last if bad else value


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1)), max_size=30))
def test_of_rows_with_one_key_the_first_counts(rows: list[tuple[int, int]]) -> None:
    keys = np.array([key for key, _ in rows], dtype=np.int64)
    body = np.array([value for _, value in rows], dtype=np.int64)
    verdict = np.zeros(len(rows), dtype=np.int8)

    judge_repeats(verdict, keys, (body,))

    first: dict[int, int] = {}
    for (key, value), found in zip(rows, verdict.tolist(), strict=True):
        if key == 0 or key not in first:  # no key, nothing to repeat
            first.setdefault(key, value)
            assert found == 0
        else:
            assert found == (Reason.DUPLICATE if first[key] == value else Reason.DUPLICATE_CONFLICT)
