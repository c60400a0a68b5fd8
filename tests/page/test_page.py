"""The playground's page in a real browser, wide and on a phone, with a real bot behind it."""

import io

import aiohttp
import discord
import pytest

from playground.page.browser import OPEN
from tests.rig.browsing import PHONE, WIDE
from tests.rig.stage import COMMAND, IN_A_BROWSER, expect, make_a_clip, png

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
        ("/video text a fox", "“a fox” belongs to no option of /video text. Write prompt:a fox."),
        ("/video txt prompt:a", "There is no command /video. Type / to see them all."),
    ],
)
async def test_a_command_that_cannot_be_sent_says_why_in_a_sentence(stage, command, sentence):
    async with stage.tab() as tab:
        await tab.run(command)
        await expect(tab.page.locator(".composer-error")).to_contain_text(sentence)
        assert stage.bot.got == []


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


# ---------------------------------------------------------------------- messages


async def test_a_button_a_form_and_its_files(stage, tmp_path):
    picture = tmp_path / "frame.png"
    picture.write_bytes(png(32, 20))
    async with stage.tab() as tab:
        await make_a_clip(tab)
        await expect(tab.button("Later")).to_be_disabled()
        await tab.button("Retake…").click()
        form = tab.page.locator("dialog.modal")
        await expect(form.locator("h2")).to_have_text("Retake take 1")
        prompt = form.locator('[data-field="prompt"]')
        await expect(prompt).to_be_focused()
        await expect(prompt).to_have_value("a red fox")
        await form.get_by_text("Submit").click()
        await expect(form.locator(".field-error:not([hidden])")).to_have_text("Make a choice.")

        await prompt.fill("a blue fox")
        await form.locator('input[value="sound"]').check()
        await form.locator(".select").click()
        await tab.option("ltx-2-pro").click()
        await form.locator('input[type="file"]').set_input_files(picture)
        await form.get_by_label("Only for me").check()
        await form.get_by_text("Submit").click()
        await expect(tab.message("Retake of: a blue fox")).to_be_visible()
        await expect(form).to_have_count(0)
        assert stage.bot.got[-1] == {
            "prompt": "a blue fox",
            "part": "sound",
            "model": ["ltx-2-pro"],
            "files": [picture.read_bytes()],
            "private": True,
        }


async def test_escape_closes_a_form_and_gives_the_focus_back(stage):
    async with stage.tab() as tab:
        await make_a_clip(tab)
        await tab.button("Retake…").focus()
        await tab.page.keyboard.press("Enter")
        await expect(tab.page.locator("dialog.modal")).to_be_visible()
        await tab.page.keyboard.press("Escape")
        await expect(tab.page.locator("dialog.modal")).to_have_count(0)
        await expect(tab.button("Retake…")).to_be_focused()


async def test_a_button_that_nothing_answers_says_so_below_its_message(stage):
    async with stage.tab() as tab:
        await make_a_clip(tab)
        await tab.button("Break").click()
        failed = tab.page.locator(".part-below .failed")
        await expect(failed).to_contain_text("The application did not respond.")


async def test_an_ephemeral_answer_is_seen_by_its_person_only(stage):
    async with stage.tab() as mira, stage.tab("jonas") as jonas:
        await make_a_clip(mira)
        await jonas.page.locator(".thread-chip").click()
        await mira.button("Keep").click()
        answer = mira.message("Kept, and only you know.")
        await expect(answer).to_contain_text("Only you can see this")
        await jonas.run("did you keep it?")
        await expect(mira.message("did you keep it?")).to_be_visible()
        assert await jonas.messages.filter(has_text="only you know").count() == 0
        await answer.get_by_text("Dismiss").click()
        await expect(answer).to_have_count(0)
        await mira.page.reload()
        await expect(mira.message("did you keep it?")).to_be_visible()
        await expect(answer).to_have_count(0)


