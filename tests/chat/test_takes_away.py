"""What happens to clips while nobody looks, or to the places they are in, is noticed."""

import asyncio

import pytest

from playground.discord.trouble import limited
from tests.rig.house import until, working
from tests.rig.makers import PLAIN, Maker
from tests.rig.paid import said
from tests.rig.taking import (
    EXTEND,
    FAVOURITE,
    RETAKE,
    answered,
    boarded,
    clip_of,
    done,
    first_clip,
    more,
)


@pytest.mark.long
async def test_the_newest_clip_of_a_busy_thread_is_read_back_first(playground, tmp_path, mira):
    plain = Maker("plain", PLAIN)
    async with working(playground, tmp_path, providers={"plain": plain}) as house:
        oldest = await first_clip(mira)
        await done(house, 1)
        mira.go(oldest.channel_id)
        for number in range(510):
            await mira.say(f"chat {number}")
        await answered(await mira.type("/video again"))
        newest = await clip_of(mira, 2)
        await done(house, 2)
    await mira.react(newest, RETAKE)
    await mira.react(oldest, EXTEND)
    async with working(playground, tmp_path, providers={"plain": plain}) as house:
        jobs = house.store.jobs
        await until(lambda: jobs.get(4))
        made = {(await jobs.get(number)).brief.relation for number in (3, 4)}
        assert made == {"retake", "extend"}, "an old one is fetched by itself"
        await clip_of(mira, 3)
        await clip_of(mira, 4)


@pytest.mark.long
async def test_a_thread_deleted_while_the_bot_was_down_is_known_to_be_gone(
    playground, tmp_path, mira
):
    plain = Maker("plain", PLAIN)
    async with working(playground, tmp_path, providers={"plain": plain}) as house:
        clip = await first_clip(mira)
        await done(house, 1)
    playground.world.delete_channel(clip.channel_id)
    async with working(playground, tmp_path, providers={"plain": plain}) as house:

        async def forgotten():
            return await house.store.takes.posts_of(1) == []

        await until(forgotten)
        await answered(await mira.type("/video show", clip="1", public=True))
        again = await mira.wait_for(lambda each: "**#1** · take 1" in each.text)
        await mira.react(again, RETAKE)
        await clip_of(mira, 2)


async def test_a_deleted_channel_takes_the_posts_of_its_threads_along(playground, mira, house):
    clip = await first_clip(mira)
    await done(house, 1)
    world = playground.world
    parent = world.find_channel(clip.channel_id).parent_id
    mira.go(parent)
    await answered(await mira.type("/video show", clip="1", public=True))

    async def both():
        return {each.channel_id for each in await house.store.takes.posts_of(1)}

    await until(lambda: _is(both, {parent, clip.channel_id}))
    world.delete_channel(parent)

    async def forgotten():
        return await house.store.takes.posts_of(1) == []

    await until(forgotten)


async def _is(question, wanted):
    return await question() == wanted


@pytest.mark.parametrize("whole", [True, False])
async def test_reactions_that_are_cleared_are_taken_back(playground, mira, jonas, house, whole):
    clip = await first_clip(mira)
    for person in (mira, jonas):
        await person.react(clip, FAVOURITE)
        await until(lambda person=person: house.store.takes.is_favourite(1, person.id))
    world = playground.world
    if whole:
        world.clear_reactions(clip.channel_id, clip.id)
    else:
        world.clear_reaction(clip.channel_id, clip.id, FAVOURITE)

    async def forgotten():
        liked = [await house.store.takes.is_favourite(1, each.id) for each in (mira, jonas)]
        return not any(liked)

    await until(forgotten)


async def test_a_reaction_that_is_cleared_while_it_is_acted_on_is_taken_back(
    playground, ada, mira, house
):
    boards = playground.channel("storyboards")
    await said(ada, "/studio takes", favorites=boards.id)
    clip = await first_clip(mira)
    slow = playground.trouble("POST", r"/messages$", limited(3.0), place=boards.id)
    await mira.react(clip, FAVOURITE)
    await until(lambda: slow.met)  # it is a favorite by now, and is being gathered
    assert await house.store.takes.is_favourite(1, mira.id)
    playground.world.clear_reactions(clip.channel_id, clip.id)

    async def forgotten():
        return not await house.store.takes.is_favourite(1, mira.id)

    await until(forgotten)


@pytest.mark.long
async def test_a_favourite_stays_one_where_it_cannot_be_gathered(playground, ada, mira, house):
    boards = playground.channel("storyboards")
    panel = await said(ada, "/studio setup")
    await answered(await ada.choose(panel, "do:set:moderators", "moderators"))
    await said(ada, "/studio takes", favorites=boards.id)
    playground.world.delete_channel(boards.id)
    clip = await first_clip(mira)
    await boarded(mira, clip)
    await mira.react(clip, FAVOURITE)
    await until(lambda: house.store.takes.is_favourite(1, mira.id))
    told = await ada.wait_for("Favorites can't be gathered in")
    assert told.channel_id == playground.channel("moderators").id
    await mira.wait_for(lambda each: "### Takes" in each.text and "favorites: take 1" in each.text)
    pressed = await answered(await more(ada, clip, "⭐"))
    await until(lambda: pressed.message and "is now one of your favorites" in pressed.message.text)
    await asyncio.sleep(0.3)
    assert len([each for each in ada.everything() if "can't be gathered" in each.text]) == 1
    assert await house.store.takes.is_favourite(1, mira.id)


@pytest.mark.long
async def test_a_clip_posted_again_says_what_its_reactions_do(mira, house):
    clip = await first_clip(mira)
    mira.go(clip.channel_id)
    await answered(await mira.type("/video show", clip="1", public=True))
    again = await mira.wait_for(lambda each: "**#1** · take 1" in each.text)
    assert "-# 🔁 free · ⏩ free" in clip.text
    assert again.text.endswith("-# 🔁 free · ⏩ free"), "what they do is behind the “?”"
    assert again.button("?") is not None


async def test_the_board_is_pinned(playground, mira, house):
    clip = await first_clip(mira)
    await done(house, 1)
    assert not [each for each in mira.everything() if "### Takes" in each.text], "of one take"
    board = await boarded(mira, clip)
    stored = playground.world.get_message(clip.channel_id, board.id)
    await until(lambda: stored.pinned)
