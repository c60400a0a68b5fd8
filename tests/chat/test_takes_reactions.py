"""People act on clips by reaction: each does its thing once, whoever watches, whenever."""

import asyncio
import itertools

import pytest
from PIL import Image

from bot.chat.board import SEEDED
from bot.media.probe import poster, probe
from playground import PersonCannot
from storage import By, ChangedBy, State
from tests.rig.house import unlinked, until, working
from tests.rig.makers import NATIVE, PLAIN, Maker
from tests.rig.taking import (
    EXTEND,
    FAVOURITE,
    REMOVE,
    RETAKE,
    SEND,
    answered,
    boarded,
    clip_of,
    done,
    first_clip,
    own_reactions,
    saved,
)


async def test_a_clip_says_what_its_reactions_do_and_carries_them(mira, house):
    clip = await first_clip(mira)
    assert "take 1" in clip.text
    assert "-# 🔁 free · ⏩ free\n-# 🔁 retake all of it, new seed · ⏩" in clip.text
    assert "⏩ add 2 s at the end · ⭐ favorite" in clip.text
    await mira.wait_for(
        lambda each: (
            each.id == clip.id and {RETAKE, EXTEND} == {one.emoji for one in each.reactions}
        )
    )


async def test_a_retake_by_reaction_is_the_same_request_with_a_new_seed(mira, house, plain):
    clip = await first_clip(mira)
    await mira.react(clip, RETAKE)
    again = await clip_of(mira, 2)
    assert "take 2 · retake of take 1" in unlinked(again)
    assert again.mentions == (mira.id,)
    one, two = plain.orders
    assert two.but(seed=0, parent=None, relation=None) == one.but(seed=0)
    assert two.seed != one.seed
    card = await mira.wait_for(lambda each: "· #2" in each.text and each.flags & 1 << 15)
    assert card.reference == clip.id
    assert "retake of take 1" in unlinked(card)
    for shown in (again, card):
        assert f"/{clip.channel_id}/{clip.id})" in shown.text, "a link to what it is made from"


async def test_the_words_of_a_reply_are_the_prompt_of_the_one_who_reacts(mira, jonas, house, plain):
    clip = await first_clip(mira)
    mira.go(clip.channel_id)
    jonas.go(clip.channel_id)
    await mira.say("make it snow", reply_to=clip)
    await jonas.say("make it night", reply_to=clip)
    await mira.react(clip, RETAKE)
    await clip_of(mira, 2)
    assert plain.orders[-1].prompt == "make it snow"
    mine = await jonas.say("now with wolves", reply_to=clip)
    await jonas.react(mine, EXTEND)
    await clip_of(mira, 3)
    assert plain.orders[-1].prompt == "now with wolves"
    assert (await house.store.jobs.get(3)).user_id == jonas.id
    # What was said before the last time is not said again.
    await mira.react(clip, EXTEND)
    await clip_of(mira, 4)
    assert plain.orders[-1].prompt == "a red fox"


@pytest.mark.long
async def test_an_extension_made_here_runs_on_without_a_seam(mira, house, plain, tmp_path):
    clip = await first_clip(mira)
    before = await probe(await saved(clip, tmp_path / "before.mp4"))
    await mira.react(clip, EXTEND)
    longer = await clip_of(mira, 2)
    assert "extends take 1 by 2 s at the end" in unlinked(longer)
    assert "Dailies made it" in longer.text
    after = await probe(await saved(longer, tmp_path / "after.mp4"))
    assert (after.width, after.height, after.fps) == (before.width, before.height, before.fps)
    assert (after.video_codec, after.audio_codec) == ("h264", "aac")
    # The frame that both have is shown once.
    assert after.frames == before.frames + 2 * 24 - 1
    assert plain.orders[-1].image is not None


