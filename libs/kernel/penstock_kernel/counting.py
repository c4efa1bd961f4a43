"""Exactly once, by counting: the rule by which every reader takes the same messages of one log."""

from dataclasses import dataclass, field
from enum import Enum

from penstock_contracts.control import Claim, Session
from penstock_contracts.headers import Origin


class Verdict(Enum):
    """What a reader does with a message that it found."""

    TAKE = "take"
    IGNORE = "ignore"
    AHEAD = "ahead"
    """Its number is above the next one: ignored, and a hole if the next one stays missing."""


@dataclass(slots=True)
class Counter:
    """What a reader knows of one producer: its epoch, and the number that it takes next."""

    producer: str
    epoch: int = 0
    next_index: int = 1
    missing_since: int | None = field(default=None, compare=False)
    """Log sequence of the first message found ahead of a number that is missing."""

    def judge(self, sequence: int, origin: Origin) -> Verdict:
        """Judge a numbered message of this producer and move on when it is the next."""
        if origin.epoch != self.epoch or origin.index < self.next_index:
            return Verdict.IGNORE
        if origin.index == self.next_index:
            self.next_index += 1
            self.missing_since = None
            return Verdict.TAKE
        if self.missing_since is None:
            self.missing_since = sequence
        return Verdict.AHEAD

    def judge_run(self, sequence: int, last: Origin, count: int) -> int | None:
        """Where the next output stands in a run of `count` consecutive ones that ends with `last`.

        None when it is not among them; whoever takes them moves on by setting `next_index`.
        """
        first = last.index - count + 1
        if last.epoch != self.epoch or last.index < self.next_index:
            return None
        if first > self.next_index:
            if self.missing_since is None:
                self.missing_since = sequence
            return None
        self.missing_since = None
        return self.next_index - first

    def session(self, sequence: int, message: Session) -> None:
        """A genesis ends every epoch before it and begins that of the deterministic stages."""
        if message.phase == "genesis":
            self.epoch = sequence
            self.next_index = 1
            self.missing_since = None

    def claim(self, sequence: int, message: Claim) -> bool:
        """Honour a claim that names this epoch as its predecessor; True if it was."""
        if message.producer != self.producer or message.succeeds != self.epoch:
            return False
        self.epoch = sequence
        self.next_index = 1
        self.missing_since = None
        return True
