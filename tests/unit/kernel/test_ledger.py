"""Positions and PnL against figures worked out by hand."""

from decimal import Decimal

import pytest
from penstock_contracts.types import Side
from penstock_kernel.ledger import Contract, FillEffect, Position, RoundTrip
from pydantic import TypeAdapter

D = Decimal
BUY, SELL = Side.BUY, Side.SELL


def linear(multiplier: str = "1") -> Position:
    return Position(Contract("USDT", D(multiplier)))


def inverse() -> Position:
    return Position(Contract("BTC", D(100), inverse=True))


def test_two_buys_average_their_price_by_quantity() -> None:
    position = linear()
    position.apply_fill(BUY, D(1), D(100))
    position.apply_fill(BUY, D(3), D(120))
    assert (position.quantity, position.cost, position.average_price) == (D(4), D(460), D(115))


def test_a_partial_close_realises_against_the_average_price_and_leaves_it() -> None:
    position = linear()
    position.apply_fill(BUY, D(4), D(115))
    assert position.apply_fill(SELL, D(1), D(125)) == FillEffect(D(1), D(10), None)
    assert (position.quantity, position.average_price, position.pnl_realized) == (D(3), D(115), D(10))


def test_the_multiplier_scales_pnl_and_not_the_average_price() -> None:
    position = linear("50")
    position.apply_fill(SELL, D(2), D(10))
    assert position.average_price == D(10)
    assert position.unrealized(D(9)) == D(100)
    position.apply_fill(BUY, D(2), D(9))
    assert position.pnl_realized == D(100)


def test_a_flip_closes_then_opens_at_the_fill_price() -> None:
    position = linear()
    position.apply_fill(BUY, D(2), D(100))
    effect = position.apply_fill(SELL, D(5), D(110))
    assert effect == FillEffect(D(2), D(20), RoundTrip(D(20)))
    assert (position.quantity, position.average_price, position.cost) == (D(-3), D(110), D(-330))


def test_an_inverse_long_earns_in_the_base_currency_as_the_formula_says() -> None:
    position = inverse()
    position.apply_fill(BUY, D(10), D(50000))
    assert position.cost == D("-0.02")
    assert position.unrealized(D(40000)) == D("-0.005")
    position.apply_fill(SELL, D(10), D(62500))
    # 10 * 100 * (1/50000 - 1/62500)
    assert position.pnl_realized == D("0.004")


def test_an_inverse_position_averages_harmonically() -> None:
    position = inverse()
    position.apply_fill(SELL, D(10), D(20000))
    position.apply_fill(SELL, D(10), D(50000))
    # 20 * 100 / (1000/20000 + 1000/50000) = 2000 / 0.07
    assert position.average_price is not None
    assert round(position.average_price, 6) == D("28571.428571")


def test_a_division_that_does_not_come_out_leaves_no_value_behind() -> None:
    position = linear()
    position.apply_fill(BUY, D(3), D(100))
    position.apply_fill(BUY, D(4), D(101))
    position.apply_fill(SELL, D(1), D(102))
    assert position.pnl_realized - position.cost == -(D(300) + D(404) - D(102))
    position.apply_fill(SELL, D(6), D(102))
    assert (position.cost, position.quantity, position.average_price) == (0, 0, None)
    assert position.pnl_realized == D(714) - D(704)


def test_fees_are_booked_apart_in_their_currency() -> None:
    position = linear()
    position.apply_fill(BUY, D(1), D(100), D("0.05"))
    position.apply_fill(SELL, D(1), D(100), D("0.001"), "BNB")
    assert position.fees == {"USDT": D("0.05"), "BNB": D("0.001")}
    assert position.pnl_realized == 0


def test_a_flips_fee_belongs_to_both_trades_by_quantity() -> None:
    position = linear()
    position.apply_fill(BUY, D(1), D(100), D(1))
    effect = position.apply_fill(SELL, D(4), D(90), D(8))
    assert effect.round_trip == RoundTrip(D(-10), {"USDT": D(3)})
    assert position.trip == RoundTrip(D(0), {"USDT": D(6)})
    assert position.fees == {"USDT": D(9)}


@pytest.mark.parametrize(("quantity", "price"), [(D(0), D(1)), (D(-1), D(1)), (D(1), D(0)), (D(1), D(-5))])
def test_a_fill_without_a_size_or_a_price_is_refused_and_changes_nothing(
    quantity: Decimal, price: Decimal
) -> None:
    position = linear()
    with pytest.raises(ValueError, match="above zero"):
        position.apply_fill(BUY, quantity, price)
    assert position == linear()


def test_a_position_survives_a_snapshot_to_the_last_decimal() -> None:
    position = inverse()
    position.apply_fill(BUY, D(7), D("46319.5"), D("0.0000001"))
    position.apply_fill(SELL, D(3), D("46320.1"), D("0.0000001"))
    adapter = TypeAdapter(Position)
    restored = adapter.validate_json(adapter.dump_json(position))
    assert restored == position
    assert str(restored.cost) == str(position.cost)


def test_notional_is_in_the_settlement_currency_and_never_negative() -> None:
    assert Contract("USDT", D(10)).notional(D(-2), D(30)) == D(600)
    assert Contract("BTC", D(100), inverse=True).notional(D(-2), D(50000)) == D("0.004")
