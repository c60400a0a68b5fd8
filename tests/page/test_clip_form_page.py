"""In a browser: /video new is filled in, its price is said yes to, and the clip comes."""

import io

import pytest
from PIL import Image

from tests.rig.browsing import CHROMIUM, WIDE, browser, playground_process, run, tab

pytestmark = [
    pytest.mark.browser,
    pytest.mark.long,
    pytest.mark.skipif(
        CHROMIUM is None,
        reason="No Chromium was found on this machine, so the page was not tried in a browser.",
    ),
]


async def test_a_picture_becomes_a_clip_by_the_form(tmp_path):
    body = io.BytesIO()
    Image.new("RGB", (640, 360), (10, 90, 40)).save(body, "PNG")
    async with (
        playground_process("--providers", "simulated", log=tmp_path / "log") as url,
        browser() as chromium,
        tab(chromium, url, size=WIDE) as page,
    ):
        await page.wait_for_selector("#composer-input")
        await run(page, "/video defaults set provider:apixo")
        await page.locator(".log .message.ephemeral").filter(has_text="(yours)").wait_for()
        await run(page, "/video new")
        form = page.locator("dialog.modal")
        await form.get_by_label("Prompt").fill("waves roll in")
        notes = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"hello"}
        await form.locator("input[type=file]").set_input_files(notes)
        await form.get_by_role("radio", name="480p · ").check()
        await page.screenshot(path=tmp_path / "form.png")
        await form.get_by_role("button", name="Submit").click()

        refused = page.locator(".log .message.ephemeral").filter(has_text="neither a picture")
        await refused.get_by_role("button", name="Fill it in again").click()
        assert await form.get_by_label("Prompt").input_value() == "waves roll in"
        assert await form.get_by_role("radio", name="480p · ").is_checked()
        picture = {"name": "sea.png", "mimeType": "image/png", "buffer": body.getvalue()}
        await form.locator("input[type=file]").set_input_files(picture)
        await form.get_by_role("button", name="Submit").click()

        asked = page.locator(".log .message.ephemeral").filter(has_text="This costs")
        await asked.get_by_role("button", name="Order it · ").click()
        await page.locator(".log").get_by_text("Open", exact=True).last.click()
        clip = page.locator(".log .message").filter(has_text="#1 is ready")
        await clip.locator("video").wait_for()
        await page.screenshot(path=tmp_path / "clip.png")
        assert page.complaints == []