async def test_two_people_at_once_each_pay_for_their_own(mira, jonas, house):
    clip = await first_clip(mira)
    await asyncio.gather(mira.react(clip, RETAKE), jonas.react(clip, RETAKE))
    await clip_of(mira, 2)
    await clip_of(mira, 3)
    payers = {(await house.store.jobs.get(number)).user_id for number in (2, 3)}
    assert payers == {mira.id, jonas.id}
    assert await house.store.jobs.get(4) is None


async def test_the_same_reaction_twice_is_one_job(playground, mira, house, plain):
    clip = await first_clip(mira)
    plain.holds = True
    await mira.react(clip, RETAKE)
    await until(lambda: len(plain.orders) == 2)
    await mira.unreact(clip, RETAKE)
    await mira.react(clip, RETAKE)
    plain.holds = False
    await clip_of(mira, 2)
    # A gateway that resumes may tell of it once more.
    message = playground.world.get_message(clip.channel_id, clip.id)
    playground.world._emit_reaction("MESSAGE_REACTION_ADD", message, RETAKE, mira.id)
    await asyncio.sleep(0.3)
    assert await house.store.jobs.get(3) is None
    await mira.unreact(clip, RETAKE)
    await mira.react(clip, RETAKE)
    await clip_of(mira, 3)


async def test_taking_a_reaction_back_cancels_what_was_not_sent(playground, tmp_path, mira):
    plain = Maker("plain", PLAIN, concurrency=1)
    async with working(playground, tmp_path, providers={"plain": plain}) as house:
        clip = await first_clip(mira)
        await done(house, 1)
        plain.holds = True
        await (await mira.type("/video text", prompt="in the way")).answered
        await until(lambda: len(plain.orders) == 2)
        await mira.react(clip, RETAKE)
        await mira.wait_for(lambda each: "Queued" in each.text and "#3" in each.text)
        await mira.unreact(clip, RETAKE)
        await mira.wait_for(lambda each: "Canceled" in each.text and "#3" in each.text)
        plain.holds = False
        assert len(plain.orders) == 2


@pytest.mark.long
async def test_who_may_build_on_whose_clip_is_the_servers_word(playground, mira, jonas, house):
    by = By(guild_id=playground.guild.id, actor_id=1)
    await house.store.moderation.set_server(by, changed_by=ChangedBy.REQUESTER)
    clip = await first_clip(mira)
    for _ in range(2):
        await jonas.react(clip, RETAKE)
        await until(lambda: RETAKE not in own_reactions(jonas, clip))
        await asyncio.sleep(0.1)
    said = [each for each in jonas.everything() if "can build on" in each.text]
    assert len(said) == 1, "explained once"
    assert said[0].mentions == ()
    assert await house.store.jobs.get(2) is None
    await playground.person("ada").react(clip, RETAKE)
    await clip_of(mira, 2)


@pytest.mark.long
async def test_favourites_gather_where_moderators_say_and_reviewers_approve(
    playground, mira, jonas, house
):
    ada = playground.person("ada")
    world = playground.world
    role = world.create_role(playground.guild.id, "Reviewer")
    world.add_member_role(playground.guild.id, jonas.id, role.id)
    boards = playground.channel("storyboards")
    asked = await ada.type("/studio takes", favorites=boards.id, reviewers=role.id)
    await asked.answered
    assert asked.ephemeral
    clip = await first_clip(mira)
    await boarded(mira, clip)
    await mira.react(clip, FAVOURITE)
    there = await mira.wait_for(
        lambda each: each.channel_id == boards.id and bool(each.attachments), 15
    )
    await jonas.react(clip, FAVOURITE)
    await jonas.react(clip, "✅")
    await mira.wait_for(lambda each: "approved: take 1" in each.text)
    gathered = [each for each in mira.messages(boards.id) if each.attachments]
    assert [each.id for each in gathered] == [there.id]
    with pytest.raises(PersonCannot):
        await mira.type("/studio takes")


