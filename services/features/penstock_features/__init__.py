"""Bars, indicators, regimes and prices computed from market data."""
