"""Signals to sized orders: limits, positions, PnL and the trading state."""
