"""The table of faults: rows of the promise, what is done for each, and how often."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from penstock_runtime.failpoints import NAMES

from faults import acts, live
from faults.trial import Job

STAGES = ("features", "strategy", "risk", "execution")
PRODUCERS = ("ingest", *STAGES)
SERVICES = (*PRODUCERS, "recorder", "api")

PLACES_OF: dict[str, tuple[str, ...]] = {
    "after_restore": STAGES,
    "before_publish": PRODUCERS,
    "after_publish": PRODUCERS,
    "after_confirm": STAGES,
    "before_snapshot": STAGES,
    "after_snapshot": STAGES,
    "after_claim": ("ingest",),
    "before_mark": ("ingest",),
    "after_mark": ("ingest",),
    "before_end": ("ingest",),
    "before_commit": ("recorder",),
    "after_commit": ("recorder",),
}
"""Which services pass each failpoint."""
assert PLACES_OF.keys() == NAMES.keys()


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table."""

    number: int
    fault: str
    expected: str
    jobs: Callable[[int, Random], list[Job]] | None = None
    """What is done on a replay as fast as the stages follow; 0 rounds: everything once, outages shortened."""
    live: tuple[str, ...] = ()
    """Acts that are also done at 1x."""
    alone: tuple[str, ...] = ()
    """Names of trials in `faults.alone`, each with a session of its own."""
    repeats: int = 0
    """How often the trials of their own are done in 300 rounds; 0: once, whatever the rounds."""
    missing: str = ""
    """What is not done, and why; a row with nothing but this is not run."""


def _kills(rounds: int, _rng: Random) -> list[Job]:
    everything = [Job(1, "kill everything", acts.kill_everything)] * max(1, rounds // 50)
    if not rounds:
        return [*(Job(1, f"kill {each}", acts.kill_one(each)) for each in SERVICES), *everything]
    return [Job(1, "kill any", acts.kill_any)] * rounds + everything


def _failpoints(rounds: int, rng: Random) -> list[Job]:
    def job(name: str, service: str) -> Job:
        act = acts.crash_at_the_end if name == "before_end" else acts.crash_at(name, service)
        return Job(2, f"{name} in {service}", act)

    jobs = []
    for name, places in PLACES_OF.items():
        chosen = places if rounds else (rng.choice(places),)
        jobs += [job(name, each) for each in chosen] * max(1, rounds // 150)
    return jobs


def _some(row: int, share: int, *named: tuple[str, acts.Act]) -> Callable[[int, Random], list[Job]]:
    def jobs(rounds: int, _rng: Random) -> list[Job]:
        return [Job(row, name, act) for name, act in named] * max(1, rounds // share)

    return jobs


def _live(row: int) -> tuple[str, ...]:
    """Names of the trials of live execution that belong to a row."""
    return tuple(name for name, trial in live.TRIALS.items() if trial.row == row)


ROWS = (
    Row(1, "SIGKILL of any service, or of everything", "resumes, I1 to I9", _kills, ("kill_any",)),
    Row(2, "crash at each failpoint", "as above", _failpoints),
    Row(
        3, "SIGKILL of nats-server", "publishers resume, acknowledged is stored",
        _some(3, 5, ("kill nats-server", acts.kill_nats)), ("kill_nats",),
    ),
    Row(
        4, "NATS unreachable", "no order out, then resume",
        _some(4, 25, ("freeze nats-server", acts.freeze_nats)),
    ),
    Row(
        5, "PostgreSQL killed, stopped, disk full", "trading goes on, the recorder catches up, I9",
        _some(5, 20, ("kill postgres", acts.kill_postgres), ("freeze postgres", acts.freeze_postgres)),
        ("kill_postgres",), ("disk_full",), repeats=10,
    ),
    Row(
        6, "log volume lost, tail lost, snapshots lost",
        "halt with a clear message; lost snapshots alone are rebuilt",
        alone=("volume_lost", "tail_lost", "snapshots_lost"), repeats=10,
    ),
    Row(
        7, "duplicate, reordered, delayed messages", "same state",
        _some(7, 50, ("copies of stored messages", acts.noise)), alone=("simulated",),
    ),
    Row(
        8, "two live copies of a stage, two ingests, one paused",
        "each output counts once; the stale writer stops itself",
        _some(
            8, 30, ("second risk", acts.second_copy("risk")),
            ("second execution", acts.second_copy("execution")), ("second ingest", acts.second_ingest),
        ),
        alone=_live(8),
    ),
    Row(9, "venue accepts, answer lost", "adopted, not resent", alone=_live(9)),
    Row(10, "request lost before the venue", "UNKNOWN, then LOST", alone=_live(10)),
    Row(11, "fill before acknowledgement, races", "booked", alone=_live(11)),
    Row(12, "fills during a disconnect", "booked after reconnect", alone=_live(12)),
    Row(13, "429 and 5xx storm", "backs off", alone=_live(13)),
    Row(14, "feed silent, stale, gone", "stale refusal, gap, backfill", missing="no live feed yet"),
    Row(15, "clock steps", "monotonic event time", missing="no live feed yet"),
    Row(
        16, "poison message", "md, feat, sig: dead letter, the rest flows; ord, ven, ctl: halt",
        alone=("poison_feat", "poison_sig", "poison_ord", "poison_ven", "poison_ctl", "poison_done"),
        repeats=10,
        missing="poison in md: ingest publishes nothing that it cannot read; read by features as feat is",
    ),
    Row(
        17, "a reader lags beyond half the retention; the store is full", "halt and say so",
        alone=("lagging", "gone", *_live(17)),
    ),
    Row(
        18, "telemetry endpoint hangs", "order latency p99 within 1.1",
        missing="the figure is bench/tracing.py's, the behaviour tests/e2e/test_observability.py's",
    ),
    Row(
        19, "SIGTERM, rolling restart", "drains, I1 to I9",
        _some(19, 30, ("rolling restart", acts.rolling_restart)),
    ),
    Row(
        20, "new code reads an old log and old snapshots", "replays or says why not",
        alone=("upgrade",), missing="logs of earlier releases: there is none yet",
    ),
)  # fmt: skip


def repeats(row: Row, rounds: int) -> int:
    """How often each trial of the row's own is done."""
    return max(1, rounds * row.repeats // 300)


def load_jobs(rows: tuple[Row, ...], rounds: int, rng: Random) -> list[Job]:
    """Everything to be done under the load of a replay, in a random order; the same for the same seed."""
    jobs = [job for row in rows if row.jobs for job in row.jobs(rounds, rng)]
    rng.shuffle(jobs)
    # What is to happen at the end of a session is worked last.
    return sorted(jobs, key=lambda job: job.act is acts.crash_at_the_end)


def live_jobs(rows: tuple[Row, ...], rounds: int) -> list[Job]:
    """What is done at 1x: a halt, and some of the faults."""
    jobs = [Job(row.number, name.replace("_", " "), getattr(acts, name)) for row in rows for name in row.live]
    return [Job(0, "halt and resume", acts.halt_and_resume), *jobs * max(1, rounds // 60)] if jobs else []