async def test_a_message_of_components_shows_all_its_parts(stage):
    async with stage.tab() as tab:
        await tab.run("/video panel")
        box = tab.page.locator(".container-accent")
        await expect(box.locator("h4")).to_have_text("Take 1 · a red fox")
        await expect(box.locator(".thumbnail img")).to_have_attribute("alt", "The first frame")
        await expect(box.locator("video")).to_have_attribute("aria-label", "A test card moves")
        await expect(box.locator(".separator")).to_have_count(1)
        await expect(box.locator(".file-card")).to_contain_text("notes.txt")
        await expect(box.locator(".section-accessory .button")).to_have_text("Approve")
        assert (
            await box.evaluate("box => getComputedStyle(box).borderLeftColor")
            == "rgb(240, 168, 60)"
        )
        # Attachments that the layout shows do not stand below it once more.
        await expect(tab.page.locator(".log video")).to_have_count(1)


async def test_selects_are_worked_by_keyboard_alone(stage):
    async with stage.tab() as tab:
        await tab.run("/video panel")
        keys = tab.page.keyboard
        await tab.page.locator(".select").nth(0).focus()
        await keys.press("ArrowDown")
        await expect(tab.option("Dawn")).to_contain_text("Soft light")
        await keys.press("ArrowDown")
        await keys.press("Enter")
        await expect(tab.message("Chosen: Dawn")).to_be_visible()

        await tab.page.locator(".select").nth(1).focus()
        await keys.press("ArrowDown")
        await keys.press(" ")
        await keys.press("ArrowDown")
        await keys.press(" ")
        await keys.press("Escape")
        await expect(tab.message("Chosen: ltx-2-fast, ltx-2-pro")).to_be_visible()

        await tab.page.locator(".select").nth(2).click()
        await tab.option("Jonas").click()
        jonas = stage.playground.person("jonas").id
        await expect(tab.message(f"Chosen: {jonas}")).to_be_visible()


async def test_a_reaction_is_added_toggled_and_seen_by_the_others(stage):
    async with stage.tab() as mira, stage.tab("jonas") as jonas:
        await make_a_clip(mira)
        repeat = mira.page.locator('.reaction[data-key="reaction 🔁"]')
        await expect(repeat).to_have_attribute("aria-pressed", "false")
        await repeat.click()
        await expect(repeat).to_have_attribute("aria-pressed", "true")
        await expect(repeat.locator(".reaction-count")).to_have_text("2")

        await mira.page.locator(".reaction-add").click()
        await mira.page.keyboard.type("fire")
        await mira.page.keyboard.press("Enter")
        await jonas.page.locator(".thread-chip").click()
        fire = jonas.page.locator('.reaction[data-key="reaction 🔥"]')
        await expect(fire).to_have_attribute("aria-pressed", "false")
        await fire.click()
        await expect(mira.page.locator('.reaction[data-key="reaction 🔥"]')).to_contain_text("2")
        await fire.click()
        await repeat.click()
        await expect(repeat.locator(".reaction-count")).to_have_text("1")


async def test_a_right_click_offers_the_bots_message_commands(stage):
    async with stage.tab() as tab:
        await tab.run("a message to look into")
        message = tab.message("a message to look into")
        await message.locator(".text").click(button="right")
        await tab.page.get_by_role("menuitem", name="Details").click()
        await expect(tab.message("is by mira")).to_contain_text("Only you can see this")

        # The same by keyboard, from the message itself; this one opens a form.
        await message.focus()
        await tab.page.keyboard.press("Shift+F10")
        await expect(tab.page.get_by_role("menuitem", name="Retake…")).to_be_visible()
        await tab.page.keyboard.press("Escape")
        await expect(message).to_be_focused()
        await tab.page.keyboard.press("Shift+F10")
        await tab.page.get_by_role("menuitem", name="Retake…").press("Enter")
        await expect(tab.page.locator("dialog.modal")).to_be_visible()


