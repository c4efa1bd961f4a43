from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_contracts.base import Message
from penstock_contracts.batch import part_of
from penstock_contracts.codec import encode
from penstock_contracts.market import InstrumentDefined, InstrumentStatus
from penstock_contracts.types import NEVER, MarketStatus, Side, TargetKind
from penstock_strategy.stage import StrategyStage
from support.features import BTC, ETH, MINUTE, START, instrument
from support.strategy import (
    approved,
    bars,
    brief,
    cancelled,
    command,
    fill,
    mark,
    notes,
    refused,
    rows,
    signals,
    spec,
    stage,
    written,
)  # fmt: skip

# Buys each close that ends in 0 and sells each that ends in 5; counts bars in its state.
TOY = """
@dataclass
class Kept:
    seen: int = 0
    last: float = float("nan")
class P(Parameters):
    warm_up: int = 0
class Mine(Strategy[P, Kept]):
    def declare(self): return Needs(bars=self.bars(), warm_up=self.parameters.warm_up)
    def on_bar(self, bar):
        self.state.seen += 1
        self.state.last = bar.close
        if int(bar.price * 100) % 10 == 0: return self.long(bar.instrument, fraction=0.5)
        if int(bar.price * 100) % 10 == 5: return self.flat(bar.instrument, seen=self.state.seen)
"""


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(tmp_path_factory.mktemp("toy"), TOY)


def test_a_signal_carries_what_it_was_decided_on(toy: str) -> None:
    (signal,) = signals(stage(spec(toy, name="mine")).process(bars([101, 110])))
    assert signal.strategy == "mine"
    assert signal.ts == START + 2 * MINUTE
    assert signal.price == Decimal("1.10")
    assert (signal.target_kind, signal.target) == (TargetKind.FRACTION, Decimal("0.5"))
    assert signal.ordinal == 1
    assert signal.features_ref == f"set1/{BTC}/{START + 2 * MINUTE}"
    assert encode(signal)


def test_ids_of_signals_are_functions_of_the_input(toy: str) -> None:
    first, again = (signals(stage(spec(toy)).process(bars([100, 105, 110]))) for _ in range(2))
    assert [each.signal_id for each in first] == [each.signal_id for each in again]
    assert len({each.signal_id for each in first}) == 3
    assert [each.ordinal for each in first] == [1, 2, 3]


def test_strategies_see_each_row_in_the_sessions_order(toy: str) -> None:
    both = stage(spec(toy, name="b"), spec(toy, name="a"))
    assert [(each[0], each[3]) for each in brief(both.process(bars([100, 110])))] == [
        ("b", "1.00"), ("a", "1.00"), ("b", "1.10"), ("a", "1.10"),
    ]  # fmt: skip


def test_a_strategy_sees_only_the_instruments_and_intervals_that_it_declared(toy: str) -> None:
    alone = stage(spec(toy, instruments=(ETH,)))
    assert alone.process(bars([100])) == []
    assert alone.process(bars([100], key=ETH, interval=2 * MINUTE)) == []
    assert len(alone.process(bars([100], key=ETH))) == 1


def test_what_is_wanted_while_it_warms_up_is_held_back(toy: str) -> None:
    warming = stage(spec(toy, warm_up=2))
    assert [each.price for each in signals(warming.process(bars([100, 110, 120])))] == [Decimal("1.20")]
    shown = warming.describe()["strategies"]["one"]
    assert (shown["held_back"], shown["warming_up"], shown["signals"]) == (2, {}, 1)


STEPS = st.lists(st.integers(100, 120), min_size=1, max_size=30)


@given(closes=STEPS, cuts=st.sets(st.integers(0, 30)), restart=st.booleans(), warm_up=st.integers(0, 5))
def test_signals_do_not_depend_on_cuts_nor_on_restarts(
    toy: str, closes: list[int], cuts: set[int], restart: bool, warm_up: int
) -> None:
    specs = spec(toy, name="a", warm_up=warm_up), spec(toy, name="b", warm_up=1)
    message = bars(closes)
    expected = signals(stage(*specs).process(message))
    found: list[Message] = []
    running = stage(*specs)
    edges = [0, *sorted(cut for cut in cuts if 0 < cut < len(closes)), len(closes)]
    for begin, end in pairwise(edges):
        found += running.process(part_of(message, begin, end))
        if restart:
            saved = running.snapshot()
            running = stage(*specs)
            running.restore(saved)
            assert running.snapshot() == saved
    assert found == expected


@given(closes=STEPS)
def test_stopping_at_each_output_gives_the_same_outputs(toy: str, closes: list[int]) -> None:
    specs = spec(toy, name="a"), spec(toy, name="b", warm_up=2)
    message = bars(closes)
    expected = stage(*specs).process(message)
    running, row, found = stage(*specs), 0, []
    while row < len(closes):
        taken, outputs = running.process_until_output(message, row)
        assert taken > 0
        row += taken
        found += outputs
        if outputs:
            assert {each.ts for each in signals(outputs)} == {int(message.ts[row - 1])}
    assert found == expected
    assert running.process_until_output(message, row) == (0, [])


