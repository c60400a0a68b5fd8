"""What is to be seen and heard around a cut: each picture in grey, the loudness of each moment."""

import array
import itertools
import math

from bot.media.ffmpeg import H264_AAC, ffmpeg

WIDTH, HEIGHT = 96, 54
MOMENT = 0.01  #: seconds over which loudness is measured
RATE = 8000


async def moving(to, *, seconds, size="192x108", fps=24, hertz=440):
    """A clip in which every picture differs clearly from the one before, with a steady tone."""
    sound = ("-f", "lavfi", "-i", f"sine=f={hertz}:r=48000:d={seconds}") if hertz else ()
    # Waves that are pushed on from picture to picture, by time and not by number.
    picture = (
        "geq=lum='70+65*sin((X+216*T)/17)+45*sin((Y+120*T)/11)+40*sin((X+Y+64*T*T)/23)'"
        ":cb=128:cr=128"
    )
    await ffmpeg(
        *("-f", "lavfi", "-i", f"color=s={size}:r={fps}:d={seconds},{picture}", *sound),
        *(*H264_AAC, "-crf", "12", to),
        timeout=120,
    )
    return to


async def pictures(clip):
    """Every picture of *clip*, small and grey, as the bytes of its pixels."""
    raw = clip.with_name(f"{clip.name}.grey")
    await ffmpeg(
        *("-i", clip, "-an", "-vf", f"scale={WIDTH}:{HEIGHT}:flags=area,format=gray"),
        *("-fps_mode", "passthrough", "-f", "rawvideo", raw),
        timeout=120,
    )
    content, size = raw.read_bytes(), WIDTH * HEIGHT
    raw.unlink()
    return [content[start : start + size] for start in range(0, len(content), size)]


def apart(one, other):
    """How much two pictures differ, on average over their pixels, of 255."""
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / len(one)


def same_pictures(found, wanted):
    """Each picture is the wanted one and not one beside it: none frozen, doubled or left out."""
    assert len(found) == len(wanted)
    for index, picture in enumerate(found):
        assert sum(picture) / len(picture) > 20, f"picture {index} is black"
        off = apart(picture, wanted[index])
        beside = [wanted[near] for near in (index - 1, index + 1) if 0 <= near < len(wanted)]
        assert off < 4, f"picture {index} is another one"
        assert off * 2 < min(apart(picture, each) for each in beside), f"picture {index} is late"


def runs_on(found, cut, *, around=4):
    """At *cut* the pictures go on moving: as much as just before and after it, and not at once."""
    steps = [apart(*pair) for pair in itertools.pairwise(found[cut - around : cut + around])]
    assert all(sum(each) / len(each) > 20 for each in found[cut - around : cut + around])
    usual = sorted(steps)[len(steps) // 2]
    assert min(steps) > usual / 4, f"frozen or doubled: {steps}"
    assert max(steps) < usual * 4, f"a jump: {steps}"


async def loudness(clip):
    """The loudness of each `MOMENT` of *clip*, in decibels below full scale."""
    raw = clip.with_name(f"{clip.name}.heard")
    await ffmpeg(
        *("-i", clip, "-vn", "-ac", "1", "-ar", str(RATE), "-f", "s16le", raw),
        timeout=120,
    )
    samples = array.array("h", raw.read_bytes())
    raw.unlink()
    step = round(RATE * MOMENT)
    moments = [samples[start : start + step] for start in range(0, len(samples) - step, step)]
    return [
        20 * math.log10(max(1e-5, math.sqrt(sum(s * s for s in each) / len(each)) / 32768))
        for each in moments
    ]


def no_gap(heard, at, *, around=0.25, longest=0.03):
    """At *at* seconds nobody hears a hole: the sound is never gone for as long as that."""
    first, last = (round((at + side) / MOMENT) for side in (-around, around))
    window = heard[max(0, first) : last]
    usual = sorted(window)[len(window) // 2]
    assert usual > -40, "there is sound at all"
    quiet = [
        len([*run]) for low, run in itertools.groupby(window, lambda db: db < usual - 12) if low
    ]
    assert max(quiet, default=0) * MOMENT <= longest, f"{max(quiet)} moments of silence"
