import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from penstock_api.replica import KINDS
from penstock_api.streaming.channels import CARRIES, CHANNELS
from penstock_api.streaming.snapshots import whole_text
from penstock_api.streaming.subscription import Subscription, Wish
from penstock_contracts import codec, frames
from penstock_contracts.types import TradingState
from penstock_runtime.board import Report
from support.message_examples import example
from support.messages import GRID, ORDER, START, approved, done, fill, prices, signal
from support.streams import SESSION, Fed

MEASURED = {"metrics", "market"}


def test_every_channel_carries_something_that_the_feed_takes() -> None:
    carried = {channel for channels in CARRIES.values() for channel in channels}
    assert carried | MEASURED == set(CHANNELS)
    for family, kind in CARRIES:
        assert kind in KINDS[family]
        assert (family, kind) not in frames.CARRIED


@pytest.mark.parametrize(("family", "kind"), sorted(CARRIES))
async def test_a_message_comes_once_as_the_log_has_it_with_its_sequence(family: Any, kind: str) -> None:
    fed = Fed()
    client = fed.client(*CARRIES[family, kind])
    await client.until("snapshot")
    message = example(family, kind)
    sequence = fed.put(family, message)
    frame = await client.until("events")
    (event,) = frame["events"]
    assert (frame["seq"], event["seq"]) == (sequence, sequence)
    assert (event["family"], event["kind"], event["channels"]) == (family, kind, list(CARRIES[family, kind]))
    if kind == "session":
        assert "config" not in event["data"]
    else:
        assert event["data"] == json.loads(codec.encode(message))


async def test_it_begins_with_hello_and_a_snapshot_of_each_channel_at_one_place() -> None:
    fed = Fed()
    fed.put("sig", signal())
    fed.put("ord", approved(), example("ord", "position"), example("ord", "pnl"), done())
    fed.put("feat", prices())
    at = fed.put("ven", example("ven", "submitted"), fill())
    client = fed.client(*CHANNELS)
    hello = await client.next()
    assert (hello["type"], hello["session"], hello["channels"]) == ("hello", SESSION, list(CHANNELS))
    found = {}
    for _ in CHANNELS:
        frame = await client.next()
        assert (frame["type"], frame["seq"]) == ("snapshot", at)
        found[frame["channel"]] = frame["data"]
    assert found["pnl"]["account"]["equity"] == "99985.648"
    assert found["positions"][0]["quantity"] == "-0.2"
    assert found["signals"]["recent"][0]["outcome"] == "approved"
    assert found["orders"]["recent"][0]["order"]["order_id"] == ORDER
    assert found["orders"]["working"][0]["status"] == "partially_filled"
    assert found["fills"][0]["price"] == "46300.0"
    assert found["state"]["trading_state"] == TradingState.ACTIVE
    assert found["state"]["session"]["session_id"] == SESSION
    assert "config" not in found["state"]["session"]
    assert found["metrics"]["fills"] == 1
    assert [each["instrument"] for each in found["market"]] == ["btc-usdt.binance", "eth-usdt.binance"]


async def test_other_channels_events_do_not_come() -> None:
    fed = Fed()
    client = fed.client("fills")
    await client.until("snapshot")
    fed.put("sig", signal())
    fed.put("ord", approved())
    fed.put("ven", example("ven", "accepted"), fill())
    frame = await client.until("events")
    assert [event["kind"] for event in frame["events"]] == ["fill"]


async def test_what_comes_together_goes_out_together() -> None:
    fed = Fed()
    client = fed.client("fills")
    await client.until("snapshot")
    for number in range(5):
        fed.put("ven", fill(fill_id=f"f-{number}"))
    frame = await client.until("events")
    assert [event["data"]["fill_id"] for event in frame["events"]] == [f"f-{number}" for number in range(5)]


