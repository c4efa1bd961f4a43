"""The table of faults is whole, and the same seed gives the same faults."""

from random import Random

from penstock_runtime.failpoints import NAMES

from faults import acts
from faults.alone import TRIALS
from faults.planted import PLANTS
from faults.rows import ROWS, live_jobs, load_jobs


def test_every_row_is_run_or_says_why_not() -> None:
    assert [row.number for row in ROWS] == list(range(1, 21))
    assert all(row.jobs or row.alone or row.missing for row in ROWS)
    assert all(name in TRIALS for row in ROWS for name in row.alone)
    assert all(hasattr(acts, name) for row in ROWS for name in row.live)


def test_the_quick_run_passes_every_failpoint_and_kills_every_service() -> None:
    names = " ".join(job.name for job in load_jobs(ROWS, 0, Random(1)))
    assert all(f"{name} in " in names for name in NAMES)
    assert all(f"kill {each}" in names for each in ("ingest", "risk", "recorder", "api", "everything"))
    assert live_jobs(ROWS, 0)[0].name == "halt and resume"


def test_the_same_seed_gives_the_same_faults_in_the_same_order() -> None:
    first, again, other = ([job.name for job in load_jobs(ROWS, 100, Random(seed))] for seed in (1, 1, 2))
    assert first == again != other
    assert first.count("kill any") == 100


def test_a_planted_fault_names_acts_that_there_are() -> None:
    for plant in PLANTS.values():
        assert all(hasattr(acts, name) or name.startswith("kill_") for name in plant.reveal)
