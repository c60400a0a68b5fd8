"""In a browser, wide and narrow: a batch, one's own clips, a search, and the board of shots."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest_asyncio
from PIL import Image

from playground import open_playground
from storage import Brief, State
from tests.rig.house import PACE, working
from tests.rig.kept import ended
from tests.rig.looking import look
from tests.rig.makers import PLAIN, Maker
from tests.rig.paid import PRICED
from tests.rig.stage import IN_A_BROWSER, Stage, expect

pytestmark = IN_A_BROWSER

STILL = {"reduced_motion": "reduce"}  #: nothing slides when the page becomes narrow
LONG = "a red fox crosses a snowy street at dusk while lanterns sway and snow crunches underfoot"


@dataclass
class Studio:
    """The whole bot, whose clips of a second cost a credit, and its playground in a browser."""

    stage: Stage
    house: object
    clip: bytes

    async def kept(self, number: int, prompt: str, **values: object):
        """A finished clip of Mira's with a picture of its own."""
        playground = self.stage.playground
        job = await ended(
            self.house.store,
            number,
            State.DONE,
            guild_id=playground.guild.id,
            channel_id=playground.channel("videos").id,
            user_id=playground.person("mira").id,
            brief=Brief(prompt=prompt, resolution="480p", aspect="16:9", duration=1, sound=True),
            provider="cheap",
            model="cheap-1",
            file=f"takes/{number}.mp4",
            result_id=99,
            **values,
        )
        picture = self.house.bot.posters.place(job)
        picture.parent.mkdir(exist_ok=True)
        picture.with_suffix(".mp4").write_bytes(self.clip)
        Image.new("HSV", (320, 180), (number * 20 % 256, 160, 150)).convert("RGB").save(picture)
        return job


@pytest_asyncio.fixture(loop_scope="module")
async def studio(browser, clip, tmp_path) -> AsyncIterator[Studio]:
    cheap = Maker("cheap", PLAIN, price=PRICED)
    async with (
        open_playground(rate_windows=PACE, patient=True) as playground,
        working(playground, tmp_path / "data", providers={"cheap": cheap}) as house,
    ):
        playground.person("mira").go("videos")
        yield Studio(Stage(playground, house.bot, browser), house, clip)


async def test_a_batch_has_one_card_and_a_sheet_whose_buttons_work(studio, tmp_path):
    async with studio.stage.tab(**STILL) as tab:
        await tab.run(f"/video text prompt:{LONG} takes:4 duration:1")
        await tab.button("Order 4 takes · 4 credits").click()
        card = tab.message("4 takes: made")
        await expect(card).to_be_visible()
        await look(tab, card, tmp_path / "card")

        await tab.page.get_by_text("Open", exact=True).last.click()
        sheet = tab.message("4 takes are ready")
        await expect(sheet.locator("video")).to_be_visible()
        await look(tab, sheet, tmp_path / "sheet")
        names = [*"1234", *(f"More like {number}" for number in range(1, 5))]
        assert await sheet.locator(".button").all_inner_texts() == names
        await sheet.get_by_role("button", name="2", exact=True).click()
        await expect(tab.message("Number 2 (#2) is here")).to_be_visible()
        await expect(tab.message("take 2").locator("video")).to_be_visible()
        await sheet.get_by_role("button", name="More like 3").click()
        await expect(tab.button("Order it · 1 credit")).to_be_visible()


async def test_a_page_of_ones_own_clips_turns_and_shows_one(studio, tmp_path):
    for number in range(1, 13):
        await studio.kept(number, f"{number} {LONG}")
    async with studio.stage.tab(**STILL) as tab:
        await tab.run("/video mine")
        page = tab.message("Your clips")
        await expect(page.locator(".gallery-one img")).to_be_visible()
        await look(tab, page, tmp_path / "mine")
        await page.get_by_role("button", name="Older").click()
        await expect(page).to_contain_text("#1 · 1 a red")
        await page.get_by_role("button", name="Newer").click()
        await expect(page).to_contain_text("#12 · 12 a red")
        await page.locator(".select").click()
        await tab.option("4 · #9").click()
        await expect(tab.button("Extend…")).to_be_visible()
        await look(tab, tab.message("Done · #9"), tmp_path / "picked")


async def test_a_search_shows_what_it_found_and_retakes_from_there(studio, tmp_path):
    for number in (1, 2, 3):
        await studio.kept(number, LONG.replace("fox", "wolf") if number == 2 else LONG)
    async with studio.stage.tab("jonas", **STILL) as tab:
        await tab.run("/video search words:snowy foxes")
        page = tab.message("Clips with")
        await expect(page.locator(".gallery-one img")).to_be_visible()
        await expect(page).to_contain_text("1 #3")
        await expect(page).to_contain_text("2 #1")
        await look(tab, page, tmp_path / "search")
        await page.locator(".select").click()
        await tab.option("2 · #1").click()
        picked = tab.message("Done · #1")
        await picked.get_by_role("button", name="Retake").click()
        form = tab.page.locator("dialog.modal")
        await expect(form.get_by_label("Prompt")).to_have_value(LONG)
        await expect(form).to_contain_text("The whole clip: ")


async def test_the_board_of_shots_shows_ten_and_turns(studio, tmp_path):
    playground, store = studio.stage.playground, studio.house.store
    place = {"guild_id": playground.guild.id, "channel_id": playground.channel("videos").id}
    for number in range(1, 13):
        thread = 5000 + number
        job = await studio.kept(number, LONG, thread_id=thread)
        await store.takes.number(job, thread)
        await store.takes.measured(job.id, 8.0)
        if number % 3:
            await store.takes.sign_off(job.id, job.user_id, at=1.0)
        await store.shots.file_thread(f"sc{number}/sh10", thread, private=False, **place)
    async with studio.stage.tab(**STILL) as tab:
        await tab.run("/video shots")
        board = tab.message("Shots of")
        await expect(board.locator(".gallery-one img")).to_be_visible()
        await expect(board).to_contain_text("12 shots, 8 approved · page 1 of 2")
        await look(tab, board, tmp_path / "shots")
        await board.get_by_role("button", name="Next").click()
        await expect(board).to_contain_text("sc12/sh10")
        await board.get_by_role("button", name="Back").click()
        await expect(board).to_contain_text("sc10/sh10")
