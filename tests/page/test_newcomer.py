"""The newcomer's path: one command, a page, one typed line, and a clip that plays to its end."""

import pytest

from tests.rig.browsing import CHROMIUM, PHONE, WIDE, browser, playground_process, run, tab

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None,
        reason="No Chromium was found on this machine, so the page was not tried in a browser.",
    ),
]
COMMAND = "/video text prompt:a red fox crossing a snowy street"
PLAYED = """
async () => {
    const video = document.querySelector(".log video");
    video.muted = true;
    await video.play();
    if (!video.ended) await new Promise((ended) => video.addEventListener("ended", ended));
    return [video.duration, video.videoWidth, video.videoHeight, video.ended];
}
"""


async def test_a_newcomer_types_one_line_and_watches_the_clip(tmp_path):
    """At a desk, and then on a phone."""
    async with playground_process(log=tmp_path / "log") as url, browser() as chromium:
        for number, size in enumerate((WIDE, PHONE), start=1):
            async with tab(chromium, url, size=size) as page:
                await page.wait_for_selector("#composer-input")
                await run(page, f"{COMMAND} duration:2 resolution:480p")
                cards = page.locator(".log .message").filter(has=page.locator(".thread-chip"))
                await cards.nth(number - 1).get_by_text("Open", exact=True).click()
                await page.locator(".log video").wait_for()
                seconds, width, height, ended = await page.evaluate(PLAYED)
                assert seconds == pytest.approx(2, abs=0.1)
                assert (width, height) == (854, 480)
                assert ended
                assert page.complaints == []
