"""A person at the playground's page: the real command line behind it, a real browser before it."""

import asyncio
import os
import re
import shutil
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]
WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}


@asynccontextmanager
async def playground_process(*arguments, log, **environ):
    """`dailies playground` as a newcomer runs it; gives the page's address."""
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "bot", "playground", "--port", "0", *arguments),
            cwd=ROOT,
            env={**os.environ, **environ},
            stdout=out,
            stderr=out,
        )
    try:
        async with asyncio.timeout(90):
            while (found := re.search(r"open: (\S+)", log.read_text())) is None:
                assert process.returncode is None, log.read_text()
                await asyncio.sleep(0.05)
        yield found[1]
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(process.wait(), 180)


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
        viewport=size or WIDE, color_scheme=scheme, device_scale_factor=scale
    )
    page = await context.new_page()
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
