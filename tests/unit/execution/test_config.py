"""The settings of execution."""

from decimal import Decimal
from typing import Any

import pytest
from penstock_execution.config import ExecutionConfig, GuardConfig, PaperConfig
from pydantic import ValidationError


def test_a_resolved_configuration_survives_json() -> None:
    config = ExecutionConfig(paper=PaperConfig(spread_bps=Decimal("1.5"), queue_trades=3))
    assert ExecutionConfig.model_validate_json(config.model_dump_json()) == config
    assert ExecutionConfig.model_validate_json("{}") == ExecutionConfig()


def test_defaults_on_bars_are_supported_also_after_json() -> None:
    config = ExecutionConfig.model_validate_json(ExecutionConfig().model_dump_json())
    config.paper.refuse_unsupported("btc-usdt.test", "bar")


@pytest.mark.parametrize(
    ("section", "values"),
    [
        ({}, {"venue": "somewhere"}),
        ({}, {"surprise": 1}),
        ({"in": "paper"}, {"surprise": 1}),
        ({"in": "paper"}, {"submit_latency_ns": -1}),
        ({"in": "paper"}, {"spread_bps": -1}),
        ({"in": "paper"}, {"participation": 0}),
        ({"in": "paper"}, {"participation": "1.1"}),
        ({"in": "paper"}, {"queue_trades": -1}),
        ({"in": "paper"}, {"reject_every": -1}),
        ({"in": "paper"}, {"fee_taker": "0.2"}),
        ({"in": "guard"}, {"collar": 0}),
        ({"in": "guard"}, {"notional_max": 0}),
        ({"in": "guard"}, {"orders_per_second_max": 0}),
    ],
)
def test_what_makes_no_sense_is_refused(section: dict[str, str], values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ExecutionConfig.model_validate({section["in"]: values} if section else values)


@pytest.mark.parametrize("model", [ExecutionConfig, PaperConfig, GuardConfig])
def test_every_setting_is_described(model: type[ExecutionConfig | PaperConfig | GuardConfig]) -> None:
    assert [name for name, field in model.model_fields.items() if not field.description] == []
