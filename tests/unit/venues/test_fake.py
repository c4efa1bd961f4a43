import asyncio
from decimal import Decimal
from random import Random

import pytest
from penstock_contracts.types import OrderType, Side
from penstock_venues.errors import Disconnected, RateLimited, Refused, Unclear
from penstock_venues.fake import FakeVenue
from penstock_venues.fake_gateway import FakeGateway
from penstock_venues.faults import RESTS, Fate, Manner, Misdeed
from penstock_venues.gateway import NewOrder, Standing, VenueEvent, VenueFill, VenueOrder


def order(number: int = 1, quantity: str = "1") -> NewOrder:
    return NewOrder(f"c-{number}", "btc-usdt.fake", Side.BUY, OrderType.MARKET, Decimal(quantity))


def venue() -> tuple[FakeVenue, FakeGateway]:
    at = FakeVenue(latency_s=0.0, timeout_s=0.0, late_s=0.01)
    return at, FakeGateway(at)


async def heard(gateway: FakeGateway, events: list[VenueEvent]) -> None:
    async for event in gateway.events():
        events.append(event)  # noqa: PERF401  (what came before the stream broke is kept)


async def test_an_order_fills_in_parts_that_add_up_and_is_over() -> None:
    at, gateway = venue()
    at.fates.append(Fate(parts=(0.25, 0.25, 0.5), first_after_s=0.001))
    events: list[VenueEvent] = []
    listening = asyncio.create_task(heard(gateway, events))
    await asyncio.sleep(0)
    assert (await gateway.submit(order())).standing is Standing.WORKING
    while not at.orders["c-1"].standing.over:
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.002)
    assert [each.quantity for each in events if isinstance(each, VenueFill)] == [
        Decimal("0.25"), Decimal("0.25"), Decimal("0.5"),
    ]  # fmt: skip
    assert [each.standing for each in events if isinstance(each, VenueOrder)][-1] is Standing.FILLED
    assert at.positions == {"btc-usdt.fake": Decimal(1)}
    at.disconnect()
    with pytest.raises(Disconnected):
        await listening


@pytest.mark.parametrize(("misdeed", "arrives"), [(Misdeed.ANSWER_LOST, True), (Misdeed.REQUEST_LOST, False)])
async def test_without_an_answer_the_order_may_have_arrived_or_not(misdeed: Misdeed, arrives: bool) -> None:
    at, gateway = venue()
    at.misdeeds.append(misdeed)
    with pytest.raises(Unclear):
        await gateway.submit(order())
    found = await gateway.order("c-1", "btc-usdt.fake")
    assert (found is not None) is arrives
    assert at.received["c-1"] == int(arrives)


async def test_a_late_request_arrives_after_its_answer_was_given_up() -> None:
    at, gateway = venue()
    at.misdeeds.append(Misdeed.ARRIVES_LATE)
    with pytest.raises(Unclear):
        await gateway.submit(order())
    assert await gateway.order("c-1", "btc-usdt.fake") is None
    await asyncio.sleep(0.03)
    assert await gateway.order("c-1", "btc-usdt.fake") is not None


async def test_a_cancel_may_lose_the_race_against_a_fill() -> None:
    at, gateway = venue()
    at.fates.append(Fate(parts=(), wins_race=True))
    await gateway.submit(order())
    with pytest.raises(Refused, match="filled"):
        await gateway.cancel("c-1", "btc-usdt.fake")


async def test_an_id_that_was_used_is_refused_and_counted() -> None:
    at, gateway = venue()
    at.fates.append(RESTS)
    await gateway.submit(order())
    with pytest.raises(Refused, match="duplicate"):
        await gateway.submit(order())
    assert at.received["c-1"] == 2


async def test_a_storm_turns_away_and_counts_who_comes_back_too_early() -> None:
    at, gateway = venue()
    at.storm(60)
    with pytest.raises(RateLimited) as turned_away:
        await gateway.open_orders()
    assert 59 < turned_away.value.retry_after_s <= 60
    assert at.too_early == 0
    with pytest.raises(RateLimited):
        await gateway.open_orders()
    assert at.too_early == 1


async def test_above_its_limit_the_venue_turns_away() -> None:
    at = FakeVenue(latency_s=0.0, limit_per_s=2)
    gateway = FakeGateway(at)
    await gateway.balances()
    await gateway.balances()
    with pytest.raises(RateLimited):
        await gateway.balances()


def test_the_same_seed_gives_the_same_manners() -> None:
    def drawn() -> list[object]:
        manner = Manner(Random(7), misdeeds=0.3)
        return [(manner.misdeed(), manner.fate()) for _ in range(50)]

    assert drawn() == drawn()
    assert len({str(each) for each in drawn()}) > 10