@pytest.mark.long
async def test_a_favourite_of_a_closed_channel_is_not_shown_to_everybody(playground, ada, house):
    boards = playground.channel("storyboards")
    await (await ada.type("/studio takes", favorites=boards.id)).answered
    ada.go("moderators")
    clip = await first_clip(ada)
    await boarded(ada, clip)
    await ada.react(clip, FAVOURITE)
    await ada.wait_for(lambda each: "favorites: take 1" in each.text)
    assert not [each for each in ada.messages(boards.id) if each.attachments]
    assert (await house.store.takes.get(1, guild_id=playground.guild.id)).favourites == 1


@pytest.mark.long
async def test_a_reaction_is_quicker_than_our_note_of_the_post(mira, house, plain):
    clip = await first_clip(mira)
    await done(house, 1)

    def unwritten(db):
        db.execute("DELETE FROM post")
        db.execute("UPDATE job SET result_id = NULL")

    await house.store.writer.write(unwritten)
    opened = await answered(await mira.menu(clip, "Retake…"))
    assert opened.modal is not None
    mira.go(clip.channel_id)
    await mira.say("make it snow", reply_to=clip)
    await mira.react(clip, RETAKE)
    await clip_of(mira, 2)
    assert plain.orders[-1].prompt == "make it snow", "so are the words of a reply"


async def test_a_favourite_is_counted_and_taken_back(playground, mira, jonas, house):
    clip = await first_clip(mira)
    await boarded(mira, clip)
    for person in (mira, jonas):
        await person.react(clip, FAVOURITE)
    takes = house.store.takes
    guild_id = playground.guild.id

    async def count():
        return (await takes.get(1, guild_id=guild_id)).favourites

    async def is_count(number):
        return await count() == number

    await until(lambda: is_count(2))
    await mira.wait_for(lambda each: "### Takes" in each.text and "⭐ 2" in each.text)
    await jonas.unreact(clip, FAVOURITE)
    await until(lambda: is_count(1))


async def test_a_clip_is_sent_to_whoever_asks(mira, jonas, house):
    clip = await first_clip(mira)
    await jonas.react(clip, SEND)
    there = jonas.go_to_dm()
    mine = await jonas.wait_for(lambda each: each.channel_id == there and bool(each.attachments))
    assert mine.attachments[0].filename == "dailies-1.mp4"
    assert mine.buttons == ()


async def test_only_its_person_and_moderators_delete_a_clip(playground, mira, jonas, house):
    clip = await first_clip(mira)
    await jonas.react(clip, REMOVE)
    await jonas.wait_for("Only")
    assert mira.message(clip.id) is not None
    await mira.react(clip, REMOVE)
    await until(lambda: mira.message(clip.id) is None)
    assert (tmp := house.settings.dailies_data / "takes" / "1.mp4").exists(), tmp

    async def forgotten():
        return await house.store.takes.posts_of(1) == []

    await until(forgotten)


async def test_a_cross_on_a_card_stops_what_is_not_finished(mira, house, plain):
    plain.cancels = plain.holds = True
    asked = await mira.type("/video text", prompt="a fox")
    await asked.answered

    async def rendering():  # while it is being sent, it cannot be stopped
        return (await house.store.jobs.get(1)).state is State.RENDERING

    await until(rendering)
    await mira.react(asked.message, REMOVE)
    await mira.wait_for("Canceled")


async def test_a_reaction_is_quicker_than_our_note_of_the_card(mira, house, plain):
    plain.cancels = plain.holds = True
    asked = await mira.type("/video text", prompt="a fox")
    await asked.answered

    async def rendering():
        job = await house.store.jobs.get(1)
        return job if job.card_id is not None and job.state is State.RENDERING else None

    job = await until(rendering)
    await house.bot.studio.placed(job, card_channel_id=1, card_id=1, thread_id=None)  # not this one
    await mira.react(asked.message, REMOVE)

    async def stopped():
        return (await house.store.jobs.get(1)).state is State.CANCELLED

    await until(stopped)


