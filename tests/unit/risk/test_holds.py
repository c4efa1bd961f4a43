"""Halt, reduce, flatten and resume of a part: one strategy, instrument, venue or underlying."""

from decimal import Decimal
from typing import Any

import pytest
from penstock_contracts.orders import CancelRequested, OrderApproved, SignalRefused, TradingStateChanged
from penstock_contracts.types import Side, TradingState
from support.risk import BTC, ETH, Table, command, limit, of, settings

D = Decimal
A, H = TradingState.ACTIVE, TradingState.HALTED


def ready(**changes: Any) -> Table:
    table = Table(settings(**changes))
    table.mark()
    table.price("100")
    table.price("50", ETH)
    return table


def told(outputs: Any) -> TradingStateChanged:
    (changed,) = of(outputs, TradingStateChanged)
    assert isinstance(changed, TradingStateChanged)
    return changed


def approved(outputs: Any) -> list[tuple[str, str, Side, Decimal]]:
    return [(each.strategy, each.instrument, each.side, each.quantity) for each in of(outputs, OrderApproved)]


def rules(outputs: Any) -> list[str]:
    return [each.rule for each in of(outputs, SignalRefused)]


SCOPES = [
    {"strategy": "a"},
    {"strategy": "a", "instrument": BTC},
    {"strategy": "a", "venue": "replay", "underlying": "BTC"},
]


@pytest.mark.parametrize("scope", SCOPES)
def test_a_halt_of_a_part_cancels_there_and_refuses_there_and_the_rest_trades_on(
    scope: dict[str, str],
) -> None:
    table = ready()
    table.trade("long", "2", "100")
    (mine,) = of(table.signal("long", "3", style=limit("95")), OrderApproved)
    (other,) = of(table.signal("long", "1", style=limit("45"), strategy="b", instrument=ETH), OrderApproved)
    outputs = table.mark(command("halt", **scope))
    changed = told(outputs)
    assert (changed.accepted, changed.state, changed.previous) == (True, A, A)
    assert changed.reason == "halt by operator: because (1 order cancelled)"
    assert [each.order_id for each in of(outputs, CancelRequested)] == [mine.order_id]
    table.over(mine)
    assert rules(table.signal("long", "3")) == ["trading_state"]
    assert rules(table.signal("flat")) == ["trading_state"]
    table.over(other)
    assert approved(table.signal("long", "2", strategy="b", instrument=ETH, price="50"))
    assert approved(table.signal("long", "2", strategy="b"))


def test_what_is_held_is_told_in_words_and_ends_with_resume() -> None:
    table = ready()
    assert told(table.mark(command("halt", strategy="a", venue="replay"))).holds == (
        "halted: venue replay, strategy a",
    )
    assert told(table.mark(command("reduce", instrument=ETH))).holds == (
        "halted: venue replay, strategy a",
        f"reducing: instrument {ETH}",
    )
    assert table.stage.describe()["holds"] == (
        "halted: venue replay, strategy a",
        f"reducing: instrument {ETH}",
    )
    refused = told(table.mark(command("resume", strategy="b")))
    assert (refused.accepted, refused.reason) == (False, "nothing is held there")
    lifted = told(table.mark(command("resume", strategy="a")))
    assert (lifted.accepted, lifted.reason) == (True, "resume by operator: because (1 hold lifted)")
    assert lifted.holds == (f"reducing: instrument {ETH}",)
    assert approved(table.signal("long", "1"))


def test_resume_without_a_filter_ends_every_hold_and_needs_a_reason() -> None:
    table = ready()
    table.mark(command("halt", strategy="a"))
    table.mark(command("halt", instrument=ETH))
    assert told(table.mark(command("resume", reason=""))).accepted is False
    assert told(table.mark(command("resume"))).holds == ()
    table.mark(command("halt", strategy="a"))
    table.mark(command("halt"))
    changed = told(table.mark(command("resume")))
    assert (changed.state, changed.previous, changed.holds) == (A, H, ())


def test_the_last_word_on_the_same_part_counts_and_the_stricter_of_two_parts() -> None:
    table = ready()
    table.trade("long", "2", "100")
    table.mark(command("halt", strategy="a"))
    assert told(table.mark(command("reduce", strategy="a"))).accepted is False
    table.mark(command("resume", strategy="a"))
    table.mark(command("reduce", strategy="a"))
    assert approved(table.signal("long", "1")) == [("a", BTC, Side.SELL, D(1))]
    table.mark(command("halt", instrument=BTC))
    assert rules(table.signal("long", "1")) == ["trading_state"]


