"""What stands: each problem is told when it begins, again when it lasts, and when it is over. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from penstock_api.alerts.config import AlertsConfig
from penstock_api.alerts.rules import Problem


@dataclass(frozen=True, slots=True)
class Notice:
    """What is told."""

    state: str
    """`firing`, `lasting`, `over` or `test`."""
    key: str
    severity: str
    text: str
    since_s: float
    """For how long it stood."""

    @property
    def rule(self) -> str:
        """The rule that it is of."""
        return self.key.partition(":")[0]


@dataclass(slots=True)
class _Standing:
    problem: Problem
    since: float
    told_at: float
    seen_at: float


@dataclass(slots=True)
class Alerts:
    """The problems that stand, by key. Times are of a monotonic clock, s."""

    config: AlertsConfig
    _standing: dict[str, _Standing] = field(default_factory=dict)

    def look(self, found: Iterable[Problem], now: float) -> list[Notice]:
        """Take what is wrong now; returns what is to be told."""
        notices = []
        for problem in found:
            standing = self._standing.get(problem.key)
            if standing is None:
                self._standing[problem.key] = _Standing(problem, now, now, now)
                notices.append(_notice("firing", problem, 0.0))
                continue
            standing.problem, standing.seen_at = problem, now
            if now - standing.told_at >= self.config.repeat_s:
                standing.told_at = now
                notices.append(_notice("lasting", problem, now - standing.since))
        for key, standing in list(self._standing.items()):
            if standing.seen_at < now and now - standing.seen_at >= self.config.settle_s:
                del self._standing[key]
                notices.append(_notice("over", standing.problem, standing.seen_at - standing.since))
        return notices

    @property
    def firing(self) -> list[Problem]:
        """What stands, in the order in which it began."""
        return [each.problem for each in self._standing.values()]


def _notice(state: str, problem: Problem, since_s: float) -> Notice:
    return Notice(state, problem.key, problem.severity, problem.text, since_s)
