"""Cut off at any moment, two at once, or paused: each order at most once at the venue, nothing lost."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from penstock_contracts.orders import OrderApproved
from penstock_contracts.subjects import SUBMISSIONS
from penstock_contracts.venue import OrderChanged
from penstock_runtime.errors import Halt, Superseded
from penstock_runtime.submissions import Submission, Submissions
from penstock_venues.fake import FakeVenue
from penstock_venues.faults import RESTS, Manner

from faults.stand import LIVE, Stand


async def test_what_filled_while_it_was_down_is_booked_at_the_start(stand: Stand) -> None:
    stand.venue.fates.append(RESTS)
    await stand.start()
    key = stand.approve()
    await stand.until(lambda: stand.of(key) == ["submitted", "accepted"], "accepted")
    await stand.kill()
    stand.venue.fill(key, Decimal("0.5"))
    await stand.start()
    await stand.until(lambda: stand.of(key)[-1] == "fill", "the fill")
    stand.venue.fill(key)
    await stand.ended(key)
    assert stand.of(key) == ["submitted", "accepted", "fill", "fill"]
    assert stand.violations() == []


async def test_an_order_that_was_submitted_and_not_sent_is_never_sent(stand: Stand) -> None:
    await stand.start()
    await stand.kill()
    key = stand.approve()
    approval = (await approvals(stand))[key]
    await Submissions(stand.log, stand.venue.name).store(Submission("stand", 1, 1, 2, approval))
    await stand.start()
    await stand.ended(key)
    assert stand.of(key) == ["submitted", "unknown", "lost"]
    assert stand.venue.received[key] == 0


async def approvals(stand: Stand) -> dict[str, OrderApproved]:
    found: dict[str, OrderApproved] = {}
    reader = await stand.log.reader(["ord"])
    while not found:
        await reader.wait(1.0)
        while (delivered := reader.poll()) is not None:
            if delivered.kind == "approved":
                message: OrderApproved = delivered.decode()
                found[message.order_id] = message
    await reader.stop()
    return found


async def test_approvals_from_before_are_not_acted_upon(stand: Stand) -> None:
    await stand.start()
    await stand.kill()
    keys = [stand.approve() for _ in range(3)]
    await stand.start()
    await stand.ended(*keys)
    assert [stand.of(key) for key in keys] == [["rejected"]] * 3


async def test_a_paused_gateway_wakes_up_sends_nothing_and_stops(stand: Stand) -> None:
    first = await stand.start()
    first_task = stand.task
    assert first_task is not None
    # The first one is past its guard and about to leave when it is paused; the second one claims.
    paused, go = asyncio.Event(), asyncio.Event()
    turn = first.requests.line.turn

    async def slow() -> None:
        paused.set()
        await go.wait()
        await turn()

    first.requests.line.turn = slow  # type: ignore[method-assign]
    key = stand.approve()
    await paused.wait()
    awake, first._turn = first._turn, lambda: None  # type: ignore[method-assign]  # it hears nothing either
    await stand.start()
    go.set()
    await stand.until(lambda: not first.requests.sending, "its last step")
    first._turn = awake  # type: ignore[method-assign]
    with pytest.raises(Superseded, match="another execution claimed the venue"):
        await first_task
    await stand.ended(key)
    assert stand.venue.received[key] == 0
    after = stand.approve()
    await stand.ended(after)
    assert stand.of(after) == ["submitted", "fill"]
    assert stand.violations() == []


async def test_what_contradicts_itself_halts_after_cancelling_what_works(stand: Stand) -> None:
    stand.venue.fates.extend([RESTS, RESTS])
    await stand.start()
    keys = [stand.approve() for _ in range(2)]
    await stand.until(lambda: all(len(stand.of(key)) == 2 for key in keys), "accepted")
    assert stand.task is not None
    resting = stand.venue.orders[keys[0]]
    resting.order = replace(resting.order, quantity=Decimal(3))
    stand.venue.fill(keys[0])
    with pytest.raises(Halt, match="says that it filled buy 3 of order"):
        await stand.task
    assert stand.venue.orders[keys[1]].standing.over
    stand.task = None


async def test_without_room_for_submissions_it_halts_says_so_and_sends_nothing(stand: Stand) -> None:
    stand.venue.fates.append(RESTS)
    await stand.start()
    works = stand.approve()
    await stand.until(lambda: stand.of(works) == ["submitted", "accepted"], "accepted")
    await stand.log.js.update_stream(
        name=SUBMISSIONS, **{**(await submissions_config(stand)), "max_bytes": 1}
    )
    key = stand.approve()
    assert stand.task is not None
    with pytest.raises(Halt, match="SUBMISSIONS takes no more: maximum bytes exceeded"):
        await stand.task
    stand.task = None
    assert stand.venue.received[key] == 0
    assert stand.venue.orders[works].standing.over


async def submissions_config(stand: Stand) -> dict[str, object]:
    config = (await stand.log.js.stream_info(SUBMISSIONS)).config
    return {name: value for name, value in vars(config).items() if name != "name" and value is not None}


async def test_a_drain_leaves_orders_at_the_venue_and_confirms_what_was_told(stand: Stand) -> None:
    stand.venue.fates.append(RESTS)
    service = await stand.start()
    key = stand.approve()
    await stand.until(lambda: stand.of(key) == ["submitted", "accepted"], "accepted")
    service.stop()
    assert stand.task is not None
    await stand.task
    assert not stand.venue.orders[key].standing.over
    assert not service._writer.unconfirmed


@pytest.mark.parametrize("seed", range(3))
async def test_a_venue_that_misbehaves_and_a_service_that_is_killed(
    nats_url: str, tmp_path: Path, seed: int
) -> None:
    """A thousand orders, one of ten requests gone wrong, cancels, disconnects and kills at random."""
    rng = Random(seed)
    venue = FakeVenue(manner=Manner(Random(seed), misdeeds=0.1))
    stand = Stand(nats_url, tmp_path, venue, LIVE.model_copy(update={"backoff_s_max": 0.002}))
    await stand.open()
    try:
        await stand.start()
        keys = await storm(stand, rng, orders=1_000, kills=6)
        venue._manner.misdeeds = 0.0
        await stand.until(lambda: stand.service.guard.reconciled, "reconciled")  # type: ignore[union-attr]
        for key in keys:
            stand.cancel(key)
        await stand.ended(*keys)
        assert stand.violations() == []
        ends = {str(each.to_state) for each in stand.told if isinstance(each, OrderChanged)}
        assert {"unknown", "lost", "cancelled", "rejected"} <= ends
        # How many are sent in time depends on how long the restarts took; the others are refused as too old.
        assert len(venue.received) > 200
    finally:
        await stand.close()


async def storm(stand: Stand, rng: Random, orders: int, kills: int) -> list[str]:
    strikes = sorted(rng.sample(range(20, orders), kills))
    keys = []
    for number in range(orders):
        keys.append(stand.approve(quantity=Decimal(rng.randint(1, 9))))
        if rng.random() < 0.3:
            stand.cancel(rng.choice(keys))
        if rng.random() < 0.02:
            stand.venue.disconnect()
        if number in strikes:
            await asyncio.sleep(rng.random() * 0.01)
            await stand.kill()
            await stand.start()
        await asyncio.sleep(rng.random() * 0.004)
    return keys


async def test_frames_bring_marks_and_prices_and_more_than_was_asked_for(stand: Stand) -> None:
    await stand.start()
    await stand.kill()
    stand.frame()
    await stand.start()
    key = stand.approve()
    await stand.ended(key)
    assert stand.of(key) == ["submitted", "fill"]