def test_a_driver_may_take_turns_between_messages_up_to_a_row(toy: str) -> None:
    running = stage(spec(toy, instruments=(BTC, ETH)))
    btc, eth = bars([101, 102, 110]), bars([103, 110, 105], key=ETH)
    assert running.process_until_output(btc, 0, 2) == (2, [])
    taken, outputs = running.process_until_output(eth, 0, 3)
    assert (taken, brief(outputs)) == (2, [("one", ETH, "long", "1.10")])
    assert brief(running.process_until_output(btc, 2)[1]) == [("one", BTC, "long", "1.10")]
    assert brief(running.process_until_output(eth, 2)[1]) == [("one", ETH, "flat", "1.05")]


def test_a_positions_is_the_sum_of_its_own_fills_and_nobody_elses(tmp_path: Path) -> None:
    source = written(
        tmp_path,
        """
class Mine(Strategy[Parameters, NoState]):
    def declare(self): return Needs(bars=self.bars())
    def on_fill(self, fill):
        key = fill.instrument
        return self.note(f"{self.position(key)} at {self.average_price(key)}")
    def on_order(self, event): return self.note(type(event).__name__)
""",
    )
    both = stage(spec(source, name="a"), spec(source, name="b"))
    both.process(bars([100]))
    told: list[Message] = []
    for each in (
        fill("a", quantity="2", price="100"), fill("a", quantity="2", price="110"), fill("b", side=Side.SELL),
        fill("a", side=Side.SELL, quantity="1", price="500"),
        fill("a", side=Side.SELL, quantity="5", price="90"),
        fill("a", quantity="2", price="95"), cancelled("b"), fill("stranger"),
    ):  # fmt: skip
        told += both.process(each)
    assert [(each.strategy, each.text) for each in notes(told)] == [
        ("a", "2 at 100"), ("a", "4 at 105"), ("b", "-2 at 100"), ("a", "3 at 105"), ("a", "-2 at 90"),
        ("a", "0 at None"), ("b", "OrderChanged"),
    ]  # fmt: skip
    assert both.describe()["strategies"]["b"]["positions"] == {BTC: "-2"}


BREAKS = """
class Mine(Strategy[Parameters, NoState]):
    def declare(self): return Needs(bars=self.bars())
    def on_bar(self, bar):
        if bar.close == 1.5:
            raise KeyError(f"no such thing {object()}")
        return self.long(bar.instrument)
"""


def failed_after(source: str, *told: Message) -> tuple[StrategyStage, list[Message]]:
    """A strategy that wanted to be long, was told these, and fails on the next bar; another one beside it."""
    running = stage(spec(source), spec("ma_cross", name="other", fast=1, slow=2))
    running.process(bars([100], features={"ema_1": [1.0], "ema_2": [2.0]}))
    for message in told:
        running.process(message)
    return running, list(running.process(bars([150], first=2, features={"ema_1": [3.0], "ema_2": [2.0]})))


def test_an_error_names_file_line_and_event_and_stops_that_strategy_alone(tmp_path: Path) -> None:
    running, outputs = failed_after(written(tmp_path, BREAKS))
    (note,) = notes(outputs)
    assert note.level == "error"
    assert note.location == "mine.py:7"
    assert note.text == (
        "KeyError: 'no such thing <object object>' in on_bar of btc-usdt.test at "
        "2023-11-14T22:16:00.000000000Z; one is stopped"
    )
    assert ("other", BTC, "long", "1.50") in brief(outputs)
    later = running.process(bars([160], first=3, features={"ema_1": [1.0], "ema_2": [2.0]}))
    assert ("other", BTC, "short", "1.60") in brief(later)
    shown = running.describe()
    assert shown["errors"] == 1
    assert shown["strategies"]["one"]["failed"]
    assert shown["strategies"]["other"]["on"]


def other(running: StrategyStage, close: int, first: int) -> list[Message]:
    """One more bar, which the other strategy has no reason to act on."""
    features = {"ema_1": [3.0], "ema_2": [2.0]}
    return list(running.process(bars([close], first=first, features=features)))


def wanted(source: str) -> Message:
    (signal,) = signals(stage(spec(source)).process(bars([100])))
    return signal


def flat_of_one(outputs: list[Message]) -> list[tuple[str, str, str, str]]:
    return [each for each in brief(outputs) if each[0] == "one"]


FLAT = [("one", BTC, "flat", "1.50")]


