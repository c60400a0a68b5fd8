"""A clip reaches people by the best way that is open, once; nothing paid for is lost."""

import asyncio
import os
import zipfile

import pytest

from bot.media.ffmpeg import ffmpeg
from bot.media.probe import probe
from storage import State
from tests.rig.house import until, working
from tests.rig.makers import NATIVE, Maker
from tests.rig.taking import clip_of, done, first_clip, is_clip, saved, thread_of

MIB = 2**20


@pytest.fixture
def large(media, tmp_path):
    """A clip of so many bytes: what it weighs besides its picture is a box that players skip."""

    def make(size):
        path = tmp_path / f"{size}.mp4"
        clip = media.clip.read_bytes()
        with path.open("wb") as file:
            file.write(clip)
            file.write((size - len(clip)).to_bytes(4, "big") + b"free")
            file.write(os.urandom(1024))
            file.truncate(size)
        return path

    return make


@pytest.mark.long
async def test_a_clip_of_60_mb_is_made_to_fit_a_server_of_10(mira, house, plain, tmp_path):
    """All of them are grain: none can be left out, so the limit is used for what it is worth."""
    plain.made = await dense(tmp_path / "dense.mp4")
    before = await probe(plain.made)
    assert before.size > 60 * MIB
    clip = await first_clip(mira)
    assert f"compressed from {before.size / MIB:.0f} MB" in clip.text
    assert 8.5 * MIB < clip.attachments[0].size <= 10 * MIB
    assert clip.attachments[0].description == "A clip made from: a red fox"
    made = await probe(await saved(clip, tmp_path / "posted.mp4"))
    assert (made.video_codec, made.audio_codec) == ("h264", "aac")
    assert (made.frames, made.fps) == (before.frames, before.fps)
    assert made.seconds == pytest.approx(before.seconds, abs=0.05)
    assert (tmp_path / "takes" / "1.mp4").stat().st_size == before.size, "the original stays"


async def dense(to):
    """Twenty frames of grain that weigh more than 60 MiB, as cameras may keep them."""
    seconds = 20 / 24
    await ffmpeg(
        *("-f", "lavfi", "-i", f"testsrc2=s=1280x720:r=24:d={seconds},noise=alls=100:allf=t"),
        *("-f", "lavfi", "-i", f"anoisesrc=d={seconds}:a=0.2", "-c:a", "aac"),
        *("-c:v", "rawvideo", "-pix_fmt", "rgb48be", "-tag:v", "b48r", "-f", "mov", to),
        timeout=120,
    )
    return to


@pytest.mark.long
async def test_the_original_of_a_compressed_clip_is_a_link_for_as_long_as_it_lies_there(
    mira, house, plain, large, tmp_path
):
    plain.made = large(60 * MIB)
    clip = await first_clip(mira)
    assert "compressed from 60 MB" in clip.text
    assert (tmp_path / "takes" / "1.mp4").stat().st_size == 60 * MIB, "the original stays"
    assert "quality:original" in clip.text
    mira.go(clip.channel_id)
    asked = await mira.type("/video show", clip="1", quality="original")
    await asked.answered
    shown = await until(lambda: (m := asked.message) and "the original" in m.text and m)
    assert "https://x.test/clip.mp4" in shown.text
    assert "<t:" in shown.text
    assert shown.attachments[0].filename == "dailies-1.jpg", "a poster stands for it"


@pytest.mark.long
async def test_what_a_server_takes_is_learnt_and_outlives_a_restart(
    playground, mira, plain, large, tmp_path
):
    plain.made = large(9 * MIB)
    async with working(playground, tmp_path / "a", providers={"plain": plain}) as house:
        plain.holds = True
        await (await mira.type("/video text", prompt="a fox")).answered
        await thread_of(house)
        playground.refuse("POST", r"/channels/\d+/messages$", 413, 40005, times=1)
        plain.holds = False
        clip = await clip_of(mira)
        assert "compressed from 9 MB" in clip.text
        learnt = await house.store.takes.upload_limit(playground.guild.id, said=10 * MIB)
        assert learnt == 8 * MIB
    refusals = len([call for call in playground.requests if call.status == 413])
    async with working(playground, tmp_path / "a", providers={"plain": plain}):
        await (await mira.type("/video text", prompt="again")).answered
        assert "compressed from 9 MB" in (await clip_of(mira, 2)).text
    assert len([call for call in playground.requests if call.status == 413]) == refusals