async def test_a_missing_permission_is_named_before_a_reaction_orders(playground, mira, house):
    clip = await first_clip(mira)
    playground.world.set_permissions(
        playground.channel("videos").id, playground.world.bot_user.id, deny=["attach_files"]
    )
    await mira.react(clip, RETAKE)
    await mira.wait_for("I'm missing permissions in")
    assert await house.store.jobs.get(2) is None


@pytest.mark.long
async def test_a_reviewer_signs_a_take_off(playground, mira, house):
    ada = playground.person("ada")
    clip = await first_clip(mira)
    await boarded(mira, clip)
    await mira.react(clip, "✅")
    await ada.react(clip, "✅")
    await mira.wait_for(lambda each: "approved: take 1" in each.text)
    take = await house.store.takes.get(1, guild_id=playground.guild.id)
    assert take.approved_by == (ada.id,)
    assert "✅" in own_reactions(mira, clip), "from anyone else it is just a reaction"


async def test_what_happened_while_the_bot_was_down_is_done_once_it_is_back(
    playground, tmp_path, mira, jonas
):
    plain = Maker("plain", PLAIN)
    async with working(playground, tmp_path, providers={"plain": plain}) as house:
        clip = await first_clip(mira)
        await mira.react(clip, FAVOURITE)
        await done(house, 1)
        await until(lambda: house.store.takes.is_favourite(1, mira.id))
        await mira.wait_for(
            lambda each: each.id == clip.id and {one.emoji for one in each.reactions} >= set(SEEDED)
        )
    mira.go(clip.channel_id)
    mine = await mira.say("as a drawing", reply_to=clip)
    await mira.react(mine, RETAKE)
    await jonas.react(clip, EXTEND)
    await mira.unreact(clip, FAVOURITE)
    for _ in range(2):  # a second start does nothing again
        async with working(playground, tmp_path, providers={"plain": plain}) as house:
            await clip_of(mira, 2)
            await clip_of(mira, 3)
            await done(house, 2)
            await done(house, 3)

            async def forgotten(house=house):
                return not await house.store.takes.is_favourite(1, mira.id)

            await until(forgotten)
            await asyncio.sleep(0.5)
            assert await house.store.jobs.get(4) is None
    prompts = {order.prompt: order.plan is not None for order in plain.orders[1:]}
    assert prompts == {"as a drawing": False, "a red fox": True}


@pytest.mark.long
async def test_what_was_deleted_while_the_bot_was_down_is_known_to_be_gone(
    playground, tmp_path, mira
):
    plain = Maker("plain", PLAIN)
    ada = playground.person("ada")
    async with working(playground, tmp_path, providers={"plain": plain}) as house:
        clip = await first_clip(mira)
        await mira.react(clip, RETAKE)
        second = await clip_of(mira, 2)
        await done(house, 2)
    ada.go(clip.channel_id)
    await ada.delete(clip)
    async with working(playground, tmp_path, providers={"plain": plain}) as house:

        async def posts():
            first, then = [await house.store.takes.posts_of(number) for number in (1, 2)]
            return not first and [each.message_id for each in then] == [second.id]

        await until(posts)
        asked = await mira.type("/video show", clip="1", public=True)
        await asked.answered
        await mira.wait_for(lambda each: "**#1** · take 1" in each.text)


@pytest.mark.long
async def test_a_restart_between_the_reaction_and_the_clip_loses_nothing(
    playground, tmp_path, mira
):
    plain = Maker("plain", PLAIN)
    async with working(playground, tmp_path, providers={"plain": plain}) as house:
        clip = await first_clip(mira)
        plain.holds = True
        await mira.react(clip, EXTEND)
        await until(lambda: len(plain.orders) == 2)
        await mira.wait_for(lambda each: "Rendering" in each.text and "#2" in each.text)
        assert (await house.store.jobs.get(2)).brief.plan is not None
    plain.holds = False
    async with working(playground, tmp_path, providers={"plain": plain}):
        longer = await clip_of(mira, 2)
        assert "extends take 1" in unlinked(longer)
        await asyncio.sleep(0.3)
    posts = [each for each in mira.everything() if each.attachments and "#2**" in each.text]
    assert len(posts) == 1
    assert len(plain.orders) == 2


