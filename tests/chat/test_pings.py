"""How people hear of their clips is their own choice: a mention, a direct message, or nothing."""

from bot.errors import Refusal
from playground.discord.trouble import RESET
from storage import Ping
from tests.rig.doubles import FakeProvider
from tests.rig.house import until, working
from tests.rig.makers import PLAIN, Maker
from tests.rig.paid import said
from tests.rig.taking import clip_of, done, first_clip


def dms(person):
    """The direct messages of the bot to this person, oldest first."""
    world, ids = person._world, person.id
    channel = world.get_dm_channel(ids)
    return [each for each in person.everything() if each.channel_id == channel.id]


async def chosen(house, person):
    guild_id = next(iter(person._world.guilds))
    return await house.store.pings.of(guild_id, person.id)


async def test_a_clip_mentions_its_requester_unless_they_chose_otherwise(mira, house):
    clip = await first_clip(mira)
    assert clip.mentions == (mira.id,)
    answer = await said(mira, "/video notify", how="no ping")
    assert answer.text == "I post your clips without a ping."
    await mira.type("/video text", prompt="an owl")
    second = await clip_of(mira, 2)
    assert second.mentions == ()
    assert f"<@{mira.id}> **#2** is ready" in second.text, "it still says for whom it is"
    await said(mira, "/video notify", how="mention")
    await mira.type("/video text", prompt="a lynx")
    assert (await clip_of(mira, 3)).mentions == (mira.id,)
    assert not dms(mira)


async def test_a_direct_message_links_to_the_clip(mira, house):
    await said(mira, "/video notify", how="direct message")
    clip = await first_clip(mira)
    assert clip.mentions == ()
    told = await until(lambda: dms(mira))
    assert len(told) == 1
    link = f"https://discord.com/channels/{mira._world.get_channel(clip.channel_id).guild_id}"
    assert told[0].text == f"**#1** is ready: {link}/{clip.channel_id}/{clip.id}"
    assert not told[0].attachments


async def test_a_failure_is_told_the_same_way(playground, tmp_path, mira):
    provider = FakeProvider(name="bad")
    provider.submits.append(Refusal("No."))
    async with working(playground, tmp_path, providers={"bad": provider}):
        await said(mira, "/video notify", how="direct message")
        await (await mira.type("/video text", prompt="x")).answered
        failed = await mira.wait_for("**#1** failed")
        assert failed.mentions == ()
        told = await until(lambda: dms(mira))
        assert told[0].text.startswith("**#1** · Failed: https://")
        assert told[0].text.endswith(f"/{failed.id}")


async def test_closed_direct_messages_fall_back_to_a_mention(playground, mira, house):
    await said(mira, "/video notify", how="direct message")
    dm = playground.world.get_dm_channel(mira.id).id
    playground.refuse("POST", rf"/channels/{dm}/messages$", 403, 50007, times=99)
    clip = await first_clip(mira)
    told = await mira.wait_for("I can't send you direct messages")
    assert told.mentions == (mira.id,)
    assert str(clip.id) in told.text
    assert told.channel_id == clip.channel_id
    await done(house, 1)
    assert len([each for each in mira.everything() if "can't send you" in each.text]) == 1


async def test_a_crash_between_the_clip_and_its_message_tells_once(playground, tmp_path, mira):
    """The answer to the post is lost, so that it is looked for; the message is sent then."""
    async with working(playground, tmp_path, providers={"p": Maker("p", PLAIN)}) as house:
        await said(mira, "/video notify", how="direct message")
        await first_clip(mira)
        await until(lambda: dms(mira))
        await done(house, 1)
        job = await house.store.jobs.get(1)
        path = tmp_path / job.file
        found = await house.bot.delivery.clip(job, path, again=True)
        assert found == job.result_id
        assert len(dms(mira)) == 1
        playground.clock.advance(3600)
        assert await house.bot.delivery.clip(job, path, again=True) == found
        assert len(dms(mira)) == 1, "also when Discord no longer knows our name for it"


async def test_trouble_with_the_message_never_holds_a_clip_up(playground, mira, house):
    await said(mira, "/video notify", how="direct message")
    dm = playground.world.get_dm_channel(mira.id).id
    playground.trouble("POST", rf"/channels/{dm}/messages$", RESET, times=99)
    await first_clip(mira)
    await done(house, 1)


async def test_the_menu_of_help_chooses_and_shows_the_choice(mira, jonas, house):
    shown = await said(mira, "/help")
    asked = await mira.choose(shown, "do:pings", "none")
    await asked.answered
    answer = await until(lambda: asked.message if asked.message and asked.message.text else None)
    assert answer.text == "I post your clips without a ping."
    assert await chosen(house, mira) is Ping.NONE
    assert await chosen(house, jonas) is Ping.MENTION, "it is one's own"
    again = await said(mira, "/help")
    menu = next(each for each in again.selects if each.custom_id == "do:pings")
    assert [each["value"] for each in menu.options if each.get("default")] == ["none"]


async def test_it_holds_in_one_server_and_goes_with_delete_mine(playground, mira, house):
    await said(mira, "/video notify", how="no ping")
    other = playground.world.add_guild("Elsewhere", channels=("general",))
    assert await house.store.pings.of(other.id, mira.id) is Ping.MENTION
    export = await house.bot.own.export(mira.id)
    assert b'"how": "none"' in export
    await house.bot.own.forget(mira.id)
    assert await chosen(house, mira) is Ping.MENTION
    assert b'"how"' not in await house.bot.own.export(mira.id)


async def test_it_outlives_a_restart(playground, tmp_path, mira):
    async with working(playground, tmp_path, providers={"p": Maker("p", PLAIN)}):
        await said(mira, "/video notify", how="no ping")
    async with working(playground, tmp_path, providers={"p": Maker("p", PLAIN)}):
        assert (await first_clip(mira)).mentions == ()
