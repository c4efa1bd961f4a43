"""What strikes a session: crashes, pauses, broken connections, rival writers."""

from typing import TYPE_CHECKING

from simulation.processes import IngestProcess, Process, StageProcess
from simulation.server import Client

if TYPE_CHECKING:
    from simulation.world import World

INGESTS_MAX = 3
"""More at once only keep one another from going on."""


def strike(world: "World") -> None:
    """Crash, pause or cut off somebody, or let another ingest begin."""
    rng = world.rng
    if not world.processes:
        return
    process = rng.choice(_worth_a_fault(world) or world.processes)
    chance = rng.random()
    if chance < 0.35:
        _crash(world, process)
    elif chance < 0.50:
        world.count("paused")
        process.asleep_until = world.now + rng.choice((0.3, 1.0, 3.0))
        world.say(f"pause {process.name} until {process.asleep_until:.3f}")
        if isinstance(process, IngestProcess) and len(world.ingests) < INGESTS_MAX:
            world.start_ingest()
    elif chance < 0.70:
        _disconnect(world, process)
    elif chance < 0.85 and process.client.deliveries and process.client.is_connected:
        world.count("delivery lost")
        world.say(f"delivery lost to {process.name}")
        rng.choice(list(process.client.deliveries.values())).lose(rng.choice((1, 4, 16)))
    elif chance < 0.95 and process.client.deliveries:
        world.count("consumer made again")
        world.say(f"consumer of {process.name} made again")
        rng.choice(process.log._consumers).restart()
    elif len(world.ingests) < INGESTS_MAX:
        world.count("second ingest")
        world.start_ingest()


def _worth_a_fault(world: "World") -> list[Process]:
    """Those that have put out what the log does not hold, mostly; nobody in particular now and then."""
    if world.rng.random() < 0.3:
        return []
    stages: list[Process] = [each for each in world.stages if each.core.unconfirmed]
    return stages + [each for each in world.ingests if each.service._writer.unconfirmed]


def _order_works(world: "World") -> bool:
    """Whether an order works at the venue, in the eyes of any copy of execution."""
    views = [each.driver.describe() for each in world.stages if each.kind in ("execution", "fused")]
    return any(view.get("execution", view).get("working") for view in views)


def _lose_wire(world: "World", client: Client) -> None:
    """A broken connection: the first of what was sent arrives, some of the rest arrives late."""
    wire = list(client.wire)
    client.wire.clear()
    arrived = world.rng.randint(0, len(wire))
    for sent in wire[:arrived]:
        world.server.store(sent)
    world.server.limbo += [each for each in wire[arrived:] if world.rng.random() < 0.3]


def _crash(world: "World", process: Process) -> None:
    rng = world.rng
    world.count("crash")
    due = world.now + rng.choice((0.0, 0.1, 1.0, 3.0))
    if isinstance(process, StageProcess):
        world.faults["crash, unconfirmed"] += process.core.unconfirmed > 0
        restore = rng.choice([*process.saved, process.saved[-1], None]) if process.saved else None
        kind, copy, hold_s = process.kind, process.copy, process.hold_s
        world.stages.remove(process)
        world.down.append((due, lambda: world.start_stage(kind, copy, hold_s, restore)))
    elif isinstance(process, IngestProcess):
        world.faults["crash, unconfirmed"] += process.service._writer.unconfirmed > 0
        world.ingests.remove(process)
        world.down.append((due, world.start_ingest))
    world.say(f"crash {process.name}, back at {due:.3f}")
    world.faults["crash, order working"] += _order_works(world)
    _lose_wire(world, process.client)
    process.close()


def _disconnect(world: "World", process: Process) -> None:
    client = process.client
    if not client.is_connected:
        return
    world.count("disconnected")
    due = world.now + world.rng.choice((0.0, 0.1, 1.0, 3.0))
    world.say(f"disconnect {process.name} until {due:.3f}")
    _lose_wire(world, client)
    for delivery in client.deliveries.values():
        delivery.lose(world.rng.choice((0, 0, 1, 16)))
    client.is_connected = False
    world.down.append((due, lambda: _reconnect(world, process)))


def _reconnect(world: "World", process: Process) -> None:
    if process in world.processes:
        world.say(f"reconnect {process.name}")
        process.client.is_connected = True
        process.log.reconnected()
