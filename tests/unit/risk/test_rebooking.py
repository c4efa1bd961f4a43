"""After a fill the account counts again what has changed, and stands as if everything had been."""

from hypothesis import given, settings
from hypothesis import strategies as st
from penstock_contracts.orders import OrderApproved
from penstock_risk.account import Account
from support.risk import BTC, ETH, INVERSE, D, Table, of, perpetual, session
from support.risk import settings as risk_settings


def stands(account: Account) -> tuple[object, ...]:
    holdings = {
        name: (each.long, each.short, each.cost, each.value) for name, each in account.holdings.items()
    }
    return (
        account.pnl_realized, account.fees, account.base, account.unrealized, account.floor, account.foreign,
        holdings,
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("ab"),
            st.sampled_from([BTC, ETH, INVERSE]),
            st.sampled_from(["long", "short", "flat"]),
            st.integers(1, 5),
            st.integers(900, 1100),
            st.sampled_from(["0", "0.03", "-0.01"]),
        ),
        min_size=1,
        max_size=25,
    ),
    st.booleans(),
)
def test_an_account_after_fills_is_the_one_that_is_built_anew(
    trades: list[tuple[str, str, str, int, int, str]], inverse: bool
) -> None:
    defined = session() if inverse else session(perpetual(), perpetual(ETH))
    table = Table(risk_settings(), defined)
    if inverse:
        table.stage._account.state.rates["BTC"] = D(100)
    table.mark()
    for each in (BTC, ETH, *((INVERSE,) if inverse else ())):
        table.price("100", each)
    for strategy, instrument, direction, quantity, tenths, fee in trades:
        if instrument == INVERSE and not inverse:
            continue
        price = str(D(tenths) / 10)
        size = None if direction == "flat" else str(quantity)
        said = table.signal(direction, size, strategy=strategy, instrument=instrument)
        for order in of(said, OrderApproved):
            table.fill(order, price, fee=fee)
        table.mark()
        table.price(price, BTC)
        account = table.stage._account
        found = stands(account)
        account.rebuild()
        assert stands(account) == found
