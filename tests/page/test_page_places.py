"""People, channels, threads and links of the page lead where they say, whatever goes away."""

import asyncio

from playground.page.browser import OPEN
from tests.rig.browsing import PHONE
from tests.rig.stage import IN_A_BROWSER, expect, make_a_clip

pytestmark = IN_A_BROWSER


async def test_the_people_are_switched_and_see_what_is_theirs(stage):
    async with stage.tab() as tab:
        await tab.run("hello from mira")
        await expect(tab.place("moderators")).to_have_count(0)
        await tab.sit_down("ada")
        await expect(tab.message("hello from mira")).to_be_visible()
        await tab.place("moderators").click()
        await tab.run("for moderators")
        await expect(tab.message("for moderators").locator(".author")).to_have_text("Ada")
        await tab.page.locator(".person.me").focus()
        await tab.page.keyboard.press("ArrowRight")
        await expect(tab.page.locator('.person.me[data-person="mira"]')).to_be_focused()
        await expect(tab.page.locator("#place-name")).to_have_text("videos")
        assert await tab.messages.filter(has_text="for moderators").count() == 0


async def test_direct_messages_have_their_place_in_the_list(stage):
    mira = stage.playground.person("mira")
    mira.go_to_dm()
    async with stage.tab() as tab:
        await tab.place("Dailies").click()
        await expect(tab.page.locator(".welcome")).to_contain_text("direct messages with Dailies")
        user = await stage.bot.fetch_user(mira.id)
        await user.send("your clip is ready")
        await expect(tab.message("your clip is ready")).to_be_visible()


async def test_a_reload_and_the_back_button_keep_place_and_history(stage):
    async with stage.tab() as tab:
        await tab.run("kept")
        await tab.place("storyboards").click()
        await tab.run("on the board")
        await tab.page.reload()
        await expect(tab.message("on the board")).to_be_visible()
        await tab.page.go_back()
        await expect(tab.message("kept")).to_be_visible()


async def test_older_messages_come_when_one_scrolls_up(stage):
    mira = stage.playground.person("mira")
    mira.go("videos")
    for number in range(130):
        await mira.say(f"line {number}")
    async with stage.tab() as tab:
        await expect(tab.message("line 129")).to_be_in_viewport()
        log = tab.page.locator("#log")
        await expect(tab.messages).to_have_count(50)
        await log.evaluate("log => { log.scrollTop = 0; }")
        await expect(tab.messages).to_have_count(100)
        await expect(tab.message("line 80")).to_be_in_viewport()  # what was read stays in sight
        await log.evaluate("log => { log.scrollTop = 0; }")
        await expect(tab.messages).to_have_count(130)
        await expect(tab.page.locator(".welcome")).to_be_attached()
        await tab.page.locator("#to-present").click()
        await expect(tab.message("line 129")).to_be_in_viewport()


async def test_a_link_to_a_message_leads_there_without_leaving_the_page(stage):
    async with stage.tab() as tab:
        await make_a_clip(tab)
        card = stage.bot.cards[0]
        await tab.place("storyboards").click()
        await tab.run(f"see {card.jump_url} or [take 1](https://discord.com/channels/1/{card.id})")
        links = tab.message("see").locator("a")
        await expect(links.nth(0)).to_contain_text("videos › message")
        await links.nth(0).click()
        await expect(tab.page.locator("#place-name")).to_have_text("videos")
        await expect(tab.page.locator(f"#message-{card.id}")).to_be_focused()
        await tab.page.go_back()
        await links.nth(1).click()
        await expect(tab.page.locator("#place-topic")).to_have_text("Thread in #videos")


async def test_what_happens_elsewhere_is_marked_in_the_list(stage):
    async with stage.tab() as tab, stage.tab("jonas") as jonas:
        await jonas.place("storyboards").click()
        await jonas.run("anybody there?")
        await expect(tab.place("storyboards")).to_have_class("place unread")
        mira = stage.playground.person("mira").id
        await jonas.run(f"<@{mira}> look")
        await expect(tab.place("storyboards").locator(".badge")).to_have_text("1")
        await tab.place("storyboards").click()
        await expect(tab.message("look")).to_have_class("message compact mentions-me")
        await expect(tab.place("storyboards").locator(".badge")).to_have_count(0)
        await jonas.composer.press_sequentially("w")
        await expect(tab.page.locator("#typing")).to_have_text("Jonas is typing…")
        await jonas.run("written")
        await expect(tab.page.locator("#typing")).to_have_text("")


async def test_a_thread_that_goes_takes_nobody_with_it(stage):
    async with stage.tab() as tab:
        await make_a_clip(tab)
        await tab.sit_down("jonas")
        await expect(tab.page.locator("#place-topic")).to_have_text("Thread in #videos")
        thread = stage.bot.cards[0].id
        stage.playground.world.lock_thread(thread)
        await expect(tab.composer).to_be_disabled()
        await expect(tab.composer).to_have_attribute("placeholder", "This thread is locked.")
        stage.playground.world.delete_channel(thread)
        await expect(tab.page.locator("#place-name")).to_have_text("videos")
        await expect(tab.page.locator(".thread-chip")).to_have_count(0)
        await expect(tab.page.locator(".toast")).to_contain_text("was deleted")


