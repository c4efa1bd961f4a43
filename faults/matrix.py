"""What a run comes to: one line per row, and the figures."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table

from faults.rows import Row
from faults.strikes import SHARE_MIN, Strike, share_unconfirmed, share_working
from faults.trial import Outcome

READY_P99_S = 10.0


@dataclass(slots=True)
class Line:
    """One row's result."""

    row: Row
    rounds: int = 0
    failed: list[str] = field(default_factory=list)
    strikes: list[Strike] = field(default_factory=list)
    recovered_s: list[float] = field(default_factory=list)
    """From when a server was back until everybody who needs it had gone on."""
    restarted_s: list[float] = field(default_factory=list)
    """From each death in a trial of its own until the service was ready again."""
    lost: int = 0
    duplicate: int = 0
    divergent: int = 0
    invariants_failed: int = 0
    not_run: list[str] = field(default_factory=list)

    @property
    def run(self) -> bool:
        """Whether anything was done."""
        return self.rounds > 0 or bool(self.failed)

    @property
    def passed(self) -> bool:
        """Whether everything that was done went as expected."""
        return self.run and not (
            self.failed or self.lost or self.duplicate or self.divergent or self.invariants_failed
        )

    def book(self, outcome: Outcome, done: int) -> None:
        """Add a session in which this row had so many faults; what is wrong at its end is wrong for all."""
        self.rounds += done
        self.failed += [f"{job.name}: {text}" for job, text in outcome.failed if job.row == self.row.number]
        self.strikes += [each for each in outcome.strikes if each.row == self.row.number]
        self.recovered_s += [seconds for row, seconds in outcome.recovered if row == self.row.number]
        verdict = outcome.verdict
        self.lost += verdict.lost
        self.duplicate += verdict.duplicate
        self.divergent += verdict.divergent
        self.invariants_failed += len(verdict.broken)

    def as_json(self) -> dict[str, Any]:
        """For the results file."""
        return {
            "row": self.row.number,
            "fault": self.row.fault,
            "expected": self.row.expected,
            "result": "passed" if self.passed else "failed" if self.run else "not run",
            **figures(self.rounds, self.strikes, self.recovered_s + self.restarted_s),
            "lost": self.lost,
            "duplicate": self.duplicate,
            "divergent": self.divergent,
            "invariants_failed": self.invariants_failed,
            "failed": self.failed,
            "not_run": [*self.not_run, *([self.row.missing] if self.row.missing else [])],
        }


def _wrong(line: Line) -> tuple[int, int, int, int]:
    return line.lost, line.duplicate, line.divergent, line.invariants_failed


def figures(rounds: int, strikes: Sequence[Strike], recovered_s: Sequence[float] = ()) -> dict[str, Any]:
    """Rounds, kills, and how long services took to be ready again."""
    ready = sorted([each.ready_s for each in strikes if each.ready_s is not None] + list(recovered_s))
    return {
        "rounds": rounds,
        "kills": len(strikes),
        "unconfirmed_share": share_unconfirmed(list(strikes)),
        "working_share": share_working(list(strikes)),
        "ready_s": {"p50": _percentile(ready, 0.5), "p99": _percentile(ready, 0.99)},
    }


def slowest(strikes: Sequence[Strike], count: int = 5) -> list[dict[str, Any]]:
    """The services that took longest to be ready again, and after what."""
    ready = [(each.ready_s, each) for each in strikes if each.ready_s is not None]
    ready.sort(key=lambda pair: -pair[0])
    return [
        {"service": each.service, "fault": each.fault, "ready_s": round(seconds, 3)}
        for seconds, each in ready[:count]
    ]


def _percentile(ordered: Sequence[float], share: float) -> float | None:
    """Nearest rank."""
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3) if ordered else None


def invalid(strikes: Sequence[Strike]) -> list[str]:
    """Why the kills prove too little; empty when they do not."""
    shares = {
        "with an output unconfirmed": share_unconfirmed(list(strikes)),
        "with an order working": share_working(list(strikes)),
    }
    return [
        f"only {share:.0%} of the kills hit {what}, at least {SHARE_MIN:.0%} must"
        for what, share in shares.items()
        if share is not None and share < SHARE_MIN
    ]


def table(lines: Sequence[Line]) -> Table:
    """All rows for the terminal."""
    made = Table()
    for heading in (
        "row",
        "fault",
        "result",
        "rounds",
        "kills",
        "lost",
        "duplicate",
        "divergent",
        "invariants",
        "ready p50/p99 s",
    ):
        made.add_column(heading, justify="left" if heading in {"fault", "result"} else "right")
    colours = {"passed": "green", "failed": "red", "not run": "yellow"}
    for line in lines:
        document = line.as_json()
        ready, result = document["ready_s"], document["result"]
        dash = "\N{EN DASH}"
        made.add_row(
            str(line.row.number),
            line.row.fault,
            f"[{colours[result]}]{result}[/]",
            str(line.rounds or dash),
            str(document["kills"] or dash),
            *(str(each) if line.run else dash for each in _wrong(line)),
            f"{ready['p50']:.1f} / {ready['p99']:.1f}" if ready["p50"] is not None else dash,
        )
    return made
