"""In a browser, wide and narrow: help with a prompt, one's defaults and pings, and a reel."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from playground import open_playground
from tests.rig.house import PACE, until, working
from tests.rig.looking import look
from tests.rig.makers import PLAIN, Maker
from tests.rig.paid import PRICED, said
from tests.rig.stage import IN_A_BROWSER, Stage, expect

pytestmark = IN_A_BROWSER

#: Plays a clip to its end, eight times as fast; its length and size, and whether it came there.
PLAYED = """async video => {
  video.muted = true;
  video.playbackRate = 8;
  await video.play();
  if (!video.ended) await new Promise((ended) => video.addEventListener("ended", ended));
  return [video.duration, video.videoWidth, video.videoHeight, video.ended];
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def studio(browser, tmp_path_factory) -> AsyncIterator[Stage]:
    """The whole bot, whose clips cost a credit a second, and its playground in a browser."""
    data, maker = tmp_path_factory.mktemp("helping"), Maker("cheap", PLAIN, price=PRICED)
    async with (
        open_playground(rate_windows=PACE, patient=True) as playground,
        working(playground, data, providers={"cheap": maker}) as house,
    ):
        yield Stage(playground, house.bot, browser)


async def test_enhance_checks_a_prompt_and_its_form_orders_the_better_one(studio, tmp_path):
    better = "A red fox runs through snow. The camera follows it. Snow crunches."
    async with studio.tab() as tab:
        await tab.run("/video enhance prompt:a red fox")
        help_ = tab.message("Help with your prompt")
        await expect(help_).to_contain_text("Your prompt speaks of 1 of 7 things")
        await look(tab, help_, tmp_path / "help")
        labels = ["Edit and make it…", "Make it without the gaps · 2 credits"]
        assert await help_.locator(".button").all_inner_texts() == labels
        await help_.get_by_role("button", name="Edit and make it").click()
        form = tab.page.locator("dialog.modal")
        await look(tab, form, tmp_path / "form")
        await form.get_by_label("Prompt").fill("A red fox. [camera: static].")
        await form.get_by_role("button", name="Submit").click()
        left = tab.message("still has a gap")
        await expect(left).to_be_visible()
        await look(tab, left, tmp_path / "left")
        await left.get_by_role("button", name="Edit and make it").click()
        await expect(form.get_by_label("Prompt")).to_have_value("A red fox. [camera: static].")
        await form.get_by_label("Prompt").fill(better)
        await form.get_by_role("button", name="Submit").click()
        card = tab.message(better).filter(has_text="#1")
        await look(tab, card, tmp_path / "card")


async def test_defaults_say_where_each_comes_from_and_a_clip_is_told_of_as_one_chose(
    studio, tmp_path
):
    async with studio.tab("jonas") as tab:
        await tab.run("/video defaults show")
        shown = tab.message("A new clip here")
        await expect(shown).to_contain_text("480p (model) · 2 s (model) · sound on (model)")
        await look(tab, shown, tmp_path / "show")
        await tab.run("/video defaults set duration:3 sound:False clips:in the channel")
        chosen = tab.message("480p (model) · 3 s (yours) · sound off (yours)")
        await expect(chosen).to_contain_text("posted in the channel, without threads (yours)")
        await look(tab, chosen, tmp_path / "set")
        await tab.run("/video notify how:direct message")
        await look(tab, tab.message("I send you a direct message"), tmp_path / "notify")

        await tab.run("/video text prompt:an owl")
        clip = tab.messages.filter(has=tab.page.locator("video"))
        await expect(clip).to_contain_text("3 s · 24 fps")
        await look(tab, clip, tmp_path / "clip")
        assert "mentions-me" not in await clip.get_attribute("class")
        drawer = tab.page.locator("#drawer-button")
        await drawer.click()
        await expect(tab.place("Dailies").locator(".badge")).to_have_text("1")
        await tab.place("Dailies").click()
        told = tab.message("is ready:")
        await look(tab, told, tmp_path / "told")
        await told.get_by_role("link", name="videos › message").click()
        await expect(tab.page.locator("#place-name")).to_have_text("videos")
        await expect(clip).to_be_in_viewport()


async def approved(studio, prompts):
    """Whether the takes of these prompts are approved."""
    bot = studio.bot
    jobs = [each for each in await bot.studio.store.jobs.newest() if each.brief.prompt in prompts]
    takes = [await bot.takes.find(each.id, guild_id=each.guild_id) for each in jobs]
    return len(takes) == len(prompts) and all(each.approved_by for each in takes)


async def test_a_reel_of_the_approved_takes_is_made_and_played_to_its_end(studio, tmp_path):
    playground = studio.playground
    ada, mira = playground.person("ada"), playground.person("mira")
    names = ("sc1/sh1", "sc1/sh2")
    for number, name in enumerate(names, 1):
        mira.go("storyboards")
        await (await mira.type("/video text", prompt=name, duration=number)).answered
        clip = await mira.wait_for(
            lambda each, name=name: "is ready" in each.text and name in each.text
        )
        mira.go(clip.channel_id)
        await said(mira, "/video shot", name=name)
        await ada.react(clip, "✅")
    await until(lambda: approved(studio, names))
    async with studio.tab() as tab:
        await tab.place("storyboards").click()
        await tab.run("/video reel slate:True")
        await look(tab, tab.message("Reel · 2 takes"), tmp_path / "planned")
        reel = tab.message("The list of its cuts is attached")
        await expect(reel.locator("video")).to_be_visible()
        await look(tab, reel, tmp_path / "reel")
        seconds, width, height, ended = await reel.locator("video").evaluate(PLAYED)
        assert seconds == pytest.approx(3, abs=0.1)
        assert (width, height, ended) == (128, 72, True)
