"""The page in a real browser before a bot that shows everything: for the tests of the page."""

import importlib.util
import struct
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from playground import Playground
from tests.rig.browsing import CALM, CHROMIUM, PATIENCE, WIDE
from tests.rig.pagebot import PageBot

#: For a module of such tests; one browser serves all of them. `make test` goes the newcomer's way
#: in a browser (`tests/page/test_newcomer.py`) and leaves the others to `make long`.
IN_A_BROWSER = [
    pytest.mark.browser,
    pytest.mark.long,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(
        CHROMIUM is None or importlib.util.find_spec("playwright") is None,
        reason="There is no Chromium or no playwright here: the page was not tried in a browser.",
    ),
]


COMMAND = "/video text prompt:a red fox crossing a snowy street"


def png(width: int, height: int) -> bytes:
    """A grey picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = b"".join(b"\0" + b"\x80" * width for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


@dataclass
class Tab:
    """A page in the browser, and what it complained about."""

    page: object
    complaints: list[str] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return self.page.url.split("/#")[0]

    @property
    def composer(self):
        return self.page.locator("#composer-input")

    @property
    def form(self):
        return self.page.locator(".command-form")

    @property
    def messages(self):
        return self.page.locator(".log .message")

    def message(self, text: str):
        return self.messages.filter(has_text=text).last

    def place(self, name: str):
        return self.page.locator(f'.place[title="{name}"]').first

    def button(self, label: str):
        return self.page.locator(".log .button").filter(has_text=label).last

    def option(self, text: str):
        """A line of an open list."""
        return self.page.locator(".listbox-item").filter(has_text=text).first

    async def run(self, command: str) -> None:
        await self.composer.fill(command)
        await self.composer.press("Enter")

    async def sit_down(self, name: str) -> None:
        await self.page.locator(f'.person[data-person="{name}"]').click()
        await expect(self.page.locator(f'.person.me[data-person="{name}"]')).to_be_visible()


def expect(what):
    """Playwright's assertions about *what*."""
    from playwright import async_api

    async_api.expect.set_options(timeout=PATIENCE)
    return async_api.expect(what)


@dataclass
class Stage:
    """The playground, its bot, and a browser."""

    playground: Playground
    bot: PageBot
    browser: object

    @asynccontextmanager
    async def tab(self, person: str = "mira", size=None, **context) -> AsyncIterator[Tab]:
        """A page of its own; at the end nothing may stand on its console."""
        asked = {"viewport": size or WIDE, "reduced_motion": CALM, **context}
        held = await self.browser.new_context(**asked)
        page = await held.new_page()
        page.set_default_timeout(PATIENCE)
        tab = Tab(page)
        page.on("console", lambda line: tab.complaints.append(f"{line.type}: {line.text}"))
        page.on("pageerror", lambda error: tab.complaints.append(f"error: {error}"))
        await page.goto(f"{self.playground.page_url}#/{person}")
        await expect(page.locator(f'.person.me[data-person="{person}"]')).to_be_visible()
        await expect(page.locator(".log .welcome, .log .message").last).to_be_visible()
        try:
            yield tab
        finally:
            await held.close()
        assert tab.complaints == []


async def make_a_clip(tab: Tab) -> None:
    """Order a clip and open its thread."""
    await tab.run(COMMAND)
    await tab.page.locator(".thread-chip").click()
    await expect(tab.button("Retake…")).to_be_visible()
    # The bot's reactions come one after the other, behind the clip.
    await expect(tab.page.locator('.reaction[data-key="reaction ⏩"]')).to_be_visible()
