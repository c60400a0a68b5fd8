"""A person at the playground's page: the real command line behind it, a real browser before it."""

import asyncio
import re
import shutil
import signal
from contextlib import asynccontextmanager

from tests.rig.house import HANGS
from tests.rig.processes import process

#: The shell is the same engine without windows: it takes a third of the processor's time.
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--in-process-gpu",
    "--renderer-process-limit=1",
    "--autoplay-policy=no-user-gesture-required",
]
CALM = "reduce"  #: what moves is drawn sixty times a second by a processor that has better to do
PATIENCE = 1000 * HANGS  #: milliseconds after which nothing will come: other tests run beside
WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}


@asynccontextmanager
async def playground_process(*arguments, log, **environ):
    """`dailies playground` as a newcomer runs it; gives the page's address."""
    command = ("-m", "bot", "playground", "--port", "0", *arguments)
    async with process(*command, log=log, environ=environ, stop=signal.SIGTERM) as running:
        async with asyncio.timeout(HANGS):
            while (found := re.search(r"open: (\S+)", log.read_text())) is None:
                assert running.returncode is None, log.read_text()
                await asyncio.sleep(0.05)
        yield found[1]


@asynccontextmanager
async def browser():
    """A headless Chromium."""
    from playwright.async_api import async_playwright

    async with async_playwright() as driver:
        chromium = await driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield chromium
        finally:
            await chromium.close()


@asynccontextmanager
async def tab(chromium, url, *, size=None, scheme="dark", scale=1.0):
    """A page at *url*; what stands on its console is in its `complaints`."""
    context = await chromium.new_context(
        viewport=size or WIDE,
        color_scheme=scheme,
        device_scale_factor=scale,
        reduced_motion=CALM,
    )
    page = await context.new_page()
    page.set_default_timeout(PATIENCE)
    page.complaints = []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on(
        "console",
        lambda said: page.complaints.append(said.text) if said.type == "error" else None,
    )
    await page.goto(url)
    try:
        yield page
    finally:
        await context.close()


async def run(page, command):
    """Type *command* into the composer, and Enter."""
    await page.locator("#composer-input").fill(command)
    await page.locator("#composer-input").press("Enter")
