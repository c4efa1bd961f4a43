"""What the styles of a signal say, and what they refuse."""

from decimal import Decimal
from pathlib import Path

import pytest
from penstock_contracts.signals import OrderStyle
from penstock_contracts.types import OrderType, TimeInForce
from penstock_strategy import limit, market, stop, take_profit, trailing_stop
from support.strategy import bars, signals, spec, stage, written

D = Decimal


def test_each_style_says_its_type_and_its_prices() -> None:
    assert market() == OrderStyle()
    assert limit(99.5, post_only=True) == OrderStyle(
        type=OrderType.LIMIT, limit_price=D("99.5"), post_only=True
    )
    assert stop("105") == OrderStyle(type=OrderType.STOP, stop_price=D(105))
    assert stop(105, limit=106).type is OrderType.STOP_LIMIT
    assert take_profit(95) == OrderStyle(type=OrderType.TAKE_PROFIT, stop_price=D(95))
    assert trailing_stop(2.5, start=97) == OrderStyle(
        type=OrderType.TRAILING_STOP, trail=D("2.5"), stop_price=D(97)
    )


def test_every_style_takes_a_bracket_and_a_time_in_force() -> None:
    style = market(
        stop_loss=95, take_profit=0.1, trail="2", time_in_force=TimeInForce.GTD, expire_at=9, modify=True
    )
    assert (style.stop_loss, style.take_profit, style.trail) == (95, D("0.1"), 2)
    assert (style.time_in_force, style.expire_at, style.modify) == (TimeInForce.GTD, 9, True)


def test_prices_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="limit price must be positive, not 0"):
        limit(0)
    with pytest.raises(ValueError, match="stop loss must be positive"):
        market(stop_loss=-1)
    with pytest.raises(ValueError, match="trail must be finite"):
        market(trail=float("nan"))
    with pytest.raises(ValueError, match="has its distance"):
        trailing_stop(2, trail=3)


@pytest.mark.parametrize(("volatility", "passes"), [("0.01", True), ("0", False), ("float('nan')", False)])
def test_a_signal_carries_the_volatility_that_it_was_given(
    tmp_path: Path, volatility: str, passes: bool
) -> None:
    text = f"""
class Mine(Strategy[Parameters, NoState]):
    def declare(self): return Needs(bars=self.bars())
    def on_bar(self, bar): return self.long(bar.instrument, volatility={volatility})
"""
    outputs = stage(spec(written(tmp_path, text))).process(bars([100]))
    assert [signal.volatility for signal in signals(outputs)] == ([0.01] if passes else [])
