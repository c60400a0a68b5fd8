"""Odd clips, whose figures are known by their making, through all that is done to clips."""

import shutil
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import pytest

from bot.errors import Refusal
from bot.files.fetch import Fetcher
from bot.media.decode import Clip, decode
from bot.media.fit import fit
from bot.media.join import cut, join, replace_part, side_by_side
from bot.media.playable import playable
from bot.media.probe import first_frame, last_frame
from bot.media.reverse import backwards
from bot.orders.inputs import Inputs
from tests.rig.odd_media import COUNT, FLASH, LENGTH, Odd, beats, drawn
from tests.rig.proving import SEED, scaled

DRAWN = scaled(2, 100)
PLAIN = Odd(rate="24")


async def through(odd: Odd, folder: Path) -> None:
    """Give the clip to all that takes clips; it stays what it is, and in step."""
    made = odd.make(folder)
    beat = beats(made) if odd.cut is None else None
    kept = Inputs(folder, Fetcher())
    try:
        given = await kept.kept("video", made)
    except Refusal as refusal:
        assert odd.cut is not None, (odd, refusal.raw)
        assert str(refusal).endswith(".")
        return
    assert odd.cut is None, odd
    assert (given.width, given.height) == odd.shown, odd
    assert (given.frames, given.fps) == (COUNT, float(odd.fps)), odd
    assert beat is not None and beat[0] is not None
    # Fragments have no list that takes away what reordered frames wait for: the sound begins at
    # 0, the picture later, and the clip lasts from the one to the end of the other.
    waits = beat[0] - float(FLASH / odd.fps) if odd.fragments and odd.sound else 0.0
    assert given.seconds == pytest.approx(odd.seconds + waits, abs=0.08), odd
    # Nor does every sound wait with it; how far both are apart is then what has to be kept.
    apart = beat[1] - beat[0] if odd.fragments and odd.sound and beat[1] is not None else 0.0
    if odd.sound:
        assert beat[1] == pytest.approx(beat[0] + apart, abs=0.03), "it was made in step"
        assert abs(apart) <= waits + 0.03, "it was made no further apart than its frames wait"
    in_step = partial(lasting, odd=odd, apart=apart)
    clip = folder / given.file
    base = PLAIN.make(folder, "base")

    await join([base, clip], folder / "joined.mp4", like=1)
    added = round(COUNT / PLAIN.fps * odd.fps)
    # Its first flash is that of the plain clip.
    flash = round(FLASH / PLAIN.fps * odd.fps)
    await lasting(folder / "joined.mp4", odd=odd, count=COUNT + added, flash=flash)
    await cut(
        folder / "joined.mp4", folder / "cut.mp4", start=float(added / odd.fps), seconds=odd.seconds
    )
    await in_step(folder / "cut.mp4", count=COUNT, flash=FLASH)

    await replace_part(clip, base, folder / "part.mp4", start=float((FLASH + LENGTH) / odd.fps))
    await in_step(folder / "part.mp4", count=COUNT, flash=FLASH)

    await fit(clip, folder / "fit.mp4", 400_000)
    assert (folder / "fit.mp4").stat().st_size <= 400_000
    # All of a sound that begins long before the picture is kept: the first frame waits for it.
    held = round(waits * odd.fps) if waits > 0.1 else 0
    await in_step(folder / "fit.mp4", count=COUNT + held, flash=FLASH + held, size=False)

    posted = await playable(clip, folder / "posted.mp4")
    info = (await decode(posted)).moving
    assert info.complete, (odd, info.trouble)
    even = tuple(max(2, 2 * round(side / 2)) for side in odd.shown)
    assert (info.width, info.height) in {odd.shown, even}, odd
    assert info.fps == odd.fps, odd
    assert info.frames - COUNT in {0, held}, odd
    seen, heard = beats(posted)
    if odd.sound:
        near = pytest.approx(seen + apart, abs=max(float(1 / odd.fps), 0.022))
        assert heard == near, odd

    await backwards(clip, folder / "back.mp4")
    back = replace(odd, sound=None)
    await lasting(folder / "back.mp4", odd=back, count=COUNT, flash=COUNT - FLASH - LENGTH)
    await side_by_side(clip, base, folder / "both.mp4")
    assert (await decode(folder / "both.mp4")).complete
    for frame in (first_frame, last_frame):
        await frame(clip, folder / "frame.png")


async def lasting(
    made: Path, *, odd: Odd, count: int, flash: int, size: bool = True, apart: float = 0.0
) -> Clip:
    """It is as large, as fast and as long as it has to be; its beep is *apart* from its flash."""
    info = (await decode(made)).moving
    assert info.complete, (odd, info.trouble)
    even = tuple(max(2, 2 * round(side / 2)) for side in odd.shown)
    if size:
        assert (info.width, info.height) == even, odd
    assert (info.fps, info.frames) == (odd.fps, count), odd
    assert (info.picture.transfer, info.picture.primaries, info.picture.matrix) == (1, 1, 1), odd
    assert not info.picture.full and info.picture.rotation == 0
    seen, heard = beats(made)
    frame = float(1 / odd.fps)
    assert seen is not None and seen - info.picture.start == pytest.approx(
        flash / odd.fps, abs=1.01 * frame
    ), odd
    if odd.sound:
        assert heard is not None and heard == pytest.approx(seen + apart, abs=max(frame, 0.022)), (
            odd
        )
    return info


@pytest.mark.prove
@pytest.mark.long
async def test_odd_clips_stay_what_they_are(tmp_path, proof):
    for seed in range(SEED, SEED + DRAWN):
        folder = tmp_path / str(seed)
        folder.mkdir()
        await through(drawn(seed), folder)
        shutil.rmtree(folder)
    proof.tried(DRAWN, "clips drawn at random", usual=2, independent=True)


@pytest.mark.parametrize(
    "odd",
    [
        Odd(container="mov", late=0.25, timecode=True),
        pytest.param(
            Odd(container="mkv", late=0.25, sound="pcm_s16le", rate="30000/1001"),
            marks=pytest.mark.long,
        ),
        pytest.param(Odd(rotation=90, aspect=Fraction(4, 3), late=0.1), marks=pytest.mark.long),
        pytest.param(
            Odd(container="mov", codec="libx265", light="hlg", sound="alac"),
            marks=pytest.mark.long,
        ),
    ],
    ids=["late and timecode", "late in MKV", "turned and oblong", "a phone's HDR"],
)
@pytest.mark.long
async def test_kinds_of_odd_clips_stay_what_they_are(tmp_path, odd):
    await through(odd, tmp_path)
