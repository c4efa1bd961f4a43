"""Who reads whom. The table that makes the platform deterministic (`docs/concepts.md`, Intervals)."""

from dataclasses import dataclass

from penstock_contracts.base import Family


@dataclass(frozen=True, slots=True)
class Place:
    """A producer's place: what it writes, what it reads inside an interval, what before it, in that order."""

    family: Family
    upstream: Family | None
    others: tuple[Family, ...] = ()
    urgent: Family | None = None
    """Of which each message counts at once, and not only at the end of an interval."""


PLACES: dict[str, Place] = {
    "ingest": Place("md", None),
    "features": Place("feat", "md", urgent="md"),
    "strategy": Place("sig", "feat", ("ven", "ord"), urgent="feat"),
    "risk": Place("ord", "sig", ("feat", "ven"), urgent="sig"),
    "execution": Place("ven", "md", ("ord",), urgent="ord"),
}
PRODUCER_OF: dict[Family, str] = {place.family: producer for producer, place in PLACES.items()}
STAGES = ("features", "strategy", "risk", "execution")
