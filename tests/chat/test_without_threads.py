"""A server may have its clips in the channel itself: everything about a clip works there, too."""

import asyncio

import pytest

from storage import By
from tests.rig.house import until, working
from tests.rig.makers import NATIVE, Maker
from tests.rig.paid import pressed, said
from tests.rig.taking import EXTEND, FAVOURITE, REMOVE, RETAKE, clip_of, done, first_clip

LIMITS = {"dailies_jobs_per_user": 100, "dailies_orders_per_minute": 10_000}


async def off(ada):
    """A moderator turns threads off."""
    panel = await said(ada, "/studio setup")
    assert "Clips are posted in a thread of their own" in panel.text
    await pressed(ada, panel, "do:threads:off")
    await until(
        lambda: "in the channel, without threads" in ada.message(panel.id, panel.channel_id).text
    )
    return panel


def able(tmp_path, playground, **more):
    providers = {"able": Maker("able", NATIVE)}
    return working(playground, tmp_path, providers=providers, **LIMITS, **more)


async def test_the_card_and_the_clip_stand_in_the_channel(playground, tmp_path, ada, mira):
    async with able(tmp_path, playground) as house:
        await off(ada)
        clip = await first_clip(mira)
        videos = playground.channel("videos").id
        job = await done(house, 1)
        assert clip.channel_id == job.card_channel_id == job.thread_id == videos
        assert clip.mentions == (mira.id,)
        assert not mira.threads("videos")


async def test_reactions_retake_extend_and_number_the_takes(playground, tmp_path, ada, mira):
    async with able(tmp_path, playground) as house:
        await off(ada)
        clip = await first_clip(mira)
        videos = playground.channel("videos").id
        await mira.react(clip, RETAKE)
        second = await clip_of(mira, 2)
        await mira.react(second, EXTEND)
        third = await clip_of(mira, 3)
        await pressed(mira, clip, "Variation")
        fourth = await clip_of(mira, 4)
        assert {each.channel_id for each in (second, third, fourth)} == {videos}
        assert "take 3" in third.text
        assert "extends" in third.text
        assert not mira.threads("videos")
        form = await pressed(mira, clip, "Retake…")
        await (await mira.fill(form, prompt="at night")).answered
        assert (await clip_of(mira, 5)).channel_id == videos
        await done(house, 5)
        takes = await said(mira, "/video takes")
        assert "take 5" in takes.text
        await mira.react(clip, FAVOURITE)

        async def liked():
            return await house.store.takes.is_favourite(1, mira.id)

        await until(liked)
        compared = await mira.type("/video compare", a="#1", b="#2")
        await compared.answered
        await until(lambda: compared.message and compared.message.attachments)


@pytest.mark.long
async def test_a_channel_gets_no_board(playground, tmp_path, ada, mira):
    async with able(tmp_path, playground) as house:
        await off(ada)
        clip = await first_clip(mira)
        await mira.react(clip, RETAKE)
        await clip_of(mira, 2)
        await done(house, 2)
        boards = house.bot.get_cog("Boards")
        await until(lambda: not boards._tasks)
        assert not [each for each in mira.everything() if "### Takes" in each.text]
        assert await house.studio.threads.board_of(playground.channel("videos").id) is None
    async with able(tmp_path, playground) as house:
        await mira.react(await clip_of(mira, 2), RETAKE)
        await clip_of(mira, 3)
        await done(house, 3)
        await asyncio.sleep(0.2)
        assert not [each for each in mira.everything() if "### Takes" in each.text]


@pytest.mark.long
async def test_what_was_done_while_the_bot_was_away_is_done_there(
    playground, tmp_path, ada, mira, jonas
):
    async with able(tmp_path, playground) as house:
        await off(ada)
        clip = await first_clip(mira)
        await mira.type("/video text", prompt="an owl")
        second = await clip_of(mira, 2)
        await done(house, 2)
    await jonas.react(clip, RETAKE)
    await mira.react(second, REMOVE)
    async with able(tmp_path, playground) as house:
        third = await clip_of(jonas, 3)
        assert third.channel_id == playground.channel("videos").id
        assert (await house.store.jobs.get(3)).user_id == jonas.id
        await until(lambda: second.id not in {each.id for each in mira.everything()})


@pytest.mark.long
async def test_it_needs_no_permission_for_threads(playground, tmp_path, ada, mira):
    bot = playground.world.bot_role(playground.guild.id).id
    deny = ["create_public_threads", "send_messages_in_threads"]
    playground.world.set_permissions("videos", bot, deny=deny)
    async with able(tmp_path, playground):
        refused = await mira.type("/video text", prompt="a fox")
        await refused.answered
        assert "Create Public Threads" in refused.message.text
        await off(ada)
        clip = await first_clip(mira)
        await mira.react(clip, RETAKE)
        await clip_of(mira, 2)
        assert "missing" not in (await said(mira, "/help")).text


@pytest.mark.long
async def test_clips_in_a_thread_stay_there_and_threads_come_back(playground, tmp_path, ada, mira):
    async with able(tmp_path, playground):
        clip = await first_clip(mira)
        thread = clip.channel_id
        assert thread in mira.threads("videos")
        panel = await off(ada)
        await mira.react(clip, RETAKE)
        assert (await clip_of(mira, 2)).channel_id == thread
        await pressed(ada, panel, "do:threads:on")
        await until(lambda: "a thread of their own" in ada.message(panel.id, panel.channel_id).text)
        mira.go("videos")
        await mira.type("/video text", prompt="an owl")
        third = await clip_of(mira, 3)
        assert third.channel_id not in {thread, playground.channel("videos").id}


@pytest.mark.long
async def test_takes_of_two_channels_are_not_taken_for_each_other(playground, tmp_path, ada, mira):
    """A retake of a clip from elsewhere names it by its number in the server."""
    async with able(tmp_path, playground) as house:
        by = By(guild_id=playground.guild.id, actor_id=ada.id)
        await house.store.moderation.set_server(by, threads=False)
        await first_clip(mira)
        mira.go("storyboards")
        await mira.type("/video retake", clip="#1")
        second = await clip_of(mira, 2)
        assert second.channel_id == playground.channel("storyboards").id
        assert "take 1 · retake of [#1]" in second.text