async def test_many_threads_fold_up_below_their_channel(stage):
    mira = stage.playground.person("mira")
    mira.go("videos")
    for number in range(8):
        await mira.start_thread(await mira.say(f"idea {number}"), f"idea {number}")
    async with stage.tab() as tab:
        await expect(tab.page.locator(".place-thread")).to_have_count(5)
        more = tab.page.locator(".place-more")
        await expect(more).to_have_text("Show 3 more threads")
        await more.click()
        await expect(tab.page.locator(".place-thread")).to_have_count(8)
        await expect(more).to_have_attribute("aria-expanded", "true")


async def test_a_lost_line_is_said_and_what_was_missed_comes_after(stage):
    async with stage.tab() as tab:
        await tab.run("before")
        await expect(tab.message("before")).to_be_visible()
        await tab.page.context.set_offline(True)
        await stage.playground._wire.app[OPEN].hang_up()
        banner = tab.page.locator("#banner")
        await expect(banner).to_contain_text("Connecting again")
        jonas = stage.playground.person("jonas")
        jonas.go("videos")
        await jonas.say("said meanwhile")
        await tab.run("unheard")
        await expect(tab.page.locator(".composer-error")).to_contain_text("is down")
        await expect(tab.composer).to_have_value("unheard")
        await tab.page.context.set_offline(False)
        await expect(banner).to_be_hidden()
        await expect(tab.message("said meanwhile")).to_be_visible()
        await tab.composer.press("Enter")
        await expect(tab.message("unheard")).to_be_visible()
        await expect(tab.messages).to_have_count(3)
        # The browser itself reports that it was offline.
        tab.complaints[:] = [line for line in tab.complaints if "DISCONNECTED" not in line]


async def test_an_absent_bot_is_said(stage):
    async with stage.tab() as tab:
        await stage.bot.close()
        await expect(tab.page.locator("#banner")).to_contain_text("Dailies is offline")


async def test_a_link_that_expired_is_replaced_by_a_fresh_one(stage):
    async with stage.tab() as tab:
        made = asyncio.Event()
        expired = asyncio.get_running_loop().create_future()

        async def expire(route) -> None:
            """As if the first link had been lying in the page for more than a day."""
            await made.wait()  # a day later the thread is archived, and takes no reaction
            if not expired.done():
                stage.playground.clock.advance(25 * 3600)
                expired.set_result(route.request.url)
            if route.request.url == expired.result():
                await route.fulfill(status=404)
            else:
                await route.continue_()

        await tab.page.route("**/attachments/**", expire)
        await make_a_clip(tab)
        made.set()
        video = tab.page.locator(".log video")
        loaded = (
            "video => video.readyState > 0 || new Promise(done => { video.onloadeddata = done; })"
        )
        link = (await expired).removeprefix(tab.origin)
        await expect(video).not_to_have_attribute("src", link)
        await video.evaluate(loaded)
        tab.complaints[:] = [line for line in tab.complaints if "404" not in line]


async def test_the_channels_are_a_drawer_on_a_phone(stage):
    async with stage.tab(size=PHONE) as tab:
        await expect(tab.place("storyboards")).not_to_be_visible()
        menu = tab.page.locator("#drawer-button")
        await menu.click()
        await expect(tab.place("videos")).to_be_focused()
        await tab.page.keyboard.press("Escape")
        await expect(menu).to_be_focused()
        await menu.click()
        await tab.place("storyboards").click()
        await expect(tab.page.locator("#place-name")).to_have_text("storyboards")
        await expect(tab.place("storyboards")).not_to_be_visible()
        await expect(tab.page.locator(".person")).to_have_count(3)


async def test_every_control_has_a_name_and_text_enough_contrast(stage):
    async with stage.tab() as tab:
        await make_a_clip(tab)
        nameless = await tab.page.evaluate(
            """() => [...document.querySelectorAll("button, a, input:not([type=file]), textarea")]
              .filter((each) => !each.getAttribute("aria-label") && !each.textContent.trim())
              .map((each) => each.outerHTML)"""
        )
        assert nameless == []
        for scheme in ("dark", "light"):
            await tab.page.emulate_media(color_scheme=scheme)
            faint = await tab.page.evaluate(CONTRAST)
            assert faint == [], scheme


#: Pairs of the theme that stand on each other, with less than 4.5 between them.
CONTRAST = """() => {
  const style = getComputedStyle(document.documentElement);
  const light = (name) => {
    const hex = style.getPropertyValue(name).trim().slice(1);
    const [r, g, b] = [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const faint = [];
  const texts = ["text", "text-soft", "text-faint", "link", "brand-text", "danger-text"];
  for (const text of texts) {
    for (const ground of ["--ground", "--ground-side", "--raised", "--field"]) {
      const [low, high] = [light(`--${text}`), light(ground)].sort((a, b) => a - b);
      if ((high + 0.05) / (low + 0.05) < 4.5) faint.push(`${text} on ${ground}`);
    }
  }
  return faint;
}"""
