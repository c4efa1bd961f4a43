"""Every planted fault is found: a simulation that cannot fail is worth nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulation.planted import BETWEEN_PROCESSES, PLANTS
from simulation.run import quiet, simulate

SEEDS = 1000
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", PLANTS)
def test_a_broken_rule_is_found_within_a_thousand_seeds(name: str) -> None:
    with quiet(), pytest.MonkeyPatch.context() as patch:
        PLANTS[name](patch)
        assert any(simulate(seed).violation for seed in range(SEEDS)), PLANTS[name].__doc__


def test_two_processes_with_different_hash_seeds_come_to_one_result() -> None:
    assert _digests("1") == _digests("2")


@pytest.mark.parametrize("name", BETWEEN_PROCESSES)
def test_what_differs_between_processes_is_found(name: str) -> None:
    assert _digests("1", "--plant", name) != _digests("2", "--plant", name)


def _digests(hash_seed: str, *plant: str) -> list[str]:
    """What some seeds come to in a process of its own."""
    command = [sys.executable, "-m", "simulation", "--first", "1", "--seeds", "20", "--digests", *plant]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT / "tests")}
    done = subprocess.run(
        [*command, "--processes", "1"], env=environment, capture_output=True, text=True, check=False
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 20, done.stderr
    return lines
