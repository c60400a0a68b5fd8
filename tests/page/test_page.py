"""A person types at the playground's page: a first clip, commands, their options and files."""

import pytest

from tests.rig.browsing import PHONE, WIDE
from tests.rig.stage import COMMAND, IN_A_BROWSER, expect, png

pytestmark = IN_A_BROWSER


# ---------------------------------------------------------------------- the newcomer


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
async def test_a_newcomer_types_the_command_and_watches_the_clip_to_its_end(stage, size):
    async with stage.tab(size=size) as tab:
        await expect(tab.page.locator(".hint code")).to_have_text(COMMAND)
        await tab.composer.click()
        await tab.page.keyboard.type(COMMAND)
        await tab.page.keyboard.press("Enter")
        chip = tab.page.locator(".thread-chip")
        await expect(chip.locator(".thread-count")).to_have_text("1 message")
        await chip.click()
        video = tab.page.locator(".log video")
        await expect(video).to_be_visible()
        assert await video.get_attribute("playsinline") is not None
        await video.evaluate("video => video.play()")
        assert await video.evaluate(
            "video => video.ended || new Promise(done => { video.onended = () => done(true); })"
        )
        assert await video.evaluate("video => Math.abs(video.currentTime - video.duration) < 0.1")
        assert await tab.page.evaluate("document.body.scrollWidth <= innerWidth")


async def test_the_hint_puts_its_command_into_the_composer(stage):
    async with stage.tab() as tab:
        await tab.page.locator(".hint button").click()
        await expect(tab.composer).to_be_focused()
        await tab.page.keyboard.press("Enter")
        await expect(tab.page.locator(".thread-chip")).to_be_visible()
        assert stage.bot.got[0]["prompt"] == "a red fox crossing a snowy street"
        await expect(tab.page.locator(".hint")).to_have_count(0)


# ---------------------------------------------------------------------- commands


async def test_a_command_is_chosen_and_filled_in_with_the_keyboard_alone(stage):
    async with stage.tab() as tab:
        keys = tab.page.keyboard
        await keys.type("/")
        await expect(tab.page.locator(".listbox-item")).to_have_count(4)
        await keys.type("vid te")
        await expect(tab.page.locator(".listbox-item")).to_have_count(1)
        await keys.press("Escape")
        await expect(tab.page.locator(".listbox")).to_have_count(0)
        await keys.press("Backspace")
        await keys.press("ArrowDown")
        await keys.press("ArrowUp")
        await keys.press("Enter")
        await expect(tab.form).to_be_visible()
        await keys.type("a fox")
        await keys.press("Tab")
        await expect(tab.page.locator(".more-options")).to_be_focused()
        await keys.press("ArrowDown")
        await expect(tab.option("duration")).to_be_visible()
        await keys.press("ArrowDown")
        await keys.press("ArrowDown")
        await keys.press("Enter")
        await keys.type("9")
        await keys.press("Tab")
        await expect(tab.page.locator(".option-remove")).to_be_focused()
        await keys.press("Shift+Tab")
        await keys.press("Enter")
        await expect(tab.page.locator(".thread-chip")).to_be_visible()
        await expect(tab.composer).to_be_focused()
        assert (stage.bot.got[0]["prompt"], stage.bot.got[0]["duration"]) == ("a fox", 9)


async def test_a_pasted_command_takes_its_options_in_any_order(stage):
    async with stage.tab() as tab:
        await tab.run(
            "/video text duration:9 sound:no prompt:Title: a fox, at 12:30 look:film noir who:jonas"
        )
        await expect(tab.page.locator(".thread-chip")).to_be_visible()
        got = stage.bot.got[0]
        assert got["prompt"] == "Title: a fox, at 12:30"
        assert (got["duration"], got["sound"], got["look"]) == (9, False, "noir")
        assert got["who"] == "jonas"


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (
            "/video text promt:a fox",
            "“promt” is not an option of /video text (did you mean prompt?)",
        ),
        ("/video text prompt:a fox duration:99", "duration takes a whole number from 1 to 20"),
        ("/video text prompt:a fox look:blue", "look takes one of: Film noir, First light."),
        ("/video text prompt:a fox image:x.png", "image takes a file. Choose it here."),
        ("/video text duration:3", "prompt is required."),
        (
            "/video text a fox prompt:a dog",
            "“a fox” belongs to no option of /video text. Write prompt:a fox.",
        ),
        ("/video txt prompt:a", "There is no command /video. Type / to see them all."),
    ],
)
async def test_a_command_that_cannot_be_sent_says_why_in_a_sentence(stage, command, sentence):
    async with stage.tab() as tab:
        await tab.run(command)
        await expect(tab.page.locator(".composer-error")).to_contain_text(sentence)
        assert stage.bot.got == []


