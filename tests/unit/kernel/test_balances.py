"""Balances by currency, worked by hand."""

from decimal import Decimal
from typing import Any

from penstock_contracts.instrument import Instrument
from penstock_contracts.types import InstrumentKind, Side
from penstock_kernel.balances import balances
from penstock_kernel.ledger import Contract, Position

D = Decimal


def instrument(kind: InstrumentKind, base: str, quote: str, **changes: Any) -> Instrument:
    fields: dict[str, Any] = {
        "instrument": f"{base}-{quote}.replay".lower(),
        "kind": kind,
        "base": base,
        "quote": quote,
        "settlement": quote,
        "lot_size": D(1),
        "price_decimals": 2,
        "size_decimals": 0,
        "fee_maker": D(0),
        "fee_taker": D(0),
    }
    return Instrument(**{**fields, **changes})


def held(definition: Instrument, *fills: tuple[Side, str, str, str]) -> tuple[Instrument, Position]:
    position = Position(Contract.of(definition))
    for side, quantity, price, fee in fills:
        position.apply_fill(side, D(quantity), D(price), D(fee))
    return definition, position


def test_who_buys_on_the_spot_has_one_currency_and_lacks_the_other() -> None:
    spot = instrument(InstrumentKind.SPOT, "BTC", "USD")
    bought = held(spot, (Side.BUY, "2", "100", "1"))
    assert balances("USD", D(1000), [bought]) == {"BTC": D(2), "USD": D(799)}
    # Half of it sold at 120: 120 come back, and nothing tells whether that was profit.
    sold = held(spot, (Side.BUY, "2", "100", "1"), (Side.SELL, "1", "120", "0.5"))
    assert balances("USD", D(1000), [sold]) == {"BTC": D(1), "USD": D("918.5")}
    flat = held(spot, (Side.BUY, "2", "100", "1"), (Side.SELL, "2", "120", "1"))
    assert balances("USD", D(1000), [flat]) == {"USD": D(1038)}


def test_a_contract_moves_its_profit_alone() -> None:
    future = instrument(InstrumentKind.FUTURE, "DAX", "EUR", multiplier=D(5))
    opened = held(future, (Side.BUY, "10", "100", "2.5"))
    assert balances("USD", D(1000), [opened]) == {"EUR": D("-2.5"), "USD": D(1000)}
    closed = held(future, (Side.BUY, "10", "100", "2.5"), (Side.SELL, "10", "120", "3"))
    assert balances("USD", D(1000), [closed]) == {"EUR": D("994.5"), "USD": D(1000)}


def test_an_inverse_contract_earns_its_base() -> None:
    swap = instrument(
        InstrumentKind.PERPETUAL, "BTC", "USD", settlement="BTC", inverse=True, multiplier=D(100)
    )
    closed = held(swap, (Side.SELL, "50", "50000", "0.00005"), (Side.BUY, "50", "40000", "0.0000625"))
    assert balances("USD", D(1000), [closed]) == {"BTC": D("0.0248875"), "USD": D(1000)}


def test_shares_are_had_and_short_ones_owed() -> None:
    share = instrument(InstrumentKind.EQUITY, "SPY", "USD")
    assert balances("USD", D(1000), [held(share, (Side.SELL, "1", "600", "0"))]) == {
        "SPY": D(-1),
        "USD": D(1600),
    }
