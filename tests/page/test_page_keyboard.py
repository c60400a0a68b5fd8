"""Everything on the page can be done with the keyboard, and the focus is where one left it."""

import pytest

from tests.rig.browsing import PHONE
from tests.rig.stage import IN_A_BROWSER, expect, make_a_clip, png

pytestmark = IN_A_BROWSER

#: Whether whatever has the keyboard can be told from what has not.
VISIBLE = """() => {
  const active = document.activeElement;
  if (active === document.body) return "nothing has the focus";
  if (active.matches("video")) return null; // the browser marks its own controls
  const box = active.getBoundingClientRect();
  if (box.width < 1 || box.height < 1) return `hidden: ${active.outerHTML.slice(0, 120)}`;
  const frame = active.closest(".composer-box, .option-pill, .emoji-picker") ?? active;
  const seen = [active, frame].map((each) => getComputedStyle(each));
  const drawn = seen.some((style) => style.outlineStyle !== "none" && style.outlineWidth !== "0px");
  const bordered = frame !== active && frame.matches(":focus-within");
  return drawn || bordered ? null : `not to be seen: ${active.outerHTML.slice(0, 120)}`;
}"""


def menu(tab):
    return tab.page.get_by_role("menu")


def focused(tab):
    return tab.page.locator(":focus")


# ---------------------------------------------------------------------- the command's form


@pytest.mark.parametrize("key", ["Enter", " ", "ArrowDown", "ArrowUp"])
async def test_every_key_of_a_list_opens_the_further_options_and_sends_nothing(stage, key):
    async with stage.tab() as tab:
        await tab.run("/video text")
        await tab.page.keyboard.type("a fox")
        more = tab.page.locator(".more-options")
        await more.focus()
        await tab.page.keyboard.press(key)
        await expect(tab.option("duration")).to_be_visible()
        await expect(more).to_have_attribute("aria-expanded", "true")
        await tab.page.keyboard.press("Escape")
        await expect(tab.page.locator(".listbox")).to_have_count(0)
        await expect(more).to_be_focused()
        await expect(tab.form).to_be_visible()
        await tab.page.keyboard.press(key)
        await tab.page.keyboard.press("End")
        await tab.page.keyboard.press("Home")
        await tab.page.keyboard.press("ArrowDown")
        await tab.page.keyboard.press(" ")
        await expect(tab.page.locator('[data-option="look"] input')).to_be_focused()
        assert stage.bot.got == []


async def test_a_command_without_options_to_fill_in_is_sent_with_enter(stage):
    async with stage.tab() as tab:
        keys = tab.page.keyboard
        await keys.type("/video que")
        await expect(tab.option("/video queue")).to_be_visible()
        await keys.press("ArrowDown")
        await keys.press("Enter")
        name = tab.page.locator("button.command-name")
        await expect(name).to_be_focused()
        assert await tab.page.evaluate(VISIBLE) is None
        await keys.press("Escape")
        await expect(tab.composer).to_be_focused()
        await expect(tab.composer).to_have_value("/video queue")
        await keys.press("Tab")
        await expect(name).to_be_focused()
        await keys.press("Enter")
        await expect(tab.message("Nothing waits.")).to_be_visible()
        await expect(tab.composer).to_be_focused()


async def test_an_option_is_taken_away_and_the_keyboard_goes_to_the_one_before(stage):
    async with stage.tab() as tab:
        await tab.run("/video text prompt:a fox duration:99")
        await expect(tab.page.locator('[data-option="duration"] input')).to_be_focused()
        for key in ("Enter", "Tab", "Tab"):  # refused, then past the field to its button
            await tab.page.keyboard.press(key)
        await tab.page.keyboard.press("Shift+Tab")
        await expect(tab.page.locator(".option-remove")).to_be_focused()
        await tab.page.keyboard.press(" ")
        await expect(tab.page.locator('[data-option="prompt"] textarea')).to_be_focused()
        await expect(tab.page.locator('[data-option="duration"]')).to_have_count(0)
        await tab.page.keyboard.press("Shift+Enter")
        await tab.page.keyboard.type("in snow")
        await tab.page.keyboard.press("Enter")
        await expect(tab.page.locator(".thread-chip")).to_be_visible()
        assert stage.bot.got[0]["prompt"] == "a fox\nin snow"


# ---------------------------------------------------------------------- menus of a message