async def test_who_resumes_gets_what_came_since_and_no_snapshot() -> None:
    fed = Fed()
    at = fed.put("ven", fill(fill_id="f-1"))
    fed.put("ven", fill(fill_id="f-2"), fill(fill_id="f-3"))
    client = fed.client("fills", after=at, session=SESSION)
    assert (await client.next())["type"] == "hello"
    frame = await client.next()
    assert frame["type"] == "events"
    assert [event["data"]["fill_id"] for event in frame["events"]] == ["f-2", "f-3"]


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        ({"after": 1, "session": "another"}, "another session began"),
        ({"after": 10_000}, "the log does not reach so far"),
        ({"after": 1}, "too long ago"),
    ],
)
async def test_where_it_cannot_resume_it_says_so_and_begins_anew(wish: dict[str, Any], reason: str) -> None:
    fed = Fed(events_max=3)
    for number in range(8):
        fed.put("ven", fill(fill_id=f"f-{number}"))
    client = fed.client("fills", **wish)
    assert (await client.next())["type"] == "hello"
    resync = await client.next()
    assert (resync["type"], resync["reason"]) == ("resync", reason)
    snapshot = await client.next()
    assert (snapshot["type"], len(snapshot["data"])) == ("snapshot", 8)


async def test_who_falls_further_behind_than_is_kept_gets_a_resync_not_a_hole() -> None:
    fed = Fed(events_max=3)
    client = fed.client("fills")
    await client.until("snapshot")
    for number in range(8):
        fed.put("ven", fill(fill_id=f"f-{number}"))
    assert (await client.next())["type"] == "resync"
    snapshot = await client.next()
    assert [each["fill_id"] for each in snapshot["data"]] == [f"f-{number}" for number in range(8)]
    fed.put("ven", fill(fill_id="f-8"))
    assert (await client.until("events"))["events"][0]["data"]["fill_id"] == "f-8"


async def test_of_the_market_only_what_changed_comes_and_only_what_was_asked_for() -> None:
    fed = Fed()
    fed.put("feat", prices())
    client = fed.client("market", instruments=frozenset({"eth-usdt.binance"}))
    snapshot = await client.until("snapshot")
    assert [each["instrument"] for each in snapshot["data"]] == ["eth-usdt.binance"]
    fed.put("feat", prices())
    fed.hub.pulse.news()
    latest = await client.until("latest")
    assert (latest["channel"], [each["instrument"] for each in latest["data"]]) == (
        "market",
        ["eth-usdt.binance"],
    )


async def test_what_risk_reports_between_its_samples_comes_as_the_latest() -> None:
    fed = Fed()
    client = fed.client("pnl", "metrics")
    await client.until("snapshot")
    view = {"equity": "100010.5", "currency": "USDT"}
    fed.hub.board.take(Report(service="risk", mark=START, events=5, view=view))
    fed.hub.measured += 1
    latest = await client.until("latest")
    assert latest["channel"] == "pnl"
    assert Decimal(latest["data"]["equity"]) == Decimal("100010.5")
    metrics = await client.until("latest")
    (row,) = metrics["data"]["services"]
    assert (row["service"], row["events"]) == ("risk", 5)
    assert "view" not in row


async def test_when_nothing_happens_it_pings() -> None:
    fed = Fed()
    client = fed.client("fills")
    await client.until("snapshot")
    ping = await client.next()
    assert ping["type"] == "ping"


async def test_it_ends_with_a_reason_when_the_service_stops() -> None:
    fed = Fed()
    client = fed.client("fills")
    await client.until("snapshot")
    fed.hub.closing = True
    closing = await client.next()
    assert (closing["type"], closing["reason"]) == ("closing", "the service stops; connect again")


async def test_before_the_log_is_read_it_only_pings() -> None:
    fed = Fed()
    fed.feed.caught_up = False
    client = fed.client("fills")
    assert (await client.next())["caught_up"] is False
    fed.hub.pulse.news()
    assert (await client.next())["type"] == "ping"
    fed.feed.caught_up = True
    while (frame := await client.next())["type"] == "ping":
        pass
    assert frame["type"] == "snapshot"


async def test_the_course_of_equity_is_first_what_the_log_tells_then_what_risk_reports() -> None:
    fed = Fed()
    fed.feed.caught_up = False
    report = Report(service="risk", mark=START + GRID, view={"equity": "99990", "currency": "USDT"})
    fed.hub.board.take(report)
    fed.hub.follow_equity()
    fed.put("ord", replace(example("ord", "pnl"), ts=START))
    fed.feed.caught_up = True
    fed.hub.follow_equity()
    points = [(ts, equity) for ts, equity, _ in fed.hub.recent.equity.points]
    assert points == [(START, Decimal("99985.648")), (START + GRID, Decimal(99_990))]


