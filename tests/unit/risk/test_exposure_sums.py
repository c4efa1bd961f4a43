"""The exposure that is kept up to date is the one that a pass over all books finds."""

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from penstock_contracts.orders import OrderApproved
from penstock_kernel.money import ZERO
from penstock_risk.account import Account
from penstock_risk.exposure import Exposures, measure, working_notional, working_quantity
from penstock_risk.stage import RiskStage
from penstock_risk.state import Book
from support.risk import BTC, ETH, INVERSE, D, Table, limit, of, perpetual, session
from support.risk import settings as risk_settings

Step = tuple[str, str, str, int, int]


def passed_over(
    account: Account, book: Book | None, sign: int, quantity: Decimal, notional: Decimal
) -> Exposures:
    """All books one after the other."""
    found = Exposures()
    net = {"all": [ZERO, ZERO, ZERO], "here": [ZERO, ZERO, ZERO]}
    for each in account.state.books:
        held = account.exposure(each)
        more = [notional if each is book and sign == side else ZERO for side in (1, -1)]
        buys, sells = (own + added for own, added in zip(working_notional(each), more, strict=True))
        worst = max(abs(held + buys), abs(held - sells))
        found.gross += abs(held)
        found.gross_worst += worst
        found.net += held
        if book is not None and each.strategy == book.strategy:
            found.strategy_worst += worst
        if each is book:
            found.position_worst = worst
            bought, sold = working_quantity(each)
            size = each.position.quantity
            found.position_quantity_worst = max(
                abs(size + bought + (quantity if sign > 0 else 0)),
                abs(size - sold - (quantity if sign < 0 else 0)),
            )
        for name in ("all", *(("here",) if book is not None and each.instrument == book.instrument else ())):
            net[name] = [own + one for own, one in zip(net[name], (held, buys, sells), strict=True)]
    found.net_worst, found.instrument_worst = (
        max(abs(held + buys), abs(held - sells)) for held, buys, sells in (net["all"], net["here"])
    )
    return found


def same_everywhere(account: Account) -> str:
    """Every measure, as the full pass finds it; returns how they are written."""
    written = []
    for book in (None, *account.state.books):
        for sign in (0, 1, -1):
            quantity, notional = (D("1.5"), D("150.25")) if sign and book is not None else (ZERO, ZERO)
            found = measure(account, book, sign, quantity, notional)
            assert found == passed_over(account, book, sign, quantity, notional)
            assert found.reserved >= 0
            written.append(str(found))
    return "\n".join(written)


def play(table: Table, steps: Sequence[Step]) -> None:
    for what, strategy, instrument, quantity, tenths in steps:
        price = str(D(tenths) / 10)
        works = [
            order for order in table.orders.values()
            if table.left[order.order_id] and (order.strategy, order.instrument) == (strategy, instrument)
        ]  # fmt: skip
        if what == "price":
            table.mark()
            table.price(price, instrument, (price, str(D(price) + 1)) if quantity > 3 else None)
        elif what in ("fill", "part") and works:
            size = "1" if what == "part" and table.left[works[0].order_id] > 1 else None
            table.fill(works[0], price, size, fee="0.03")
        elif what == "over" and works:
            table.over(works[0])
        elif what == "trade":
            said = table.signal(
                "long" if tenths % 2 else "short", str(quantity), strategy=strategy, instrument=instrument
            )
            for order in of(said, OrderApproved):
                table.fill(order, price, "1" if quantity > 3 else None)
        elif what in ("long", "short", "flat"):
            size = None if what == "flat" else str(quantity)
            style = {"style": limit(str(D(90) if what == "long" else D(110)))} if quantity == 2 else {}
            table.signal(what, size, strategy=strategy, instrument=instrument, **style)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["price", "long", "short", "flat", "trade", "trade", "fill", "part", "over"]),
            st.sampled_from("ab"),
            st.sampled_from([BTC, ETH, INVERSE]),
            st.integers(1, 5),
            st.integers(900, 1100),
        ),
        min_size=8,
        max_size=30,
    )
)
def test_whatever_happens_the_sums_are_those_of_a_full_pass_and_so_after_a_restart(steps: list[Step]) -> None:
    defined = session()
    table = Table(risk_settings(), defined)
    table.stage._account.state.rates["BTC"] = D(100)
    table.mark()
    for each in (BTC, ETH, INVERSE):
        table.price("100", each)
    for step in steps:
        play(table, [step])
        written = same_everywhere(table.stage._account)
        desk = table.stage.desk
        assert desk.working == sum(len(each.working) for each in desk.state.books)
        assert table.stage.status().flat is not any(
            each.working or each.position.quantity for each in desk.state.books
        )
        again = RiskStage(risk_settings(), defined)
        again.restore(table.stage.snapshot())
        assert same_everywhere(again._account) == written, "not even trailing zeros tell of the past"


def test_an_order_that_is_gone_leaves_no_trailing_zeros() -> None:
    table = Table()
    table.mark()
    for each in (BTC, ETH):
        table.price("100", each)
        table.trade("long", "1", "100", instrument=each)
    before = same_everywhere(table.stage._account)
    (order,) = of(table.signal("long", "1.234", instrument=BTC), OrderApproved)
    assert same_everywhere(table.stage._account) != before
    table.over(order)
    assert same_everywhere(table.stage._account) == before


def test_an_order_looks_at_its_own_book_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [f"s{number}-perp.replay" for number in range(40)]
    table = Table(
        risk_settings(orders_per_minute_max=10_000, orders_per_second_max=10_000),
        session(*map(perpetual, keys)),
    )
    table.mark()
    for key in keys:
        table.price("100", key)
    for key in keys:
        table.trade("long", "1", "100", instrument=key)
    measure(table.stage._account)
    looked: list[str] = []
    exposure = Account.exposure

    def counted(account: Account, book: Book) -> Decimal:
        looked.append(book.instrument)
        return exposure(account, book)

    monkeypatch.setattr(Account, "exposure", counted)
    (order,) = of(table.signal("long", "2", instrument=keys[7]), OrderApproved)
    table.fill(order, "101")
    assert set(looked) == {keys[7]}
