"""What the message of a clip is made of: its prompt, the clip, prices, and what can be done."""

import zipfile
from decimal import Decimal

import discord
import pytest

from bot.catalog.model import Price
from storage import Mode
from tests.rig.doubles import PRICE
from tests.rig.house import until, working
from tests.rig.makers import NATIVE, Maker
from tests.rig.taking import (
    FAVOURITE,
    RETAKE,
    answered,
    clip_of,
    done,
    first_clip,
    is_clip,
    more,
)

V2 = 1 << 15
PRICED = r"-# 🔁 [\d,]+ credits"
CHEAP = Price(per_second={"*": Decimal("0.05")}, dated=PRICE.dated, source="the tests")
LEGEND = "⭐ favorite · ✉️ send to me · ❌ delete"
BEHIND = ["🌈 HDR", "⭐ Favorite", "✉️ Send to me", "🆚 Compare", "🔎 Details", "❌ Delete"]
MONTH = 31 * 24 * 3600.0


def parts(message):
    """The types of what stands in a message's container."""
    [box] = message.raw["components"]
    return [part["type"] for part in box["components"]]


async def test_a_clip_is_one_layout_that_says_what_it_is(mira, house):
    clip = await first_clip(mira, "a red fox\nin the snow")
    assert clip.flags & V2 and not clip.content and not clip.raw["embeds"]
    assert parts(clip) == [10, 12, 10, 1], "words, clip, words, buttons"
    first, second, third = clip.text.split("\n")[:3]
    assert first == f"<@{mira.id}> **#1** is ready"
    assert (second, third) == ("> a red fox", "> in the snow")
    assert clip.mentions == (mira.id,)
    assert clip.raw["attachments"] == [], "Discord lists it in the gallery alone"
    assert [each.filename for each in clip.attachments] == ["dailies-1.mp4"]
    assert [each.label for each in clip.buttons] == [
        *("🔁 Retake…", "⏩ Extend…", "🎲 Variation", "×4", "More…")
    ]
    assert (await done(house, 1)).result_id == clip.id


@pytest.mark.long
async def test_a_clip_that_nobody_extends_leaves_no_frame_on_the_disk(mira, house):
    """What ⏩ costs stands on it: that is said from the clip, and the frame made when ordered."""
    clip = await first_clip(mira)
    assert "⏩" in clip.text
    inputs = house.settings.dailies_data / "inputs"
    assert not [*inputs.glob("frame-*")]
    await mira.react(clip, "⏩")
    extended = (await done(house, 2)).brief
    assert extended.image.file == "inputs/frame-1-last.png"
    frame = house.settings.dailies_data / extended.image.file
    assert extended.image.size == frame.stat().st_size > 0


async def test_frames_stand_below_the_clip_to_look_at(playground, mira, tmp_path, media):
    able = Maker("able", NATIVE)
    async with working(playground, tmp_path, providers={"able": able}):
        able.made = media.frames
        clip = await first_clip(mira)
        assert parts(clip) == [10, 12, 13, 10, 1]
        assert [each.filename for each in clip.attachments] == [
            *("dailies-1-preview.mp4", "dailies-1.zip")
        ]
        packed = clip.attachments[1]
        assert packed.size == media.frames.stat().st_size
        assert zipfile.is_zipfile(media.frames)


@pytest.mark.long
async def test_an_hdr_version_quotes_no_prompt_anywhere(playground, mira, tmp_path):
    able = Maker("able", (*NATIVE, Mode.HDR))
    async with working(playground, tmp_path, providers={"able": able}) as house:
        clip = await first_clip(mira)
        await done(house, 1)
        opened = await answered(await mira.click(clip, "More…"))
        await answered(await mira.click(opened.message, "HDR"))
        await clip_of(mira, 2)
        await done(house, 2)
        board = await mira.wait_for(lambda each: "2 takes" in each.text)
        mira.go(clip.channel_id)
        listed = await answered(await mira.type("/video takes"))
        said = [board.text.split("\n")[-1], listed.message.text]
        said += [each.text for each in mira.everything() if "HDR of" in each.text]
        about = [line for text in said for line in text.split("\n") if "#2" in line]
        assert len(about) >= 3
        for text in said:
            assert "“HDR" not in text and "> HDR" not in text and "“”" not in text
            assert not any(line.strip() == ">" for line in text.split("\n"))


