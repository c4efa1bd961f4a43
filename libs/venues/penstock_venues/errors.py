"""What a request to a venue can come to, beside success. Each leaf says what may have happened there.

::

    GatewayError
    ├── Refused        the venue looked at it and said no: nothing happened. Do not send it again
    ├── RateLimited    the venue turned it away unread: nothing happened. Keep away for a while
    ├── Unclear        no answer, or one that says nothing (5xx): it may have happened. Ask, never resend
    └── Disconnected   the stream of events broke: what happened since must be asked for
"""


class GatewayError(Exception):
    """Root of what a gateway raises; anything else is an error of its own."""


class Refused(GatewayError):
    """The venue understood the request and did not do it."""


class RateLimited(GatewayError):
    """Too many requests: this one was not looked at."""

    def __init__(self, text: str, retry_after_s: float = 0.0) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s
        """How long the venue wants to be left alone, s; 0 where it did not say."""


class Unclear(GatewayError):
    """Nobody knows whether the request had its effect."""


class Disconnected(GatewayError):
    """The stream of events ended."""
