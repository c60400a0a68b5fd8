"""In a browser, as a person does it: a clip, a retake by its form, an extension, both compared."""

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


async def test_from_the_prompt_to_two_takes_side_by_side(tmp_path):
    """Begun at a desk and ended on a phone."""
    async with playground_process(log=tmp_path / "log") as url, browser() as chromium:
        async with tab(chromium, url, size=WIDE) as page:
            await page.wait_for_selector("#composer-input")
            await run(page, "/video text prompt:a red fox duration:2 resolution:480p")
            await page.locator(".log").get_by_text("Open", exact=True).last.click()
            first = page.locator(".log .message").filter(has_text="#1 is ready")
            await first.locator("video").wait_for()
            await first.get_by_role("button", name="Retake…").click()
            await _part_again(page, tmp_path / "form-wide.png")
            address = page.url
            assert page.complaints == []
        async with tab(chromium, address, size=PHONE) as page:
            second = page.locator(".log .message").filter(has_text="take 2 · retake of take 1")
            # The form fits a phone, too, and may be closed again.
            await second.get_by_role("button", name="Retake…").click()
            form = page.locator("dialog.modal")
            await form.get_by_label("Start (seconds)").fill("1")
            await page.screenshot(path=tmp_path / "form-phone.png")
            await form.get_by_role("button", name="Cancel").click()

            await second.locator('.reaction[data-key="reaction ⏩"]').click()
            third = page.locator(".log .message").filter(has_text="take 3 · extends take 2")
            await third.locator("video").wait_for()
            await page.screenshot(path=tmp_path / "takes.png")

            await third.get_by_role("button", name="More…").click()
            panel = page.locator(".log .message.ephemeral").last
            await panel.get_by_role("button", name="Compare").click()
            compared = page.locator(".log .message").filter(has_text="take 2 (#2) and take 3 (#3)")
            await compared.locator("video").nth(2).wait_for()
            await compared.scroll_into_view_if_needed()
            await page.screenshot(path=tmp_path / "compared.png")
            board = page.locator(".log .message").filter(has_text="3 takes")
            await board.wait_for()
            await board.scroll_into_view_if_needed()
            await page.screenshot(path=tmp_path / "board.png")
            assert page.complaints == []


async def _part_again(page, picture):
    """Fill in the form of a retake, and wait for what it makes."""
    form = page.locator("dialog.modal")
    await form.get_by_label("Start (seconds)").fill("1")
    await form.get_by_label("Prompt").fill("the fox looks up")
    await page.screenshot(path=picture)
    await form.get_by_role("button", name="Submit").click()
    second = page.locator(".log .message").filter(has_text="take 2 · retake of take 1")
    await second.locator("video").wait_for()
