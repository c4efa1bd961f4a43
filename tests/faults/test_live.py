"""Every fault of a live venue a few times; `make faults ROUNDS=300` strikes a thousand times."""

from pathlib import Path

import pytest

from faults import live
from faults.stand import Stand
from faults.world import Unexpected


@pytest.mark.parametrize("name", live.TRIALS)
async def test_live_execution_gets_over(name: str, tmp_path: Path) -> None:
    trial = live.TRIALS[name]
    assert await live.run(trial, tmp_path, trial.quick, seed=1) == trial.quick


async def test_an_order_that_is_sent_twice_is_noticed(tmp_path: Path) -> None:
    async def resend(stand: Stand, _rounds: int) -> None:
        key = stand.approve()
        await stand.ended(key)
        stand.venue.received[key] += 1

    with pytest.raises(Unexpected, match="o-1 reached the venue 2 times"):
        await live.run(live.Trial(9, resend, 1), tmp_path, 1, seed=1)


async def test_a_fill_that_is_not_told_is_noticed(tmp_path: Path) -> None:
    async def miss(stand: Stand, _rounds: int) -> None:
        key = stand.approve()
        await stand.ended(key)
        stand.venue.positions["btc-usdt.fake"] += 1

    with pytest.raises(Unexpected, match="fills told 1"):
        await live.run(live.Trial(9, miss, 1), tmp_path, 1, seed=1)
