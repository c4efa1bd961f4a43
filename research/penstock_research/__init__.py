"""Backtests and reports with the stages that trade: `from penstock_research import Backtest`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penstock_research.backtest import Backtest
    from penstock_research.outcome import Result

__all__ = ["Backtest", "Result"]


def __getattr__(name: str) -> Any:
    # What only writes a session's report does not pay for the import of all stages.
    if name == "Backtest":
        from penstock_research.backtest import Backtest  # noqa: PLC0415

        return Backtest
    if name == "Result":
        from penstock_research.outcome import Result  # noqa: PLC0415

        return Result
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