async def test_what_fits_nowhere_is_a_link_with_its_end(mira, house, plain, media, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(media.clip.read_bytes()[:40] + os.urandom(11 * MIB))
    plain.made = broken
    await (await mira.type("/video text", prompt="a fox")).answered
    message = await mira.wait_for(lambda each: "**#1** is ready" in each.text)
    assert "it is 11 MB, and this server takes up to 10 MB" in message.text
    assert "[the original](https://x.test/clip.mp4) until <t:" in message.text


async def test_hdr_is_frames_with_a_clip_to_look_at(playground, mira, tmp_path, media):
    able = Maker("able", NATIVE)
    async with working(playground, tmp_path, providers={"able": able}):
        able.made = media.frames
        await (await mira.type("/video text", prompt="a fox")).answered
        message = await clip_of(mira)
        names = [each.filename for each in message.attachments]
        assert names == ["dailies-1-preview.mp4", "dailies-1.zip"], "what can be looked at is first"
        assert "a ZIP of EXR frames for grading" in message.text
        packed = tmp_path / "large.zip"
        with zipfile.ZipFile(packed, "w") as archive, zipfile.ZipFile(media.frames) as frames:
            for name in frames.namelist():
                archive.writestr(name, frames.read(name))
            archive.writestr("notes.bin", os.urandom(11 * MIB))
            archive.writestr("../../outside.exr", frames.read(frames.namelist()[0]))
        able.made = packed
        await (await mira.type("/video text", prompt="another")).answered
        message = await mira.wait_for(lambda each: "**#2** is ready" in each.text)
        [shown] = message.attachments
        assert shown.filename == "dailies-2-preview.mp4"
        assert "a ZIP of EXR frames for grading · [the original](" in message.text
        made = await probe(await saved(message, tmp_path / "preview.mp4"))
        assert (made.video_codec, made.frames) == ("h264", 4)
        assert not (tmp_path.parent / "outside.exr").exists()


async def test_a_clip_whose_thread_was_deleted_comes_to_the_channel(playground, mira, house, plain):
    clip = await first_clip(mira)
    thread = clip.channel_id
    plain.holds = True
    await mira.react(clip, "🔁")
    await until(lambda: len(plain.orders) == 2)
    playground.world.delete_channel(thread)
    plain.holds = False
    again = await clip_of(mira, 2)
    assert again.channel_id == playground.channel("videos").id
    assert await house.store.takes.posts_of(1) == []
    # Reactions on it work there, too, and begin a thread of their own.
    await mira.react(again, "🔁")
    third = await clip_of(mira, 3)
    assert third.channel_id in mira.threads("videos")


async def test_no_direct_message_is_opened_while_there_is_a_channel(playground, mira, house):
    await first_clip(mira)
    await done(house, 1)
    assert not [call for call in playground.requests if call.path == "/users/@me/channels"]


@pytest.mark.long
async def test_a_clip_whose_thread_was_archived_opens_it_again(playground, mira, house, plain):
    clip = await first_clip(mira)
    plain.holds = True
    await mira.react(clip, "🔁")
    await until(lambda: len(plain.orders) == 2)
    playground.world.archive_thread(clip.channel_id)
    plain.holds = False
    again = await clip_of(mira, 2)
    assert again.channel_id == clip.channel_id


async def test_without_any_channel_it_comes_by_direct_message_and_else_waits(
    playground, mira, house, plain
):
    plain.holds = True
    await (await mira.type("/video text", prompt="a fox")).answered
    await until(lambda: len(plain.orders) == 1)
    bot, videos = playground.world.bot_user.id, playground.channel("videos").id
    playground.world.set_permissions(videos, bot, deny=["view_channel"])
    plain.holds = False
    clip = await clip_of(mira)
    assert clip.channel_id == mira.go_to_dm()
    mira.go("videos")
    playground.world.set_permissions(videos, bot)
    plain.holds = True
    await (await mira.type("/video text", prompt="an owl")).answered
    await until(lambda: len(plain.orders) == 2)
    playground.world.set_permissions(videos, bot, deny=["view_channel"])
    playground.refuse("POST", rf"/channels/{clip.channel_id}/messages$", 403, 50007, times=9)
    plain.holds = False

    async def parked():
        return (await house.store.jobs.get(2)).state is State.UNDELIVERED

    await until(parked)
    playground.world.set_permissions(videos, bot)
    asked = await mira.type("/video show", clip="2", public=True)
    await asked.answered
    await mira.wait_for(lambda each: "**#2**" in each.text and bool(each.attachments))


@pytest.mark.long
async def test_a_clip_that_cannot_be_joined_is_posted_as_the_part_it_is(
    mira, house, plain, tmp_path
):
    clip = await first_clip(mira)
    await done(house, 1)
    plain.holds = True
    await mira.react(clip, "⏩")
    await until(lambda: len(plain.orders) == 2)
    (tmp_path / "takes" / "1.mp4").unlink()
    plain.holds = False
    piece = await clip_of(mira, 2)
    assert "it couldn't be joined to the other clip" in piece.text
    asked = await mira.type("/video show", clip="1", public=True)
    await asked.answered
    assert asked.message.text == "The file of #1 is no longer kept. 🎲 makes it again."


async def test_a_post_is_found_by_history_when_the_nonce_is_forgotten(
    playground, mira, house, plain
):
    clip = await first_clip(mira)
    job = await done(house, 1)
    playground.clock.advance(600)
    file = house.settings.dailies_data / job.file
    assert await house.bot.delivery.clip(job, file, again=True) == clip.id
    posts = [each for each in mira.everything() if is_clip(each)]
    assert len(posts) == 1


@pytest.mark.long
async def test_what_two_people_want_smaller_at_once_is_made_once(house, tmp_path, media):
    clip = tmp_path / "1.mp4"
    clip.write_bytes(media.clip.read_bytes())
    limit = clip.stat().st_size - 1
    ladder = house.bot.delivery.ladder
    first = asyncio.create_task(ladder.fitting(clip, limit))
    second = asyncio.create_task(ladder.fitting(clip, limit))
    made = await first
    stamp = made.stat().st_mtime_ns
    assert await second == made
    assert made.stat().st_mtime_ns == stamp
    assert not [*tmp_path.glob("*.tmp*")]


async def test_where_a_thread_belongs_is_known_from_its_first_card_on(playground, mira, house):
    """Its clips go there once it is deleted, and the rules of that channel hold in it."""
    clip = await first_clip(mira)
    videos = playground.channel("videos").id
    assert await house.store.takes.parent_of(clip.channel_id) == videos
    assert not [each for each in mira.everything() if "### Takes" in each.text], "no board yet"
