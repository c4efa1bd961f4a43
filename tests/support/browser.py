"""A browser that looks at the dashboard as a person would, and tells what went wrong on the way."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

LIMIT_MS = 120_000
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDE, PHONE = {"width": 1360, "height": 860}, {"width": 390, "height": 844}


def chromium() -> str:
    """Where chromium is; skips the test where there is none."""
    for name in (
        os.environ.get("PENSTOCK_TEST_CHROMIUM", ""),
        "chromium",
        "chromium-browser",
        "google-chrome",
    ):
        found = shutil.which(name) if name else None
        if found:
            return found
    pytest.skip(
        "no chromium on this machine: apt-get install chromium, or name one in PENSTOCK_TEST_CHROMIUM"
    )


@contextmanager
def browser() -> Iterator[Browser]:
    """Chromium, without a window."""
    path = chromium()
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            yield started
        finally:
            started.close()


@dataclass
class Visit:
    """A page of the dashboard, open in a browser."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    """What the console said, and what failed."""
    elsewhere: list[str] = field(default_factory=list)
    """Requests to other hosts."""
    transferred: int = 0
    """Bytes of files that were fetched."""

    def go(self, name: str) -> None:
        """Open a page and wait until it is drawn with live data."""
        self.page.goto(f"{self.url}#/{name}")
        self.page.wait_for_selector(f'main[data-page="{name.partition("/")[0]}"]', timeout=LIMIT_MS)
        self.page.wait_for_selector('body[data-connection="live"]', timeout=LIMIT_MS)

    def see(self, text: str, within: str = "body") -> None:
        """Wait until a text is visible."""
        self.page.locator(within).get_by_text(text).first.wait_for(timeout=LIMIT_MS)

    def until(self, expression: str) -> Any:
        """Wait until an expression is true on the page."""
        deadline = time.monotonic() + LIMIT_MS / 1000
        while not (found := self.page.evaluate(expression)):
            assert time.monotonic() < deadline, expression
            self.page.wait_for_timeout(50)
        return found

    def findings(self) -> list[str]:
        """What axe finds: accessibility by WCAG 2.1, A and AA."""
        options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}
        found = Axe().run(self.page, options=options).response["violations"]
        return [f"{each['id']}: {node['html'][:160]}" for each in found for node in each["nodes"]]


@contextmanager
def visit(
    started: Browser, url: str, *, theme: str = "dark", size: dict[str, int] | None = None
) -> Iterator[Visit]:
    """The dashboard in a fresh window."""
    viewport: Any = size or WIDE
    scheme: Any = theme
    context = started.new_context(viewport=viewport, color_scheme=scheme)
    context.set_default_timeout(LIMIT_MS)
    page = context.new_page()
    seen = Visit(page, url)
    here = urlsplit(url).netloc
    page.on(
        "console",
        lambda said: seen.complaints.append(said.text) if said.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))

    def requested(request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != here:
            seen.elsewhere.append(request.url)

    def answered(response: Any) -> None:
        if "/static/" in response.url or urlsplit(response.url).path == "/":
            seen.transferred += int(response.headers.get("content-length", 0))

    page.on("request", requested)
    page.on("response", answered)
    page.on("websocket", requested)
    try:
        page.goto(url)
        yield seen
    finally:
        context.close()
