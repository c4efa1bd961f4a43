import gc
from decimal import Decimal

import pytest
from penstock_api.streaming import pulse
from penstock_api.streaming.channels import CHANNELS
from penstock_api.streaming.recent import KEPT
from penstock_api.streaming.subscription import Subscription, Wish
from support.messages import approved, fill, prices, signal
from support.streams import Fed

VISITS, FRAMES = 80, 10


def happens(fed: Fed, number: int) -> None:
    """A tick, a signal, its order, its fill."""
    fed.put("feat", prices())
    fed.put("sig", signal(signal_id=f"s-{number}"))
    fed.put("ord", approved(order_id=f"o-{number}", signal_id=f"s-{number}"))
    fed.put("ven", fill(fill_id=f"f-{number}", order_id=f"o-{number}", quantity_left=Decimal(0)))
    fed.hub.measured += 1


async def visits(fed: Fed, begin: int) -> None:
    """Clients that come, follow for some frames, and go in the middle of it, while the session trades."""
    for number in range(begin, begin + VISITS):
        with fed.hub.followed(market=True):
            frames = Subscription(fed.hub, Wish(CHANNELS[number % 4 :])).frames()
            for _ in range(FRAMES):
                happens(fed, number)
                await anext(frames)
            await frames.aclose()  # type: ignore[attr-defined]


async def test_clients_that_come_and_go_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "LEAST_S", 0.0)
    fed = Fed(events_max=64)
    for number in range(KEPT + 1):
        happens(fed, number)
    await visits(fed, 1_000)
    gc.collect()
    before = len(gc.get_objects())
    await visits(fed, 2_000)
    gc.collect()
    # One object that each visit left would be more.
    assert len(gc.get_objects()) - before < VISITS / 2
    assert fed.hub.clients == 0
