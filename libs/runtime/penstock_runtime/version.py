"""Which code runs."""

from penstock_kernel.version import code_hash

__all__ = ["code_hash"]
