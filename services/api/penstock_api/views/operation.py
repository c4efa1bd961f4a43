"""The services, the streams, and what could not be read."""

from penstock_runtime.board import STALE_S, Board, Report
from penstock_runtime.log.dead_letters import DeadLetter
from penstock_runtime.log.standing import Standing

from penstock_api.replica import Replica
from penstock_api.views.base import View, view_of


class ServiceAnswer(View):
    """A service as it reported last."""

    service: str
    pid: int
    state: str
    """As the service says; `silent` when nothing was heard of it for 5 s."""
    age_s: float
    mark: int
    """Event time up to which it has worked, ns."""
    events: int
    outputs: int
    lag: int
    """Messages that wait for it."""
    rss_bytes: int
    cpu_s: float
    errors: int
    error: str
    latency_p50_us: float | None
    latency_p99_us: float | None


class HealthAnswer(View):
    """Whether everything works, and how full the streams are."""

    healthy: bool
    reasons: list[str]
    """Why it is not."""
    services: list[ServiceAnswer]
    streams: list[Standing]
    marks: dict[str, int]
    backlog: int
    unreadable: int
    """Messages that this api could not read and passed over."""


class DeadLetterAnswer(View):
    """A message that could not be read."""

    number: int
    subject: str
    sequence: int
    """Where it stands in the log."""
    why: str
    copies: int
    """How often it was passed over."""
    retried_as: int | None
    bytes: int


def services_of(board: Board) -> list[ServiceAnswer]:
    """The services that were heard, by name."""
    return [_service_of(board, name, report) for name, report in sorted(board.reports.items())]


def _service_of(board: Board, name: str, report: Report) -> ServiceAnswer:
    age_s = board.silent_s(name) or 0.0
    return view_of(
        ServiceAnswer,
        report,
        state="silent" if age_s > STALE_S and report.state != "stopped" else report.state,
        age_s=round(age_s, 1),
        latency_p50_us=report.latency_us.p50,
        latency_p99_us=report.latency_us.p99,
    )


def health_of(replica: Replica, services: list[ServiceAnswer], reasons: list[str]) -> tuple[bool, list[str]]:
    """Whether all is well, and why not."""
    told = list(reasons)
    silent = [each for each in services if each.state == "silent"]
    told += [f"{each.service} was not heard for {each.age_s:.0f} s" for each in silent]
    told += [f"{each.service}: {each.error}" for each in services if each.error and each.state != "running"]
    told += [f"strategy {name} failed: {note.text}" for name, note in sorted(replica.failed.items())]
    return not told, told


def letter_of(letter: DeadLetter) -> DeadLetterAnswer:
    """A dead letter, without its content."""
    return view_of(DeadLetterAnswer, letter, retried_as=letter.retried_as or None, bytes=len(letter.data))
