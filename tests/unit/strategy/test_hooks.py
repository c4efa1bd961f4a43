"""What strategies are told beside data and orders, and how one is asked to close its positions."""

from decimal import Decimal
from pathlib import Path

import pytest
from penstock_contracts.market import Gap, InstrumentStatus
from penstock_contracts.orders import ShadowFilled, TradingStateChanged
from penstock_contracts.types import MarketStatus, Side, TradingState
from support.features import BTC, ETH, START
from support.strategy import approved, bars, brief, command, fill, mark, notes, signals, spec, stage, written

TOLD = """
class Mine(Strategy[Parameters, NoState]):
    def declare(self): return Needs(bars=self.bars())
    def on_bar(self, bar): return self.long(bar.instrument, quantity=1)
    def on_trading_disabled(self, change): return self.note(f"disabled {change.state}")
    def on_trading_enabled(self, change): return self.note(f"enabled {change.state}")
    def on_disconnect(self, gap): return [self.note(gap.reason), *self.close_positions()]
    def on_status(self, status): return self.note(f"{status.instrument} {status.status}")
"""


@pytest.fixture
def told(tmp_path: Path) -> str:
    return written(tmp_path, TOLD)


def change(state: TradingState, previous: TradingState) -> TradingStateChanged:
    return TradingStateChanged(ts=START + 5, state=state, previous=previous, reason="why")


def gap(key: str | None = BTC) -> Gap:
    return Gap(
        instrument=key, source="test", ts_init=START + 9, ts_from=START, ts_to=START + 9, reason="cut off"
    )


def test_it_is_told_when_trading_is_disabled_and_enabled_again(told: str) -> None:
    running = stage(spec(told))
    active, reducing, halted = TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED
    steps = [(reducing, active), (halted, reducing), (halted, halted), (active, halted), (active, active)]
    outputs = [each for state, before in steps for each in running.process(change(state, before))]
    assert [(each.text, each.ts) for each in notes(outputs)] == [
        ("disabled reducing", START + 5), ("enabled active", START + 5),
    ]  # fmt: skip


def test_a_cut_feed_is_told_to_whom_it_concerns_who_may_close(told: str) -> None:
    running = stage(spec(told, name="a"), spec(told, name="b", instruments=(ETH,)))
    (long,) = signals(running.process(bars([100])))
    running.process(approved(long))
    running.process(fill("a"))
    outputs = running.process(gap())
    assert [(each.strategy, each.text) for each in notes(outputs)] == [("a", "cut off")]
    assert brief(outputs) == [("a", BTC, "flat", "1.00")]
    assert [each.strategy for each in notes(running.process(gap(None)))] == ["a", "b"]


def test_a_halted_instrument_is_told(told: str) -> None:
    status = InstrumentStatus(instrument=BTC, ts_event=1, ts_init=START + 3, status=MarketStatus.HALTED)
    assert [each.text for each in notes(stage(spec(told)).process(status))] == [f"{BTC} halted"]


def test_switched_off_with_its_positions_it_is_asked_to_close_them(told: str) -> None:
    running = stage(spec(told))
    (long,) = signals(running.process(bars([100])))
    running.process(approved(long))
    running.process(fill())
    order = command("strategy_off", "one")
    order.arguments["positions"] = "close"
    outputs = running.end_interval(mark(2, commands=(order,)))
    assert brief(outputs) == [("one", BTC, "flat", "1.00")]
    assert [each.text for each in notes(outputs)] == ["switched off by ann: why"]
    # Off: no data, and a second command finds nothing to ask.
    assert running.process(bars([101], first=3)) == []
    assert brief(running.end_interval(mark(3, commands=(order,)))) == []


def test_switched_off_alone_its_positions_stay(told: str) -> None:
    running = stage(spec(told))
    (long,) = signals(running.process(bars([100])))
    running.process(approved(long))
    running.process(fill())
    assert brief(running.end_interval(mark(2, commands=(command("strategy_off", "one"),)))) == []


def test_how_positions_are_closed_is_its_own(tmp_path: Path) -> None:
    source = written(
        tmp_path,
        TOLD + "    def close_positions(self):\n"
        "        held = [key for key in self.instruments if self.position(key) < 0]\n"
        "        return [self.flat(key, style=limit('1.5')) for key in held]\n",
    )
    running = stage(spec(source))
    running.process(bars([100]))
    running.process(fill(side=Side.SELL))
    order = command("strategy_off")
    order.arguments["positions"] = "close"
    (flat,) = signals(running.end_interval(mark(2, commands=(order,))))
    assert str(flat.style.limit_price) == "1.5"


def test_a_virtual_fill_is_told_like_any_other_and_moves_its_own_book(tmp_path: Path) -> None:
    source = written(
        tmp_path,
        "class Mine(Strategy[Parameters, NoState]):\n"
        "    def declare(self): return Needs(bars=self.bars())\n"
        "    def on_bar(self, bar): return self.long(bar.instrument, quantity=1)\n"
        "    def on_fill(self, fill):\n"
        "        return self.note(f'{fill.quantity} {self.position(fill.instrument)}')\n",
    )
    running = stage(spec(source))
    (long,) = signals(running.process(bars([100])))
    filled = ShadowFilled(
        fill_id="v-1", signal_id=long.signal_id, ordinal=1, strategy="one", instrument=BTC, ts=START + 7,
        side=Side.SELL, quantity=Decimal(2), price=Decimal(3), fee=Decimal(0), position=Decimal(-2),
        average_price=Decimal(3), currency="USDT", pnl_realized=Decimal(0), fees=Decimal(0), trades=0,
        trades_won=0,
    )  # fmt: skip
    assert [each.text for each in notes(running.process(filled))] == ["2 -2"]