async def test_a_month_old_clip_still_answers_to_a_reaction(playground, tmp_path, mira):
    plain = Maker("plain", PLAIN)
    async with working(playground, tmp_path, providers={"plain": plain}):
        clip = await first_clip(mira)
    playground.clock.advance(31 * 24 * 3600)
    playground.world.archive_the_quiet()
    async with working(playground, tmp_path, providers={"plain": plain}):
        mira.go(clip.channel_id)
        with pytest.raises(PersonCannot):
            await mira.react(clip, RETAKE)  # Discord: an archived thread takes no reactions
        await mira.say("once more")
        await mira.react(clip, RETAKE)
        await clip_of(mira, 2)


@pytest.mark.long
async def test_a_chain_of_ten_takes_over_two_providers(playground, tmp_path, mira):
    """By reaction, command, button and menu: the last clip plays through, without a seam."""
    providers = {"plain": Maker("plain", PLAIN), "able": Maker("able", NATIVE)}
    data = tmp_path / "data"
    async with working(playground, data, providers=providers, dailies_jobs_per_user=50) as house:
        clip = await first_clip(mira, provider="plain", duration=1)
        mira.go(clip.channel_id)

        async def typed(verb, provider):
            await (await mira.type(f"/video {verb}", clip=latest, provider=provider)).answered

        async def filled(opening, **fields):
            opened = await opening
            await opened.answered
            await (await mira.fill(opened, **fields)).answered

        steps = (
            ("extends", lambda: mira.react(clip, EXTEND)),
            ("retake", lambda: typed("retake", "able")),
            ("extends", lambda: filled(mira.click(clip, "Extend…"))),
            ("retake", lambda: filled(mira.menu(clip, "Retake…"), prompt="at night")),
            ("variation", lambda: mira.click(clip, "Variation")),
            ("extends", lambda: typed("extend", "plain")),
            ("retake", lambda: mira.react(clip, RETAKE)),
            ("extends", lambda: filled(mira.menu(clip, "Extend…"), seconds="1")),
            ("retake", lambda: filled(mira.click(clip, "Retake…"), **{"from": "0", "to": "1"})),
        )
        for number, (words, act) in enumerate(steps, start=2):
            latest = f"#{number - 1}"
            await act()
            clip = await clip_of(mira, number)
            assert clip.channel_id == mira.at
            assert f"take {number} · {words}" in clip.text
        takes = await house.store.takes.of_thread(mira.at)
        assert [take.number for take in takes] == list(range(1, 11))
        assert [take.job.brief.parent for take in takes] == [None, *range(1, 10)]
        assert {take.job.provider for take in takes} == {"plain", "able"}
        assert takes[-1].job.brief.plan.place == "part"
        last = await saved(clip, tmp_path / "last.mp4")
    info = await probe(last)
    assert (info.width, info.height, info.fps) == (128, 72, 24)
    assert (info.video_codec, info.audio_codec) == ("h264", "aac")
    assert info.frames == round(info.seconds * 24)
    assert info.seconds == pytest.approx(5, abs=0.15)


@pytest.mark.long
async def test_at_the_seam_nothing_is_black_or_stands_still(mira, house, tmp_path):
    clip = await first_clip(mira, duration=1)
    await mira.react(clip, EXTEND)
    longer = await saved(await clip_of(mira, 2), tmp_path / "longer.mp4")
    frames = []
    for index in range(21, 28):
        picture = tmp_path / f"{index}.png"
        await poster(longer, picture, (index + 0.5) / 24)
        with Image.open(picture) as image:
            frames.append(image.convert("L").tobytes())
    for one, other in itertools.pairwise(frames):
        assert sum(one) / len(one) > 20, "not black"
        moved = sum(abs(a - b) for a, b in zip(one, other, strict=True)) / len(one)
        assert 0 < moved < 40, "neither frozen nor another picture"
