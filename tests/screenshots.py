"""Takes the pictures of the README, as a person would see them: `make screenshots`."""

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.browsing import browser, playground_process, run, tab

PROMPT = "a red fox crossing a snowy street at dusk, lanterns swaying, snow crunching"


async def take(folder: Path) -> None:
    """Walk the newcomer's path and leave a picture of each station in *folder*."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        log = Path(scratch) / "log"
        async with (
            playground_process(log=log, LOCAL_SECONDS="6") as url,
            browser() as chromium,
            tab(chromium, url) as page,
        ):
            await page.wait_for_selector("#composer-input")
            await run(page, f"/video text prompt:{PROMPT}")
            await page.get_by_text("Rendering").wait_for(timeout=15_000)
            await page.get_by_text("%").first.wait_for(timeout=15_000)
            await page.screenshot(path=folder / "rendering.png")
            await page.locator(".log").get_by_text("Open", exact=True).last.click()
            video = page.locator(".log video")
            await video.wait_for(timeout=60_000)
            await page.evaluate("document.querySelector('.log video').currentTime = 3")
            await page.wait_for_timeout(800)
            await page.screenshot(path=folder / "playground.png")


if __name__ == "__main__":
    asyncio.run(take(Path(sys.argv[1])))