def test_a_strategy_that_fails_wants_to_be_flat_wherever_it_is_exposed(tmp_path: Path) -> None:
    source = written(tmp_path, BREAKS)
    signal = wanted(source)
    assert flat_of_one(failed_after(source)[1]) == FLAT  # its signal's outcome is open
    assert flat_of_one(failed_after(source, approved(signal))[1]) == FLAT  # its order works
    assert flat_of_one(failed_after(source, approved(signal), fill())[1]) == FLAT  # it has a position
    assert flat_of_one(failed_after(source, approved(signal), cancelled())[1]) == []
    assert flat_of_one(failed_after(source, refused(signal))[1]) == []


def test_a_failed_strategy_asks_again_on_fresh_data_until_it_is_flat(tmp_path: Path) -> None:
    source = written(tmp_path, BREAKS)
    running, outputs = failed_after(source, approved(wanted(source)), fill())
    (flat,) = [each for each in signals(outputs) if each.strategy == "one"]
    assert other(running, 151, 3) == []  # the outcome is open
    running.process(refused(flat))
    (again,) = signals(other(running, 152, 4))
    assert (again.direction.value, again.price) == ("flat", Decimal("1.52"))
    running.process(approved(again, "o2"))
    running.process(fill(side=Side.SELL, order_id="o2"))
    assert other(running, 153, 5) == other(running, 154, 6) == []


def test_a_failed_strategy_stays_failed_over_a_restart(tmp_path: Path) -> None:
    running, _ = failed_after(source := written(tmp_path, BREAKS))
    again = stage(spec(source), spec("ma_cross", name="other", fast=1, slow=2))
    again.restore(running.snapshot())
    assert other(again, 100, 3) == other(running, 100, 3)
    assert again.describe() == running.describe()


@pytest.mark.parametrize(
    ("body", "text", "line"),
    [
        ("return 'long'", "on_bar must return what long, short, flat or note make, not str", 5),
        ("return 5", "TypeError: 'int' object is not iterable", 4),
        ("yield self.long(bar.instrument); raise OSError('late')", "OSError: late", 5),
        ("return self.long('eth-usdt.test')", "ValueError: eth-usdt.test is not one of its instruments", 5),
        ("return self.long(bar.instrument, fraction=-1)", "ValueError: fraction must not be negative", 5),
        ("return self.long(bar.instrument, fraction=1, quantity=1)", "ValueError: give one of fraction", 5),
        ("return self.long(bar.instrument, quantity=float('nan'))", "ValueError: quantity must be finite", 5),
        ("return self.long(bar.instrument, confidence=2)", "ValueError: confidence must be from 0 to 1", 5),
        ("return self.long(bar.instrument, style=limit(0))", "ValueError: limit price must be positive", 5),
        ("return bar['slow']", "KeyError: 'slow'", 5),
        ("self.count = 1", "AttributeError: Mine.count cannot be set: declare it as a field of its state", 5),
    ],
)
def test_what_a_callback_may_not_do_stops_its_strategy(
    tmp_path: Path, body: str, text: str, line: int
) -> None:
    source = written(
        tmp_path,
        f"""class Mine(Strategy[Parameters, NoState]):
    def declare(self): return Needs(bars=self.bars())
    def on_bar(self, bar):
        {body}
""",
    )
    outputs = stage(spec(source)).process(bars([100]))
    (note,) = outputs
    assert text in note.text
    if body.startswith("return 'long'"):
        line = 4  # nothing was raised in its own code: the callback is named
    assert note.location == f"mine.py:{line}"


def test_a_generator_gives_several_signals_and_notes(tmp_path: Path) -> None:
    source = written(
        tmp_path,
        """
class Mine(Strategy[Parameters, NoState]):
    def declare(self): return Needs(bars=self.bars())
    def on_start(self): return self.note("begins", warning=True)
    def on_bar(self, bar):
        style = limit("1.2", post_only=True)
        yield self.short(bar.instrument, notional="1000.50", style=style, confidence=0.5)
        yield self.flat(bar.instrument, price="1.3", why="test")
""",
    )
    note, short, flat = stage(spec(source)).process(bars([100]))
    assert (note.level, note.text, note.ts) == ("warning", "begins", START)
    assert (short.target_kind, short.target, short.confidence) == (
        TargetKind.NOTIONAL,
        Decimal("1000.50"),
        0.5,
    )
    assert (short.style.limit_price, short.style.post_only) == (Decimal("1.2"), True)
    assert (flat.price, flat.metadata) == (Decimal("1.3"), {"why": "test"})


