"""What can go wrong in execution. Each leaf says what becomes of it."""

from penstock_kernel.errors import HaltError, KernelError


class ExecutionError(KernelError):
    """Root of this package's errors."""


class IllegalTransition(ExecutionError, HaltError):
    """An event that an order's state does not allow: nothing was changed, whoever sent it is wrong; halts."""


class RepeatedOrder(ExecutionError, HaltError):
    """An approval whose order id is already in use: the input is not what risk wrote; halts."""


class UnsupportedSetting(ExecutionError):
    """A setting that the data of the run cannot support; the run refuses it."""
