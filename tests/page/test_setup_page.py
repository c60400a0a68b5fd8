"""In a browser, wide and narrow: the greeting, the four pages of setup, and the daily digest."""

from collections.abc import AsyncIterator

import pytest_asyncio
from simcord.backend import serializers

from bot.errors import Refusal, Unclear
from playground import open_playground
from tests.rig.house import PACE, working
from tests.rig.looking import look
from tests.rig.makers import PLAIN, Maker
from tests.rig.paid import PRICED
from tests.rig.stage import IN_A_BROWSER, Stage, expect
from tests.rig.taking import clip_of

pytestmark = IN_A_BROWSER

MANAGE_SERVER = 1 << 5
DAY = 86_400.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def studio(browser, tmp_path_factory) -> AsyncIterator[Stage]:
    """The whole bot with two providers, and its playground in a browser."""
    makers = {name: Maker(name, PLAIN, price=PRICED) for name in ("cheap", "other")}
    data = tmp_path_factory.mktemp("setup")
    async with (
        open_playground(rate_windows=PACE, patient=True) as playground,
        working(playground, data, providers=makers) as house,
    ):
        for person in ("mira", "ada"):
            playground.person(person).go("videos")
        yield Stage(playground, house.bot, browser)


async def turned(panel, title, about):
    """Press the button of a page of the panel; until that page is shown."""
    await panel.get_by_role("button", name=title).click()
    await expect(panel).to_contain_text(f"Setup: {about}")
    await expect(panel.get_by_role("button", name=title)).to_be_disabled()


async def picked(tab, panel, menu, option, says):
    """Choose in a menu of the panel; until the panel says so."""
    await panel.locator(f'.select[data-key="do:set:{menu}"]').click()
    await tab.option(option).click()
    if await tab.page.locator('.listbox[aria-multiselectable="true"]').count():
        await tab.page.keyboard.press("Escape")
    await expect(panel).to_contain_text(says)


async def filled(tab, panel, label, values, says, picture):
    """Press a button of the panel that opens a form, look at it, fill it in, and send it off."""
    await panel.get_by_role("button", name=label).click()
    form = tab.page.locator("dialog.modal")
    await look(tab, form, picture)
    for field, value in values.items():
        await form.get_by_label(field).fill(value)
    await form.get_by_role("button", name="Submit").click()
    await expect(form).to_have_count(0)
    await expect(panel).to_contain_text(says)


async def test_the_four_pages_of_setup_are_looked_at_and_each_changes_the_server(studio, tmp_path):
    async with studio.tab("ada") as tab:
        await tab.run("/studio setup")
        panel = tab.message("Setup:")
        await expect(panel).to_contain_text("Setup: where it works")
        await look(tab, panel, tmp_path / "where")
        await picked(tab, panel, "channels", "storyboards", "Channels for orders: storyboards")
        await picked(tab, panel, "moderators", "moderators", "Moderator channel: moderators")
        await panel.get_by_role("button", name="Post clips in the channel").click()
        await expect(panel).to_contain_text("Clips are posted in the channel, without threads")
        await panel.get_by_role("button", name="Give each clip a thread").click()
        await expect(panel).to_contain_text("Clips are posted in a thread of their own")
        await look(tab, panel, tmp_path / "where-changed")

        await turned(panel, "Who", "who makes clips, and who decides")
        await picked(tab, panel, "changed-by", "Only moderators", "extend a clip: moderators")
        await picked(tab, panel, "providers", "Other", "Providers: cheap · default")
        await look(tab, panel, tmp_path / "who")

        await turned(panel, "Money", "what it may cost, and what you hear of it")
        await look(tab, panel, tmp_path / "money")
        asked = {"Ask above (credits)": "40"}
        price = "Ask before an order: above 40 credits"
        await filled(tab, panel, "Ask above a price", asked, price, tmp_path / "price")
        budget = "Server budget: 900 credits a day"
        await filled(tab, panel, "Budget", {"Credits": "900"}, budget, tmp_path / "budget")
        zone = {"Time zone": "Asia/Tokyo"}
        await filled(tab, panel, "Time zone", zone, "time zone Asia/Tokyo", tmp_path / "zone")

        await turned(panel, "Queue", "who goes first")
        await picked(tab, panel, "priority", "Moderator", "First in the queue: @Moderator")
        await panel.get_by_role("button", name="Turn slow lane on").click()
        await expect(panel).to_contain_text("Free slow lane after the quota: on")
        await look(tab, panel, tmp_path / "queue")
        await turned(panel, "Where", "where it works")
        await expect(panel).to_contain_text("Channels for orders: storyboards")
        # The next test opens a panel of its own, which is not to be taken for this one.
        await panel.get_by_role("button", name="Dismiss").click()
        await expect(tab.messages.filter(has_text="Setup:")).to_have_count(0)


