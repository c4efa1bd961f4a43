"""What can be wrong with a message. Each leaf says what becomes of it."""


class ContractError(Exception):
    """Root of this package's errors."""


class UnreadableMessage(ContractError):
    """A message that cannot be decoded: md, feat and sig are dead-lettered, ord, ven and ctl halt."""


class UnknownVersion(UnreadableMessage):
    """A kind or major version that this code does not know."""
