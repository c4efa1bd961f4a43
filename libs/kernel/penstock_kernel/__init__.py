"""The pure core: stages, event time, ids, instruments, fixed point, positions and PnL."""
