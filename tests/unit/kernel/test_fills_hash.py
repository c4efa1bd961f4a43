from dataclasses import replace
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest
from penstock_contracts.types import Liquidity, Side
from penstock_contracts.venue import Fill
from penstock_kernel.fills_hash import canonical_decimal, fills_hash


def fill(**changes: Any) -> Fill:
    return replace(
        Fill(
            fill_id="f-1",
            order_id="o-1",
            order_ordinal=1,
            strategy="ma",
            instrument="btc-usdt.replay",
            venue="paper",
            number=3,
            ts=1_000_000_000,
            ts_known=1_020_000_000,
            side=Side.BUY,
            price=Decimal("100.1"),
            quantity=Decimal("0.5"),
            fee=Decimal("0.025025"),
            fee_currency="USDT",
            liquidity=Liquidity.TAKER,
            quantity_left=Decimal(0),
        ),
        **changes,
    )


SECOND = fill(order_ordinal=2, ts=2_000_000_000, side=Side.SELL)


@pytest.mark.parametrize(
    "change",
    [
        {"price": Decimal("100.2")},
        {"ts": 1_000_000_001},
        {"fee": Decimal("0.025026")},
        {"quantity": Decimal("0.6")},
        {"side": Side.SELL},
        {"strategy": "other"},
        {"instrument": "eth-usdt.replay"},
        {"fee_currency": "BTC"},
        {"liquidity": Liquidity.MAKER},
        {"order_ordinal": 3},
    ],
    ids=lambda change: next(iter(change)),
)
def test_one_changed_fact_of_one_fill_alters_the_hash(change: dict[str, Any]) -> None:
    assert fills_hash([fill(**change), SECOND]) != fills_hash([fill(), SECOND])


def test_ids_and_the_time_of_the_answer_do_not_alter_the_hash() -> None:
    other = fill(fill_id="f-9", order_id="o-9", ts_known=5_000_000_000, venue="elsewhere")
    assert fills_hash([other, SECOND]) == fills_hash([fill(), SECOND])


def test_a_missing_or_repeated_fill_alters_the_hash() -> None:
    whole = fills_hash([fill(), SECOND])
    assert fills_hash([fill()]) != whole
    assert fills_hash([fill(), SECOND, SECOND]) != whole


def test_the_order_of_handing_over_does_not_matter() -> None:
    assert fills_hash([SECOND, fill()]) == fills_hash([fill(), SECOND])


def test_trailing_zeros_are_not_content() -> None:
    assert fills_hash([fill(price=Decimal("100.10"))]) == fills_hash([fill()])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1E+3", "1000"),
        ("0.00", "0"),
        ("-0.0", "0"),
        ("1.2300", "1.23"),
        ("-5", "-5"),
        ("1E-8", "0.00000001"),
    ],
)
def test_a_decimal_has_one_canonical_text(value: str, text: str) -> None:
    assert canonical_decimal(Decimal(value)) == text


def test_the_hash_of_no_fills_is_that_of_nothing() -> None:
    assert fills_hash([]) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_the_hash_never_changes_between_versions() -> None:
    first = (
        '{"fee":"0.025025","fee_currency":"USDT","instrument":"btc-usdt.replay","liquidity":"taker","order":1,'
        '"price":"100.1","quantity":"0.5","side":"buy","strategy":"ma","ts":1000000000}\n'
    )
    second = (
        first.replace('"order":1', '"order":2').replace('"buy"', '"sell"').replace("1000000000", "2000000000")
    )
    assert fills_hash([fill(), SECOND]) == sha256((first + second).encode()).hexdigest()
