"""Where commands print."""

import sys

from rich.console import Console

PLAIN_WIDTH = 200
"""Where there is no terminal, nothing is cut off or wrapped for want of one."""


def console() -> Console:
    """Standard output; colours and the terminal's width where there is a terminal."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else PLAIN_WIDTH)