async def test_words_that_belong_to_no_option_stay_where_they_were_typed(stage):
    async with stage.tab() as tab:
        typed = "/video text promt:a fox duration:3"
        await tab.run(typed)
        said = tab.page.locator(".composer-error")
        for _again in range(2):
            await expect(said).to_contain_text("did you mean prompt?")
            await expect(tab.page.locator(".composer textarea").first).to_have_value(typed)
            await tab.page.keyboard.press("Enter")
        assert stage.bot.got == []


async def test_words_without_an_option_are_the_prompt(stage):
    async with stage.tab() as tab:
        await tab.run("/video text a red fox duration:3")
        await expect(tab.page.locator(".thread-chip")).to_be_visible()
        assert (stage.bot.got[0]["prompt"], stage.bot.got[0]["duration"]) == ("a red fox", 3)


async def test_a_word_that_only_looks_like_an_option_is_sent_on_a_second_enter(stage):
    async with stage.tab() as tab:
        await tab.run("/video text prompt:a fox, lens:35mm")
        await expect(tab.page.locator(".composer-error")).to_contain_text("“lens” is not an option")
        assert stage.bot.got == []
        await tab.page.keyboard.press("Enter")
        await expect(tab.page.locator(".thread-chip")).to_be_visible()
        assert stage.bot.got[0]["prompt"] == "a fox, lens:35mm"


async def test_suggestions_come_while_one_types_and_are_taken_by_keyboard(stage):
    async with stage.tab() as tab:
        await tab.run("/video text")
        await tab.page.keyboard.type("a fox")
        await tab.page.locator(".more-options").click()
        await tab.option("model").click()
        await expect(tab.option("LTX-2-FAST")).to_be_visible()
        await tab.page.keyboard.type("pro")
        await expect(tab.page.locator(".listbox-item")).to_have_count(1)
        await tab.page.keyboard.press("Enter")
        await expect(tab.page.locator('[data-option="model"] input')).to_have_value("LTX-2-PRO")
        await tab.page.keyboard.press("Enter")
        await expect(tab.page.locator(".thread-chip")).to_be_visible()
        assert stage.bot.got[0]["model"] == "ltx-2-pro"


async def test_a_file_goes_with_a_command_and_with_a_message(stage, tmp_path):
    picture = tmp_path / "first frame.png"
    picture.write_bytes(png(32, 20))
    async with stage.tab() as tab:
        await tab.page.set_input_files("#composer-files", picture)
        await expect(tab.page.locator(".draft-file")).to_contain_text("first frame.png")
        await tab.run("/video text prompt:from a picture")
        await expect(tab.page.locator(".thread-chip")).to_be_visible()
        assert stage.bot.got[0]["image"] == ("first_frame.png", picture.read_bytes())

        await tab.page.set_input_files("#composer-files", picture)
        await tab.run("look at this")
        image = tab.message("look at this").locator("img")
        await expect(image).to_be_visible()
        await image.click()
        await expect(tab.page.locator("dialog.lightbox img")).to_be_visible()
        await tab.page.keyboard.press("Escape")
        await expect(tab.page.locator("dialog")).to_have_count(0)


async def test_a_file_above_the_limit_is_refused_with_the_limit(stage):
    async with stage.tab() as tab:
        # Made in the page, so that no test has to hold eleven megabytes twice.
        await tab.page.evaluate(
            """() => {
              const data = new DataTransfer();
              data.items.add(new File([new Uint8Array(11 * 1024 * 1024)], "big.png"));
              const what = { dataTransfer: data, bubbles: true, cancelable: true };
              document.getElementById("main").dispatchEvent(new DragEvent("drop", what));
            }"""
        )
        await expect(tab.page.locator(".composer-error")).to_contain_text("10 MB")


async def test_a_command_that_nothing_answers_says_so_in_red(stage):
    async with stage.tab() as tab:
        await tab.run("/video silence")
        await expect(tab.page.locator(".pending")).to_contain_text("Sending the command")
        failed = tab.page.locator(".pending .failed")
        await expect(failed).to_contain_text("The application did not respond.")
        await failed.locator("button").click()
        await expect(tab.page.locator(".pending")).to_have_count(0)


async def test_a_moderators_command_is_offered_to_the_moderator_alone(stage):
    async with stage.tab() as tab:
        await tab.composer.fill("/rule")
        await expect(tab.page.locator(".listbox-item")).to_have_count(0)
        await tab.sit_down("ada")
        await tab.composer.fill("/rule")
        await expect(tab.option("/rule")).to_be_visible()
