"""A deleted clip comes back whole within a minute, and not after it; also after a restart."""

import asyncio

import pytest

from bot.orders.requester import Requester
from playground.discord.trouble import EDGE_503, LOST_502
from storage import By
from tests.rig.house import until, working
from tests.rig.taking import FAVOURITE, REMOVE, answered, boarded, clip_of, done, first_clip, more


def offers(person):
    """The messages that offer everybody to undo a deletion."""
    return [each for each in person.everything() if "deleted #1." in each.text]


def clips(person, number=1):
    name = f"dailies-{number}.mp4"
    return [each for each in person.everything() if name in {f.filename for f in each.attachments}]


async def deleted(person, clip):
    """Delete a clip by its button; the answer, which has Undo."""
    pressed = await answered(await more(person, clip, "❌"))
    await until(lambda: pressed.message and "#1 is deleted" in pressed.message.text)
    await until(lambda: not clips(person))
    return pressed.message


async def undone(person, message):
    pressed = await answered(await person.click(message, "Undo"))
    return (await until(lambda: pressed.message if not pressed.message.loading else None)).text


async def removal(house):
    return await house.store.removals.get(1)


async def test_undo_brings_the_clip_back_with_its_board_favourites_and_number(
    playground, mira, jonas, house
):
    clip = await first_clip(mira)
    await jonas.react(clip, FAVOURITE)
    await boarded(mira, clip)
    await clip_of(mira, 2)
    message = await deleted(mira, clip)
    assert message.ephemeral
    await mira.wait_for(lambda each: "### Takes" in each.text and "· deleted" in each.text)
    said = await undone(mira, message)
    [back] = clips(mira)
    assert said == (
        f"#1 is back: https://discord.com/channels/{playground.guild.id}/"
        f"{clip.channel_id}/{back.id}"
    )
    assert back.channel_id == clip.channel_id
    await mira.wait_for(
        lambda each: "### Takes" in each.text and "favorites: take 1" in each.text
        and "deleted" not in each.text
    )  # fmt: skip
    take = await house.store.takes.get(1, guild_id=playground.guild.id)
    assert (take.number, take.favourites, take.hidden_by) == (1, 1, None)
    assert (house.settings.dailies_data / take.job.file).exists()
    assert await removal(house) is None
    await mira.react(back, "🔁")
    await clip_of(mira, 3)


async def test_it_comes_back_wherever_it_stood(playground, mira, house):
    clip = await first_clip(mira)
    mira.go("videos")
    await answered(await mira.type("/video show", clip="1", public=True))
    await until(lambda: len(clips(mira)) == 2)
    await undone(mira, await deleted(mira, clip))
    assert {each.channel_id for each in clips(mira)} == {
        clip.channel_id,
        playground.channel("videos").id,
    }


async def test_a_cross_is_undone_by_the_line_below_it_which_goes_after_a_minute(
    playground, ada, mira, jonas, house
):
    clip = await first_clip(mira)
    await done(house, 1)
    await mira.react(clip, REMOVE)
    await until(lambda: not clips(mira))
    [line] = await until(lambda: offers(mira))
    assert line.text == f"-# <@{mira.id}> deleted #1."
    assert line.mentions == ()
    jonas.go(clip.channel_id)
    assert await undone(jonas, line) == f"<@{mira.id}> deleted #1, so you can't bring it back."
    assert clips(mira) == []
    ada.go(clip.channel_id)
    assert (await undone(ada, line)).startswith("#1 is back: ")
    await until(lambda: not offers(mira))
    assert len(clips(mira)) == 1
    audit = await house.store.moderation.audit(playground.guild.id, limit=5)
    assert "bring back" in {each.what for each in audit}


async def test_deleted_twice_it_can_still_be_undone(mira, house):
    clip = await first_clip(mira)
    await done(house, 1)
    message = await deleted(mira, clip)
    await house.bot.takes.remove(1, requester=requester(mira, house))
    assert (await undone(mira, message)).startswith("#1 is back: ")
    assert len(clips(mira)) == 1


async def test_a_moderators_deletion_is_not_made_ones_own_by_another_cross(ada, mira, house):
    clip = await first_clip(mira)
    await done(house, 1)
    ada.go(clip.channel_id)
    message = await deleted(ada, clip)
    before = await house.bot.takes.remove(1, requester=requester(mira, house))
    assert before.hidden_by == ada.id
    take = await house.store.takes.get(1, guild_id=before.job.guild_id)
    assert take.hidden_by == ada.id
    shown = await answered(await mira.type("/video show", clip="1", public=True))
    assert "A moderator deleted" in (await until(lambda: shown.message)).text
    assert clips(mira) == []
    assert (await undone(ada, message)).startswith("#1 is back: ")


async def test_a_moderator_may_delete_for_good_what_its_person_deleted(ada, mira, house):
    clip = await first_clip(mira)
    await done(house, 1)
    message = await deleted(mira, clip)
    await house.bot.takes.remove(1, requester=requester(ada, house, moderator=True))
    assert await undone(mira, message) == "A moderator deleted #1, so you can't bring it back."
    assert clips(mira) == []


