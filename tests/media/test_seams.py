"""Where clips are put together here, nobody sees or hears it: compared picture by picture.

One long clip is taken apart and put together again in every way that Dailies has: what comes out
must be that clip.
"""

import asyncio
import os
import random
import signal
import subprocess
import sys

import pytest

from bot.media import join, probe
from bot.media.assemble import PIECE, assemble
from bot.media.ffmpeg import H264_AAC, ffmpeg
from bot.media.reverse import backwards
from storage import Input, Plan
from tests.rig.proving import SEED, scaled
from tests.rig.seams import apart, loudness, moving, no_gap, pictures, runs_on, same_pictures

pytestmark = pytest.mark.asyncio(loop_scope="function")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("seams")


@pytest.fixture(scope="module")
def long(folder):
    """Three seconds, 72 pictures, each unlike its neighbours, and a tone throughout."""
    return asyncio.run(moving(folder / "long.mp4", seconds=3))


async def part_of(clip, to, first, last, *, turned=False, sound=True):
    """The pictures from *first* up to *last* of a clip, perhaps turned round by ffmpeg itself."""
    picture = f"trim=start_frame={first}:end_frame={last},setpts=PTS-STARTPTS"
    heard = f"atrim=start={first / 24}:end={last / 24},asetpts=PTS-STARTPTS"
    await ffmpeg(
        *("-i", clip, "-vf", picture + (",reverse" if turned else "")),
        *(("-af", heard) if sound else ("-an",)),
        *(*H264_AAC, "-crf", "10", to),
        timeout=120,
    )
    return to


def plan(place, clip, **more):
    return Plan(place=place, clip=Input(file=clip.name, type="video/mp4", size=1), **more)


@pytest.mark.long
async def test_clips_that_follow_each_other_are_joined_without_a_seam(long, tmp_path):
    parts = [
        await part_of(long, tmp_path / f"{first}.mp4", first, last)
        for first, last in ((0, 20), (20, 50), (50, 72))
    ]
    to = tmp_path / "joined.mp4"
    await join.join(parts, to)
    same_pictures(await pictures(to), await pictures(long))
    heard = await loudness(to)
    for cut in (20, 50):
        no_gap(heard, cut / 24)


@pytest.mark.long
async def test_an_extension_at_the_end_made_here_goes_on_from_the_last_frame(long, tmp_path):
    clip = await part_of(long, tmp_path / "clip.mp4", 0, 40)
    piece = await part_of(long, tmp_path / f"2{PIECE}", 39, 72)
    to = tmp_path / "2.mp4"
    await assemble(plan("end", clip), piece, to, data=tmp_path)
    same_pictures(await pictures(to), await pictures(long))
    no_gap(await loudness(to), 40 / 24)


@pytest.mark.parametrize(
    ("size", "fps"), [("192x108", 24), pytest.param("384x216", 30, marks=pytest.mark.long)]
)
@pytest.mark.long
async def test_an_extension_at_the_start_made_here_ends_where_the_clip_begins(
    long, tmp_path, size, fps
):
    """The piece begins with the clip's first picture and goes back in time; its sound is gone."""
    clip = await part_of(long, tmp_path / "clip.mp4", 32, 72)
    source = long
    if fps != 24:  # as a provider may give it: larger, at another rate
        source = await moving(tmp_path / "source.mp4", seconds=1.5, size=size, fps=fps)
    shared = 32 * fps // 24
    piece = await part_of(source, tmp_path / f"2{PIECE}", 0, shared + 1, turned=True)
    to = tmp_path / "2.mp4"
    await assemble(plan("start", clip), piece, to, data=tmp_path)
    info = await probe.probe(to)
    assert (info.width, info.height, info.fps) == (192, 108, 24)
    assert (info.video_codec, info.audio_codec) == ("h264", "aac")
    found = await pictures(to)
    if fps == 24:
        same_pictures(found, await pictures(long))
    else:
        assert abs(len(found) - 72) <= 1
        same_pictures(found[-40:], (await pictures(long))[32:])
    cut = len(found) - 40
    runs_on(found, cut)
    heard = await loudness(to)
    assert max(heard[5 : round(cut / 24 * 100) - 5]) < -60, "nothing is heard backwards"
    assert min(heard[round(cut / 24 * 100) + 3 : -5]) > -40, "and all of the clip, from its start"
    assert {path.name for path in tmp_path.iterdir()} <= {
        *("clip.mp4", "source.mp4", "2.mp4", f"2{PIECE}")
    }


@pytest.mark.long
async def test_without_any_sound_an_extension_at_the_start_has_none(long, tmp_path):
    clip = await part_of(long, tmp_path / "clip.mp4", 32, 72, sound=False)
    piece = await part_of(long, tmp_path / f"2{PIECE}", 0, 33, turned=True)
    await assemble(plan("start", clip), piece, tmp_path / "2.mp4", data=tmp_path)
    info = await probe.probe(tmp_path / "2.mp4")
    assert (info.audio_codec, info.frames) == (None, 72)


