"""Deaths under load: what they hit, and how long it took until the service spoke again."""

from dataclasses import dataclass, field

from penstock.launch.supervisor import BACKOFF_FIRST_S

PRODUCERS = frozenset({"ingest", "features", "strategy", "risk", "execution"})
SHARE_MIN = 0.3
"""Of the kills that must hit with an output unconfirmed, and with an order working."""


@dataclass(slots=True)
class Strike:
    """One process that died."""

    service: str
    row: int
    at: float
    """`time.monotonic`."""
    sequence: int
    """The log's end as far as the harness had read it."""
    unconfirmed: int
    """Outputs that the process had made and not seen in the log; its probe kept the number."""
    fault: str = ""
    """Name of the job that was worked."""
    working: int = 0
    """Orders that worked then; counted from the log afterwards."""
    ready_s: float | None = None
    """Until the service's next output, commit or report."""


@dataclass(slots=True)
class Strikes:
    """All deaths of a session."""

    all: list[Strike] = field(default_factory=list)
    _waiting: dict[str, list[Strike]] = field(default_factory=dict)

    def add(self, strike: Strike) -> None:
        """Note a death; from now on the service's next sign of life is waited for."""
        self.all.append(strike)
        self._waiting.setdefault(strike.service, []).append(strike)

    def heard(self, service: str, at: float, _sequence: int) -> None:
        """The service spoke. What the dead process had sent arrives before a new one can be started."""
        waiting = self._waiting.get(service)
        if waiting and at >= waiting[-1].at + BACKOFF_FIRST_S:
            for strike in waiting:
                strike.ready_s = at - strike.at
            del self._waiting[service]

    def ready(self, service: str) -> bool:
        """Whether the service has spoken since its last death."""
        return service not in self._waiting

    @property
    def waiting(self) -> list[str]:
        """Services that have not spoken since their last death."""
        return sorted(self._waiting)


def share_unconfirmed(strikes: list[Strike]) -> float | None:
    """Share of the deaths of producers that hit with an output unconfirmed."""
    hits = [each.unconfirmed > 0 for each in strikes if each.service in PRODUCERS]
    return sum(hits) / len(hits) if hits else None


def share_working(strikes: list[Strike]) -> float | None:
    """Share of all deaths that hit with an order working."""
    hits = [each.working > 0 for each in strikes]
    return sum(hits) / len(hits) if hits else None
