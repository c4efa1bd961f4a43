"""Alerts: what an operator must hear of, told once when it begins and once when it is over."""
