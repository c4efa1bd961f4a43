"""What can go wrong at run time, and what a process does about it.

::

    RuntimeFailure
    ├── Halt                 exit 70: going on would be wrong; an operator must look
    │   ├── LogLost          the log is not the one that this service has read
    │   ├── LogAgedOut       the log no longer holds what must be read first
    │   ├── LogHole          an output stays missing while later ones are there
    │   ├── OutputDiffers    the log holds another output under our number
    │   └── UnreadableHalt   an order, venue or control message cannot be decoded
    ├── Superseded           exit 71: another writer has taken over
    ├── SessionOver          exit 0: the session ended, or a new one began
    ├── NotPermitted         exit 77: a server refuses these credentials, or what was done with them
    ├── BadConfiguration     exit 78
    └── Unavailable          exit 75: a server is out of reach; a restart may help
"""


class RuntimeFailure(Exception):
    """Root of the runtime's errors."""

    exit_code = 1


class Halt(RuntimeFailure):
    """Going on would be wrong. Not restarted."""

    exit_code = 70


class LogLost(Halt):
    """The log's end lies before our place, or another message lies there."""


class LogAgedOut(Halt):
    """The log is the right one, but what must be read first is older than it keeps."""


class LogHole(Halt):
    """A producer's number stays missing while its later numbers are there."""


class OutputDiffers(Halt):
    """The log holds another output under our number: two codes or two configurations are at work."""


class UnreadableHalt(Halt):
    """A message of ord, ven or ctl cannot be read."""


class Superseded(RuntimeFailure):
    """Another writer holds a later claim. Not restarted."""

    exit_code = 71


class SessionOver(RuntimeFailure):
    """The session ended, or a new one began on this log."""

    exit_code = 0


class NotPermitted(RuntimeFailure):
    """A server refuses these credentials, or what was done with them. Not restarted."""

    exit_code = 77


class BadConfiguration(RuntimeFailure):
    """The configuration cannot be used."""

    exit_code = 78


class Unavailable(RuntimeFailure):
    """A server cannot be reached or refuses; a restart may help."""

    exit_code = 75


NO_RESTART_CODES = frozenset(
    {0, Halt.exit_code, Superseded.exit_code, NotPermitted.exit_code, BadConfiguration.exit_code}
)
"""Exit codes after which a supervisor must not start the process again."""
