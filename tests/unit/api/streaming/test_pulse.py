import asyncio

from penstock_api.streaming.pulse import LEAST_S, MOST_S, Pulse

LIMIT_S = 60.0


async def test_the_first_news_are_told_at_once_to_everybody_who_waits() -> None:
    pulse = Pulse()
    waiting = [asyncio.create_task(pulse.wait(pulse.count, LIMIT_S)) for _ in range(20)]
    await asyncio.sleep(0)
    pulse.news()
    async with asyncio.timeout(LIMIT_S / 2):
        await asyncio.gather(*waiting)
    assert pulse.count == 1


async def test_news_of_one_moment_are_told_in_one_beat() -> None:
    pulse = Pulse()
    for _ in range(1_000):
        pulse.news()
    await pulse.wait(0, LIMIT_S)
    assert pulse.count == 1


async def test_two_beats_keep_their_distance() -> None:
    pulse = Pulse()
    loop = asyncio.get_running_loop()
    pulse.beat()
    began = loop.time()
    pulse.news()
    await pulse.wait(1, LIMIT_S)
    assert pulse.count == 2
    # A timer may be early by the clock's resolution.
    assert loop.time() - began >= LEAST_S * 0.9


async def test_who_was_busy_while_it_beat_does_not_wait() -> None:
    pulse = Pulse()
    heard = pulse.count
    pulse.beat()
    await asyncio.wait_for(pulse.wait(heard, LIMIT_S * 10), LIMIT_S)


async def test_without_news_the_wait_ends_by_itself() -> None:
    pulse = Pulse()
    await pulse.wait(pulse.count, 0.01)
    assert pulse.count == 0


def test_the_more_clients_the_rarer_it_beats_within_bounds() -> None:
    pulse = Pulse()
    told = []
    for clients in (0, 1, 20, 1_000):
        pulse.for_clients(clients)
        told.append(pulse.distance_s)
    assert told == sorted(told)
    assert (told[0], told[-1]) == (LEAST_S, MOST_S)
