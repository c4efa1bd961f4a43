"""The stages over a real nats-server give what they give in one process, whatever is killed."""

import asyncio
import random
from pathlib import Path

import pytest
from penstock_kernel.topology import STAGES
from penstock_runtime.drivers import ChainDriver, StageDriver
from penstock_runtime.log import Log
from support.runtime import (
    Running,
    market_writer,
    new_session,
    settings_for,
    start_service,
    taken,
    write,
)
from support.toy import ToyStage, expected, market, toy_stages

INTERVALS = 60


async def publish_market(log: Log, genesis: int) -> int:
    """Write the whole market; returns the last mark."""
    writer = await market_writer(log, genesis)
    last = 0
    for messages, mark in market(INTERVALS):
        write(writer, [*messages, mark], mark.ts)
        last = mark.ts
        await asyncio.sleep(0)
    return last


async def test_separate_services_put_out_what_the_chain_does(nats_url: str, tmp_path: Path) -> None:
    log = await Log.connect(nats_url, name="test")
    genesis = await new_session(log)
    settings = settings_for(nats_url, tmp_path)
    services = [
        await start_service(each, StageDriver(each, ToyStage(each)), log, settings) for each in STAGES
    ]
    reader = await log.reader(("feat", "sig", "ord", "ven"))
    last = await publish_market(log, genesis)
    assert await taken(reader, last) == expected(INTERVALS)
    for service in services:
        await service.drain()
    await log.close()


async def test_a_fused_service_puts_out_what_the_chain_does(nats_url: str, tmp_path: Path) -> None:
    log = await Log.connect(nats_url, name="test")
    genesis = await new_session(log)
    service = await start_service("fused", ChainDriver(toy_stages()), log, settings_for(nats_url, tmp_path))
    reader = await log.reader(("feat", "sig", "ord", "ven"))
    last = await publish_market(log, genesis)
    assert await taken(reader, last) == expected(INTERVALS)
    await service.drain()
    await log.close()


@pytest.mark.parametrize("fused", [False, True])
async def test_services_killed_and_restarted_put_out_the_same(
    nats_url: str, tmp_path: Path, fused: bool
) -> None:
    log = await Log.connect(nats_url, name="test")
    genesis = await new_session(log)
    settings = settings_for(nats_url, tmp_path, snapshot_interval_s=0.02)

    async def start(name: str) -> Running:
        driver = ChainDriver(toy_stages()) if fused else StageDriver(name, ToyStage(name))
        return await start_service(name, driver, log, settings)

    names = ["fused"] if fused else list(STAGES)
    services = {name: await start(name) for name in names}
    chance = random.Random(7)
    writer = await market_writer(log, genesis)
    last = 0
    for number, (messages, mark) in enumerate(market(INTERVALS)):
        write(writer, [*messages, mark], mark.ts)
        last = mark.ts
        if number % 5 == 4:
            await asyncio.sleep(chance.random() * 0.05)
            name = chance.choice(names)
            await services[name].kill()
            services[name] = await start(name)

    reader = await log.reader(("feat", "sig", "ord", "ven"))
    assert await taken(reader, last) == expected(INTERVALS)
    for service in services.values():
        await service.drain()
    await log.close()
