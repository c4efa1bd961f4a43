"""What the benchmarks' sessions are asked for, and how their processes are told apart."""

import pytest
from penstock.config.load import ConfigOptions, load

from bench.session import process_name
from bench.sessions import synthetic


def test_an_even_flow_is_asked_for_at_the_whole_rate() -> None:
    settings = tuple(
        each.removeprefix("--set=") for each in synthetic(10, 1_000, 40) if each.startswith("--set")
    )
    config = load(ConfigOptions(profile="open", settings=settings), {}).root.ingest.synthetic
    assert len(config.symbols) == 10
    assert config.rate * len(config.symbols) == 1_000
    assert (config.bursts, config.jumps, config.regimes) == (0, 0, False)


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["python", "-m", "penstock_risk"], "risk"),
        (["python", "-m", "penstock.fused"], "fused"),
        (["/opt/bin/nats-server", "--config", "nats.conf"], "nats-server"),
        (["postgres: penstock penstock 127.0.0.1(4242) idle"], "postgres"),
        ([], "?"),
    ],
)
def test_a_process_is_called_by_its_service_or_program(command: list[str], name: str) -> None:
    assert process_name(command) == name
