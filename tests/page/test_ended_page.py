"""In a browser, wide and narrow: a clip refused, deleted or failed is never the end of the way."""

from collections.abc import AsyncIterator

import pytest_asyncio

from playground import open_playground
from playground.providers.mishaps import Mishap, Mishaps
from playground.providers.simulated import simulated
from tests.rig.house import until, working
from tests.rig.imitated import UNLIMITED
from tests.rig.looking import look
from tests.rig.paid import said
from tests.rig.stage import IN_A_BROWSER, Stage, expect

pytestmark = IN_A_BROWSER


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def studio(browser, media, tmp_path_factory) -> AsyncIterator[Stage]:
    """The whole bot as a client of imitated companies, and its playground in a browser."""
    mishaps, data = Mishaps(), tmp_path_factory.mktemp("ended")
    async with (
        open_playground(mishaps=mishaps, rate_limits=False, patient=True) as playground,
        simulated(media.render, mishaps) as companies,
        working(
            playground,
            data,
            environ=dict(companies.environ),
            loopback=companies.hosts,
            **UNLIMITED,
        ) as house,
    ):
        yield Stage(playground, house.bot, browser)


async def becomes(studio, what):
    """Until *what* is on the page; the companies take minutes, so time is turned on.

    Nothing may be waiting for its answer by then: Discord gives three seconds.
    """

    async def there():
        studio.playground.clock.advance(3)
        return await what.count()

    await until(there)
    await expect(what.last).to_be_visible()


async def test_a_refusal_offers_what_fits_at_its_price_and_pressing_it_orders(studio, tmp_path):
    await said(studio.playground.person("ada"), "/quota set", amount="60", who="jonas")
    async with studio.tab("jonas") as tab:
        await tab.run("/video text prompt:a red fox duration:20 resolution:1080p")
        refused = tab.message("Not enough credits: this clip costs 76, and your limit is 60")
        await look(tab, refused, tmp_path / "refused")
        await refused.get_by_role("button", name="Order 16 s at 720p · 60 credits").click()
        card = tab.message("a red fox")
        await expect(card).to_contain_text("60 credits (≈ $0.60) · for @Jonas")
        await look(tab, card, tmp_path / "card")
        await refused.get_by_role("button", name="Order 16 s").click()
        await expect(tab.message("That is already ordered.")).to_be_visible()
        await refused.get_by_role("button", name="Ask a moderator").click()
        await expect(tab.message("owner was asked")).to_be_visible()
        await becomes(studio, card.filter(has_text="Done · #"))


async def test_a_deleted_clip_comes_back_by_its_answer_and_by_the_line_below_a_cross(
    studio, tmp_path
):
    async with studio.tab() as tab:
        await tab.run("/video text prompt:a blue fox")
        card = tab.message("a blue fox")
        await expect(card).to_be_visible()
        await becomes(studio, card.filter(has_text="Done · #"))
        await tab.page.get_by_text("Open", exact=True).last.click()
        clip = tab.messages.filter(has=tab.page.locator("video"))
        await look(tab, clip, tmp_path / "clip")
        await clip.get_by_role("button", name="More…").click()
        more = tab.page.locator(".log .message.ephemeral").last
        await expect(more.get_by_role("button", name="Delete", exact=True)).to_be_visible()
        await look(tab, more, tmp_path / "more")
        await more.get_by_role("button", name="Delete", exact=True).click()
        gone = tab.message("is deleted")
        await expect(gone).to_be_visible()
        await expect(clip).to_have_count(0)
        await look(tab, gone, tmp_path / "gone")
        await gone.get_by_role("button", name="Undo").click()
        await expect(tab.message("is back")).to_be_visible()
        await expect(clip).to_have_count(1)
        await look(tab, tab.message("is back"), tmp_path / "back")

        await clip.locator(".reaction-add").click()
        await tab.page.keyboard.type("cross mark")
        await tab.page.keyboard.press("Enter")
        await expect(clip).to_have_count(0)
        line = tab.message("@Mira deleted #")
        await look(tab, line, tmp_path / "line")
        await line.get_by_role("button", name="Undo").click()
        await expect(line).to_have_count(0)
        await expect(clip).to_have_count(1)
        await expect(clip.locator("video")).to_be_visible()


async def test_a_clip_that_failed_is_tried_again_edited_or_made_elsewhere(studio, tmp_path):
    async with studio.tab() as tab:
        await tab.page.get_by_label("The next clip").select_option("fail")
        words = "a green fox"
        await tab.run(f"/video text prompt:{words} provider:ltx")
        card = tab.message("Failed · #")
        await expect(tab.message(words)).to_be_visible()
        await becomes(studio, card)
        await look(tab, card, tmp_path / "failed")
        labels = ["Try again · 36 credits", "Edit and try…"]
        labels += ["Other provider: 6 s at 1080p · no fps or sound option · 32 credits (ltx2api)"]
        assert await card.locator(".button").all_inner_texts() == labels

        await card.get_by_role("button", name="Edit and try").click()
        form = tab.page.locator("dialog.modal")
        await expect(form.get_by_label("Prompt")).to_have_value(words)
        await expect(form).to_contain_text("As it was: 36 credits")
        await look(tab, form, tmp_path / "form")
        await form.get_by_label("Prompt").fill("an owl at dusk")
        await form.get_by_role("button", name="Submit").click()
        await expect(tab.message("an owl at dusk")).to_contain_text("LTX · ltx-2-3-fast")
        await card.get_by_role("button", name="Other provider").click()
        other = tab.messages.filter(has_text=words).filter(has_text="ltx-2api.com · ")
        await expect(other).to_be_visible()
        await becomes(studio, other.filter(has_text="Done · #"))
        await becomes(studio, tab.message("an owl at dusk").filter(has_text="Done · #"))

        await card.locator(".thread-chip").click()
        notice = tab.message("failed")
        await look(tab, notice, tmp_path / "notice")
        # It stays as it is for as long as this machine takes to look at it.
        studio.playground.mishaps.ask(Mishap.STALL)
        await notice.get_by_role("button", name="Try again · 36 credits").click()
        again = tab.messages.filter(has_text=words).filter(has_text="will cost 36 credits")
        await expect(again).to_be_visible()
        await look(tab, again, tmp_path / "again")


async def test_takes_that_all_failed_are_ordered_once_more_with_one_button(studio, tmp_path):
    async with studio.tab() as tab:
        await tab.page.get_by_text("All providers work").click()
        await tab.page.get_by_label("LTX", exact=True).select_option("fail")
        await tab.run("/video text prompt:two wolves takes:2 provider:ltx")
        await tab.button("Order 2 takes · 72 credits").click()
        card = tab.message("two wolves").filter(has_text="2 takes:")
        await expect(card).to_be_visible()
        await becomes(studio, card.filter(has_text="2 takes: failed · #"))
        await expect(card.get_by_role("img", name="cross mark")).to_be_visible()
        await tab.page.get_by_role("button", name="Let all work again").click()
        await look(tab, card, tmp_path / "card")
        await card.get_by_role("button", name="Try again: 2 takes · 72 credits").click()
        again = tab.messages.filter(has_text="two wolves").filter(has_text="will cost 72 credits")
        await expect(again).to_be_visible()
        await becomes(studio, tab.message("two wolves").filter(has_text="2 takes: made · #"))
