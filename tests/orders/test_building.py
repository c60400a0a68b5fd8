"""Who may build on whose clip holds on every path that makes something new of one."""

import asyncio

import pytest

from storage import By, ChangedBy
from tests.rig.house import until, working
from tests.rig.makers import DEAR, PLAIN, Maker
from tests.rig.paid import pressed, said
from tests.rig.taking import clip_of, first_clip, more

ONLY_MODERATORS = "In this server, only moderators can build on other people's clips."
TAKEN_DOWN = "A moderator deleted #1."
#: Commands that make something new of clip 1.
PATHS = {
    "again": ("/video again", {"clip": "1"}),
    "image": ("/video image", {"link": "#1", "prompt": "x"}),
    "last frame": ("/video image", {"link": "#2", "last_link": "#1", "prompt": "x"}),
    "sound": ("/video audio", {"link": "#1", "prompt": "x"}),
    "picture of a sound": ("/video audio", {"link": "#2", "image_link": "#1", "prompt": "x"}),
    "hdr": ("/video hdr", {"clip": "#1"}),
    "retake": ("/video retake", {"clip": "#1"}),
    "extend": ("/video extend", {"clip": "#1"}),
}


@pytest.fixture
async def house(playground, tmp_path):
    able = Maker("able", PLAIN, price=DEAR)
    limits = {"dailies_quota": 9999, "dailies_budget": 9999, "dailies_jobs_per_user": 50}
    async with working(playground, tmp_path, providers={"able": able}, **limits) as deployment:
        yield deployment


async def told(person, command, options):
    """What the bot says to a command, to this person alone."""
    before = {each.id for each in person.everything()}
    asked = await person.type(command, **options)
    await asked.answered
    if asked.message is not None and asked.message.text and not asked.message.loading:
        return asked.message.text
    news = await until(
        lambda: [e for e in person.everything() if e.ephemeral and e.id not in before and e.text]
    )
    return news[-1].text


async def only_moderators(playground, house):
    by = By(guild_id=playground.guild.id, actor_id=1)
    await house.store.moderation.set_server(by, changed_by=ChangedBy.MODERATORS)


async def test_no_path_leads_around_the_servers_word(playground, ada, mira, jonas, house):
    clip = await first_clip(mira, duration=1)
    await (await jonas.type("/video text", prompt="his own", duration=1)).answered
    await clip_of(jonas, 2)
    await only_moderators(playground, house)
    for name, (command, options) in PATHS.items():
        assert await told(jonas, command, options) == ONLY_MODERATORS, name
    ada.go(clip.channel_id)
    await more(ada, clip, "❌")
    await until(lambda: mira.message(clip.id) is None)
    for name, (command, options) in PATHS.items():
        assert await told(jonas, command, options) == TAKEN_DOWN, name
        hers = {**options, "link": "#1"} if "link" in options else options
        assert await told(mira, command, hers) == TAKEN_DOWN, f"{name}, whose clip it was"
    assert await house.store.jobs.get(3) is None


async def test_ones_own_clip_and_a_moderator_are_free_to_build(playground, ada, mira, house):
    await first_clip(mira, duration=1)
    await only_moderators(playground, house)
    await (await mira.type("/video again", clip="1")).answered
    await clip_of(mira, 2)
    await (await ada.type("/video image", link="#1", prompt="x", duration=1)).answered
    await clip_of(ada, 3)
    assert (await house.store.jobs.get(3)).brief.parent == 1


async def test_a_refused_order_is_authorised_again_when_it_is_pressed(
    playground, ada, mira, jonas, house
):
    clip = await first_clip(mira, duration=2)
    await said(ada, "/quota set", amount="150", who="jonas")
    jonas.go(clip.channel_id)
    refused = (await pressed(jonas, clip, "Variation")).message
    assert refused.buttons[0].label.startswith("Order 1 s")
    await only_moderators(playground, house)
    await pressed(jonas, refused, "Order 1 s")
    await jonas.wait_for(ONLY_MODERATORS)
    await asyncio.sleep(0.1)
    assert await house.store.jobs.get(2) is None
