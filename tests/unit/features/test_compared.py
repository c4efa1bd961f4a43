"""Features of two instruments in the stage: a bar is compared with the other's as of the same end."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from penstock_contracts.base import Message
from penstock_contracts.features import FeatureBars
from penstock_features.stage import FeaturesStage
from penstock_kernel.declarations import BarSpec, FeatureSpec
from pydantic import ValidationError
from support.features import BTC, ETH, MINUTE, S, bar_rows, bars_of, feature, mark, md_bars, stage, trades

RATIO = FeatureSpec(name="z", function="ratio_z", parameters={"period": 2}, other=ETH)
BETA = FeatureSpec(name="beta", function="beta", parameters={"period": 3}, other=ETH)


def specs(interval: int = MINUTE) -> tuple[BarSpec, BarSpec]:
    return (
        BarSpec(instrument=BTC, interval=interval, features=(RATIO, BETA, feature("sma", period=2))),
        bars_of(interval, key=ETH),
    )


def flat(closes: list[tuple[int, int]], key: str) -> Message:
    return md_bars(((end, close, close, close, close, 1) for end, close in closes), key=key)


def values(outputs: list[Message], key: str = BTC) -> list[list[float]]:
    return [
        row for each in outputs if isinstance(each, FeatureBars) and each.instrument == key
        for row in each.values.tolist()
    ]  # fmt: skip


def ended(running: FeaturesStage, minutes: int) -> list[Message]:
    return list(running.end_interval(mark(minutes * MINUTE, (minutes - 1) * MINUTE, grid=MINUTE)))


def test_a_bar_waits_for_the_others_of_its_interval_whichever_comes_first() -> None:
    running = stage(*specs(), grid=MINUTE)
    outputs: list[Message] = []
    for minute, (own, other) in enumerate([(200, 100), (400, 100), (400, 200)], 1):
        assert list(running.process(flat([(minute, own)], BTC))) == []
        assert len(running.process(flat([(minute, other)], ETH))) == 1
        outputs += ended(running, minute)
    # ln 2, ln 4, ln 2: of two values each is one deviation from their mean.
    z = [row[0] for row in values(outputs)]
    assert math.isnan(z[0])
    assert z[1:] == [pytest.approx(1.0), pytest.approx(-1.0)]
    assert [row[2] for row in values(outputs)][1:] == [3.0, 4.0]


def test_a_bar_that_the_other_lacks_is_compared_with_its_last_one() -> None:
    running = stage(*specs(), grid=MINUTE)
    running.process(flat([(1, 100)], ETH))
    running.process(flat([(1, 200)], BTC))
    ended(running, 1)
    running.process(flat([(2, 400)], BTC))
    assert values(ended(running, 2))[0][0] == pytest.approx(1.0)


def test_bars_of_trades_are_compared_too() -> None:
    running = stage(*specs(10 * S), grid=10 * S)
    outputs: list[Message] = []
    for end, own in ((10, 200), (20, 400)):
        running.process(trades([(end * S, own, 1)]))
        running.process(trades([(end * S - 1, 100, 1)], key=ETH))
        outputs += running.end_interval(mark(end * S, (end - 10) * S))
    assert values(outputs)[1][0] == pytest.approx(1.0)


@settings(max_examples=40)
@given(
    closes=st.lists(st.tuples(st.integers(90, 110), st.integers(90, 110)), min_size=6, max_size=6),
    cut=st.integers(0, 6),
    swapped=st.booleans(),
    saved=st.booleans(),
)
def test_neither_cuts_nor_order_nor_a_snapshot_while_bars_wait_change_anything(
    closes: list[tuple[int, int]], cut: int, swapped: bool, saved: bool
) -> None:
    """Six bars of each in one interval of six minutes, against one batch each."""
    own = [(number, close) for number, (close, _) in enumerate(closes, 1)]
    other = [(number, close) for number, (_, close) in enumerate(closes, 1)]
    end = mark(6 * MINUTE, 0)
    whole = stage(*specs(), grid=MINUTE)
    expected = bar_rows([*whole.process(flat(own, BTC)), *whole.process(flat(other, ETH))])
    expected += bar_rows(whole.end_interval(end))

    running = stage(*specs(), grid=MINUTE)
    pieces = [flat(each, key) for each, key in ((own[:cut], BTC), (own[cut:], BTC), (other, ETH)) if each]
    outputs: list[Message] = []
    for piece in reversed(pieces) if swapped and cut in (0, 6) else pieces:
        outputs += running.process(piece)
        if saved:
            state = running.snapshot()
            running = stage(*specs(), grid=MINUTE)
            running.restore(state)
    outputs += running.end_interval(end)
    assert bar_rows(outputs) == expected


def test_the_other_instrument_must_have_bars_of_the_same_interval() -> None:
    with pytest.raises(ValidationError, match=f"compares with {ETH}, of which no bars"):
        stage(specs()[0], bars_of(10 * MINUTE, key=ETH), grid=MINUTE)
