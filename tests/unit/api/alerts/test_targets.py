"""Who is told: addresses that stay secret, targets that hang, fail, or take it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from penstock_api.alerts.config import AlertsConfig, TargetConfig
from penstock_api.alerts.standing import Notice
from penstock_api.alerts.targets import QUEUE_MAX, NotTold, Target
from pydantic import ValidationError
from support.hooks import Hook

NOTICE = Notice("firing", "halt", "critical", "trading is halted: spread", 0.0)


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as made:
        yield made


other_hook = hook


def target(**changes: object) -> Target:
    fields = {"name": "ops", "kind": "webhook", "timeout_s": 60, **changes}
    return Target(TargetConfig.model_validate(fields), lambda: "session-1")


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock_api.alerts.targets.BACKOFF_S", 0.0)


async def test_a_webhook_is_sent_the_notice_as_json(hook: Hook) -> None:
    await target(url=hook.url).tell(NOTICE)
    (body,) = hook.taken
    assert body.pop("ts") > 0
    assert body == {
        "state": "firing",
        "key": "halt",
        "rule": "halt",
        "severity": "critical",
        "detail": "trading is halted: spread",
        "since_s": 0.0,
        "session_id": "session-1",
        "title": "Penstock: FIRING halt",
        "text": "FIRING halt: trading is halted: spread (session session-1)",
        "content": "FIRING halt: trading is halted: spread (session session-1)",
    }


async def test_one_that_refuses_is_asked_three_times_and_the_error_does_not_show_its_address(
    hook: Hook,
) -> None:
    hook.status = 500
    with pytest.raises(NotTold, match=r"^it answered 500$"):
        await target(url=hook.url).tell(NOTICE)
    assert len(hook.taken) == 3


async def test_one_that_hangs_is_left_and_counted_and_others_are_told_meanwhile(
    hook: Hook, other_hook: Hook
) -> None:
    hook.hangs.set()
    hanging, other = target(url=hook.url, timeout_s=3), target(url=other_hook.url)
    tasks = [asyncio.create_task(each.run()) for each in (hanging, other)]
    for _ in range(QUEUE_MAX + 20):
        hanging.put(NOTICE)
    other.put(NOTICE)
    try:
        async with asyncio.timeout(120):
            while not (other.sent and hanging.failed):
                await asyncio.sleep(0.05)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert other.view() == {"sent": 1, "failed": 0, "dropped": 0, "error": ""}
    assert hanging.dropped == 20
    assert hanging.error == "no answer within 3 s"


async def test_apprise_tells_what_it_knows_and_says_when_it_does_not(hook: Hook, tmp_path: Path) -> None:
    file = tmp_path / "address"
    file.write_text(hook.url.replace("http://", "json://") + "\n")
    file.chmod(0o600)
    await target(kind="apprise", url_file=file).tell(NOTICE)
    (body,) = hook.taken
    assert body["title"] == "Penstock: FIRING halt"
    assert body["message"].startswith("FIRING halt: trading is halted")
    file.write_text("nowhere at all")
    with pytest.raises(NotTold, match=r"^Apprise does not know this kind of address$"):
        await target(kind="apprise", url_file=file).tell(NOTICE)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "give one of url, url_file, url_variable"),
        ({"url": "https://x", "url_variable": "X"}, "give one of"),
        ({"url": "ftp://x"}, "must begin with http"),
        ({"url": "https://user:word@x"}, "its address is a secret"),
        ({"url": "tgram://token/chat", "kind": "apprise"}, "its address is a secret"),
    ],
)
def test_an_address_is_given_once_and_a_secret_not_in_the_configuration(
    given: dict[str, str], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        TargetConfig.model_validate({"name": "ops", "kind": "webhook", **given})


def test_two_targets_of_one_name_are_refused() -> None:
    one = {"name": "ops", "kind": "webhook", "url": "https://x"}
    with pytest.raises(ValidationError, match="two targets have one name"):
        AlertsConfig.model_validate({"targets": [one, one]})


async def test_an_address_that_cannot_be_read_or_that_others_can_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotTold, match="NO_SUCH is not set"):
        await target(url_variable="NO_SUCH").tell(NOTICE)
    with pytest.raises(NotTold, match="No such file"):
        await target(url_file=tmp_path / "absent").tell(NOTICE)
    file = tmp_path / "address"
    file.write_text("https://x")
    file.chmod(0o640)
    with pytest.raises(NotTold, match=f"can be read by others; chmod 600 {file}"):
        await target(url_file=file).tell(NOTICE)
    file.chmod(0o600)
    assert target(url_file=file).config.address() == "https://x"
    monkeypatch.setenv("HOOK", " https://y ")
    assert target(url_variable="HOOK").config.address() == "https://y"
