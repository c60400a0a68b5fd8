"""The browser draws letters, digits and blanks with a font of letters, emoji with one of emoji."""

import io

import aiohttp
import pytest
from PIL import ImageFont

from playground import open_playground
from tests.rig.browsing import CHROMIUM, browser, tab

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")

#: What a font of emoji holds as well, and would draw three times too wide.
TEXT = "0123456789 # * a b  c 7 # © ® ™ ↔ é ß — … “x” 12,345 (≈ $2.00) · ☆"
CODE = "`x = 4 # 2 * 3`"
EMOJI = "🦊🎬❌⏩🔁⭐✉️1️⃣🇩🇪👩‍🎨"


async def fonts_of(page, selector):
    """The fonts that drew what is in each element: [(its text, {font: glyphs})]."""
    line = await page.context.new_cdp_session(page)
    await line.send("DOM.enable")
    await line.send("CSS.enable")
    root = (await line.send("DOM.getDocument", {"depth": -1}))["root"]["nodeId"]
    found = []
    query = {"nodeId": root, "selector": selector}
    for node in (await line.send("DOM.querySelectorAll", query))["nodeIds"]:
        told = await line.send("CSS.getPlatformFontsForNode", {"nodeId": node})
        outer = await line.send("DOM.getOuterHTML", {"nodeId": node})
        fonts = {each["familyName"]: each["glyphCount"] for each in told["fonts"]}
        found.append((outer["outerHTML"], fonts))
    return found


def of_emoji(fonts):
    return {name for name in fonts if "emoji" in name.lower()}


async def shown(page, text):
    await page.locator(".message", has_text=text).last.wait_for()


async def test_letters_digits_and_blanks_are_never_drawn_as_emoji():
    async with open_playground() as playground, browser() as chromium:
        mira = playground.person("mira")
        for text in (TEXT, CODE, f"# {TEXT}", f"**{TEXT}**", EMOJI, "last"):
            await mira.say(text)
        async with tab(chromium, playground.page_url) as page:
            await shown(page, "last")
            # An element's fonts are those of its own words; those within it are asked themselves.
            drawn = await fonts_of(page, "body *")
            plain = [(html, fonts) for html, fonts in drawn if fonts and html.isascii()]
            assert len(plain) > 20, "the names, times, hints and buttons of the page"
            assert [html for html, fonts in plain if of_emoji(fonts)] == []
            texts = [fonts for html, fonts in drawn if fonts and "0123456789" in html]
            assert len(texts) >= 3
            assert [fonts for fonts in texts if of_emoji(fonts)] == []
            emoji = [
                fonts for html, fonts in drawn if fonts and "🦊" in html and "<div" not in html
            ]
            assert emoji
            assert all(of_emoji(fonts) == set(fonts) for fonts in emoji), "joiners and digits too"


async def test_a_machine_without_a_font_of_letters_is_given_one():
    async with open_playground() as playground, aiohttp.ClientSession() as web:
        for name in ("text", "text-bold", "mono"):
            async with web.get(f"{playground.page_url}page/{name}.ttf") as answer:
                assert answer.content_type == "font/ttf"
                font = ImageFont.truetype(io.BytesIO(await answer.read()))
                drawn = [font.getmask(each).getbbox() for each in "0#*aé"]
                assert all(drawn), name
        policy = (await web.get(playground.page_url)).headers["Content-Security-Policy"]
        assert "font-src 'self'" in policy
