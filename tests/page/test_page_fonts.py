"""The browser draws letters, digits and blanks with a font of letters, emoji with one of emoji."""

import io
import re

import aiohttp
from PIL import ImageFont

from playground import open_playground
from tests.rig.browsing import browser, tab
from tests.rig.stage import IN_A_BROWSER, expect, make_a_clip

pytestmark = IN_A_BROWSER

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


def own_words(node, home=()):
    """Every (node, its class or element and those around it, its own words), fields as well."""
    named = dict(
        zip(node.get("attributes", [])[::2], node.get("attributes", [])[1::2], strict=True)
    )
    around = (*home, *named.get("class", "").split(), node["nodeName"].lower())
    words = "".join(
        each["nodeValue"] for each in node.get("children", []) if each["nodeName"] == "#text"
    )
    yield node["nodeId"], around, words
    # What is typed into a field stands in a tree of the browser's own.
    for each in [*node.get("children", []), *node.get("shadowRoots", [])]:
        if each["nodeName"] not in ("#text", "STYLE", "SCRIPT", "HEAD"):
            yield from own_words(each, around)


async def fonts_of_digits(page):
    """What drew each text that holds a digit and no emoji: [(what is around it, text, fonts)]."""
    line = await page.context.new_cdp_session(page)
    await line.send("DOM.enable")
    await line.send("CSS.enable")
    root = (await line.send("DOM.getDocument", {"depth": -1, "pierce": True}))["root"]
    found = []
    for node, around, words in own_words(root):
        if re.search(r"[0-9]", words) and words.isascii():
            told = await line.send("CSS.getPlatformFontsForNode", {"nodeId": node})
            fonts = {each["familyName"] for each in told["fonts"]}
            if fonts:  # of what is not shown, none
                found.append((around, words, fonts))
    return found


async def shown(page, text):
    await page.locator(".message", has_text=text).last.wait_for()


async def test_letters_digits_and_blanks_are_never_drawn_as_emoji():
    async with open_playground(patient=True) as playground, browser() as chromium:
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


async def test_digits_are_drawn_by_a_font_of_letters_wherever_they_stand(stage):
    mira = stage.playground.person("mira")
    mira.go("videos")
    for text in ("one", "two", CODE, "```\n4096\n```", "<t:1800000000:f>", "-# 12 credits", "# 7"):
        await mira.say(text)
    async with stage.tab() as seat:
        page = seat.page
        await make_a_clip(seat)
        await seat.place("videos").click()
        await seat.run("/video panel")
        await expect(page.locator(".container-accent")).to_be_visible()
        drawn = await fonts_of_digits(page)
        await seat.run("/video text prompt:take 5 duration:99 model:2000")
        await expect(page.locator(".composer-error")).to_contain_text("1 to 20")
        drawn += await fonts_of_digits(page)
        await page.keyboard.press("Escape")
        drawn += await fonts_of_digits(page)
        await page.locator(".select").nth(1).click()
        await expect(page.locator(".listbox-item").first).to_be_visible()
        drawn += await fonts_of_digits(page)
        await page.keyboard.press("Escape")
        await page.locator(".thread-chip").click()
        await seat.button("Retake…").click()
        await page.locator("dialog textarea").fill("take 12 at 5:30")
        drawn += await fonts_of_digits(page)
        await page.keyboard.press("Escape")
    assert [each for each in drawn if of_emoji(each[2])] == []
    places = {name for around, _, _ in drawn for name in around}
    assert places >= {
        *("written", "written-short", "stamp", "md-code", "pre", "md-subtext", "h3", "container"),
        *("embed", "reaction-count", "thread-count", "composer-input"),
        *("option-input", "more-options", "listbox-item", "modal", "input"),
    }, "the test looks at less than it says"


async def test_a_machine_without_a_font_of_letters_is_given_one():
    async with open_playground(patient=True) as playground, aiohttp.ClientSession() as web:
        async with web.get(f"{playground.page_url}page/text.ttf") as answer:
            assert answer.content_type == "font/ttf"
            font = ImageFont.truetype(io.BytesIO(await answer.read()))
            assert all(font.getmask(each).getbbox() for each in "0#*aé")
            assert any(axis["name"] == b"Weight" for axis in font.get_variation_axes()), "bold, too"
        policy = (await web.get(playground.page_url)).headers["Content-Security-Policy"]
        assert "font-src 'self'" in policy