def test_rows_marks_and_refusals_reach_who_declares_them(tmp_path: Path) -> None:
    source = written(
        tmp_path,
        """
class Mine(Strategy[Parameters, NoState]):
    def declare(self): return Needs(rows=self.trades(), warm_up=1)
    def on_row(self, row): return self.long(row.instrument, quantity=row.size, side=row.side)
    def on_mark(self, ts): return self.note(f"mark {ts - self.now} {self.price(self.instruments[0])}")
    def on_refused(self, refusal): return self.note(refusal.rule)
""",
    )
    running = stage(spec(source))
    (signal,) = running.process(rows([100, 101]))
    assert (signal.ts, signal.price, signal.target) == (START + 2, Decimal("1.01"), Decimal("2.0"))
    assert [each.text for each in notes(running.process(refused(signal)))] == ["order_notional"]
    ended = running.end_interval(mark(1))
    assert [(each.text, each.ts) for each in notes(ended)] == [("mark 0 1.01", START + MINUTE)]
    assert running.status().next_due == START + 2 * MINUTE


def test_without_on_mark_a_strategy_is_never_due(toy: str) -> None:
    running = stage(spec(toy))
    assert running.end_interval(mark(1)) == []
    assert running.status().next_due == NEVER


def test_a_strategy_that_is_switched_off_sees_and_wants_nothing_and_goes_on_when_it_is_on_again(
    toy: str,
) -> None:
    running = stage(spec(toy, name="a"), spec(toy, name="b"))
    running.process(bars([100]))
    (note,) = running.end_interval(mark(1, commands=(command("strategy_off", "a"),)))
    assert (note.strategy, note.text, note.ts) == ("a", "switched off by ann: why", START + MINUTE)
    assert (note.level, note.command_id) == ("info", command("strategy_off", "a").command_id)
    assert [each[0] for each in brief(running.process(bars([110], first=2)))] == ["b"]
    running.end_interval(mark(2, commands=(command("strategy_on"),)))
    (first, second) = signals(running.process(bars([115], first=3)))
    assert (first.metadata, second.metadata) == ({"seen": "2"}, {"seen": "3"})


def test_a_failed_strategy_starts_anew_when_it_is_switched_on(tmp_path: Path) -> None:
    running, _ = failed_after(written(tmp_path, BREAKS))
    running.end_interval(mark(2, commands=(command("strategy_on", "one"),)))
    assert [each[0] for each in brief(other(running, 100, 3))] == ["one"]


def test_a_command_for_no_strategy_of_the_session_is_answered(toy: str) -> None:
    (note,) = stage(spec(toy)).end_interval(mark(1, commands=(command("strategy_off", "ghost"),)))
    assert (note.level, note.text) == ("warning", "strategy_off by ann: there is no strategy ghost")


def test_strategies_may_start_switched_off(toy: str) -> None:
    assert stage(spec(toy), off=["one"]).process(bars([100])) == []
    with pytest.raises(ValueError, match="there is no strategy ghost"):
        stage(spec(toy), off=["ghost"])


def test_when_the_data_is_over_nothing_more_is_wanted(toy: str) -> None:
    running = stage(spec(toy))
    running.end_interval(mark(1, ended=True))
    assert running.process(bars([100], first=2)) == []
    again = stage(spec(toy))
    again.restore(running.snapshot())
    assert again.process(bars([100], first=2)) == []


def test_definitions_follow_the_market_and_survive_a_restart(tmp_path: Path) -> None:
    source = written(
        tmp_path,
        """
class Mine(Strategy[Parameters, NoState]):
    def declare(self): return Needs(bars=self.bars())
    def on_bar(self, bar): return self.note(f"{self.definition(bar.instrument).status} {self.capital}")
""",
    )
    running = stage(spec(source, capital_fraction="0.25"))
    running.process(InstrumentDefined(instrument=instrument(), ts_event=1, ts_init=1))
    running.process(InstrumentStatus(instrument=BTC, ts_event=1, ts_init=1, status=MarketStatus.HALTED))
    again = stage(spec(source, capital_fraction="0.25"))
    again.restore(running.snapshot())
    assert [each.text for each in notes(again.process(bars([100])))] == ["halted 25000.00"]


def test_features_that_were_declared_and_do_not_come_are_an_error_of_the_session() -> None:
    with pytest.raises(ValueError, match=r"strategy one declared ema_100, ema_30 of btc-usdt\.test"):
        stage(spec("ma_cross")).process(bars([100]))


def test_a_snapshot_of_other_strategies_is_refused(toy: str, tmp_path: Path) -> None:
    running = stage(spec(toy))
    running.process(bars([100]))
    saved = running.snapshot()
    with pytest.raises(ValueError, match="a snapshot of other strategies than b"):
        stage(spec(toy, name="b")).restore(saved)
    with pytest.raises(ValueError, match="a snapshot of one"):
        stage(spec("mean_reversion")).restore(saved)
    with pytest.raises(ValueError, match="not a snapshot of strategies"):
        running.restore(b"[]")


def test_two_strategies_of_one_name_are_refused(toy: str) -> None:
    with pytest.raises(ValueError, match="two strategies are called one"):
        stage(spec(toy), spec(toy))