def test_reducing_a_part_lets_only_reductions_pass_there() -> None:
    table = ready()
    table.trade("long", "2", "100")
    (adding,) = of(table.signal("long", "3", style=limit("95")), OrderApproved)
    outputs = table.mark(command("reduce", strategy="a"))
    assert [each.order_id for each in of(outputs, CancelRequested)] == [adding.order_id]
    table.over(adding)
    assert rules(table.signal("long", "4")) == ["trading_state"]
    assert approved(table.signal("long", "0.5")) == [("a", BTC, Side.SELL, D("1.5"))]
    assert approved(table.signal("long", "4", strategy="b"))


def test_flatten_of_a_part_closes_it_and_holds_it_until_resumed() -> None:
    table = ready()
    table.trade("long", "2", "100")
    table.trade("short", "4", "50", instrument=ETH)
    table.trade("long", "1", "100", strategy="b")
    outputs = table.mark(command("flatten", strategy="a"))
    changed = told(outputs)
    assert (changed.state, changed.holds) == (A, ("reducing: strategy a",))
    assert changed.reason == "flatten by operator: because (0 orders cancelled, 2 positions to close)"
    assert approved(outputs) == [("a", BTC, Side.SELL, D(2)), ("a", ETH, Side.BUY, D(4))]
    assert told(table.mark(command("resume", strategy="a"))).reason == "positions are being closed"
    for order in of(outputs, OrderApproved):
        table.fill(order, "75")
    table.mark()
    assert rules(table.signal("long", "1")) == ["trading_state"]
    assert approved(table.signal("long", "2", strategy="b"))
    table.mark(command("resume", strategy="a"))
    assert approved(table.signal("long", "1"))


def test_flatten_and_close_leave_a_halted_part_alone_without_the_override() -> None:
    table = ready()
    table.trade("long", "2", "100")
    table.trade("long", "1", "100", strategy="b")
    table.mark(command("halt", strategy="a"))
    assert told(table.mark(command("close", strategy="a"))).accepted is False
    assert told(table.mark(command("flatten", instrument=BTC))).accepted is False
    assert approved(table.mark(command("flatten"))) == [("b", BTC, Side.SELL, D(1))]
    outputs = table.mark(command("flatten", override=True))
    assert approved(outputs) == [("a", BTC, Side.SELL, D(2))]
    assert told(outputs).holds == ("reducing: strategy a",)


def test_a_part_that_is_halted_is_left_as_it_is_when_the_session_ends() -> None:
    table = ready()
    table.trade("long", "2", "100")
    table.trade("long", "1", "100", strategy="b")
    table.mark(command("halt", strategy="a"))
    (closing,) = of(table.mark(ended=True), OrderApproved)
    assert closing.strategy == "b"
    assert not table.stage.status().flat
    table.fill(closing, "100")
    table.mark()
    assert table.stage.status().flat


@pytest.mark.parametrize("verb", ["halt", "reduce", "flatten", "close", "cancel", "resume"])
@pytest.mark.parametrize(
    ("scope", "said"),
    [
        ({"strategy": "c"}, "the session has no strategy c"),
        ({"instrument": "btc.replay"}, "the session has no instrument btc.replay"),
        ({"venue": "kraken"}, "the session has no venue kraken"),
        ({"underlying": "DOGE"}, "the session has no underlying DOGE"),
    ],
)
def test_a_filter_that_means_nothing_is_refused_by_name(verb: str, scope: dict[str, str], said: str) -> None:
    changed = told(ready().mark(command(verb, **scope)))
    assert (changed.accepted, changed.reason, changed.holds) == (False, said, ())


def test_holds_survive_a_restart() -> None:
    table = ready()
    table.mark(command("halt", strategy="a", underlying="BTC"))
    again = Table(settings())
    again.stage.restore(table.stage.snapshot())
    again.now = table.now
    assert again.stage.describe()["holds"] == ("halted: underlying BTC, strategy a",)
    assert rules(again.signal("long", "1")) == ["trading_state"]
    assert approved(again.signal("long", "1", instrument=ETH, price="50"))
