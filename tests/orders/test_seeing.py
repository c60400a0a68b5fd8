"""What is ordered in a channel is known to those who may read it, and to nobody else."""

import pytest

from storage import Thread
from tests.chat.test_permissions import by_menu
from tests.orders.test_building import told
from tests.rig.house import until, working
from tests.rig.makers import PLAIN, Maker
from tests.rig.paid import ordered, said
from tests.rig.taking import clip_of

SECRET = "the secret launch film"


@pytest.fixture
async def house(playground, tmp_path):
    plain = Maker("plain", PLAIN)
    async with working(playground, tmp_path, providers={"plain": plain}) as deployment:
        yield deployment


@pytest.fixture
async def hidden(ada, mira, house):
    """Clip 1, ordered in #moderators, which Mira may not read."""
    ada.go("moderators")
    await ordered(ada, prompt=SECRET)
    clip = await clip_of(ada)
    ada.go("videos")
    return clip


ABOUT_ONE = {
    "show": ("/video show", {"clip": "{}"}),
    "show for all": ("/video show", {"clip": "{}", "public": True}),
    "cancel": ("/video cancel", {"clip": "{}"}),
    "compare": ("/video compare", {"a": "{}", "b": "{}"}),
    "again": ("/video again", {"clip": "{}"}),
    "preset": ("/video presets", {"save": "mine", "clip": "{}"}),
    "image": ("/video image", {"link": "#{}", "prompt": "x"}),
    "sound": ("/video audio", {"link": "#{}", "prompt": "x"}),
    "hdr": ("/video hdr", {"clip": "#{}"}),
    "retake": ("/video retake", {"clip": "#{}"}),
    "extend": ("/video extend", {"clip": "#{}"}),
}


async def test_a_clip_of_a_channel_one_may_not_read_is_not_there(mira, house, hidden):
    for name, (command, options) in ABOUT_ONE.items():
        said = []
        for number in (1, 777):
            filled = {
                key: value.format(number) if isinstance(value, str) else value
                for key, value in options.items()
            }
            said.append((await told(mira, command, filled)).replace(str(number), "N"))
        assert said[0] == said[1], name
        assert SECRET not in said[0], name
    assert await house.store.jobs.get(2) is None


async def test_lists_leave_out_what_one_may_not_read(playground, tmp_path, ada, mira):
    plain = Maker("plain", PLAIN)
    plain.holds = True
    async with working(playground, tmp_path, providers={"plain": plain}) as house:
        ada.go("moderators")
        await ordered(ada, prompt=SECRET)
        await ordered(mira, prompt="a fox")
        mine = (await said(mira, "/video queue")).text
        assert "a fox" in mine
        assert SECRET not in mine
        assert "#1" not in mine
        assert SECRET in (await said(ada, "/video queue")).text
        thread = (await until(lambda: ada.threads("moderators")))[0]
        ada.go(thread)
        await ordered(ada, prompt=f"{SECRET} again")
        assert SECRET not in (await said(mira, "/video queue")).text
        for option in ("show", "again", "presets"):
            for name, _ in await mira.suggestions(f"/video {option}", "clip", ""):
                assert SECRET not in name
        assert len(await house.store.jobs.newest()) == 3


async def test_moderators_see_all_and_so_does_who_may_read_the_channel(
    playground, ada, mira, house, hidden
):
    jonas = playground.person("jonas")
    await ordered(mira, prompt="a fox")
    await clip_of(mira, 2)
    assert SECRET in (await said(ada, "/video show", clip="1")).text
    assert "a fox" in (await said(jonas, "/video show", clip="2")).text


async def test_who_loses_a_channel_keeps_what_is_their_own(playground, ada, mira, house):
    await ordered(mira, prompt="a fox")
    await clip_of(mira, 1)
    playground.world.delete_channel(playground.channel("videos").id)
    mira.go("storyboards")
    assert "a fox" in (await said(mira, "/video show", clip="1")).text
    jonas = playground.person("jonas")
    jonas.go("storyboards")
    assert (await said(jonas, "/video show", clip="1")).text == "There is no clip #1 here."


async def test_what_was_posted_for_everybody_is_for_everybody(ada, mira, house, hidden):
    assert (await said(mira, "/video show", clip="1")).text == "There is no clip #1 here."
    shown = await ada.type("/video show", clip="1", public=True)
    await shown.answered
    await until(lambda: _posts(house, 2))
    assert SECRET in (await said(mira, "/video show", clip="1")).text


async def _posts(house, count):
    return len(await house.store.takes.posts_of(1)) == count


async def test_a_thread_that_discord_does_not_tell_of_is_as_its_channel(playground, mira, house):
    """One that was archived when the bot connected: where it belongs was noted."""
    from bot.chat.requester import sight
    from bot.orders.requester import Requester
    from tests.rig.drafts import draft

    store, guild = house.store, playground.guild.id
    videos, closed = (playground.channel(each).id for each in ("videos", "moderators"))
    member = await house.bot.get_guild(guild).fetch_member(mira.id)
    requester = Requester(
        guild_id=guild,
        channel_id=playground.channel("storyboards").id,
        user_id=mira.id,
        sees=sight(member),
    )
    for thread, parent, seen in ((71, videos, True), (72, closed, False), (73, None, False)):
        await store.takes.set_thread(
            Thread(id=thread, guild_id=guild, parent_id=parent, board_id=None), at=0.0
        )
        job, _ = await store.jobs.add(draft(thread, guild_id=guild, channel_id=thread, user_id=9))
        assert await house.studio.access.may_see(job, requester) is seen


async def test_a_menu_on_a_message_one_may_not_read_says_nothing(mira, house, hidden):
    """No client offers it; a changed one may name any message."""
    for menu in ("Details", "Retake…", "Extend…"):
        for message in (hidden.id, 777):
            told_her = await by_menu(mira, menu, message)
            assert told_her == "Use this on a clip that Dailies made.", menu
