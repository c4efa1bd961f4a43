"""The dashboard of a running session, in a real browser."""

from __future__ import annotations

import os
import re
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
from playwright.sync_api import Browser, Locator
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


RECKONED = """async () => {
  const { reckon } = await import("/static/js/parts/worst.js");
  const limits = [["gross_exposure", "account", 5000, 100000], ["net_exposure", "account", 5000, 100000],
    ["leverage", "account", 0.05, 1], ["instrument_exposure", "x.y", 200, 50000]]
    .map(([rule, scope, value, limit]) => ({ rule, scope, value, limit }));
  const settings = { price_collar: "0.02", gross_exposure_fraction_max: "1", net_exposure_fraction_max: "1",
    strategy_exposure_fraction_max: "1", position_notional_fraction_max: "0.25", order_quantity_max: "10",
    position_quantity_max: "10", instrument_exposure_fraction_max: "0.5",
    order_notional_fraction_max: "0.1" };
  const linear = { multiplier: "1", inverse: false }, inverse = { multiplier: "100", inverse: true };
  const asked = (side, definition, more) => reckon({ order: { instrument: "x.y", side, quantity: "2" },
    definition, price: "100", risk: { limits }, settings, rate: 0.5, ...more });
  return { buy: asked("buy", linear), sell: asked("sell", linear, { held: 3 }),
    inverse: asked("sell", inverse), rateless: asked("buy", linear, { rate: undefined }) };
}"""


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
        "--strategy", "mean_reversion:period=5,entry=0.5,mode=shadow",
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


def filled(seen: Visit) -> Locator:
    """The newest order that is filled as a whole."""
    whole = seen.page.get_by_text("filled", exact=True)
    return seen.page.locator("tbody tr").filter(has=whole).first


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
        row = filled(seen)
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
        seen.until("document.querySelector('dialog') === null")
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


def test_an_order_is_placed_changed_and_cancelled_from_the_page(
    dashboard: Dashboard, chrome: Browser
) -> None:
    with visit(chrome, dashboard.url) as seen:
        show(seen, "orders")
        page = seen.page
        last = float(dashboard.get("market/btc-usdt.synthetic/quote")["last"])
        page.keyboard.press("o")
        page.get_by_label("Type").select_option("limit")
        page.get_by_label("Quantity").fill("0.01")
        page.get_by_label("Limit price").fill(f"{last * 0.985:.2f}")
        page.get_by_label("Reason (kept").fill("a bid below the market")
        assert seen.findings() == []
        page.keyboard.press("Enter")
        seen.see("Limits at worst", "dialog caption")
        seen.see("At worst it adds", "dialog")
        row = page.locator("dialog tbody tr", has_text="order notional")
        assert float(row.locator("td").nth(3).inner_text().replace(",", "")) == round(
            0.01 * float(f"{last * 0.985:.2f}"), 2
        )
        assert seen.findings() == []
        page.get_by_role("button", name="Place order", exact=True).click()
        seen.see("Approved.", "dialog")
        order_id = str(page.locator("dialog a").first.inner_text()).removeprefix("Order ")
        page.locator("dialog a").first.click()
        seen.see("From tick to fill, in event time", "dialog")
        page.keyboard.press("Escape")
        found = dashboard.until(
            "orders/working", lambda rows: any(
                each["order_id"] == order_id and each["status"] == "accepted" for each in rows["items"]
            )
        )  # fmt: skip
        assert next(each for each in found["items"] if each["order_id"] == order_id)["reason"] == "manual"
        page.locator(f'tr[data-key="{order_id}"]').get_by_role("button", name="Change order").click()
        page.get_by_label("Limit price").fill(f"{last * 0.984:.2f}")
        page.get_by_role("button", name="Review").click()
        page.get_by_role("button", name="Change order", exact=True).click()
        seen.see("Approved.", "dialog")
        changed = str(page.locator("dialog a").first.inner_text()).removeprefix("Order ")
        page.keyboard.press("Escape")
        page.locator(f'tr[data-key="{changed}"]').get_by_role("button", name="Cancel order").click()
        page.get_by_label("Reason (kept").fill("it was only a look")
        page.get_by_role("button", name="Cancel order", exact=True).click()
        seen.see("Done:", "dialog")
        dashboard.until("orders/working", lambda rows: changed not in str(rows))
        assert dashboard.get(f"orders/{order_id}")["order"]["status"] == "replaced"
        dashboard.until("audit", lambda rows: "it was only a look" in str(rows))
        assert seen.complaints == []