async def test_each_clip_shows_its_prices_and_the_first_three_what_reactions_do(
    playground, mira, jonas, tmp_path
):
    dear = Maker("dear", NATIVE, price=CHEAP)
    async with working(playground, tmp_path, providers={"dear": dear}) as house:
        clip = await first_clip(mira)
        shown = []
        for number in range(2, 6):
            shown.append(clip)
            await answered(await mira.click(clip, "Variation"))
            clip = await clip_of(mira, number)
            await done(house, number)
        shown.append(clip)
        prices = []
        for each in shown:
            [line] = [
                line
                for line in each.text.split("\n")
                if line.startswith("-# 🔁 ") and "credit" in line
            ]
            post = await until(lambda each=each: house.store.takes.post(each.id))
            prices.append((post.retake_price, post.extend_price))
            retake, extend = prices[-1]
            assert line == f"-# 🔁 {retake:,} credits · ⏩ {extend:,} credits", "as the row says"
        assert [LEGEND in each.text for each in shown] == [True, True, True, False, False]
        assert [each.button("?") is not None for each in shown] == [
            *(False, False, False, True, True)
        ]
    async with working(playground, tmp_path, providers={"dear": dear}) as house:
        await answered(await mira.click(shown[-1], "Variation"))
        assert LEGEND not in (await clip_of(mira, 6)).text, "counted by rows: a restart is none"
        mira.go("videos")
        jonas.go("videos")
        await answered(await jonas.type("/video text", prompt="an owl"))
        assert LEGEND in (await clip_of(jonas, 7)).text, "another person's first"
        asked = await answered(await jonas.click(shown[-1], "?"))
        assert asked.message.ephemeral
        assert f"⏩ add 2 s at the end · {prices[-1][1]:,} credits" in asked.message.text
        assert house is not None


@pytest.mark.long
async def test_the_rest_is_behind_more_a_month_later_and_after_a_restart(
    playground, mira, jonas, plain, tmp_path
):
    async with working(playground, tmp_path, providers={"plain": plain}) as house:
        clip = await first_clip(mira)
        await done(house, 1)
        opened = await answered(await jonas.click(clip, "More…"))
    playground.clock.advance(MONTH)
    async with working(playground, tmp_path, providers={"plain": plain}) as house:
        mira.go(clip.channel_id)
        await mira.say("still here")  # the thread had been archived
        before = len(mira.everything())
        again = await answered(await jonas.click(clip, "More…"))
        for panel in (opened.message, again.message):
            assert panel.ephemeral
            assert [each.label for each in panel.buttons] == BEHIND
        assert len(mira.everything()) == before, "nobody else sees it"
        liked = await answered(await jonas.click(opened.message, "Favorite"))
        assert "is now one of your favorites" in liked.message.text
        details = await answered(await jonas.click(again.message, "Details"))
        assert "Done · #1" in details.message.text
        await jonas.click(again.message, "Compare")
        await jonas.wait_for("There is no other take to compare #1 with yet.")
        await jonas.click(again.message, "Send to me")
        there = jonas.go_to_dm()
        sent = await jonas.wait_for(lambda each: each.channel_id == there and is_clip(each))
        assert "> a red fox" in sent.text, "direct messages say what it is, too"
        assert not sent.buttons and "🔁" not in sent.text, "nobody acts on those"
        removed = await answered(await more(mira, clip, "Delete"))
        assert "#1 is deleted" in removed.message.text
        assert mira.message(clip.id) is None
        unliked = await answered(await jonas.click(opened.message, "Favorite"))
        assert "is no longer one of your favorites" in unliked.message.text
        assert house is not None


# Posts of versions before this one.


async def posted_before(house, clip):
    """What version 0.2 had posted in its place: words, an attachment, two rows of buttons."""
    old = discord.ui.View(timeout=None)
    for row, verbs in enumerate(
        [
            ["retake", "extend", "variation", "hdr"],
            ["favourite", "send", "compare", "details", "remove"],
        ]
    ):
        for verb in verbs:
            old.add_item(
                discord.ui.Button(label=verb.title(), custom_id=f"do:take-{verb}:1", row=row)
            )
    old.stop()
    place = house.bot.get_partial_messageable(clip.channel_id, guild_id=house.bot.guilds[0].id)
    job = await house.store.jobs.get(1)
    words = f"<@{job.user_id}> **#1** is ready · free · take 1"
    file = discord.File(house.settings.dailies_data / job.file, "dailies-1.mp4")
    made = await place.send(words, file=file, view=old)
    await place.get_partial_message(clip.id).delete()
    return made


@pytest.mark.long
async def test_a_post_of_an_earlier_version_goes_on_working(
    playground, mira, jonas, plain, tmp_path
):
    async with working(playground, tmp_path, providers={"plain": plain}) as house:
        clip = await first_clip(mira)
        job = await done(house, 1)
        old = await posted_before(house, clip)
        file = house.settings.dailies_data / job.file
        found = await house.bot.delivery.clip(job, file, again=True)
        assert found == old.id, "it is known by its file, and written down"
    await mira.react(old.id, RETAKE)  # while nobody looks
    async with working(playground, tmp_path, providers={"plain": plain}) as house:
        second = await clip_of(mira, 2)
        await done(house, 2)
        assert second.flags & V2
        board = await mira.wait_for(
            lambda each: "### Takes" in each.text and "2 takes" in each.text
        )
        assert f"/{old.id})" in board.text, "the board leads to the old post"
        liked = await answered(await jonas.click(old.id, "Favourite"))
        assert "is now one of your favorites" in liked.message.text
        await answered(await jonas.click(old.id, "Retake"))
        await jonas.react(old.id, FAVOURITE)
        await answered(await mira.click(second, "More…"))
        await answered(await mira.click(old.id, "Remove"))
        assert mira.message(old.id) is None
        assert await house.store.takes.posts_of(1) == []