async def test_a_server_is_greeted_and_its_moderator_sets_it_up_from_there(studio, tmp_path):
    world = studio.playground.world
    guild = world.add_guild("Elsewhere", channels=("general", "films"))
    bea = studio.playground.add_person("bea", guild=guild.id)
    bea.go(world.find_channel("general", guild.id).id)
    world.emit("GUILD_DELETE", {"id": str(guild.id)})
    world.emit("GUILD_CREATE", serializers.guild_create_payload(world, guild))
    async with studio.tab("bea") as tab:
        hello = tab.message("Hello, I'm Dailies")
        await expect(hello).to_contain_text("A clip of 2 s costs from 2 credits")
        await look(tab, hello, tmp_path / "hello")
        await hello.get_by_role("button", name="Set up").click()
        refused = tab.message("Only moderators can do this.")
        await expect(refused).to_contain_text("Only you can see this")
        await look(tab, refused, tmp_path / "refused")
        role = world.create_role(guild.id, "Boss", permissions=MANAGE_SERVER)
        world.add_member_role(guild.id, bea.id, role.id)
        await hello.get_by_role("button", name="Set up").click()
        await expect(tab.message("Setup: where it works")).to_be_visible()
        await look(tab, tab.message("Setup: where it works"), tmp_path / "panel")
        await hello.get_by_role("button", name="Help").click()
        await expect(tab.message("What reactions do")).to_be_visible()
        await look(tab, tab.message("What reactions do"), tmp_path / "help")


async def test_moderators_choose_an_hour_and_read_what_a_day_brought(studio, tmp_path):
    clock, mira = studio.playground.clock, studio.playground.person("mira")
    clock.advance(DAY - clock.now() % DAY + DAY / 2)  # far from a midnight
    async with studio.tab("ada") as tab:
        await tab.run("/studio setup")
        panel = tab.message("Setup: where")
        await expect(panel).to_contain_text("Moderator channel:")
        if "not chosen yet" in await panel.inner_text():  # chosen once more, it is none again
            await picked(tab, panel, "moderators", "moderators", "Moderator channel: moderators")
        panel = tab.message("Setup:")
        await turned(panel, "Money", "what it may cost, and what you hear of it")
        await picked(tab, panel, "digest", "At 00:00", "Daily digest for moderators: at 00:00")

        mira.go("storyboards")
        cheap = studio.bot.studio.providers["cheap"]
        for ending in (Refusal("The prompt is not allowed."), Unclear("its reply was lost"), None):
            cheap.submits.extend([ending] if ending else [])
            await (await mira.type("/video text", prompt="a fox", provider="cheap")).answered
            shown = {Refusal: "failed", Unclear: "is on hold"}.get(type(ending))
            await (mira.wait_for(shown) if shown else clip_of(mira, 3))
        await tab.place("moderators").click()
        waits = tab.message("Retry (could pay twice)")
        await look(tab, waits, tmp_path / "waits")
        clock.advance(DAY)
        studio.bot.get_cog("DailyDigests").look_soon()
        digest = tab.message("Daily digest")
        await expect(digest).to_contain_text("1 clip made, 1 in progress, 1 not made")
        await expect(digest).to_contain_text("1 clip on hold")
        await look(tab, digest, tmp_path / "digest")
