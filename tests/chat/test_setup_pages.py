"""The setup panel has four pages: each fits a screen, outlives a restart, and is for moderators."""

import pytest

from storage import By
from tests.rig.house import until, working
from tests.rig.makers import PLAIN, Maker
from tests.rig.paid import pressed, said, turned

#: What each page has, besides the buttons that turn it.
PAGES = {
    "Where": {"set:channels", "set:moderators", "set:favourites", "threads:off"},
    "Who": {"set:changed-by", "set:reviewers", "set:providers", "set:default", "set:here"},
    "Money": {"set:digest", "confirm", "budget", "zone"},
    "Queue": {"set:priority", "slow:on"},
}
ROOM = 25  #: components of a page that fits a screen; Discord takes 40


def ids(message):
    """The custom ids of what can be pressed or chosen, without their prefix."""
    found = [*message.buttons, *message.selects]
    return {each.custom_id.removeprefix("do:") for each in found}


def components(parts):
    """All components of a message, also those in others."""
    for part in parts:
        yield part
        yield from components(part.get("components") or ())
        if "accessory" in part:
            yield part["accessory"]


async def shown(ada):
    """Every page of the panel, by its title."""
    panel = await said(ada, "/studio setup")
    pages = {"Where": panel}
    for title in ("Who", "Money", "Queue"):
        pages[title] = panel = await turned(ada, panel, title)
    return pages


async def test_every_setting_stands_on_one_page(ada, house):
    turning = {f"page:{each.lower()}" for each in PAGES}
    for title, page in (await shown(ada)).items():
        assert ids(page) == PAGES[title] | turning, title
        stands_out = [each for each in page.buttons if each.disabled]
        assert [each.custom_id for each in stands_out] == [f"do:page:{title.lower()}"]


@pytest.mark.parametrize("busy", [False, True])
async def test_each_page_fits_whatever_is_set(playground, tmp_path, ada, busy):
    names = [f"provider-{number}-{'x' * 40}" for number in range(30 if busy else 1)]
    providers = {name: Maker(name, PLAIN) for name in names}
    async with working(playground, tmp_path, providers=providers) as house:
        if busy:
            world, guild = playground.world, playground.guild
            roles = [world.create_role(guild.id, f"role {each}").id for each in range(10)]
            places = [world.add_channel(f"place-{each}").id for each in range(25)]
            by = By(guild_id=guild.id, actor_id=ada.id)
            await house.store.moderation.set_server(
                by,
                channels=frozenset(places),
                priority_roles=frozenset(roles),
                reviewers=roles[0],
                moderators=places[0],
                favourites=places[1],
                digest_hour=23,
                confirm_above=10**9,
                zone="America/Argentina/ComodRivadavia",
            )
        for title, page in (await shown(ada)).items():
            assert len(list(components(page.raw["components"]))) <= ROOM, title
            assert len(page.text) <= 4000, title
            for menu in page.selects:
                assert len(menu.options) <= 25, title


async def test_a_page_opened_before_a_restart_turns_and_changes_after_it(playground, tmp_path, ada):
    async with working(playground, tmp_path, providers={"p": Maker("p", PLAIN)}):
        panel = await said(ada, "/studio setup")
    async with working(playground, tmp_path, providers={"p": Maker("p", PLAIN)}) as house:
        panel = await turned(ada, panel, "Queue")
        await pressed(ada, panel, "do:slow:on")
        await until(lambda: "quota: on" in ada.message(panel.id, panel.channel_id).text)
        assert (await house.store.policy.server(playground.guild.id)).slow_lane


async def test_a_change_shows_the_page_it_was_made_on(ada, house):
    for title, menu, value, says in (
        ("Where", "do:set:favourites", "storyboards", "Favorites channel: <#"),
        ("Who", "do:set:changed-by", "moderators", "retake or extend a clip: moderators"),
        ("Money", "do:set:digest", "7", "moderators: at 07:00"),
    ):
        panel = await said(ada, "/studio setup")
        if title != "Where":
            panel = await turned(ada, panel, title)
        await (await ada.choose(panel, menu, value)).answered
        await until(lambda: says in ada.message(panel.id, panel.channel_id).text)  # noqa: B023
        assert ids(ada.message(panel.id, panel.channel_id)) >= PAGES[title] - {"threads:off"}


async def test_who_is_no_moderator_any_more_turns_no_page(playground, ada, house):
    panel = await said(ada, "/studio setup")
    for role in list(playground.world.get_member(playground.guild.id, ada.id).role_ids):
        playground.world.remove_member_role(playground.guild.id, ada.id, role)
    refused = await pressed(ada, panel, "do:page:money")
    assert refused.message.text.startswith("Only moderators can do this.")


async def test_a_page_that_is_not_known_is_the_first_one(ada, house):
    panel = await turned(ada, await said(ada, "/studio setup"), "Queue")
    stored = ada._world.get_message(panel.channel_id, panel.id)
    for part in components(stored.components):
        if part.get("custom_id") == "do:page:money":
            part["custom_id"] = "do:page:elsewhere"
    await pressed(ada, ada.message(panel.id, panel.channel_id), "do:page:elsewhere")
    await until(lambda: "where it works" in ada.message(panel.id, panel.channel_id).text)
