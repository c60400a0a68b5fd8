"""A clip's container in a browser, wide and narrow: all is in view, and nothing sticks out."""

import pytest

from tests.rig.browsing import CHROMIUM, PHONE, WIDE, browser, playground_process, run, tab

pytestmark = [
    pytest.mark.browser,
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


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
async def test_a_clip_fits_its_container_and_the_rest_opens_from_it(tmp_path, size):
    async with (
        playground_process(log=tmp_path / "log") as url,
        browser() as chromium,
        tab(chromium, url, size=size) as page,
    ):
        page.set_default_timeout(120_000)
        await page.wait_for_selector("#composer-input")
        await run(page, f"/video text prompt:{PROMPT} duration:2 resolution:480p")
        await page.locator(".log").get_by_text("Open", exact=True).last.click()
        await _clips(page, 1)
        clip = page.locator(".log .message").filter(has_text="#1 is ready")
        assert PROMPT in await clip.locator("blockquote").inner_text()
        seen = await clip.evaluate(LOOK)
        assert seen["out"] == [] and not seen["scrolls"]
        assert seen["video"] > 0.7 * seen["width"], "the clip is what is large"
        assert seen["lines"] == (1 if size == WIDE else 2)
        assert await clip.locator("video").count() == 1, "no second copy outside of the container"
        assert PROMPT[:40] in await clip.get_attribute("aria-label")

        await clip.get_by_role("button", name="More…").click()
        panel = page.locator(".log .message.ephemeral").last
        await panel.get_by_role("button", name="Compare").wait_for()
        assert await panel.get_by_role("button").count() >= 5

        for count in (2, 3, 4):
            await page.locator(".log .button").filter(has_text="Variation").last.click()
            await _clips(page, count)
        fourth = page.locator(".log .message").filter(has_text="#4 is ready")
        seen = await fourth.evaluate(LOOK)
        assert seen["out"] == [] and not seen["scrolls"]
        await fourth.get_by_role("button", name="?", exact=True).click()
        await page.get_by_text("React to a clip").wait_for()
        await page.screenshot(path=tmp_path / "containers.png")
        assert page.complaints == []


async def test_an_answer_with_a_menu_is_no_wider_than_its_place(tmp_path):
    async with (
        playground_process(log=tmp_path / "log") as url,
        browser() as chromium,
        tab(chromium, url, size=PHONE) as page,
    ):
        page.set_default_timeout(120_000)
        await page.wait_for_selector("#composer-input")
        await run(page, "/help")
        box = page.locator(".log .container").filter(has_text="What reactions do")
        await box.wait_for()
        assert await box.evaluate(
            "box => box.getBoundingClientRect().right <= document.documentElement.clientWidth - 8"
        )
        assert await box.locator(".select").count() == 1, "whose words are longer than the line"
        assert page.complaints == []
