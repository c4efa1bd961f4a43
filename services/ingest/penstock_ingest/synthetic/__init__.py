"""The invented market: seeded, several correlated symbols, with faults on demand."""
