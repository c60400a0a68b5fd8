"""The page shows text as Discord does, and no text does anything to the page."""

import aiohttp
import pytest

from tests.rig.stage import IN_A_BROWSER, expect

pytestmark = IN_A_BROWSER


async def test_markup_of_a_message_can_do_nothing(stage):
    async with stage.tab() as tab:
        await tab.page.evaluate(
            "() => { window.harm = 0; window.alert = () => { window.harm += 1; }; }"
        )
        evil = [
            "<img src=x onerror=alert(1)>",
            "<script>alert(1)</script>",
            "[click](javascript:alert(1))",
            "javascript:alert(1)",
            '[a](https://example.com"onmouseover=alert(1))',
            "<javascript:alert(1)>",
            "`<b>code</b>`",
            "||<svg onload=alert(1)>||",
        ]
        for text in evil:
            await tab.run(text)
            await expect(tab.composer).to_have_value("")
        await expect(tab.messages).to_have_count(len(evil))
        log = tab.page.locator(".log .part-content")
        harmful = "img, script, b, iframe, [onerror], [onload], [onmouseover]"
        found = await log.locator(harmful).evaluate_all("all => all.map(each => each.outerHTML)")
        assert found == []
        hrefs = await log.locator("a").evaluate_all("links => links.map(link => link.protocol)")
        assert set(hrefs) <= {"https:"}
        assert await tab.page.evaluate("window.harm") == 0
        await expect(tab.message("<img src=x onerror=alert(1)>")).to_be_visible()


async def test_the_page_may_load_nothing_from_elsewhere(stage):
    async with aiohttp.ClientSession() as web, web.get(stage.playground.page_url) as answer:
        policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy


async def test_an_attached_document_can_do_nothing_in_the_pages_name(stage, tmp_path):
    evil = tmp_path / "evil.html"
    evil.write_text("<title>here</title><script>document.title = 'harm ' + origin</script>")
    mira = stage.playground.person("mira")
    mira.go("videos")
    sent = await mira.say("a page", files=[evil])
    async with stage.tab() as tab:
        await expect(tab.message("evil.html").locator(".file-card")).to_be_visible()
        await tab.page.goto(sent.attachments[0].url)
        assert await tab.page.title() == "here"
        # That the script was not run.
        assert any("sandboxed" in line for line in tab.complaints)
        tab.complaints.clear()


async def test_markdown_is_shown_as_discord_shows_it(stage):
    async with stage.tab() as tab:
        lines = [
            "# Large",
            "**bold** *it* __under__ ~~gone~~ `code` ||hidden||",
            "> quoted",
            "- one",
            "  - two",
            "1. first",
            "-# small",
            "```py",
            "print(1)",
            "```",
            "[words](https://example.com/a_(b)) and https://example.com/c_(d).",
        ]
        await tab.composer.fill("\n".join(lines))
        await tab.composer.press("Enter")
        text = tab.message("Large").locator(".text")
        found = await text.evaluate(
            """box => {
              const words = (selector) => box.querySelector(selector)?.textContent ?? null;
              const links = [...box.querySelectorAll("a")].map((link) => link.getAttribute("href"));
              const parts = ["h3", "strong", "em", "u", "s", ".md-code", "blockquote",
                "ul > li > ul > li", "ol > li", ".md-subtext", "pre"];
              return [...parts.map(words), links.join(" ")];
            }"""
        )
        assert found == [
            "Large",
            "bold",
            "it",
            "under",
            "gone",
            "code",
            "quoted",
            "two",
            "first",
            "small",
            "print(1)",
            "https://example.com/a_(b) https://example.com/c_(d)",
        ]
        spoiler = text.locator(".spoiler")
        await spoiler.focus()
        await tab.page.keyboard.press("Enter")
        await expect(spoiler.locator(".spoiler-words")).to_have_css("visibility", "visible")


async def test_ten_thousand_marks_do_not_freeze_the_page(stage):
    async with stage.tab() as tab:
        spent = await tab.page.evaluate(
            """async () => {
              const { parse } = await import("/page/text/markdown.js");
              const began = performance.now();
              const marks = ["*", "_", "**", "__", "~~", "||", "`", "[", "> ", "<", "- "];
              for (const mark of marks) parse(mark.repeat(4000));
              parse("*a **b __c ~~d ||e ".repeat(400));
              parse("[a](".repeat(1500));
              return performance.now() - began;
            }"""
        )
        assert spent < 3000


async def test_moments_stand_in_the_readers_zone_and_stay_true(stage):
    async with stage.tab(timezone_id="Asia/Tokyo", locale="en-GB") as tab:
        await tab.run("<t:1800000000:t> and <t:1800000000:D>")
        stamps = tab.page.locator(".log .stamp")
        await expect(stamps.nth(0)).to_have_text("17:00")
        await expect(stamps.nth(1)).to_have_text("15 January 2027")
        now = int(stage.playground.clock.now())
        await tab.run(f"<t:{now + 3600 * 5 + 30}:R>")
        await expect(stamps.nth(2)).to_have_text("in 5 hours")
        await tab.page.clock.install()
        await tab.page.clock.fast_forward("04:00:00")
        await expect(stamps.nth(2)).to_have_text("in 1 hour")


async def test_people_and_places_are_pills(stage):
    async with stage.tab() as tab:
        mira = stage.playground.person("mira").id
        boards = stage.playground.channel("storyboards").id
        await tab.run(
            f"<@{mira}> see <#{boards}> and </video text:1> or <@&{stage.playground.guild.id}>"
        )
        text = tab.message("see").locator(".text")
        await expect(text.locator(".pill-me")).to_have_text("@Mira")
        await expect(text.locator(".pill").last).to_have_text("@everyone")
        await text.get_by_role("button", name="/video text").click()
        await expect(tab.form).to_be_visible()
        await tab.page.keyboard.press("Escape")
        await text.get_by_role("button", name="storyboards").click()
        await expect(tab.page.locator("#place-name")).to_have_text("storyboards")


async def test_another_site_cannot_play_our_people(stage):
    base = stage.playground.page_url
    elsewhere = {"Origin": "https://elsewhere.example"}
    async with aiohttp.ClientSession(headers=elsewhere) as web:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await web.ws_connect(f"{base}page/socket?person=mira")
        assert refused.value.status == 403
        async with web.post(f"{base}page/upload?name=x.png", data=b"x") as answer:
            assert answer.status == 403


async def test_only_the_pages_own_files_are_served(stage):
    base = stage.playground.page_url
    async with aiohttp.ClientSession() as web:
        for path in (
            "page/../people/say.py",
            "page/%2e%2e%2fpeople%2fsay.py",
            "page/%2e%2e%2f%2e%2e%2feslint.config.js",
            "page/browser.py",
            "page/frame/",
            "page/",
        ):
            async with web.get(base + path, allow_redirects=False) as answer:
                assert answer.status == 404, path
        async with web.post(f"{base}page/upload?name=../../evil.png", data=b"x") as answer:
            assert (await answer.json())["size"] == 1
