"""A clip's container in a browser, wide and narrow: all is in view, and nothing sticks out."""

import pytest

from tests.rig.browsing import CHROMIUM, PHONE, WIDE, browser, playground_process, run, tab

pytestmark = [
    pytest.mark.browser,
    pytest.mark.long,
    pytest.mark.skipif(
        CHROMIUM is None,
        reason="No Chromium was found on this machine, so the page was not tried in a browser.",
    ),
]
PROMPT = "a red fox crossing a snowy street at dusk, lanterns swaying, snow crunching underfoot"
#: What sticks out of a container, and rows that need more than one line.
LOOK = """message => {
    const box = message.querySelector(".container");
    const edge = box.getBoundingClientRect();
    const inside = [...box.querySelectorAll("*")].filter(each => each.getClientRects().length);
    const out = inside.filter(each => {
        const at = each.getBoundingClientRect();
        return at.width > 0 && (at.left < edge.left - 1 || at.right > edge.right + 1);
    });
    const tops = new Set([...box.querySelectorAll(".row .button")].map(each => each.offsetTop));
    const log = document.querySelector(".log");
    return {
        out: out.map(each => each.className || each.tagName),
        lines: tops.size,
        width: edge.width,
        video: box.querySelector("video").getBoundingClientRect().width,
        scrolls: log.scrollWidth > log.clientWidth,
        order: [...box.children].map(each => each.className.split(" ")[0]),
    };
}"""


async def _clips(page, count):
    await page.wait_for_function(
        "count => document.querySelectorAll('.log video').length >= count", arg=count
    )


async def test_a_clip_fits_its_container_and_the_rest_opens_from_it(tmp_path):
    async with playground_process(log=tmp_path / "log") as url, browser() as chromium:
        async with tab(chromium, url, size=WIDE) as page:
            await page.wait_for_selector("#composer-input")
            await run(page, f"/video text prompt:{PROMPT} duration:2 resolution:480p")
            await page.locator(".log").get_by_text("Open", exact=True).last.click()
            await _clips(page, 1)
            await _looks_right(page, lines=1)
            for count in (2, 3, 4):
                await page.locator(".log .button").filter(has_text="Variation").last.click()
                await _clips(page, count)
            await _ends_right(page, tmp_path / "wide.png")
            address = page.url
        async with tab(chromium, address, size=PHONE) as page:
            await _clips(page, 4)
            await _looks_right(page, lines=2)
            await _ends_right(page, tmp_path / "phone.png")
            await _a_menu_is_no_wider_than_its_place(page)


async def _looks_right(page, *, lines):
    """The first clip, and what *More…* opens."""
    clip = page.locator(".log .message").filter(has_text="#1 is ready")
    assert PROMPT in await clip.locator("blockquote").inner_text()
    seen = await clip.evaluate(LOOK)
    assert seen["out"] == [] and not seen["scrolls"]
    assert seen["video"] > 0.7 * seen["width"], "the clip is what is large"
    assert seen["lines"] == lines
    assert await clip.locator("video").count() == 1, "no second copy outside of the container"
    assert PROMPT[:40] in await clip.get_attribute("aria-label")

    await clip.get_by_role("button", name="More…").click()
    panel = page.locator(".log .message.ephemeral").last
    await panel.get_by_role("button", name="Compare").wait_for()
    assert await panel.get_by_role("button").count() >= 5


async def _ends_right(page, picture):
    """The fourth clip, whose legend has gone behind *?*."""
    fourth = page.locator(".log .message").filter(has_text="#4 is ready")
    seen = await fourth.evaluate(LOOK)
    assert seen["out"] == [] and not seen["scrolls"]
    await fourth.get_by_role("button", name="?", exact=True).click()
    await page.get_by_text("React to a clip").last.wait_for()
    await page.screenshot(path=picture)
    assert page.complaints == []


async def _a_menu_is_no_wider_than_its_place(page):
    """Whatever words the menu of an answer shows."""
    await run(page, "/help")
    box = page.locator(".log .container").filter(has_text="What reactions do")
    await box.wait_for()
    words = box.locator(".select-words")
    await words.evaluate("words => { words.textContent = 'How you hear of it '.repeat(9); }")
    assert await box.evaluate(
        "box => box.getBoundingClientRect().right <= document.documentElement.clientWidth - 8"
    )
    assert page.complaints == []