@pytest.mark.long
async def test_a_part_made_again_here_has_no_seam_at_either_end(long, tmp_path):
    piece = await part_of(long, tmp_path / f"2{PIECE}", 24, 56)  # a little longer than asked for
    to = tmp_path / "2.mp4"
    again = plan("part", long, start=1.0, seconds=1.25)
    (tmp_path / long.name).symlink_to(long)
    await assemble(again, piece, to, data=tmp_path)
    same_pictures(await pictures(to), await pictures(long))
    heard = await loudness(to)
    for cut in (24, 54):
        no_gap(heard, cut / 24)


@pytest.mark.long
async def test_a_clip_is_turned_round_to_the_frame_however_short_the_stretches(long, tmp_path):
    clip = await part_of(long, tmp_path / "clip.mp4", 0, 20)
    wanted = (await pictures(clip))[::-1]
    one = 192 * 108 * 3 // 2
    for held in (one, 7 * one, 72 * one):
        await backwards(clip, tmp_path / "back.mp4", held=held)
        same_pictures(await pictures(tmp_path / "back.mp4"), wanted)
    await backwards(clip, tmp_path / "back.mp4", skip=3)
    same_pictures(await pictures(tmp_path / "back.mp4"), wanted[:-3])
    await backwards(clip, tmp_path / "back.mp4", skip=999)
    [left] = await pictures(tmp_path / "back.mp4")
    assert apart(left, wanted[0]) < 4


MEASURED = """
import asyncio, resource, sys
from pathlib import Path
from bot.media.ffmpeg import ffmpeg
from bot.media.reverse import backwards

async def all_at_once(clip, to):
    await ffmpeg("-i", clip, "-vf", "reverse", "-an", "-f", "null", "-", timeout=120)

async def in_stretches(clip, to):
    await backwards(clip, to, held=int(sys.argv[3]))

asyncio.run(globals()[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[2] + ".back.mp4")))
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
"""


@pytest.mark.long
async def test_turning_a_clip_round_takes_little_memory_however_long_it_is(tmp_path):
    """The largest child is measured; turned round at once, the pictures alone are 200 MB."""
    clip = tmp_path / "clip.mp4"
    await ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=s=1280x720:r=24:d=6"),
        *(*H264_AAC, "-preset", "ultrafast", clip),
        timeout=120,
    )

    async def largest(way, held):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", MEASURED, way, str(clip), str(held)),
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0
        return int(said)

    picture, held = 1280 * 720 * 3 // 2, 16 * 2**20
    bounded = await largest("in_stretches", held)
    assert bounded < held + 30 * picture + 60 * 2**20, "as `HELD` says"
    assert await largest("all_at_once", held) > 140 * picture > bounded


@pytest.mark.long
@pytest.mark.prove
async def test_an_assembly_that_is_killed_is_begun_again_and_leaves_nothing(long, tmp_path, proof):
    """kill -9 at any moment, as often as one likes: what comes out is the same clip."""
    clip = await part_of(long, tmp_path / "clip.mp4", 32, 72)
    piece = await part_of(long, tmp_path / f"2{PIECE}", 0, 33, turned=True)
    to = tmp_path / "2.mp4"
    before = piece.read_bytes()
    script = f"""
import asyncio
from pathlib import Path
from bot.media.assemble import assemble
from storage import Input, Plan
given = Input(file={clip.name!r}, type="video/mp4", size=1)
print("begins", flush=True)
asyncio.run(assemble(Plan(place="start", clip=given), Path({str(piece)!r}), Path({str(to)!r}),
                     data=Path({str(tmp_path)!r})))
"""
    dice = random.Random(SEED)
    left, kills = 0, scaled(6, 100)
    for _ in range(kills):
        process = subprocess.Popen(  # noqa: ASYNC220  # it is killed, not waited for
            [sys.executable, "-c", script], stdout=subprocess.PIPE, start_new_session=True
        )
        await asyncio.to_thread(process.stdout.readline)
        for _ in range(3000):  # it looks at both clips before it writes
            if len([*tmp_path.iterdir()]) > 2 or process.poll() is not None:
                break
            await asyncio.sleep(0.01)
        await asyncio.sleep(dice.uniform(0.0, 0.6))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        left = max(left, len([*tmp_path.iterdir()]) - 2)
        if to.exists():  # it was quick: whole, or not there
            assert (await probe.probe(to)).frames == 72
            to.unlink()
    assert left > 0, "it was killed in the midst of it"
    await assemble(plan("start", clip), piece, to, data=tmp_path)
    same_pictures(await pictures(to), await pictures(long))
    assert piece.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"clip.mp4", "2.mp4", f"2{PIECE}"}
    proof.tried(kills, "kills of a join at a random moment", usual=6, independent=True)
