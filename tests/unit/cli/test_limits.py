"""Limits as an operator sees and types them."""

import pytest
from penstock.commands.limits import _change, used
from penstock.errors import ConfigError


@pytest.mark.parametrize("text", ["orders_per_minute_max", "=60", "orders_per_minute_max=", ""])
def test_a_change_that_is_none_is_told(text: str) -> None:
    with pytest.raises(ConfigError, match="must be NAME=VALUE"):
        _change(text)


def test_a_value_may_hold_what_separates() -> None:
    assert _change("trades_max=a=b") == ("trades_max", "a=b")


@pytest.mark.parametrize(
    ("limit", "value", "shown"),
    [("200", "50", "25.0%"), ("0", "0", "-"), ("100", "101.26", "101.3%"), ("x", "1", "-")],
)
def test_the_share_that_is_used_is_shown(limit: str, value: str, shown: str) -> None:
    assert used({"limit": limit, "value": value}) == shown
