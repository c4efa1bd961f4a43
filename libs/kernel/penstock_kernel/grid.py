"""The grid of marks. An interval is (start, end]: what is stamped on a grid point closes with it."""

NS_PER_MS = 1_000_000
NS_PER_SECOND = 1_000_000_000
NS_PER_DAY = 86_400 * NS_PER_SECOND


def grid_at_or_after(ts: int, step: int) -> int:
    """The first grid point that is not before `ts`."""
    return -(-ts // step) * step


def grid_after(ts: int, step: int) -> int:
    """The first grid point after `ts`."""
    return (ts // step + 1) * step


def grid_before(ts: int, step: int) -> int:
    """The last grid point before `ts`."""
    return -(-ts // step) * step - step
