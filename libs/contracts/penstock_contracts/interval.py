"""`done`: every stage ends every interval with one."""

from penstock_contracts.base import message
from penstock_contracts.control import Command
from penstock_contracts.types import NEVER, Line, Ns


@message(("feat", "sig", "ord", "ven"), "done")
class Done:
    """The stage has put out everything that it had to say in the interval (start, ts]."""

    ts: Ns
    """The mark that ended the interval."""
    start: Ns
    ended: bool = False
    commands: tuple[Command, ...] = ()
    next_due: Ns = NEVER
    """Event time at which the stage will act of its own accord."""
    quiet: bool = True
    """It put out nothing but prices and this message."""
    flat: bool = False
    """Of risk: no order works and no position is open."""
    stop: Line = ""
    """Of risk: why the session must end; empty while it need not."""
