"""What a message on the page holds can be pressed, chosen, answered, edited and deleted."""

import io

import discord

from tests.rig.browsing import PHONE
from tests.rig.stage import IN_A_BROWSER, expect, make_a_clip, png

pytestmark = IN_A_BROWSER


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
