"""What holds for every history: presentation does not matter, and no fill is better than it could be."""

from collections import defaultdict
from decimal import Decimal

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from penstock_contracts.base import Message, type_of
from penstock_contracts.codec import decode, encode
from penstock_contracts.orders import OrderApproved
from penstock_contracts.types import Liquidity, OrderState, Side, TimeInForce
from penstock_contracts.venue import Fill, OrderChanged, OrderSubmitted
from support.execution import MS, order, trades
from support.execution_scenarios import GRID_MS, KEYS, Scenario, play, play_skipping, scenarios

CUTS = st.lists(st.booleans(), min_size=1, max_size=7)


@given(scenarios(), CUTS)
def test_any_cut_of_the_rows_gives_the_same_events(scenario: Scenario, cuts: list[bool]) -> None:
    assert play(scenario, cuts) == play(scenario)


@given(scenarios())
def test_quiet_intervals_presented_as_one_give_the_same_events(scenario: Scenario) -> None:
    assert play_skipping(scenario)[0] == play(scenario)


@settings(max_examples=50)
@given(scenarios(), CUTS)
def test_a_restart_after_every_message_gives_the_same_events(scenario: Scenario, cuts: list[bool]) -> None:
    restarted, through = play(scenario, cuts, restarts=True), play(scenario)
    assert restarted == through
    assert [encode(message) for message in restarted] == [encode(message) for message in through]


@given(scenarios())
def test_what_happened_to_an_order_is_told_in_full_and_in_order(scenario: Scenario) -> None:
    told = play(scenario)
    for _, made in scenario.orders:
        mine = [message for message in told if message.order_id == made.order_id]
        assert [message.number for message in mine] == list(range(1, len(mine) + 1))
        filled = Decimal(0)
        for fill in (message for message in mine if type(message) is Fill):
            filled += fill.quantity
            assert fill.quantity_left == made.quantity - filled >= 0
        assert _ended(mine[-1]), mine


@settings(max_examples=30)
@given(scenarios())
def test_every_message_passes_the_wire_unchanged(scenario: Scenario) -> None:
    for message in play(scenario):
        entry = type_of(message)
        assert decode(entry.family, entry.kind, entry.major, encode(message)) == message


def _ended(message: Message) -> bool:
    if type(message) is OrderChanged:
        return message.to_state.terminal
    return type(message) is Fill and message.quantity_left == 0


@given(scenarios())
def test_no_fill_comes_before_its_effect_or_after_its_cancel_or_beats_what_it_may(scenario: Scenario) -> None:
    told = play(scenario)
    orders = {made.order_id: made for _, made in scenario.orders}
    effects = {each.order_id: each.ts_effect for each in told if type(each) is OrderSubmitted}
    cancels = {
        each.order_id: each.ts
        for each in told
        if type(each) is OrderChanged and each.to_state in (OrderState.CANCELLED, OrderState.EXPIRED)
    }
    for fill in (message for message in told if type(message) is Fill):
        made = orders[fill.order_id]
        assert fill.ts >= effects[fill.order_id] >= made.ts
        assert fill.ts <= cancels.get(fill.order_id, fill.ts)
        assert fill.ts_known == fill.ts + scenario.settings["response_latency_ns"]
        _within_limit(made, fill)


def _within_limit(made: OrderApproved, fill: Fill) -> None:
    sign = made.side.sign
    if made.limit_price is not None:
        assert sign * (fill.price - made.limit_price) <= 0
    if fill.liquidity is Liquidity.MAKER:
        assert made.limit_price is not None
        assert made.time_in_force not in (TimeInForce.IOC, TimeInForce.FOK)
    rate = Decimal("0.0002") if fill.liquidity is Liquidity.MAKER else Decimal("0.0005")
    assert fill.fee == fill.price * fill.quantity * rate


@given(scenarios())
def test_no_datum_fills_more_than_it_holds(scenario: Scenario) -> None:
    assume(scenario.kind in ("trade", "bar"))
    filled: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
    end = max(row[0] for rows in scenario.rows.values() for row in rows) * MS
    for fill in (message for message in play(scenario) if type(message) is Fill):
        when = fill.ts if scenario.kind == "trade" else (fill.ts // MS // GRID_MS + 1) * GRID_MS * MS
        if fill.ts <= end:
            filled[fill.instrument, when] += fill.quantity
    for key in KEYS:
        for row in scenario.rows[key]:
            most = row[2] if scenario.kind == "trade" else row[5] / 10
            if (key, row[0] * MS) != (key, end):  # what is left after the data fills there too
                assert filled[key, row[0] * MS] <= most


def test_skipping_does_skip() -> None:
    rows = [(10, 100, 1), *((ms, 100, 1) for ms in range(150, 1190, 7)), (1195, 98, 9)]
    resting = order(1, ms=60, instrument=KEYS[0], limit_price="99", side=Side.BUY)
    scenario = Scenario("trade", {KEYS[0]: rows, KEYS[1]: [(10, 100, 1)]}, [(0, resting)], [], {}, {})
    told, presented = play_skipping(scenario)
    assert told == play(scenario)
    assert [type(message).__name__ for message in told] == ["OrderSubmitted", "OrderAccepted", "Fill"]
    assert presented == 4 + 6  # the decision's, the effect's, all up to the fill's, the fill's; then the end
    assert trades(rows).price[-1] == 98_000
