"""Each way in which a venue can answer, or not: what is told, and what reaches the venue."""

import asyncio
from decimal import Decimal

import pytest
from penstock_contracts.types import Side
from penstock_contracts.venue import Fill
from penstock_venues.faults import RESTS, Fate, Misdeed

from faults.stand import KEY, Stand


async def test_a_fill_before_the_acknowledgement_is_booked(stand: Stand) -> None:
    await stand.start()
    key = stand.approve()
    await stand.ended(key)
    assert stand.of(key) == ["submitted", "fill"]
    fill = stand.last(key)
    assert isinstance(fill, Fill)
    assert (fill.price, fill.quantity, fill.quantity_left) == (Decimal(100), Decimal(1), Decimal(0))
    assert fill.fee == Decimal("0.05")
    assert stand.violations() == []


async def test_partial_fills_add_up(stand: Stand) -> None:
    stand.venue.fates.append(Fate(parts=(0.25, 0.25, 0.5), first_after_s=0.005))
    await stand.start()
    key = stand.approve(side=Side.SELL)
    await stand.ended(key)
    assert stand.of(key) == ["submitted", "accepted", "fill", "fill", "fill"]
    assert stand.position == -1
    assert stand.violations() == []


async def test_a_lost_answer_is_asked_after_and_the_order_adopted(stand: Stand) -> None:
    stand.venue.misdeeds.append(Misdeed.ANSWER_LOST)
    stand.venue.fates.append(RESTS)
    await stand.start()
    stand.gateway.deaf = True  # type: ignore[union-attr]  # its events are lost as well
    key = stand.approve()
    await stand.until(lambda: len(stand.of(key)) >= 3, "adopted")
    assert stand.of(key) == ["submitted", "unknown", "accepted"]
    stand.cancel(key)
    await stand.ended(key)
    assert stand.of(key)[3:] == ["cancel_pending", "cancelled"]
    assert stand.violations() == []


async def test_a_lost_request_is_unknown_then_lost_and_never_sent_again(stand: Stand) -> None:
    stand.venue.misdeeds.append(Misdeed.REQUEST_LOST)
    await stand.start()
    key = stand.approve()
    await stand.ended(key)
    assert stand.of(key) == ["submitted", "unknown", "lost"]
    await asyncio.sleep(0.1)
    assert stand.venue.received[key] == 0
    assert stand.violations() == []


async def test_an_order_that_arrives_after_it_was_lost_is_booked_and_halts(stand: Stand) -> None:
    stand.venue.late_s = 0.8
    stand.venue.misdeeds.append(Misdeed.ARRIVES_LATE)
    await stand.start()
    key = stand.approve()
    await stand.ended(key)
    assert stand.of(key) == ["submitted", "unknown", "lost"]
    await stand.until(lambda: stand.of(key)[-1] == "fill", "the fill of a lost order")
    await stand.until(stand.halt_called, "the halt")
    assert stand.service is not None
    assert stand.service.guard.closed(0.0) == "halted"
    other = stand.approve()
    await stand.ended(other)
    assert stand.of(other) == ["rejected"]
    assert stand.venue.received[other] == 0
    assert stand.violations() == []


async def test_a_lost_order_that_turns_up_resting_is_cancelled_and_halts(stand: Stand) -> None:
    stand.venue.late_s = 0.8
    stand.venue.misdeeds.append(Misdeed.ARRIVES_LATE)
    stand.venue.fates.append(RESTS)
    await stand.start()
    key = stand.approve()
    await stand.ended(key)
    await stand.until(lambda: key in stand.venue.orders, "its arrival")
    await stand.until(lambda: stand.venue.orders[key].standing.over, "its cancellation")
    await stand.until(stand.halt_called, "the halt")
    assert stand.of(key) == ["submitted", "unknown", "lost"]


