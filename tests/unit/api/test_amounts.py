"""Amounts are shown with all digits, however the database's driver wrote them."""

from decimal import Decimal

import pytest
from penstock_api.views.base import Items
from penstock_runtime.store.queries import PnlRow, RefusalRow
from pydantic import TypeAdapter

CASES = [("1E+5", "100000"), ("1E-8", "0.00000001"), ("0E-9", "0.000000000"), ("12.50", "12.50")]


@pytest.mark.parametrize(("given", "shown"), CASES)
def test_an_amount_has_no_exponent(given: str, shown: str) -> None:
    row = PnlRow(1, 2, None, "USDT", *[Decimal(given)] * 9)
    (told,) = TypeAdapter(Items[PnlRow]).dump_python(Items[PnlRow](items=[row]), mode="json")["items"]
    assert {told[name] for name in ("equity", "fees", "drawdown_max")} == {shown}
    assert (told["ts"], told["strategy"], told["currency"]) == (1, None, "USDT")


def test_one_that_may_be_missing_is_an_amount_too() -> None:
    row = RefusalRow("s", 1, 2, "E", "btc-usdt.binance", "RULE", None, Decimal("1E-7"), "E")
    told = TypeAdapter(RefusalRow).dump_python(row, mode="json")
    assert (told["limit"], told["value"]) == (None, "0.0000001")
