"""The egress guard in the running service: what it keeps back, and what it cancels."""

import asyncio
import time
from decimal import Decimal

from penstock_contracts.types import Side, TradingState
from penstock_execution.config import GuardConfig
from penstock_venues.faults import RESTS

from faults.stand import Stand


async def working(stand: Stand) -> str:
    stand.venue.fates.append(RESTS)
    key = stand.approve()
    await stand.until(lambda: stand.of(key) == ["submitted", "accepted"], "an order that works")
    return key


async def blocked_by(stand: Stand, **changes: object) -> str:
    key = stand.approve(**changes)
    await stand.ended(key)
    assert stand.of(key) == ["rejected"]
    assert stand.venue.received[key] == 0
    return str(stand.last(key).reason)  # type: ignore[union-attr]


async def test_a_halt_cancels_what_works_and_holds_until_risk_has_answered_a_resume(stand: Stand) -> None:
    await stand.start()
    key = await working(stand)
    await stand.command("halt", "h-1")
    await stand.ended(key)
    assert stand.of(key)[2:] == ["cancel_pending", "cancelled"]
    assert await blocked_by(stand) == "guard:halted"
    # Risk went on to another state for a command from before the halt: that releases nothing.
    stand.state(TradingState.ACTIVE, "h-0")
    assert await blocked_by(stand) == "guard:halted"
    await stand.command("resume", "r-1")
    stand.state(TradingState.ACTIVE, "r-1")
    assert stand.service is not None
    await stand.until(lambda: not stand.service.guard.halts.hold, "released")  # type: ignore[union-attr]
    after = stand.approve()
    await stand.ended(after)
    assert stand.of(after) == ["submitted", "fill"]


async def test_when_risk_halts_nothing_leaves(stand: Stand) -> None:
    await stand.start()
    stand.state(TradingState.HALTED)
    assert await blocked_by(stand) == "guard:halted"


async def test_the_kill_file_blocks_cancels_and_calls_for_a_halt(stand: Stand) -> None:
    await stand.start()
    key = await working(stand)
    (stand.folder / "kill.txt").write_text("")
    await stand.ended(key)
    assert await blocked_by(stand) == "guard:kill_file"
    await stand.until(stand.halt_called, "the halt command")
    (stand.folder / "kill.txt").unlink()
    await asyncio.sleep(0.1)
    assert await blocked_by(stand) == "guard:halted"


async def silent(stand: Stand, which: str, rule: str) -> None:
    service = await stand.start()
    key = await working(stand)
    setattr(stand, which, False)
    await stand.ended(key)
    told = [each for each in stand.told if getattr(each, "order_id", "") == key]
    assert told[2].reason == f"guard:{rule}"
    setattr(stand, which, True)
    await stand.until(lambda: not service.guard.must_cancel(time.monotonic()), "signs of life again")
    after = stand.approve()
    await stand.ended(after)
    assert stand.of(after) == ["submitted", "fill"]


async def test_three_seconds_without_a_mark_cancel_what_works(stand: Stand) -> None:
    await silent(stand, "marks_flow", "no_marks")


async def test_three_seconds_without_a_sign_of_risk_cancel_what_works(stand: Stand) -> None:
    await silent(stand, "risk_speaks", "no_risk")


async def test_an_approval_whose_datum_is_old_by_the_wall_clock_is_kept_back(stand: Stand) -> None:
    service = await stand.start()
    await stand.until(lambda: not service.guard.must_cancel(time.monotonic()), "signs of life")
    old = time.time_ns() - 6_000_000_000
    assert await blocked_by(stand, received_ns=old) == "guard:approval_age"


async def test_ceilings_of_its_own_hold_whatever_risk_approved(stand: Stand) -> None:
    stand.configure(GuardConfig(quantity_max=Decimal(5), notional_max=Decimal(400)))
    await stand.start()
    assert await blocked_by(stand, quantity=Decimal(6)) == "guard:quantity"
    assert await blocked_by(stand, quantity=Decimal("4.5")) == "guard:notional"
    assert await blocked_by(stand, reference_price=Decimal(150)) == "guard:collar"
    assert await blocked_by(stand, limit_price=Decimal(150), side=Side.BUY) == "guard:collar"
    assert await blocked_by(stand, instrument="eth-usdt.fake") == "guard:instrument"
    assert await blocked_by(stand, algo="twap") == "guard:unsupported"


async def test_more_orders_than_its_rate_are_kept_back(stand: Stand) -> None:
    stand.configure(GuardConfig(orders_per_second_max=3))
    await stand.start()
    keys = [stand.approve() for _ in range(5)]
    await stand.ended(*keys)
    assert [stand.of(key)[0] for key in keys] == ["submitted"] * 3 + ["rejected"] * 2


async def test_a_cancel_passes_while_nothing_else_may(stand: Stand) -> None:
    await stand.start()
    key = await working(stand)
    stand.state(TradingState.HALTED)
    stand.cancel(key)
    await stand.ended(key)
    assert stand.of(key)[-1] == "cancelled"