async def test_a_message_its_tools_and_its_menu_are_walked_with_arrows(stage):
    async with stage.tab() as tab:
        keys = tab.page.keyboard
        for text in ("the first", "the second"):
            await tab.run(text)
            await expect(tab.message(text)).to_be_visible()
        await tab.page.locator("#log").focus()
        await keys.press("ArrowUp")
        await expect(tab.message("the second")).to_be_focused()
        await keys.press("ArrowUp")
        first = tab.message("the first")
        await expect(first).to_be_focused()
        assert await tab.page.evaluate(VISIBLE) is None

        await keys.press("Enter")
        await expect(menu(tab)).to_be_visible()
        await expect(focused(tab)).to_have_attribute("aria-label", "React with thumbs up")
        await keys.press("ArrowUp")
        await keys.press("ArrowDown")
        await keys.press("End")
        await expect(focused(tab)).to_have_text("Delete")
        await keys.press("ArrowDown")  # around, to the row of emoji on top
        await keys.press("Home")
        assert await tab.page.evaluate(VISIBLE) is None
        await keys.press("Tab")
        await expect(menu(tab)).to_have_count(0)
        await expect(first).to_be_focused()

        await keys.press("Tab")
        await keys.press("ArrowRight")
        await expect(focused(tab)).to_have_attribute("aria-label", "Reply")
        await keys.press("ArrowRight")
        await keys.press("Enter")
        await expect(menu(tab)).to_be_visible()
        await keys.press("Escape")
        await expect(focused(tab)).to_have_attribute("aria-label", "More: apps, copy, delete")
        await keys.press("ArrowLeft")
        await keys.press(" ")
        await expect(tab.page.locator(".reply-bar")).to_contain_text("the first")
        await expect(tab.composer).to_be_focused()
        await keys.press("Escape")
        await expect(tab.page.locator(".reply-bar")).to_be_hidden()


async def test_after_a_message_is_deleted_the_keyboard_is_at_the_next_one(stage):
    async with stage.tab() as tab:
        keys = tab.page.keyboard
        for text in ("one", "two"):
            await tab.run(text)
            await expect(tab.message(text)).to_be_visible()
        for left in (1, 0):
            await tab.messages.first.focus()
            await keys.press("Enter")
            await keys.press("End")
            await keys.press("Enter")
            await expect(tab.messages).to_have_count(left)
            await expect(tab.messages.first if left else tab.composer).to_be_focused()
        await tab.run("/video queue")
        await tab.page.get_by_role("button", name="Dismiss").focus()
        await keys.press("Enter")
        await expect(tab.messages).to_have_count(0)
        await expect(tab.composer).to_be_focused()


# ---------------------------------------------------------------------- reactions


async def test_reactions_are_added_and_taken_back_with_the_keyboard(stage):
    async with stage.tab() as tab:
        await make_a_clip(tab)
        keys = tab.page.keyboard
        add = tab.page.locator(".reaction-add")
        await tab.page.locator('.reaction[data-key="reaction 🔁"]').focus()
        await keys.press("ArrowRight")
        await keys.press("ArrowRight")
        await expect(add).to_be_focused()
        await keys.press("Enter")
        search = tab.page.get_by_label("Find an emoji")
        await expect(search).to_be_focused()
        await keys.press("Tab")
        await expect(tab.page.locator(".emoji-grid button").first).to_be_focused()
        await keys.press("Shift+Tab")
        await expect(search).to_be_focused()
        await keys.press("ArrowDown")
        await keys.press("ArrowDown")
        await keys.press("ArrowUp")
        await keys.press("ArrowRight")
        assert await tab.page.evaluate(VISIBLE) is None
        await keys.press("Tab")
        await expect(tab.page.locator(".emoji-picker")).to_have_count(0)
        await expect(add).to_be_focused()
        await keys.press(" ")
        await keys.type("fire")
        await keys.press("Enter")
        fire = tab.page.locator('.reaction[data-key="reaction 🔥"]')
        await expect(fire).to_have_attribute("aria-pressed", "true")
        await expect(add).to_be_focused()
        await keys.press("ArrowLeft")
        await expect(fire).to_be_focused()
        await keys.press("Enter")
        await expect(fire).to_have_count(0)
        # It went with its reaction; its message has the keyboard now.
        await expect(tab.messages.filter(has=add)).to_be_focused()


# ---------------------------------------------------------------------- selects and forms


async def test_a_select_opens_walks_chooses_and_closes_with_every_key_for_it(stage):
    async with stage.tab() as tab:
        await tab.run("/video panel")
        keys = tab.page.keyboard
        look = tab.page.locator(".log .select").first
        opened = tab.page.locator(".listbox")
        for key in ("Enter", " ", "ArrowDown", "ArrowUp"):
            await look.focus()
            await keys.press(key)
            await expect(opened).to_be_visible()
            await keys.press("Escape")
            await expect(opened).to_have_count(0)
            await expect(look).to_be_focused()
        await keys.press("Enter")
        await keys.press("Tab")
        await expect(opened).to_have_count(0)
        await look.focus()
        await keys.press(" ")
        await keys.press("End")
        await expect(tab.page.locator(".listbox-item.active")).to_contain_text("Dawn")
        await keys.press("Home")
        await keys.press("d")
        await expect(tab.page.locator(".listbox-item.active")).to_contain_text("Dawn")
        await keys.press(" ")
        await expect(tab.message("Chosen: Dawn")).to_be_visible()
        await expect(opened).to_have_count(0)
        await expect(look).to_be_focused()


