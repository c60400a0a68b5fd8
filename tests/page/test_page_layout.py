"""Nothing on the page lies over anything else or sticks out, wide and on a phone."""

import pytest

from tests.rig.browsing import PHONE, WIDE
from tests.rig.stage import IN_A_BROWSER, expect, make_a_clip

pytestmark = IN_A_BROWSER

LONG = "Wilhelmina-Maximiliane Oberhuber"  #: as long as a name on Discord may be

#: Times in the margin that reach into what stands beside them or out of the page, in pixels.
CROWDED = """() => [...document.querySelectorAll(".message.compact")].flatMap((message) => {
  const range = document.createRange();
  range.selectNodeContents(message.querySelector(".written-short"));
  const time = range.getBoundingClientRect();
  if (time.width === 0) return [];
  const body = message.querySelector(".message-body").getBoundingClientRect();
  const gap = Math.round(body.left - time.right);
  const edge = Math.round(time.left - document.querySelector("#log").getBoundingClientRect().left);
  return gap < 5 || edge < 2 ? [[gap, edge, time.width]] : [];
})"""

#: Words and controls of messages that lie over one another or outside of the log.
ASTRAY = """() => {
  const log = document.querySelector("#log").getBoundingClientRect();
  const parts = [...document.querySelectorAll(
    ".message-head > *, .above > *, .text > *, .part-components .button, .reaction, .thread-chip",
  )].filter((each) => each.getClientRects().length > 0);
  const out = parts.filter((each) => {
    const box = each.getBoundingClientRect();
    return box.left < log.left || box.right > log.right + 1;
  });
  const over = parts.filter((each) => [...each.parentElement.children].some((other) => {
    if (other === each) return false;
    const [a, b] = [each, other].map((one) => one.getBoundingClientRect());
    return b.width > 0 && a.left < b.right - 1 && b.left < a.right - 1
      && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  }));
  return [...out, ...over].map((each) => each.outerHTML.slice(0, 120));
}"""


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("locale", ["en-US", "de-DE", "ko-KR"])
async def test_the_time_in_the_margin_keeps_away_from_the_words(stage, size, locale):
    mira = stage.playground.person("mira")
    mira.go("videos")
    stage.playground.clock.advance(3600 * 11)
    for text in ("first", "a", f"<@{mira.id}> beside the time", "||x||", "`code`", "- item"):
        await mira.say(text)
    async with stage.tab(size=size, locale=locale, timezone_id="Asia/Tokyo") as tab:
        await expect(tab.message("beside the time")).to_be_visible()
        assert await tab.page.locator(".message.compact").count() >= 4
        await tab.message("beside the time").hover()
        assert await tab.page.evaluate(CROWDED) == []
        assert await tab.page.evaluate(ASTRAY) == []


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
async def test_long_names_and_words_stay_in_their_place(stage, size):
    world = stage.playground.world
    mira = stage.playground.person("mira")
    world.users[mira.id].global_name = LONG
    mira.go("videos")
    said = await mira.say("W" * 300)
    await mira.say("an answer " * 12, reply_to=said)
    async with stage.tab(size=size) as tab:
        await make_a_clip(tab)
        await tab.place("videos").evaluate("place => place.click()")
        await expect(tab.page.locator(".thread-chip")).to_be_visible()
        assert await tab.page.evaluate(ASTRAY) == []
        await tab.page.locator(".thread-chip").click()
        await expect(tab.button("Retake…")).to_be_visible()
        assert await tab.page.evaluate(ASTRAY) == []
        assert await tab.page.evaluate("document.body.scrollWidth <= innerWidth")


async def test_an_answer_that_grows_above_does_not_move_what_is_read(stage):
    mira = stage.playground.person("mira")
    mira.go("videos")
    first = await mira.say("short")
    for number in range(60):
        await mira.say(f"line {number}")
    async with stage.tab() as tab:
        log = tab.page.locator("#log")
        await expect(tab.message("line 59")).to_be_in_viewport()
        await log.evaluate("log => { log.scrollTop = 0; }")
        await expect(tab.page.locator(f"#message-{first.id}")).to_be_attached()
        await log.evaluate("log => { log.scrollTop = log.scrollHeight / 2; }")
        await tab.page.evaluate("() => new Promise(requestAnimationFrame)")
        middle = tab.message("line 30")
        before = (await middle.bounding_box())["y"]
        await mira.edit(first, "long\n" * 12)
        await expect(tab.page.locator(f"#message-{first.id} .edited")).to_be_attached()
        assert abs((await middle.bounding_box())["y"] - before) < 2


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("typed", ["pro", "none of them"])
async def test_suggestions_lie_beside_what_is_said_of_their_option(stage, size, typed):
    async with stage.tab(size=size) as tab:
        await tab.run("/video text")
        await tab.page.keyboard.type("a fox")
        await tab.page.locator(".more-options").click()
        await tab.option("model").click()
        await tab.page.keyboard.type(typed)
        shown = tab.page.locator(".popup")
        words = "No suggestion fits." if typed == "none of them" else "LTX-2-PRO"
        await expect(shown).to_contain_text(words)
        await expect(shown.locator(".listbox-item")).to_have_count(int(typed == "pro"))
        said = await tab.page.locator(".composer-hint .command-hint").bounding_box()
        box = await shown.bounding_box()
        assert said["height"] > 0
        assert box["y"] + box["height"] <= said["y"] or box["y"] >= said["y"] + said["height"]