async def test_a_long_press_opens_the_menu_on_a_phone(stage):
    async with stage.tab(size=PHONE, has_touch=True) as tab:
        await tab.run("press me")
        box = await tab.message("press me").locator(".text").bounding_box()
        touch = await tab.page.context.new_cdp_session(tab.page)
        point = {"x": box["x"] + 10, "y": box["y"] + 8}
        await touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
        await expect(tab.page.get_by_role("menuitem", name="Details")).to_be_visible()
        await touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        await tab.page.get_by_role("menuitem", name="Reply").click()
        await expect(tab.page.locator(".reply-bar")).to_contain_text("press me")


async def test_a_reply_shows_what_it_answers_and_leads_there(stage):
    async with stage.tab() as tab:
        await tab.run("the first words")
        await tab.message("the first words").hover()
        await tab.message("the first words").get_by_role("button", name="Reply").click()
        await expect(tab.page.locator(".reply-bar")).to_contain_text("Mira")
        await tab.run("the answer")
        reply = tab.message("the answer")
        await expect(reply.locator(".above-words")).to_have_text("the first words")
        await reply.locator(".above-reply").click()
        await expect(tab.messages.first).to_be_focused()


async def test_own_messages_can_be_deleted_and_others_only_by_the_moderator(stage):
    async with stage.tab() as tab:
        await tab.run("to be deleted")
        await tab.sit_down("jonas")
        await tab.message("to be deleted").click(button="right")
        await expect(tab.page.get_by_role("menuitem", name="Reply")).to_be_visible()
        await expect(tab.page.get_by_role("menuitem", name="Delete")).to_have_count(0)
        await tab.page.keyboard.press("Escape")
        await tab.sit_down("ada")
        await tab.message("to be deleted").click(button="right")
        await tab.page.get_by_role("menuitem", name="Delete").click()
        await expect(tab.messages).to_have_count(0)


async def test_a_thread_shows_its_first_message_as_it_is_now(stage):
    async with stage.tab() as tab:
        await make_a_clip(tab)
        await tab.page.reload()  # so that the channel itself is not loaded
        card = stage.bot.cards[0]
        await expect(tab.page.locator(".embed-title")).to_have_text("Done")
        await card.edit(embed=discord.Embed(title="Approved"))
        await expect(tab.page.locator(".embed-title")).to_have_text("Approved")
        await card.add_reaction("⭐")
        await expect(tab.page.locator('.reaction[data-key="reaction ⭐"]')).to_contain_text("1")
        assert await tab.page.locator(".thread-chip").count() == 0


async def test_an_edit_redraws_the_words_and_not_the_clip(stage):
    async with stage.tab() as tab:
        await make_a_clip(tab)
        await tab.page.locator(".log video").evaluate("video => { video.marked = true; }")
        thread = stage.bot.get_channel(stage.bot.cards[0].id)
        done = await anext(thread.history())
        await done.edit(content="take 1, retouched")
        words = tab.message("take 1, retouched")
        await expect(words.locator(".edited")).to_have_text("(edited)")
        notes = discord.File(io.BytesIO(b"notes"), "notes.txt")
        await done.edit(attachments=[*done.attachments, notes])
        await expect(words.locator(".file-card")).to_contain_text("notes.txt")
        assert await tab.page.locator(".log video").evaluate("video => video.marked") is True


# ---------------------------------------------------------------------- text


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


# ---------------------------------------------------------------------- places and people


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
        expired = []

        async def expire(route) -> None:
            """As if the first link had been lying in the page for more than a day."""
            if not expired:
                stage.playground.clock.advance(25 * 3600)
                expired.append(route.request.url)
            if route.request.url in expired:
                await route.fulfill(status=404)
            else:
                await route.continue_()

        await tab.page.route("**/attachments/**", expire)
        await make_a_clip(tab)
        video = tab.page.locator(".log video")
        loaded = (
            "video => video.readyState > 0 || new Promise(done => { video.onloadeddata = done; })"
        )
        await expect(video).not_to_have_attribute("src", expired[0].removeprefix(tab.origin))
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