async def test_a_form_keeps_the_keyboard_within_and_gives_it_back(stage, tmp_path):
    picture = tmp_path / "frame.png"
    picture.write_bytes(png(32, 20))
    async with stage.tab() as tab:
        await make_a_clip(tab)
        keys = tab.page.keyboard
        opener = tab.button("Retake…")
        await opener.focus()
        await keys.press("Enter")
        dialog = tab.page.locator("dialog.modal")
        await expect(dialog.locator("textarea")).to_be_focused()
        for _ in range(14):
            await keys.press("Tab")
            held = await tab.page.evaluate(
                "() => document.activeElement === document.body"
                " || document.querySelector('dialog').contains(document.activeElement)"
            )
            assert held, "the page below has the keyboard"
        select = dialog.locator(".select")
        await select.focus()
        await keys.press("Enter")
        await expect(tab.page.locator(".listbox")).to_be_visible()
        await keys.press("Escape")  # the list alone, not the form
        await expect(tab.page.locator(".listbox")).to_have_count(0)
        await expect(dialog).to_be_visible()
        await expect(select).to_be_focused()
        await dialog.locator("input[type=radio]").first.focus()
        await keys.press("ArrowDown")
        await expect(dialog.locator("input[type=radio]").last).to_be_checked()
        await dialog.locator("input[type=file]").set_input_files(picture)
        await expect(dialog.get_by_role("button", name="Remove frame.png")).to_be_focused()
        await keys.press("Enter")
        await expect(dialog.locator(".drop-zone")).to_be_focused()
        # The message is drawn anew below the form; the button that opened it is another now.
        await opener.evaluate("button => { button.replaceWith(button.cloneNode(true)); }")
        await keys.press("Escape")
        await expect(dialog).to_have_count(0)
        await expect(opener).to_be_focused()


# ---------------------------------------------------------------------- around the messages


async def test_channels_are_walked_with_arrows_and_chosen_with_enter(stage):
    async with stage.tab() as tab:
        keys = tab.page.keyboard
        await tab.place("videos").focus()
        await keys.press("ArrowDown")
        await expect(focused(tab)).to_have_attribute("title", "storyboards")
        await keys.press("ArrowUp")
        await keys.press("ArrowUp")  # around
        await keys.press("Home")
        await expect(tab.place("videos")).to_be_focused()
        await keys.press("ArrowDown")
        await stage.playground.person("jonas").say("a word that draws the list anew")
        await expect(tab.message("a word that")).to_be_visible()
        await expect(tab.place("storyboards")).to_be_focused()
        await keys.press("Enter")
        await expect(tab.page.locator("#place-name")).to_have_text("storyboards")
        await expect(tab.composer).to_be_focused()


async def test_whoever_jumps_to_the_end_does_not_lose_the_keyboard(stage):
    mira = stage.playground.person("mira")
    mira.go("videos")
    for number in range(60):
        await mira.say(f"line {number}")
    async with stage.tab() as tab:
        await expect(tab.message("line 59")).to_be_in_viewport()
        await tab.page.locator("#log").evaluate("log => { log.scrollTop = 300; }")
        present = tab.page.locator("#to-present")
        await expect(present).to_be_visible()  # what is hidden takes no focus
        await present.focus()
        await tab.page.keyboard.press("Enter")
        await expect(tab.message("line 59")).to_be_in_viewport()
        await expect(tab.page.locator("#log")).to_be_focused()


async def test_the_link_past_the_channels_leaves_the_address_alone(stage):
    async with stage.tab("jonas") as tab:
        before = tab.page.url
        await tab.page.locator(".skip").focus()
        await tab.page.keyboard.press("Enter")
        await expect(tab.composer).to_be_focused()
        assert tab.page.url == before


@pytest.mark.parametrize("size", [None, PHONE], ids=["wide", "phone"])
async def test_the_focus_is_seen_wherever_tab_leads(stage, size):
    async with stage.tab(size=size) as tab:
        await make_a_clip(tab)
        stations = set()
        for _ in range(40):
            await tab.page.keyboard.press("Tab")
            hidden = await tab.page.evaluate(VISIBLE)
            if hidden == "nothing has the focus":  # out of the page, to the browser itself
                continue
            assert hidden is None
            stations.add(await tab.page.evaluate("document.activeElement.className"))
        assert {"reaction", "person me", "composer-input"} <= stations
