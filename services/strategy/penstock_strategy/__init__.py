"""Strategies: features in, signals out."""
