"""What a fake venue can be told to do wrong, and what becomes of an order there."""

from dataclasses import dataclass
from enum import StrEnum
from random import Random


class Misdeed(StrEnum):
    """What goes wrong with one request."""

    ANSWER_LOST = "answer_lost"
    """It has its effect; the answer never comes."""
    REQUEST_LOST = "request_lost"
    """It never arrives, and no answer comes."""
    ARRIVES_LATE = "arrives_late"
    """No answer comes; it has its effect long after."""
    SERVER_ERROR = "server_error"
    """A 5xx, after it had its effect or instead of it."""
    RATE_LIMITED = "rate_limited"
    """A 429: it was not looked at."""
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of an order that was accepted, if nobody cancels it."""

    parts: tuple[float, ...] = (1.0,)
    """Share of the order that each fill takes; less than 1 together: the rest works on. Empty: it rests."""
    first_after_s: float = 0.0
    """From the acceptance to the first fill. 0: the fills are told before the acceptance is."""
    apart_s: float = 0.001
    wins_race: bool = False
    """A cancel request finds it filled just before."""
    expires_after_s: float | None = None


RESTS = Fate(parts=())


@dataclass(slots=True)
class Manner:
    """How the venue behaves by itself, as shares of requests, by a seed."""

    rng: Random
    misdeeds: float = 0.0
    """Share of submissions and cancels with which something goes wrong."""

    def misdeed(self) -> Misdeed | None:
        """What goes wrong with this request."""
        if self.rng.random() >= self.misdeeds:
            return None
        return self.rng.choice(
            [Misdeed.ANSWER_LOST, Misdeed.REQUEST_LOST, Misdeed.SERVER_ERROR, Misdeed.RATE_LIMITED]
        )

    def fate(self) -> Fate:
        """What becomes of this order."""
        rng = self.rng
        kind = rng.random()
        if kind < 0.15:
            return RESTS
        if kind < 0.25:
            return Fate(parts=(0.5,), first_after_s=rng.random() * 0.01)
        if kind < 0.3:
            return Fate(parts=(), wins_race=True)
        if kind < 0.35:
            return Fate(parts=(0.25,), expires_after_s=0.02)
        parts = tuple(1 / n for n in [rng.choice([1, 1, 2, 4])] for _ in range(n))
        return Fate(parts=parts, first_after_s=rng.choice([0.0, 0.0, rng.random() * 0.01]))


class Obliging(Manner):
    """Does nothing wrong by itself: every order fills whole, at once."""

    def fate(self) -> Fate:
        """Filled."""
        return Fate()
