"""The gate of a stepped session: an interval passes only when somebody has asked for it. Pure.

Steps are commands like any other, so the log holds them, and the marks carry them: a writer that takes over
counts what earlier marks carried and how many there are, and goes on where the last one stood.
"""

from collections import deque
from typing import Literal

from penstock_contracts.control import Command
from penstock_contracts.market import Mark

VERB: Literal["step"] = "step"
MARKS_MAX = 1_000_000
"""Of one command."""


class Gate:
    """How many intervals may still pass."""

    def __init__(self) -> None:
        self._passed = 0
        self._allowed = 0
        self._steps: deque[tuple[int, str]] = deque()
        """Steps that are not finished: marks allowed with each, and its command."""
        self.finished = ""
        """The command of the last step whose marks have all passed."""

    def admit(self, command: Command) -> bool:
        """Let as many intervals pass as a step asks for; False when it asks for none that can be."""
        text = command.arguments.get("marks", "1")
        marks = int(text) if text.isdecimal() and len(text) <= len(str(MARKS_MAX)) else 0
        if not 0 < marks <= MARKS_MAX:
            return False
        self._allowed += marks
        self._steps.append((self._allowed, command.command_id))
        return True

    def fold(self, mark: Mark) -> None:
        """A mark of an earlier writer, and the steps that it carried."""
        for command in mark.commands:
            if command.verb == VERB:
                self.admit(command)
        self.passed()

    def passed(self) -> None:
        """A mark was put out."""
        self._passed += 1
        while self._steps and self._steps[0][0] <= self._passed:
            self.finished = self._steps.popleft()[1]

    @property
    def open(self) -> bool:
        """Whether another interval may pass."""
        return self._passed < self._allowed
