"""Backtests and reports with the stages that trade."""
