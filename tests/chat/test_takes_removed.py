"""A clip is called deleted when it is: what stays is said, and tried again."""

import pytest

from playground.discord.trouble import EDGE_503
from tests.rig.house import until
from tests.rig.taking import REMOVE, answered, boarded, done, first_clip, more, own_reactions


async def shown_again(mira, playground, clip):
    """The same clip in the channel above its thread."""
    mira.go("videos")
    await answered(await mira.type("/video show", clip="1", public=True))
    again = await mira.wait_for(lambda each: "**#1** · take 1" in each.text)
    assert again.channel_id != clip.channel_id
    return again


def stands(person, message):
    return message.id in {each.id for each in person.everything()}


async def _gone(house):
    return await house.store.takes.posts_of(1) == []


@pytest.mark.parametrize("by", ["button", "reaction"])
async def test_what_cannot_be_deleted_is_said_and_tried_again(playground, mira, house, by):
    clip = await first_clip(mira)
    await done(house, 1)
    again = await shown_again(mira, playground, clip)
    forbidden = rf"/channels/{clip.channel_id}/messages/{clip.id}$"
    playground.refuse("DELETE", forbidden, 403, 50001, times=1)
    if by == "button":
        await more(mira, again, "❌")
    else:
        await mira.react(again, REMOVE)
    said = await mira.wait_for("#1 isn't deleted everywhere")
    assert f"<#{clip.channel_id}>" in said.text
    assert "try again later" in said.text
    await until(lambda: not stands(mira, again))
    assert stands(mira, clip)
    assert not [each for each in mira.everything() if "#1 is deleted" in each.text]
    house.bot.dispatch("ready")
    await until(lambda: not stands(mira, clip))
    await until(lambda: _gone(house))


async def test_a_board_does_not_call_it_deleted_before_it_is(playground, mira, house):
    clip = await first_clip(mira)
    await boarded(mira, clip)
    await done(house, 2)
    playground.refuse("DELETE", rf"/messages/{clip.id}$", 403, 50001, times=1)
    await mira.react(clip, REMOVE)
    await mira.wait_for("#1 isn't deleted everywhere")
    board = await mira.wait_for(lambda each: "### Takes" in each.text and "taken down" in each.text)
    assert "· deleted" not in board.text
    await until(lambda: REMOVE not in own_reactions(mira, clip))
    await mira.react(clip, REMOVE)
    await until(lambda: not stands(mira, clip))
    await mira.wait_for(lambda each: each.id == board.id and "· deleted" in each.text)


async def test_it_is_deleted_in_an_archived_thread_too(playground, mira, house):
    clip = await first_clip(mira)
    await done(house, 1)
    again = await shown_again(mira, playground, clip)
    playground.world.archive_thread(clip.channel_id)
    await answered(await more(mira, again, "❌"))
    await mira.wait_for("#1 is deleted")
    assert not stands(mira, clip)
    assert not stands(mira, again)
    meta = playground.world.get_channel(clip.channel_id).thread_metadata
    assert meta.archived, "it stays at rest"


async def test_trouble_of_discords_is_no_end_either(playground, mira, house):
    clip = await first_clip(mira)
    await done(house, 1)
    playground.trouble("DELETE", rf"/messages/{clip.id}$", EDGE_503, times=1)
    await mira.react(clip, REMOVE)
    said = await mira.wait_for("#1 isn't deleted everywhere")
    assert "Discord is having trouble" in said.text
    house.bot.dispatch("ready")
    await until(lambda: not stands(mira, clip))


async def test_somebody_who_deleted_it_before_is_a_yes(playground, mira, house):
    clip = await first_clip(mira)
    await done(house, 1)
    playground.refuse("DELETE", rf"/messages/{clip.id}$", 404, 10008, times=1)
    await answered(await more(mira, clip, "❌"))
    await mira.wait_for("#1 is deleted")


async def test_a_reaction_never_vanishes_without_a_word(playground, mira, house, tmp_path):
    """Whatever goes wrong, its person is told, and the reaction is taken off."""
    clip = await first_clip(mira)
    await done(house, 1)
    playground.trouble("POST", r"/users/@me/channels$", EDGE_503, times=1)
    await mira.react(clip, "✉️")
    await mira.wait_for("Discord is having trouble")
    await until(lambda: "✉️" not in own_reactions(mira, clip))
    playground.refuse("POST", r"/users/@me/channels$", 400, 987654, times=1)
    await mira.react(clip, "✉️")
    await mira.wait_for("Discord doesn't take")