async def test_a_cancel_that_loses_the_race_ends_in_a_fill(stand: Stand) -> None:
    stand.venue.fates.append(Fate(parts=(), wins_race=True))
    await stand.start()
    key = stand.approve()
    await stand.until(lambda: stand.of(key) == ["submitted", "accepted"], "accepted")
    stand.cancel(key)
    await stand.ended(key)
    assert stand.of(key) == ["submitted", "accepted", "cancel_pending", "fill"]
    assert stand.violations() == []


@pytest.mark.parametrize("misdeed", [Misdeed.ANSWER_LOST, Misdeed.REQUEST_LOST, Misdeed.RATE_LIMITED])
async def test_a_cancel_without_an_answer_is_asked_for_again(stand: Stand, misdeed: Misdeed) -> None:
    stand.venue.fates.append(RESTS)
    stand.venue.misdeeds.extend([None, misdeed])
    await stand.start()
    key = stand.approve()
    await stand.until(lambda: stand.of(key) == ["submitted", "accepted"], "accepted")
    stand.cancel(key)
    await stand.ended(key)
    assert stand.of(key)[2:] == ["cancel_pending", "cancelled"]


@pytest.mark.parametrize("misdeed", [Misdeed.REFUSED, Misdeed.RATE_LIMITED])
async def test_what_the_venue_did_not_take_is_rejected_and_not_sent_again(
    stand: Stand, misdeed: Misdeed
) -> None:
    stand.venue.misdeeds.append(misdeed)
    await stand.start()
    key = stand.approve()
    await stand.ended(key)
    assert stand.of(key) == ["submitted", "rejected"]
    await asyncio.sleep(0.1)
    assert stand.venue.received[key] == 0


async def test_an_order_ends_only_when_all_its_fills_are_known(stand: Stand) -> None:
    stand.venue.fates.append(Fate(parts=(0.5,), first_after_s=0.005))
    await stand.start()
    stand.gateway.drop_fills = True  # type: ignore[union-attr]
    key = stand.approve()
    await stand.until(lambda: stand.venue.orders.get(key) is not None and bool(stand.venue.fills), "a fill")
    stand.venue.cancel(key)
    await stand.ended(key)
    assert stand.of(key) == ["submitted", "accepted", "fill", "cancelled"]
    assert stand.violations() == []


async def test_fills_during_a_disconnect_are_booked_after_it(stand: Stand) -> None:
    stand.venue.fates.append(RESTS)
    service = await stand.start()
    key = stand.approve()
    await stand.until(lambda: stand.of(key) == ["submitted", "accepted"], "accepted")
    assert stand.gateway is not None
    stand.gateway.unreachable = True
    stand.venue.disconnect()
    await stand.until(lambda: not service.guard.connected, "the disconnect")
    stand.venue.fill(key, Decimal("0.5"))
    blocked = stand.approve()
    await stand.ended(blocked)
    assert stand.of(blocked) == ["rejected"]
    stand.gateway.unreachable = False
    await stand.until(lambda: stand.of(key)[-1] == "fill", "the fill", timeout_s=5)
    stand.venue.fill(key)
    await stand.ended(key)
    assert stand.violations() == []


async def test_a_storm_of_429_is_waited_out(stand: Stand) -> None:
    stand.venue.fates.append(RESTS)
    service = await stand.start()
    key = stand.approve()
    await stand.until(lambda: stand.of(key) == ["submitted", "accepted"], "accepted")
    stand.venue.storm(0.5)
    stand.cancel(key)
    await stand.until(lambda: service.requests.line.backing_off, "backing off")
    during = stand.approve()
    await stand.ended(key, during)
    assert stand.of(during) == ["rejected"]
    assert stand.venue.too_early == 0
    assert stand.violations() == []


async def test_what_others_placed_is_shown_and_left_alone(stand: Stand) -> None:
    by_hand = stand.venue.external(KEY, Side.BUY, Decimal(3))
    service = await stand.start()
    assert list(service.desk.tally.external) == [by_hand]
    key = stand.approve()
    await stand.ended(key)
    assert not stand.venue.orders["hand-1"].standing.over
    assert stand.violations() == []
