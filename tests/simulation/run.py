"""One seed, or many: what became of them."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog
from penstock_runtime.errors import RuntimeFailure

from simulation.checks import Output, check
from simulation.world import Violation, World

BROKEN = (Violation, RuntimeFailure, ValueError, AssertionError)
"""What a broken rule ends in. Anything else is a mistake in the code, and no result."""


@dataclass
class Result:
    """What became of a seed."""

    seed: int
    violation: str = ""
    """What must never happen and did; empty when all was well."""
    faults: Counter[str] = field(default_factory=Counter)
    digest: str = ""
    """Of all that counts: the same in every process."""


@contextmanager
def quiet() -> Iterator[None]:
    """The services' own logs are of no interest in thousands of seeds."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    try:
        yield
    finally:
        structlog.configure(**before)


def simulate(seed: int, scenario: str | None = None, speak: Callable[[str], None] | None = None) -> Result:
    """Run a session with its faults, check it; then restore one of its snapshots and check again."""
    world = World(seed, scenario, speak)
    result = Result(seed, faults=world.faults)
    try:
        world.run()
        result.digest = _digest(check(world))
        world.again()
        check(world)
    except BROKEN as error:
        result.violation = f"{type(error).__name__}: {error}"
    finally:
        world.close()
    return result


def _digest(outputs: dict[str, list[Output]]) -> str:
    hasher = hashlib.sha256()
    for producer in sorted(outputs):
        for subject, data in outputs[producer]:
            hasher.update(f"{subject} {len(data)} ".encode() + data)
    return hasher.hexdigest()[:16]
