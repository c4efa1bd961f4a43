"""Risk's settings."""

from decimal import Decimal

import pytest
from penstock_risk.config import PROFILES, InstrumentLimits, RiskConfig
from pydantic import ValidationError

D = Decimal


def test_every_setting_is_described() -> None:
    for model in (RiskConfig, InstrumentLimits):
        assert [name for name, field in model.model_fields.items() if not field.description] == []


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"order_quantity_max": -1}, "order_quantity_max"),
        ({"price_collar": 1}, "price_collar"),
        ({"drawdown_fraction_max": 0}, "drawdown_fraction_max"),
        ({"trades_max": 0}, "trades_max"),
        ({"on_drawdown": "ignore"}, "on_drawdown"),
        ({"order_quantity": 1}, "order_quantity"),
        ({"gross_exposure_fraction_max": "NaN"}, "gross_exposure_fraction_max"),
        ({"instrument_limits": {"BTC": {}}}, "instrument_limits"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, object], field: str) -> None:
    with pytest.raises(ValidationError) as wrong:
        RiskConfig.model_validate(settings)
    assert wrong.value.errors()[0]["loc"][0] == field


def test_an_order_limit_above_the_position_limit_is_refused() -> None:
    with pytest.raises(ValidationError, match="must not be above position_notional_fraction_max"):
        RiskConfig(order_notional_fraction_max=D("0.3"))


def test_settings_survive_json() -> None:
    for config in PROFILES.values():
        assert RiskConfig.model_validate_json(config.model_dump_json()) == config
