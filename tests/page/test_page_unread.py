"""What is new is marked in the list, for each person, until they have seen it."""

from tests.rig.browsing import PHONE
from tests.rig.stage import IN_A_BROWSER, expect

pytestmark = IN_A_BROWSER


def badge(tab, place):
    return tab.place(place).locator(".badge")


def unread(tab, place):
    return tab.page.locator(f'.place.unread[title="{place}"]')


async def test_a_first_direct_message_appears_at_once_and_is_counted_until_it_is_read(stage):
    mira = stage.playground.person("mira")
    async with stage.tab() as tab, stage.tab("jonas") as jonas:
        await expect(tab.place("Dailies")).to_have_count(0)
        user = await stage.bot.fetch_user(mira.id)
        await user.send("your clip is ready")
        await expect(badge(tab, "Dailies")).to_have_text("1")
        assert (await tab.page.title()).startswith("(1) ")
        await user.send("and the next one")
        await expect(badge(tab, "Dailies")).to_have_text("2")
        await expect(tab.place("Dailies")).to_have_attribute("aria-label", "Dailies, 2 for you")
        await tab.page.reload()
        await expect(badge(tab, "Dailies")).to_have_text("2")
        await tab.place("Dailies").click()
        await expect(tab.message("and the next one")).to_be_visible()
        await expect(badge(tab, "Dailies")).to_have_count(0)
        await user.send("while one looks at it")
        await expect(tab.message("while one looks")).to_be_visible()
        await tab.place("videos").click()
        await tab.page.reload()
        await expect(tab.page.locator("#place-name")).to_have_text("videos")
        await expect(tab.place("Dailies")).to_be_visible()
        await expect(tab.page.locator(".place.unread")).to_have_count(0)
        await expect(jonas.place("Dailies")).to_have_count(0)


async def test_a_thread_is_marked_as_its_channel_is(stage):
    jonas = stage.playground.person("jonas")
    jonas.go("videos")
    thread = await jonas.start_thread(await jonas.say("an idea"), "an idea")
    async with stage.tab() as tab:
        await expect(tab.page.locator(".place-thread")).to_be_visible()
        jonas.go(thread)
        await jonas.say("look here")
        await expect(unread(tab, "an idea")).to_be_visible()
        await expect(badge(tab, "an idea")).to_have_count(0)
        await jonas.say(f"<@{stage.playground.person('mira').id}> you too")
        await expect(badge(tab, "an idea")).to_have_text("1")
        await tab.place("an idea").click()
        await expect(tab.message("you too")).to_be_visible()
        await expect(unread(tab, "an idea")).to_have_count(0)


async def test_each_person_has_their_own_marks_also_while_they_are_away(stage):
    jonas = stage.playground.person("jonas")
    async with stage.tab() as tab:
        jonas.go("storyboards")
        await jonas.say("for everybody")
        await expect(unread(tab, "storyboards")).to_be_visible()
        await tab.sit_down("ada")
        await expect(unread(tab, "storyboards")).to_be_visible()
        await tab.place("storyboards").click()
        await expect(tab.message("for everybody")).to_be_visible()
        await expect(unread(tab, "storyboards")).to_have_count(0)
        await tab.place("videos").click()
        await tab.sit_down("jonas")
        await expect(tab.place("storyboards")).to_be_visible()
        await expect(tab.page.locator(".place.unread")).to_have_count(0)  # his own words
        await tab.sit_down("mira")
        await expect(unread(tab, "storyboards")).to_be_visible()
        await tab.sit_down("ada")
        await jonas.say(f"<@{stage.playground.person('mira').id}> and you?")
        await tab.sit_down("mira")
        await expect(badge(tab, "storyboards")).to_have_text("1")


async def test_what_is_read_on_one_page_is_read_on_the_others_of_that_person(stage):
    jonas = stage.playground.person("jonas")
    async with stage.tab() as one, stage.tab() as other:
        jonas.go("storyboards")
        await jonas.say("new")
        await expect(unread(one, "storyboards")).to_be_visible()
        await expect(unread(other, "storyboards")).to_be_visible()
        await one.place("storyboards").click()
        await expect(unread(other, "storyboards")).to_have_count(0)


async def test_a_phone_shows_at_the_menu_that_something_is_new(stage):
    jonas = stage.playground.person("jonas")
    async with stage.tab(size=PHONE) as tab:
        menu = tab.page.locator("#drawer-button")
        await expect(menu).to_have_attribute("aria-label", "Show the channels")
        jonas.go("storyboards")
        await jonas.say("new")
        await expect(menu).to_have_attribute("aria-label", "Show the channels, new messages")
        await menu.click()
        await tab.place("storyboards").click()
        await expect(menu).to_have_attribute("aria-label", "Show the channels")
