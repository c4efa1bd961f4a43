"""What an audit finds."""

from dataclasses import dataclass, field

SHOWN_MAX = 50
"""Findings kept of each invariant; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One contradiction, and the invariant that it breaks (`I1`, `I5`, …, `report`, `files`)."""

    invariant: str
    text: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.text}"


@dataclass(slots=True)
class Findings:
    """Collects findings; a broken run may break the same invariant a million times."""

    found: list[Finding] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, invariant: str, text: str) -> None:
        """Note a contradiction."""
        count = self.counts[invariant] = self.counts.get(invariant, 0) + 1
        if count <= SHOWN_MAX:
            self.found.append(Finding(invariant, text))

    def expect(self, holds: bool, invariant: str, text: str) -> None:
        """Note a contradiction unless something holds."""
        if not holds:
            self.add(invariant, text)