def test_what_an_order_could_make_of_the_limits_is_reckoned_as_risk_does(
    dashboard: Dashboard, chrome: Browser
) -> None:
    with visit(chrome, dashboard.url) as seen:
        found = seen.page.evaluate(RECKONED)
    # 2 at 100 with a collar of 2 %, in a currency worth half: 2 x 102 x 0.5.
    assert found["buy"]["size"] == pytest.approx(102)
    after = {row["rule"]: row["after"] for row in found["buy"]["rows"]}
    assert after["order_notional"] == pytest.approx(102)
    assert after["gross_exposure"] == pytest.approx(5_102)
    assert after["instrument_exposure"] == pytest.approx(302)
    assert after["leverage"] == pytest.approx(0.05102)
    allowed = {row["rule"]: row["allowed"] for row in found["buy"]["rows"]}
    assert allowed["gross_exposure"] == pytest.approx(100_000)
    assert allowed["order_notional"] == pytest.approx(10_000)
    # What only reduces adds nothing, and the rules on one order let it pass.
    assert found["sell"]["reduces"] is True
    assert {row["rule"]: row["after"] for row in found["sell"]["rows"]}["gross_exposure"] == 5_000
    # An inverse contract of 100 units of quote: 2 contracts at 98 are worth 200 / 98 of base.
    assert found["inverse"]["size"] == pytest.approx(200 / 98 * 0.5)
    assert found["rateless"] is None


def test_a_part_that_is_held_is_shown_and_resumed_from_the_page(
    dashboard: Dashboard, chrome: Browser
) -> None:
    with visit(chrome, dashboard.url) as seen:
        show(seen, "strategies")
        seen.page.get_by_role("button", name="Halt momentum alone").click()
        seen.page.get_by_role("button", name="Halt it").click()
        seen.see("1 held apart", "#facts")
        seen.page.keyboard.press("Escape")
        seen.go("overview")
        seen.see("strategy momentum", "main")
        assert dashboard.state() == "active"
        seen.go("risk")
        seen.see("Held apart, while the rest trades on")
        assert seen.findings() == []
        seen.page.get_by_role("button", name="Resume strategy momentum").click()
        seen.page.get_by_label("Reason").fill("seen enough")
        seen.page.get_by_role("button", name="Resume", exact=True).click()
        seen.until('document.querySelector("#facts a").hidden')
        assert dashboard.get("risk")["trading_state"] == "active"
        assert seen.complaints == []


def test_virtual_fills_and_ledgers_are_shown_and_named_as_such(dashboard: Dashboard, chrome: Browser) -> None:
    with visit(chrome, dashboard.url) as seen:
        seen.go("strategies")
        seen.see("Virtual PnL after fees")
        seen.see("shadow: a virtual ledger only")
        seen.go("orders")
        table = seen.page.locator("section", has_text="Shadow: virtual fills")
        table.locator("tbody tr", has_text="mean_reversion").first.wait_for()
        assert seen.findings() == []
        assert seen.complaints == []


def test_a_shadow_is_let_trade_by_a_button_and_the_refusal_says_why(
    dashboard: Dashboard, chrome: Browser
) -> None:
    with visit(chrome, dashboard.url) as seen:
        seen.go("strategies")
        seen.page.get_by_role("button", name="Put momentum into the shadow").wait_for()
        seen.page.get_by_role("button", name="Let mean_reversion trade").click()
        seen.page.get_by_label("Reason").fill("it did well")
        assert seen.findings() == []
        seen.page.get_by_role("button", name="Let it trade", exact=True).click()
        # It holds something virtually, or it is flat, and then the others have the capital.
        refused = seen.page.locator("dialog .outcome.bad")
        refused.wait_for()
        assert re.search(r"is not flat|of the capital: put another", refused.inner_text())
        assert all("Failed to load" in each for each in seen.complaints)


def test_the_last_position_leads_to_its_story_under_an_address_of_its_own(
    dashboard: Dashboard, chrome: Browser
) -> None:
    with visit(chrome, dashboard.url) as seen:
        show(seen, "overview")
        link = seen.page.get_by_role("link", name="Its whole story")
        where = link.get_attribute("href")
        assert where is not None
        link.click()
        seen.see("Limits checked", "dialog caption")
        with visit(chrome, dashboard.url + where) as other:
            other.see("From tick to fill, in event time", "dialog")
            assert other.complaints == []


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
        filled(seen).get_by_role("button").first.click()
        seen.see("What each service took, by the wall clock")
        seen.page.screenshot(path=place / "order.png")
        seen.page.keyboard.press("Escape")
        seen.page.keyboard.press("o")
        seen.page.get_by_label("Quantity").fill("0.25")
        seen.page.keyboard.press("Enter")
        seen.see("At worst it adds", "dialog")
        seen.page.screenshot(path=place / "place.png")
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


def test_with_tokens_the_page_asks_who_you_are_and_offers_what_you_may_do(
    dashboard: Dashboard, chrome: Browser
) -> None:
    """The last one: where there were tokens, everybody is asked."""
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
            seen.go("orders")
            assert seen.page.get_by_role("button", name="Place an order").is_disabled()
    finally:
        assert user.run("token", "revoke", "eve").returncode == 0
