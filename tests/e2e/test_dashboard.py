"""The dashboard of a running session, in a real browser."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from e2e.conftest import GONE_S, User, end_background_session
from penstock_runtime.embedded.server import free_port
from playwright.sync_api import Browser
from support.browser import LIMIT_MS, PHONE, Visit, browser, chromium, visit
from support.cli import processes_below

TRANSFER_BYTES_MAX = 500_000
SETTLED_MS = 3_000
NOTHING = "\N{EN DASH}"
# By page: where it shows that its data is there, in words that only data brings.
PAGES = {
    "overview": ("main", "because"),
    "market": (".chart canvas", ""),
    "positions": ("main", "synthetic"),
    "strategies": ("main", "Last signals"),
    "orders": ("main tbody", "filled"),
    "risk": (".meter", "gross exposure"),
    "health": ("main tbody", "recorder"),
    "sessions": ("main tbody", "this session"),
}


@dataclass(frozen=True)
class Dashboard:
    """A session that trades, and the address that its launcher prints."""

    user: User
    url: str

    def get(self, path: str) -> Any:
        return httpx.get(f"{self.url}api/v1/{path}", timeout=60).raise_for_status().json()

    def state(self) -> str:
        state: str = self.get("state")["trading_state"]
        return state

    def until(self, path: str, meets: Any) -> Any:
        deadline = time.monotonic() + LIMIT_MS / 1000
        while time.monotonic() < deadline:
            try:
                if meets(found := self.get(path)):
                    return found
            except httpx.HTTPError:
                pass
            time.sleep(0.2)
        raise AssertionError(f"{path} did not become as expected")


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """A session with orders, fills and refusals: one strategy turns often, one wants to sell short."""
    chromium()
    folder = tmp_path_factory.mktemp("dashboard")
    user, port = User(folder), free_port()
    started = user.run(
        "up", "--source", "synthetic:7", "--fused", "--api-port", str(port),
        "--strategy", "ma_cross:fast=5,slow=20", "--strategy", "momentum:period=3,entry=0.2,rsi_period=2",
        "--set", "ingest.synthetic.quotes=true", "--set", "risk.consecutive_losses_max=1000000",
        "--set", "risk.trades_max=1000000", "--set", "risk.daily_loss_fraction_max=0.9",
        "--set", "risk.drawdown_fraction_max=0.9",
    )  # fmt: skip
    try:
        assert started.returncode == 0, started.stderr
        assert f"see http://127.0.0.1:{port}/ and" in started.stdout
        found = Dashboard(user, f"http://127.0.0.1:{port}/")
        found.until("state", lambda state: state["fills"] and state["signals"].get("refused"))
        yield found
    finally:
        end_background_session(folder)
        deadline = time.monotonic() + GONE_S
        while processes_below(folder) and time.monotonic() < deadline:
            time.sleep(0.1)
    assert processes_below(folder) == []


@pytest.fixture(scope="module")
def chrome(dashboard: Dashboard) -> Iterator[Browser]:
    with browser() as started:
        yield started


def show(seen: Visit, name: str) -> None:
    """Go to a page and wait for its data."""
    within, words = PAGES[name]
    seen.go(name)
    if words:
        seen.see(words, within)
    else:
        seen.page.locator(within).first.wait_for()


@pytest.mark.parametrize(("theme", "pages"), [("dark", tuple(PAGES)), ("light", ("overview", "risk"))])
def test_every_page_shows_the_session_and_can_be_used_by_everybody(
    dashboard: Dashboard, chrome: Browser, theme: str, pages: tuple[str, ...]
) -> None:
    with visit(chrome, dashboard.url, theme=theme) as seen:
        assert seen.until("document.documentElement.dataset.theme") == theme
        for name in pages:
            show(seen, name)
            assert seen.findings() == [], name
            halt = seen.page.get_by_role("button", name="Halt", exact=True)
            assert halt.is_visible(), name
        assert seen.complaints == []
        assert seen.elsewhere == []


def test_the_page_says_what_a_new_user_asks(dashboard: Dashboard, chrome: Browser) -> None:
    with visit(chrome, dashboard.url) as seen:
        show(seen, "overview")
        seen.see("It trades: orders go out within the limits.")
        seen.see("refused by the rule")
        seen.see("penstock halt")
        assert 0 < seen.transferred < TRANSFER_BYTES_MAX
        for tile in ("Equity", "PnL today", "Drawdown", "Gross exposure"):
            label = seen.page.locator(".tile", has_text=tile).first
            assert label.locator(".value").inner_text() != NOTHING, tile


def test_trading_is_halted_and_resumed_from_the_page(dashboard: Dashboard, chrome: Browser) -> None:
    with visit(chrome, dashboard.url) as seen:
        show(seen, "positions")
        seen.page.keyboard.press("h")
        seen.page.get_by_label("Reason").fill("a look at the halt")
        assert seen.findings() == []
        seen.page.get_by_role("button", name="Halt now").click()
        seen.see("HALTED", "#facts")
        assert dashboard.state() == "halted"
        seen.page.get_by_role("button", name="Close", exact=True).last.click()
        seen.go("overview")
        seen.see("a look at the halt")
        assert seen.findings() == []
        seen.page.get_by_role("button", name="Resume / flatten").click()
        seen.page.get_by_role("button", name="Resume…").click()
        seen.page.get_by_role("button", name="Resume", exact=True).click()
        assert dashboard.state() == "halted"  # a reason is needed
        seen.page.get_by_label("Reason").fill("seen enough")
        seen.page.get_by_role("button", name="Resume", exact=True).click()
        seen.see("ACTIVE", "#facts")
        assert dashboard.state() == "active"
        assert seen.complaints == []


def test_an_orders_story_goes_from_the_tick_to_the_fill(dashboard: Dashboard, chrome: Browser) -> None:
    with visit(chrome, dashboard.url) as seen:
        show(seen, "orders")
        row = seen.page.locator("tbody tr", has_text="filled").first
        row.get_by_role("button").first.click()
        seen.see("From tick to fill, in event time")
        seen.see("What each service took, by the wall clock")
        seen.see("Arrival price", "dialog")
        lanes = seen.page.locator("dialog .water").first.locator("[role=listitem]")
        names = [each.split("\n")[0] for each in lanes.all_inner_texts()]
        assert names[:3] == ["Decision", "Approved, to execution", "On its way to the venue"]
        assert "filled" in names
        assert seen.findings() == []
        seen.page.keyboard.press("Escape")
        assert seen.page.locator("dialog").count() == 0
        seen.page.get_by_label("Status").select_option("expired")
        seen.see("No order that meets the filter.")
        assert seen.complaints == []


def test_when_the_api_dies_the_page_says_so_and_goes_on_by_itself(
    dashboard: Dashboard, chrome: Browser
) -> None:
    with visit(chrome, dashboard.url) as seen:
        show(seen, "overview")
        seen.page.evaluate("window.sameWindow = true")
        before = int(seen.until("document.body.dataset.sequence"))
        (api,) = (each for each in dashboard.get("health")["services"] if each["service"] == "api")
        os.kill(api["pid"], signal.SIGKILL)
        seen.until('["lost", "stale"].includes(document.body.dataset.connection)')
        seen.see("Disconnected", "#notice")
        seen.see("To halt without this page", "#notice")
        seen.until('document.body.dataset.connection === "live"')
        seen.until(f"Number(document.body.dataset.sequence) > {before}")
        assert seen.page.evaluate("window.sameWindow")
        assert not seen.page.locator("#notice").is_visible()
        show(seen, "health")
        assert all("Failed to load" in each or "WebSocket" in each for each in seen.complaints)


def test_on_a_phone_everything_fits_and_halt_is_in_reach(dashboard: Dashboard, chrome: Browser) -> None:
    with visit(chrome, dashboard.url, size=PHONE) as seen:
        for name in PAGES:
            show(seen, name)
            assert seen.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], name
            box = seen.page.get_by_role("button", name="Halt", exact=True).bounding_box()
            assert box is not None, name
            assert box["x"] + box["width"] <= PHONE["width"], name
            assert box["y"] < 60, name
        assert seen.findings() == []


def test_keys_lead_everywhere_and_can_be_switched_off(dashboard: Dashboard, chrome: Browser) -> None:
    with visit(chrome, dashboard.url) as seen:
        show(seen, "overview")
        for number, name in enumerate(PAGES, 1):
            seen.page.keyboard.press(str(number))
            seen.page.wait_for_selector(f'main[data-page="{name}"]')
        seen.page.keyboard.press("t")
        assert seen.until("document.documentElement.dataset.theme") == "light"
        seen.page.keyboard.press("?")
        seen.page.get_by_label("keys work outside of dialogs").uncheck()
        seen.page.keyboard.press("Escape")
        seen.page.keyboard.press("1")
        assert seen.until("document.querySelector('main').dataset.page") == "sessions"
        seen.page.reload()
        assert seen.until("document.documentElement.dataset.theme") == "light"


def test_with_tokens_the_page_asks_who_you_are_and_offers_what_you_may_do(
    dashboard: Dashboard, chrome: Browser
) -> None:
    user = dashboard.user
    made = user.run("token", "add", "eve", "--role", "viewer")
    assert made.returncode == 0, made.stderr
    token = next(word for word in made.stdout.split() if word.startswith("pst_"))
    try:
        with visit(chrome, dashboard.url) as seen:
            seen.page.get_by_label("Token").fill("pst_wrong")
            seen.page.get_by_role("button", name="Sign in").click()
            seen.see("this token is not known")
            assert seen.findings() == []
            seen.page.get_by_label("Token").fill(token)
            seen.page.get_by_role("button", name="Sign in").click()
            seen.until('document.body.dataset.connection === "live"')
            show(seen, "overview")
            assert seen.page.get_by_role("button", name="Halt", exact=True).is_disabled()
    finally:
        assert user.run("token", "revoke", "eve").returncode == 0


def test_screenshots_for_the_documentation(dashboard: Dashboard, chrome: Browser) -> None:
    """Written only where PENSTOCK_SCREENSHOTS names a folder."""
    folder = os.environ.get("PENSTOCK_SCREENSHOTS")
    if not folder:
        pytest.skip("PENSTOCK_SCREENSHOTS names no folder to write to")
    take_screenshots(chrome, os.environ.get("PENSTOCK_SCREENSHOTS_OF", dashboard.url), Path(folder))


def take_screenshots(chrome: Browser, url: str, place: Path) -> None:
    place.mkdir(parents=True, exist_ok=True)
    with visit(chrome, url) as seen:
        for name in PAGES:
            show(seen, name)
            seen.page.wait_for_timeout(SETTLED_MS)
            seen.page.screenshot(path=place / f"{name}.png")
        show(seen, "orders")
        seen.page.locator("tbody tr", has_text="filled").first.get_by_role("button").first.click()
        seen.see("What each service took, by the wall clock")
        seen.page.screenshot(path=place / "order.png")
        seen.page.keyboard.press("Escape")
        seen.page.keyboard.press("h")
        seen.page.screenshot(path=place / "halt.png")
    with visit(chrome, url, theme="light") as seen:
        show(seen, "overview")
        seen.page.wait_for_timeout(SETTLED_MS)
        seen.page.screenshot(path=place / "overview-light.png")
    with visit(chrome, url, size=PHONE) as seen:
        show(seen, "overview")
        seen.page.wait_for_timeout(SETTLED_MS)
        seen.page.screenshot(path=place / "phone.png")
