"""The command penstock."""

__version__ = "0.1.0"
