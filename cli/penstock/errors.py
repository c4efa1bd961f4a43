"""What ends a command, and the exit code that says so.

====  ===============================================================================================
code  meaning
====  ===============================================================================================
0     done; the session ended as it should, whatever stopped it (duration, data, limit, operator)
1     a check failed: `validate` found a difference, `doctor` something missing, `status` no session
2     the command line cannot be read (Typer's own)
69    a server or service cannot be reached or started, or failed too often in a row
70    a service halted because going on would be wrong; positions may be open
73    another session uses this data directory
77    a server refuses the credentials, or what was done with them
78    configuration: unknown key, wrong type, value out of bounds, unknown instrument or strategy
130   interrupted twice: stopped at once, what was left open is printed
====  ===============================================================================================
"""

CHECK_FAILED = 1
UNAVAILABLE = 69
HALTED = 70
IN_USE = 73
REFUSED = 77
CONFIG = 78
INTERRUPTED = 130


class CommandError(Exception):
    """Ends a command with one line on standard error."""

    exit_code = CHECK_FAILED

    def __init__(self, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.hint = hint


class ConfigError(CommandError):
    """A configured value cannot be used. The text begins with the field's full path."""

    exit_code = CONFIG


class CannotRun(CommandError):
    """A server or service could not be started or reached."""

    exit_code = UNAVAILABLE


class ServiceHalted(CommandError):
    """A service said that going on would be wrong."""

    exit_code = HALTED


class Refused(CommandError):
    """A server refuses the credentials, or what was done with them."""

    exit_code = REFUSED


class DirectoryInUse(CommandError):
    """Another session runs on the data directory."""

    exit_code = IN_USE


class Interrupted(CommandError):
    """The operator wanted an end at once."""

    exit_code = INTERRUPTED
