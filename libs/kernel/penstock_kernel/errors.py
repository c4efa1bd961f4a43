"""What can go wrong inside a stage. Each leaf says what becomes of it."""


class KernelError(Exception):
    """Root of the errors that pure code raises."""


class HaltError(KernelError):
    """The log contradicts what the stage knows: trading on would be trading on a lie. The process stops."""