def requester(person, house, *, moderator=False):
    [guild] = house.bot.guilds
    return Requester(
        user_id=person.id, guild_id=guild.id, channel_id=guild.text_channels[0].id,
        moderator=moderator,
    )  # fmt: skip


async def test_after_the_minute_it_is_final(playground, mira, house):
    clip = await first_clip(mira)
    await done(house, 1)
    mine = await deleted(mira, clip)
    await answered(await mira.type("/video show", clip="1", public=True))
    [again] = await until(lambda: clips(mira))
    await until(lambda: _none(house))
    assert await undone(mira, mine) == "#1 is not deleted."
    await mira.react(again, REMOVE)
    [line] = await until(lambda: offers(mira))
    await until(lambda: not clips(mira))
    playground.clock.advance(30)  # real seconds count, too, of which a busy machine needs some
    await asyncio.sleep(1.2)
    assert offers(mira), "the minute is not over"
    playground.clock.advance(31)
    assert (await undone(mira, mine)).startswith("Undo works for a minute, and that is over.")
    await until(lambda: not offers(mira))
    assert clips(mira) == []
    assert await removal(house) is None
    assert line.id not in {each.id for each in mira.everything()}


async def _none(house):
    found = await removal(house)
    return found is None or found.at == 0


async def test_what_a_moderator_deleted_only_moderators_undo(ada, mira, house):
    clip = await first_clip(mira)
    await done(house, 1)
    ada.go(clip.channel_id)
    await ada.react(clip, REMOVE)
    [line] = await until(lambda: offers(mira))
    assert await undone(mira, line) == "A moderator deleted #1, so you can't bring it back."
    assert (await undone(ada, line)).startswith("#1 is back: ")


async def test_pressed_twice_it_comes_back_once(mira, house):
    clip = await first_clip(mira)
    message = await deleted(mira, clip)
    both = await asyncio.gather(*(mira.click(message, "Undo") for _ in range(2)))
    for each in both:
        await answered(each)
    await until(lambda: _none(house))
    assert len(clips(mira)) == 1
    said = sorted(each.message.text for each in both)
    assert "#1 is back: " in said[0]
    assert "#1 is back: " in said[1] or said[1] == "#1 is not deleted."


@pytest.mark.long
@pytest.mark.parametrize("restarted", ["before it is undone", "before it is posted"])
async def test_a_restart_within_the_minute_changes_nothing(
    playground, tmp_path, mira, plain, restarted
):
    async with working(playground, tmp_path, providers={"plain": plain}) as house:
        clip = await first_clip(mira)
        await done(house, 1)
        message = await deleted(mira, clip)
        if restarted == "before it is posted":
            path = rf"^/channels/{clip.channel_id}/messages$"
            trouble = playground.trouble("POST", path, EDGE_503, times=100)
            assert await undone(mira, message) == "#1 will be back in a moment."
            assert trouble.met
            assert (await removal(house)).undone
    if restarted == "before it is posted":
        trouble.times = 0
    async with working(playground, tmp_path, providers={"plain": plain}) as house:
        if restarted == "before it is undone":
            assert (await undone(mira, message)).startswith("#1 is back: ")
        await until(lambda: len(clips(mira)) == 1)
        await until(lambda: _none(house))


async def test_a_minute_that_ended_while_the_bot_was_down_is_over(
    playground, tmp_path, mira, plain
):
    async with working(playground, tmp_path, providers={"plain": plain}) as house:
        clip = await first_clip(mira)
        await done(house, 1)
        await mira.react(clip, REMOVE)
        await until(lambda: offers(mira) and not clips(mira))
    playground.clock.advance(120)
    async with working(playground, tmp_path, providers={"plain": plain}) as house:
        await until(lambda: not offers(mira))
        await until(lambda: _none(house))
        assert clips(mira) == []


async def test_a_lost_reply_posts_it_once(playground, mira, house):
    clip = await first_clip(mira)
    message = await deleted(mira, clip)
    lost = playground.trouble("POST", rf"^/channels/{clip.channel_id}/messages$", LOST_502, times=1)
    assert (await undone(mira, message)).startswith("#1 is back: ")
    assert lost.met
    assert len(clips(mira)) == 1


async def test_an_erased_person_leaves_nothing_to_undo(playground, mira, house):
    clip = await first_clip(mira)
    await done(house, 1)
    await deleted(mira, clip)
    assert (await removal(house)).user_id == mira.id
    assert await house.store.privacy.forget(mira.id) is not None
    assert await removal(house) is None
    by = By(guild_id=playground.guild.id, actor_id=1)
    assert await house.store.removals.undo(by, 1) is None


async def test_of_two_who_undo_it_one_does(playground, mira, house):
    clip = await first_clip(mira)
    await done(house, 1)
    await mira.react(clip, REMOVE)
    await until(lambda: removal(house))
    playground.refuse("POST", rf"^/channels/{clip.channel_id}/messages$", 503, times=50)
    assert (await house.store.removals.undo(None, 1)).undone
    assert await house.store.removals.undo(None, 1) is None
