"""What is heard of the services: `penstock_runtime.board`."""

from penstock_runtime.board import Board, Report

__all__ = ["Board", "Report"]