async def test_a_client_may_go_on_only_from_a_frame_with_which_it_has_everything() -> None:
    fed = Fed(events_max=3)
    at = fed.put("ven", fill(fill_id="f-1"))
    fed.put("ven", fill(fill_id="f-2"))
    fed.feed.caught_up = False
    client = fed.client("fills", after=at, session=SESSION)
    assert ((await client.next())["type"], client.whole) == ("hello", False)
    assert ((await client.next())["type"], client.whole) == ("ping", False)
    fed.feed.caught_up = True
    assert ((await client.next())["type"], client.whole) == ("events", True)
    assert ((await client.next())["type"], client.whole) == ("ping", True)
    client = fed.client("orders", "fills", after=at, session="another")
    found = [((await client.next())["type"], client.whole) for _ in range(4)]
    assert found == [("hello", False), ("resync", False), ("snapshot", False), ("snapshot", True)]


async def test_what_many_clients_want_at_once_is_made_once_for_all() -> None:
    fed = Fed()
    streams = [Subscription(fed.hub, Wish(("orders", "fills"))).frames() for _ in range(20)]
    for stream in streams:
        while (await anext(stream)).kind != "snapshot":
            pass
        await anext(stream)  # the second channel's
    before = fed.hub.shared.made
    fed.put("ord", approved())
    fed.put("ven", fill())
    found = [await anext(stream) for stream in streams]
    assert fed.hub.shared.made == before + 1
    assert all(frame is found[0] for frame in found)
    assert found[0].event is found[0].event


async def test_clients_of_other_channels_never_get_one_anothers_frames() -> None:
    fed = Fed()
    wishes = [("orders",), ("fills",), ("orders", "fills"), ("signals",)]
    clients = [fed.client(*wish) for wish in wishes]
    for client, wish in zip(clients, wishes, strict=True):
        for _ in wish:
            await client.until("snapshot")
    fed.put("ord", approved())
    fed.put("ven", fill())
    found = [[each["kind"] for each in (await client.until("events"))["events"]] for client in clients]
    assert found == [["approved", "fill"], ["fill"], ["approved", "fill"], ["approved"]]


async def test_of_the_market_each_client_gets_its_own_instruments() -> None:
    fed = Fed()
    wishes = [None, frozenset({"btc-usdt.binance"}), frozenset({"eth-usdt.binance"})]
    clients = [fed.client("market", instruments=wish) for wish in wishes]
    for client in clients:
        await client.until("snapshot")
    fed.put("feat", prices())
    found = [[each["instrument"] for each in (await client.until("latest"))["data"]] for client in clients]
    assert found == [["btc-usdt.binance", "eth-usdt.binance"], ["btc-usdt.binance"], ["eth-usdt.binance"]]


async def test_holds_and_virtual_fills_are_in_the_snapshots() -> None:
    fed = Fed()
    fed.put("ord", replace(example("ord", "state"), holds=("halted: strategy ma_cross",)))
    shadow = example("ord", "shadow")
    fed.put("ord", shadow, replace(shadow, fill_id="f-2", ordinal=2, position=Decimal(0)))
    found = json.loads(whole_text(fed.hub, ("state", "signals"), None))
    assert found["caught_up"] is True
    assert (found["seq"], found["session"]) == (fed.sequence, SESSION)
    assert found["channels"]["state"]["holds"] == ["halted: strategy ma_cross"]
    virtual = found["channels"]["signals"]["shadow"]
    assert [each["fill_id"] for each in virtual["fills"]] == [shadow.fill_id, "f-2"]
    (ledger,) = virtual["ledger"]
    assert (ledger["strategy"], ledger["position"]) == (shadow.strategy, "0")


async def test_before_the_log_is_read_there_is_no_first_state() -> None:
    fed = Fed()
    fed.feed.caught_up = False
    found = json.loads(whole_text(fed.hub, CHANNELS, None))
    assert (found["caught_up"], found["channels"]) == (False, {})


async def test_a_stream_goes_on_from_the_first_state_without_a_hole_or_a_repeat() -> None:
    fed = Fed()
    fed.put("ven", fill(fill_id="f-1"))
    first = json.loads(whole_text(fed.hub, CHANNELS, None))
    fed.put("ven", fill(fill_id="f-2"))
    client = fed.client(*CHANNELS, after=first["seq"], session=first["session"])
    events = (await client.until("events"))["events"]
    assert [each["fill_id"] for each in first["channels"]["fills"]] == ["f-1"]
    assert [each["data"]["fill_id"] for each in events] == ["f-2"]
