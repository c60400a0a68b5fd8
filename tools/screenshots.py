"""Takes the pictures of the README, as a person would see them: `make screenshots`."""

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.rig.browsing import browser, playground_process, run, tab

PROMPT = "a red fox crossing a snowy street at dusk, lanterns swaying, snow crunching"
SLOW = 120_000  #: milliseconds that a clip may take on a busy machine


async def take(folder: Path) -> None:
    """Walk from a prompt to a comparison, and leave a picture of each station in *folder*."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        log = Path(scratch) / "log"
        async with (
            playground_process(log=log, LOCAL_SECONDS="6") as url,
            browser() as chromium,
            tab(chromium, url) as page,
        ):
            page.set_default_timeout(SLOW)
            await walk(page, folder)
            assert page.complaints == []


async def walk(page, folder):
    """The five stations."""
    await page.wait_for_selector("#composer-input")
    await run(page, f"/video text prompt:{PROMPT}")
    await page.get_by_text("Rendering").wait_for()
    await page.get_by_text("%").first.wait_for()
    await shot(page, folder / "1-order.png")

    await page.locator(".log").get_by_text("Open", exact=True).last.click()
    await clips(page, 1)
    await shot(page, folder / "2-clip.png", at=3)

    await page.locator(".log .button").filter(has_text="Retake").last.click()
    await page.get_by_role("dialog").get_by_label("Start").fill("2")
    await page.get_by_role("dialog").get_by_label("Prompt").fill("the fox looks into the camera")
    await shot(page, folder / "3-retake.png")
    await page.get_by_role("dialog").get_by_role("button", name="Submit").click()
    await clips(page, 2)

    await page.locator('.log .reaction[data-key="reaction ⏩"]').last.click()
    await clips(page, 3)
    await board(page, "3 takes ·")
    await shot(page, folder / "4-extend.png", at=8)

    await run(page, "/video compare a:1 b:2")
    await clips(page, 6)
    await shot(page, folder / "5-compare.png", at=3)


async def clips(page, count):
    """Wait until so many clips stand in the thread, and the last is in view."""
    await page.wait_for_function(
        "count => document.querySelectorAll('.log video').length >= count", arg=count
    )
    await page.locator(".log video").last.scroll_into_view_if_needed()
    await page.wait_for_timeout(1500)


async def board(page, words):
    """Wait until the board, which follows a few seconds later, says so as well."""
    found = page.locator(".log .message").filter(has_text="Takes").filter(has_text=words)
    await found.filter(has_not_text="in progress").first.wait_for()
    await page.locator(".log video").last.scroll_into_view_if_needed()


async def shot(page, path, *, at=None):
    """A picture; *at* turns the newest clip to that second first."""
    if at is not None:
        await page.evaluate(
            """async at => {
                const found = document.querySelectorAll(".log video");
                const video = found[found.length - 1];
                video.currentTime = Math.min(at, (video.duration || at) - 0.1);
                if (video.seeking) await new Promise(done => video.onseeked = done);
            }""",
            at,
        )
    await page.wait_for_timeout(600)
    await page.screenshot(path=path)


if __name__ == "__main__":
    asyncio.run(take(Path(sys.argv[1])))
