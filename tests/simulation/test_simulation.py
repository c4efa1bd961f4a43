"""Sessions with seeded faults come to what the stages make of their market data one after another."""

from typing import Any

import pytest
from support.toy import ToyStage

from simulation.run import quiet, simulate
from simulation.world import World


@pytest.mark.parametrize("first", range(0, 300, 50))
def test_whatever_is_lost_delayed_or_killed_the_outputs_are_the_same(first: int) -> None:
    with quiet():
        results = [simulate(seed) for seed in range(first, first + 50)]
    assert {each.seed: each.violation for each in results if each.violation} == {}
    faults = sum((each.faults for each in results[1:]), results[0].faults)
    assert faults["crash, unconfirmed"] > 0.3 * faults["crash"] > 0


def test_a_seed_is_the_same_session_every_time() -> None:
    with quiet():
        first, second = simulate(17), simulate(17)
    assert first == second


@pytest.mark.parametrize("seed", [126, 297])
def test_an_overtaken_ingest_says_so_even_where_the_log_holds_other_data_under_its_numbers(seed: int) -> None:
    """It once took the other's outputs for its own, and stopped for the difference."""
    with quiet():
        assert simulate(seed).violation == ""


def test_a_copy_that_computes_something_else_is_found_at_once() -> None:
    with quiet():
        world = World(3, "toy")
        driver: Any = world.stages[0].driver
        stages: dict[str, ToyStage] = getattr(driver, "_stages", None) or {"": driver._stage}
        next(iter(stages.values())).digest = "spoilt"
        try:
            with pytest.raises(Exception, match=r"the log holds|another output"):
                world.run()
        finally:
            world.close()
