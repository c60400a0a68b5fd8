"""Every clip has a poster with its words; none delays a clip, and none is shown twice."""

import asyncio
import io
import os
import shutil

import aiohttp
import pytest
from PIL import Image, ImageStat

from bot.chat.recognizing import is_card
from bot.media import probe
from bot.media.ffmpeg import H264_AAC, ffmpeg
from bot.media.probe import MediaError
from storage import State
from tests.rig.drafts import draft
from tests.rig.house import until, working
from tests.rig.makers import NATIVE, Maker
from tests.rig.taking import clip_of, done, first_clip, is_clip

ALT = "A clip made from: a red fox"
THUMBNAIL = 11


def shown(message):
    """The thumbnails of a card."""
    return [
        part["accessory"]
        for box in message.raw["components"]
        for part in box.get("components", ())
        if part.get("accessory", {}).get("type") == THUMBNAIL
    ]


async def card_of(person, number, *, poster=True):
    return await person.wait_for(
        lambda each: (
            f"Done · #{number}\n" in f"{each.text}\n"
            and bool(each.flags & 1 << 15)
            and bool(shown(each)) is poster
        )
    )


async def picture_at(url):
    async with aiohttp.ClientSession() as web, web.get(url) as answer:
        assert answer.status == 200
        content = await answer.read()
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        return image, len(content)


# The picture.


async def clip(to, *parts, size="320x180"):
    """A clip of colours, each for so many seconds."""
    inputs = [
        word
        for colour, seconds in parts
        for word in ("-f", "lavfi", "-i", f"{colour}s={size}:r=24:d={seconds}")
    ]
    await ffmpeg(
        *inputs,
        *("-filter_complex", f"concat=n={len(parts)}:v=1", *H264_AAC, "-crf", "12", to),
        timeout=120,
    )
    return to


async def test_a_clip_that_begins_black_has_a_poster_that_is_not(tmp_path):
    long = await clip(tmp_path / "clip.mp4", ("color=c=black:", 4), ("testsrc2=", 0.5))
    await probe.portrait(long, tmp_path / "1.jpg")
    with Image.open(tmp_path / "1.jpg") as image:
        assert ImageStat.Stat(image.convert("L")).mean[0] > 60


async def test_a_poster_is_like_most_of_the_clip_and_no_flash_in_it(tmp_path):
    flash = await clip(
        tmp_path / "clip.mp4",
        *(("color=c=white:", 0.3), ("color=c=red:", 2), ("color=c=blue:", 0.4)),
    )
    await probe.portrait(flash, tmp_path / "1.jpg")
    with Image.open(tmp_path / "1.jpg") as image:
        red, green, blue = image.convert("RGB").getpixel((100, 100))
    assert red > 200 and green < 60 and blue < 60


async def test_a_clip_that_is_dark_throughout_has_a_poster_all_the_same(tmp_path):
    night = await clip(tmp_path / "clip.mp4", ("color=c=0x060606:", 1))
    await probe.portrait(night, tmp_path / "1.jpg")
    assert (tmp_path / "1.jpg").stat().st_size > 200


@pytest.mark.long
@pytest.mark.parametrize(
    ("size", "wanted"), [("1280x720", (640, 360)), ("608x1080", (360, 640)), ("64x36", (64, 36))]
)
async def test_a_poster_is_small_and_never_larger_than_its_clip(tmp_path, size, wanted):
    grain = await clip(tmp_path / "clip.mp4", ("testsrc2=", 0.5), size=size)
    await probe.portrait(grain, tmp_path / "1.jpg")
    with Image.open(tmp_path / "1.jpg") as image:
        assert image.size == wanted and image.format == "JPEG"
    assert (tmp_path / "1.jpg").stat().st_size <= 60_000


@pytest.mark.long
async def test_a_poster_of_nothing_but_grain_is_still_light(tmp_path):
    grain = tmp_path / "clip.mp4"
    await ffmpeg(
        *("-f", "lavfi", "-i", "color=c=gray:s=640x360:r=24:d=0.3,noise=alls=70:allf=t"),
        *(*H264_AAC, "-crf", "8", grain),
        timeout=120,
    )
    await probe.portrait(grain, tmp_path / "1.jpg")
    assert (tmp_path / "1.jpg").stat().st_size <= 60_000


async def test_what_has_no_picture_has_no_poster(tmp_path):
    sound = tmp_path / "clip.mp4"
    await ffmpeg("-f", "lavfi", "-i", "sine=d=1", "-c:a", "aac", sound, timeout=120)
    with pytest.raises(MediaError):
        await probe.portrait(sound, tmp_path / "1.jpg")
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


# Where it is shown.


async def test_the_card_of_a_finished_clip_shows_its_poster(mira, house, tmp_path):
    clip = await first_clip(mira)
    card = await card_of(mira, 1)
    [thumbnail] = shown(card)
    assert thumbnail["description"] == ALT
    image, size = await picture_at(thumbnail["media"]["url"])
    assert image.size == (128, 72)
    assert size <= 60_000
    kept = tmp_path / "takes" / "1.jpg"
    assert kept.stat().st_size == size
    assert [each.filename for each in clip.attachments] == ["dailies-1.mp4"], "no second picture"
    assert not clip.raw["embeds"]
    assert not shown(clip)


