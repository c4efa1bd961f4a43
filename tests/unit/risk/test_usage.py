"""How much of each limit is used."""

from decimal import Decimal

from penstock_risk.usage import ROWS_MAX
from support.risk import BTC, ETH, Table, limit, settings


def used(table: Table) -> dict[tuple[str, str], tuple[str, str]]:
    return {
        (row["rule"], row["scope"]): (row["limit"], row["value"]) for row in table.stage.describe()["limits"]
    }


def test_an_account_without_positions_uses_nothing() -> None:
    table = Table(settings(gross_exposure_fraction_max="0.5", trades_max=7))
    table.mark()
    assert used(table)["gross_exposure", "account"] == ("50000", "0")
    assert used(table)["trades", "account"] == ("7", "0")
    assert not [row for row in used(table) if row[1] != "account"]


def test_positions_and_working_orders_count_with_what_they_could_become() -> None:
    caps = {"order_notional_fraction_max": "0.25", "position_notional_fraction_max": "0.25"}
    table = Table(settings(gross_exposure_fraction_max="0.5", **caps))
    table.mark()
    table.price("100")
    table.price("50", ETH)
    table.trade("long", "2", "100")
    table.signal("long", "4", strategy="b", style=limit("95"))
    table.trade("short", "2", "50", strategy="b", instrument=ETH)
    found = used(table)
    assert found["position_notional", f"a {BTC}"] == ("25000", "200")
    assert found["position_quantity", f"b {BTC}"][1] == "4"
    assert Decimal(found["instrument_exposure", BTC][1]) >= Decimal(200 + 4 * 95)
    assert Decimal(found["strategy_exposure", "b"][1]) >= Decimal(4 * 95 + 100)
    assert Decimal(found["gross_exposure", "account"][1]) >= Decimal(200 + 4 * 95 + 100)
    assert len([row for row in found if row[0] == "instrument_exposure"]) == 2
    assert found["orders_per_minute", "account"][1] == "3"


def test_it_is_bounded() -> None:
    assert len(Table(settings()).stage.describe()["limits"]) < ROWS_MAX
