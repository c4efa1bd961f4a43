"""What can be wrong with a strategy before a session starts."""


class StrategyLoadError(ValueError):
    """A strategy cannot be loaded or configured; the message is one line for the user."""
