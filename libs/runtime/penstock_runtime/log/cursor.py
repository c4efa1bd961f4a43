"""Where a reader stands in the log."""

from dataclasses import dataclass, field
from hashlib import blake2b

from penstock_contracts.codec import adapter


@dataclass(frozen=True, slots=True)
class Place:
    """What a reader knows of one producer."""

    epoch: int = 0
    next_index: int = 1


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last message handed over, and the place in each producer's numbering after it."""

    sequence: int
    """Its log sequence; 0 before the first."""
    digest: str = ""
    """Of that message; empty where nothing was handed over yet."""
    places: dict[str, Place] = field(default_factory=dict)
    within: bool = False
    """That message is a frame, and carries more than was handed over."""

    def to_json(self) -> str:
        """The cursor as text, for a snapshot or a database row."""
        return adapter(Cursor).dump_json(self).decode()

    @staticmethod
    def from_json(text: str | bytes) -> "Cursor":
        """The cursor that `to_json` wrote. ValueError for anything else."""
        cursor: Cursor = adapter(Cursor).validate_json(text)
        return cursor


def digest_of(subject: str, headers: bytes, data: bytes) -> str:
    """Identifies a stored message by its content."""
    hasher = blake2b(subject.encode(), digest_size=12)
    hasher.update(headers)
    hasher.update(data)
    return hasher.hexdigest()
