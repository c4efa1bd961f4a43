"""Random signals, fills, cancels, prices and commands: what must hold after each of them."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from penstock_contracts.codec import encode
from penstock_contracts.orders import (
    CancelRequested,
    OrderApproved,
    PositionChanged,
    SignalRefused,
    SignalResolved,
    TradingStateChanged,
)
from penstock_contracts.signals import OrderStyle
from penstock_contracts.types import OrderState, OrderType, Outcome, TargetKind, TradingState
from penstock_risk.config import RiskConfig
from penstock_risk.exposure import measure, working_notional
from penstock_risk.limits import MEASURES
from penstock_risk.stage import RiskStage
from support.risk import BTC, ETH, Table, command, session, settings

D = Decimal
TIGHT = settings(
    order_quantity_max=60,
    order_notional_fraction_max=D("0.05"),
    position_quantity_max=80,
    position_notional_fraction_max=D("0.06"),
    instrument_exposure_fraction_max=D("0.08"),
    gross_exposure_fraction_max=D("0.11"),
    net_exposure_fraction_max=D("0.09"),
    orders_per_minute_max=5,
    daily_loss_fraction_max=D("0.02"),
    drawdown_fraction_max=D("0.03"),
    consecutive_losses_max=4,
)
_MEASURED = {
    "gross_exposure": "gross_worst",
    "instrument_exposure": "instrument_worst",
    "net_exposure": "net_worst",
    "position_notional": "position_worst",
    "position_quantity": "position_quantity_worst",
    "strategy_exposure": "strategy_worst",
}
PRICES = {BTC: 1000, ETH: 500}


class Session(RuleBasedStateMachine):
    """One stage, and a second that is restored from the first's snapshot now and then."""

    @initialize(config=st.sampled_from([TIGHT, settings()]))
    def begin(self, config: RiskConfig) -> None:
        self.table = Table(config)
        self.config = config
        self.prices = dict(PRICES)
        self.sent: list[str] = []
        self.positions: dict[tuple[str, str], Decimal] = {}
        self.ended = False
        self.table.mark()
        for instrument in PRICES:
            self.quote(instrument, 0)

    def quote(self, instrument: str, change: int) -> None:
        self.prices[instrument] = max(self.prices[instrument] + change, 50)
        self.table.price(str(D(self.prices[instrument]) / 10), instrument)

    def working(self) -> list[OrderApproved]:
        return [order for order in self.table.orders.values() if self.table.left[order.order_id]]

    @rule(instrument=st.sampled_from([BTC, ETH]), change=st.integers(-60, 60))
    def price_moves(self, instrument: str, change: int) -> None:
        if not self.ended:
            self.next_mark()
            self.quote(instrument, change)

    @rule(
        commands=st.lists(
            st.sampled_from(["halt", "resume", "reduce", "flatten", "close", "cancel"]), max_size=1
        )
    )
    def commands(self, commands: list[str]) -> None:
        scope: dict[str, Any] = {"strategy": "a"} if commands == ["close"] else {}
        self.next_mark(*(command(verb, **scope) for verb in commands))

    @rule(chance=st.integers(0, 15))
    def data_ends(self, chance: int) -> None:
        self.ended = self.ended or chance == 0
        self.next_mark()

    def next_mark(self, *commands: Any) -> None:
        self.table.mark(*commands, ended=self.ended)

    @rule(
        strategy=st.sampled_from("ab"),
        instrument=st.sampled_from([BTC, ETH]),
        direction=st.sampled_from(["long", "short", "flat"]),
        wanted=st.integers(0, 90),
        limit=st.sampled_from([None, None, -20, -5, 5, 20]),
        reduce_only=st.integers(0, 9).map(lambda number: number == 0),
        how=st.sampled_from(["plain", "plain", "stop", "bracket", "trailed", "modify"]),
        replaces=st.booleans(),
    )
    def signal(
        self,
        strategy: str,
        instrument: str,
        direction: str,
        wanted: int,
        limit: int | None,
        reduce_only: bool,
        how: str,
        replaces: bool,
    ) -> None:
        style = OrderStyle(reduce_only=reduce_only)
        price = D(self.prices[instrument] + (limit or 0)) / 10
        if limit is not None:
            style = OrderStyle(type=OrderType.LIMIT, limit_price=price, reduce_only=reduce_only)
        style = self.dress(style, how, 1 if direction == "long" else -1, price)
        price_text = str(D(self.prices[instrument]) / 10)
        before = self.table.stage.snapshot()
        outputs = self.table.signal(
            direction,
            price=price_text,
            strategy=strategy,
            instrument=instrument,
            style=style,
            target_kind=TargetKind.QUANTITY,
            target=D(wanted) / 2,
        )
        self.sent.append(f"s-{self.table.signals}")
        for order in outputs:
            if type(order) is OrderApproved:
                self.judge(order, before)
                if order.replaces is not None:
                    self.venue_replaces(order, replaces)

    def dress(self, style: OrderStyle, how: str, sign: int, price: Decimal) -> OrderStyle:
        """Add what the style is about."""
        changes: dict[str, Any] = {}
        if how == "stop":
            kind = OrderType.STOP if style.limit_price is None else OrderType.STOP_LIMIT
            changes = {"type": kind, "stop_price": price + sign * 2}
        elif how == "bracket":
            changes = {"stop_loss": price - sign * 3, "take_profit": price + sign * 3}
        elif how == "trailed":
            changes = {"trail": D(2)}
        return replace(style, modify=how != "plain", **changes)

    def venue_replaces(self, order: OrderApproved, replaces: bool) -> None:
        """One of the two works on."""
        old = self.table.orders[order.replaces or ""]
        assert self.table.left[old.order_id] == order.replaces_left
        if replaces:
            self.table.over(old, OrderState.REPLACED)
        else:
            self.table.over(order, OrderState.REJECTED)

    @precondition(lambda self: self.working())
    @rule()
    def accepted(self) -> None:
        self.table.accept(*self.working())

    def room(self, order: OrderApproved) -> Decimal:
        """What the venue lets an order fill."""
        left = self.table.left[order.order_id]
        if not order.reduce_only or order.reason != "signal":
            return left
        held = self.positions.get((order.strategy, order.instrument), D(0))
        return max(min(left, -order.side.sign * held), D(0))

    @precondition(lambda self: self.working())
    @rule(data=st.data(), part=st.integers(1, 4), slip=st.integers(-3, 3), fee=st.integers(0, 20))
    def fill(self, data: st.DataObject, part: int, slip: int, fee: int) -> None:
        order = data.draw(st.sampled_from(self.working()))
        left = self.room(order)
        if not left:
            return
        size = left if part == 4 else min(left, max(D("0.001"), (left * part / 4).quantize(D("0.001"))))
        price = str(D(self.prices[order.instrument] + slip) / 10)
        key = (order.strategy, order.instrument)
        self.positions[key] = self.positions.get(key, D(0)) + order.side.sign * size
        self.table.fill(order, price, str(size), fee=str(D(fee) / 10))

    @precondition(lambda self: self.working())
    @rule(
        data=st.data(), state=st.sampled_from([OrderState.CANCELLED, OrderState.REJECTED, OrderState.EXPIRED])
    )
    def over(self, data: st.DataObject, state: OrderState) -> None:
        self.table.over(data.draw(st.sampled_from(self.working())), state)

    @rule()
    def restart(self) -> None:
        snapshot = self.table.stage.snapshot()
        restored = RiskStage(self.config, session())
        restored.restore(snapshot)
        assert restored.snapshot() == snapshot
        assert restored.describe() == self.table.stage.describe()
        assert restored.status() == self.table.stage.status()
        self.table.stage = restored

    def judge(self, order: OrderApproved, before: bytes) -> None:
        """No approval takes the worst case above a limit: its checks say so, and so does the stage itself."""
        assert all(check.value <= check.limit for check in order.checks)
        account = self.table.stage._account
        book = self.table.stage._desk.find(order.strategy, order.instrument)
        caps = self.table.stage._desk.caps(order.instrument, order.strategy)
        assert caps is not None
        after = measure(account, book, 0, D(0), D(0))
        earlier = RiskStage(self.config, session())
        earlier.restore(before)
        old = measure(earlier._account, earlier._desk.find(order.strategy, order.instrument), 0, D(0), D(0))
        assert set(_MEASURED) == MEASURES - {"leverage"}
        for rule_name, name in _MEASURED.items():
            value = getattr(after, name)
            assert value <= getattr(caps, rule_name) or value <= getattr(old, name), rule_name

    # --- What must hold ---

    @staticmethod
    def protects(message: Any) -> bool:
        """Whether it is the approval of a stop or a target; a signal may have these beside its order."""
        return (
            type(message) is OrderApproved
            and message.reduce_only
            and message.collar_price is None
            and message.reason == "signal"
        )

    @invariant()
    def every_signal_has_at_most_one_outcome_and_waits_without(self) -> None:
        outcomes = [
            each.signal_id
            for each in self.table.said
            if type(each) in (SignalRefused, SignalResolved)
            or (type(each) is OrderApproved and each.reason == "signal" and not self.protects(each))
        ]
        protected = [each.signal_id for each in self.table.said if self.protects(each)]
        outcomes += sorted(set(protected) - set(outcomes))
        assert len(outcomes) == len(set(outcomes))
        waiting = [book.waiting.signal_id for book in self.table.stage._state.books if book.waiting]
        assert sorted(outcomes + waiting) == sorted(self.sent)
        for book in self.table.stage._state.books:
            assert not book.waiting or any(order.cancel_requested for order in book.working.values())

    @invariant()
    def reservations_are_those_of_the_working_orders(self) -> None:
        stage = self.table.stage
        reserved = measure(stage._account, None, 0, D(0), D(0)).reserved
        assert reserved >= 0
        for book in stage._state.books:
            assert min(working_notional(book)) >= 0
        known = {
            order.order_id: order.quantity_left
            for book in stage._state.books
            for order in book.working.values()
        }
        assert known == {order.order_id: self.table.left[order.order_id] for order in self.working()}
        if not known:
            assert reserved == 0

    @invariant()
    def positions_are_the_sums_of_their_fills(self) -> None:
        stage = self.table.stage
        held = {
            (b.strategy, b.instrument): b.position.quantity for b in stage._state.books if b.position.quantity
        }
        assert held == {key: quantity for key, quantity in self.positions.items() if quantity}
        account = stage._account
        assert account.base == account.capital + account.pnl_realized - account.fees
        flow = sum((b.position.pnl_realized for b in stage._state.books), D(0))
        assert account.pnl_realized == flow

    @invariant()
    def halted_means_no_new_order_and_nothing_left_uncancelled(self) -> None:
        stage = self.table.stage
        if stage._state.trading is TradingState.HALTED:
            orders = [order for book in stage._state.books for order in book.working.values()]
            assert all(order.cancel_requested for order in orders)
            halts = [
                at
                for at, each in enumerate(self.table.said)
                if type(each) is TradingStateChanged and each.state is TradingState.HALTED
            ]
            assert not any(type(each) is OrderApproved for each in self.table.said[halts[-1] :])

    @invariant()
    def everything_said_can_be_sent(self) -> None:
        for each in self.table.said[-3:]:
            encode(each)
        cancels = [each.order_id for each in self.table.said if type(each) is CancelRequested]
        assert len(cancels) == len(set(cancels))
        assert set(cancels) <= set(self.table.orders)

    def teardown(self) -> None:
        """The data ends: with a venue that answers, everything is closed and every signal has its outcome."""
        if not hasattr(self, "table"):
            return
        self.ended = True
        for _ in range(6):
            self.next_mark()
            for order in self.working():
                if order.type is OrderType.MARKET:
                    key = (order.strategy, order.instrument)
                    left = self.table.left[order.order_id]
                    self.positions[key] = self.positions.get(key, D(0)) + order.side.sign * left
                    self.table.fill(order, str(D(self.prices[order.instrument]) / 10))
                else:
                    self.table.over(order)
        self.next_mark()
        status = self.table.stage.status()
        assert status.flat
        outcomes = {
            each.signal_id
            for each in self.table.said
            if type(each) in (SignalRefused, SignalResolved, OrderApproved) and each.signal_id in self.sent
        }
        assert outcomes == set(self.sent)
        assert {each.outcome for each in self.table.said if type(each) is SignalResolved} <= {
            Outcome.NO_CHANGE,
            Outcome.SUPERSEDED,
        }
        changed = [each for each in self.table.said if type(each) is PositionChanged]
        assert len({each.fill_id for each in changed}) == len(changed)
        if self.table.stage._state.trading is not TradingState.HALTED:
            assert self.table.stage.describe()["positions"] == []


Session.TestCase.settings = hypothesis_settings(max_examples=120, stateful_step_count=40, deadline=None)
TestSession = Session.TestCase