async def test_a_poster_is_made_once_and_shown_once_however_often_we_begin(
    playground, mira, plain, tmp_path
):
    for _ in range(3):
        async with working(playground, tmp_path, providers={"plain": plain}) as house:
            if not mira.everything():
                await first_clip(mira)
            card = await card_of(mira, 1)
            job = await done(house, 1)
            before = (tmp_path / "takes" / "1.jpg").stat().st_mtime_ns
            await house.bot.delivery.posters.begin(job)
            assert (tmp_path / "takes" / "1.jpg").stat().st_mtime_ns == before
            house.bot.events.job_changed.emit(job, house.studio.glimpse(job))
            await asyncio.sleep(0.5)
    card = await card_of(mira, 1)
    assert len(shown(card)) == 1
    stored = playground.world.get_message(card.channel_id, card.id)
    assert [each["filename"] for each in stored.attachments] == ["dailies-1.jpg"]
    clips = [each for each in mira.everything() if is_clip(each)]
    assert len(clips) == 1, clips


async def test_after_a_restart_a_card_with_a_poster_is_still_known_as_the_card(mira, house):
    await first_clip(mira)
    card = await card_of(mira, 1)
    channel = house.bot.get_partial_messageable(card.channel_id)
    message = await channel.fetch_message(card.id)
    assert is_card(draft(id=1))(message)
    assert not is_card(draft(id=11))(message)


@pytest.mark.long
async def test_a_poster_that_takes_long_keeps_neither_clip_nor_card_back(
    mira, house, plain, tmp_path
):
    """Its making is held up by a name that cannot be written yet; the card has it later."""
    (tmp_path / "takes").mkdir(exist_ok=True)
    slow = asyncio.Event()
    posters = house.bot.delivery.posters
    making = posters._make

    async def later(job):
        await slow.wait()
        return await making(job)

    posters._make = later
    clip = await first_clip(mira)
    assert clip.attachments
    await card_of(mira, 1, poster=False)
    slow.set()
    await card_of(mira, 1)


@pytest.mark.long
async def test_a_clip_that_has_no_poster_has_a_card_without_one(mira, house, plain, media):
    plain.made = media.frames.with_name("odd.mp4")
    plain.made.write_bytes(media.clip.read_bytes()[:40] + os.urandom(5000))
    await first_clip(mira)
    await card_of(mira, 1, poster=False)
    assert (await done(house, 1)).state is State.DONE


async def test_a_card_that_takes_no_picture_is_written_without_it(playground, mira, house):
    await first_clip(mira)
    await card_of(mira, 1)
    job = await done(house, 1)
    playground.refuse("PATCH", r"/channels/\d+/messages/\d+$", 413, 40005, times=1)
    house.bot.events.job_changed.emit(job, house.studio.glimpse(job))
    await card_of(mira, 1, poster=False)


async def test_a_clip_that_was_taken_down_is_no_longer_on_its_card(mira, house):
    clip = await first_clip(mira)
    await card_of(mira, 1)
    await mira.react(clip, "❌")
    card = await card_of(mira, 1, poster=False)
    assert house is not None
    assert not shown(card)


async def test_a_favourite_is_gathered_with_its_poster_beside_the_prompt(
    playground, mira, house, tmp_path
):
    clip = await first_clip(mira)
    await done(house, 1)
    best = playground.channel("storyboards").id
    await (await playground.person("ada").type("/studio takes", favorites=best)).answered
    await mira.react(clip, "⭐")
    post = await mira.wait_for(lambda each: each.channel_id == best and bool(each.attachments))
    assert [each.filename for each in post.attachments] == ["dailies-1.mp4"]
    assert "> a red fox" in post.text
    [thumbnail] = shown(post)
    image, _ = await picture_at(thumbnail["media"]["url"])
    assert image.size == (128, 72)


async def test_hdr_shows_the_poster_of_its_preview(playground, mira, tmp_path, media):
    able = Maker("able", NATIVE)
    async with working(playground, tmp_path, providers={"able": able}):
        able.made = media.frames
        await (await mira.type("/video text", prompt="a fox")).answered
        await clip_of(mira)
        card = await card_of(mira, 1)
        image, _ = await picture_at(shown(card)[0]["media"]["url"])
        assert image.size == (64, 36)


async def test_posters_asked_for_at_once_are_one(house, tmp_path, media):
    (tmp_path / "takes").mkdir(exist_ok=True)
    shutil.copy(media.clip, tmp_path / "takes" / "7.mp4")
    job = draft(id=7, file="takes/7.mp4")
    posters = house.bot.delivery.posters
    tasks = {posters.begin(job) for _ in range(5)}
    assert len(tasks) == 1
    assert await posters.soon(job, within=20) == tmp_path / "takes" / "7.jpg"
    await until(lambda: not posters._tasks)
