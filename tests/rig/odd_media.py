"""Makes odd clips, as cameras, editors and recorders do, and knows what is in each by making it.

A clip shows a white square, and beeps, for the frames `FLASH`: so where its picture and its sound
are can be told of whatever is made of it.
"""

import array
import random
import subprocess
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg

__all__ = ["Odd", "beats", "drawn"]

FLASH = 8  #: the number of the first bright frame
LENGTH = 4  #: bright frames
COUNT = 24  #: frames of a clip
RATES = ("24000/1001", "24", "25", "30000/1001", "30", "50", "60", "15")
_CONTAINERS = {
    "mp4": ("libx264", "mpeg4", "libx265", "libvpx-vp9"),
    "mov": ("libx264", "prores_ks", "mjpeg", "libx265", "qtrle"),
    "mkv": ("libx264", "ffv1", "libvpx", "libx265"),
    "webm": ("libvpx", "libvpx-vp9"),
}
_CODECS = {
    "libx264": ("-preset", "ultrafast", "-pix_fmt", "yuv420p"),
    "libx265": ("-preset", "ultrafast", "-x265-params", "log-level=error", "-tag:v", "hvc1"),
    "libvpx": ("-deadline", "realtime", "-cpu-used", "8", "-b:v", "400k"),
    "libvpx-vp9": ("-deadline", "realtime", "-cpu-used", "8", "-b:v", "400k"),
    "prores_ks": ("-profile:v", "0"),
    "mjpeg": ("-pix_fmt", "yuvj420p", "-strict", "-1"),
    "ffv1": ("-pix_fmt", "yuv422p10le"),
}
_SOUNDS = {
    "mp4": ("aac", "libmp3lame", "alac"),
    "mov": ("aac", "pcm_s16le", "alac"),
    "mkv": ("aac", "flac", "libopus", "pcm_s16le"),
    "webm": ("libopus", "libvorbis"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Odd:
    """What one odd clip is."""

    container: str = "mp4"
    codec: str = "libx264"
    rate: str = "24"
    sound: str | None = "aac"
    late: float = 0.0  #: seconds from the first frame to the beginning of the sound
    rotation: int = 0  #: clockwise, as a player turns it
    aspect: Fraction = Fraction(1)  #: of a pixel
    light: str = "bt709"  #: or "hlg", or "pq"
    size: tuple[int, int] = (96, 54)
    timecode: bool = False
    fragments: bool = False
    index_first: bool = True
    cut: float | None = None  #: what share of its bytes is left

    @property
    def fps(self) -> Fraction:
        """Frames a second, exactly."""
        return Fraction(self.rate)

    @property
    def shown(self) -> tuple[int, int]:
        """Its size on a screen: turned, with square pixels."""
        wide = round(self.size[0] * max(self.aspect, Fraction(1)))
        high = round(self.size[1] * max(1 / self.aspect, Fraction(1)))
        return (high, wide) if self.rotation % 180 else (wide, high)

    @property
    def seconds(self) -> float:
        """Of its picture."""
        return float(COUNT / self.fps)

    def make(self, folder: Path, name: str = "odd") -> Path:
        """Write it."""
        to = folder / f"{name}.{self.container}"
        flat = folder / f"{name}.flat.{self.container}"
        _ffmpeg(*self._inputs(), *self._coded(), *(() if self.rotation else self._boxed()), flat)
        if self.rotation:
            turned = ("-display_rotation", str(-self.rotation), "-i", flat)
            _ffmpeg(*turned, "-map", "0:v", "-map", "0:a?", "-c", "copy", *self._boxed(), to)
            flat.unlink()
        else:
            flat.replace(to)
        if self.cut is not None:
            content = to.read_bytes()
            to.write_bytes(content[: int(len(content) * self.cut)])
        return to

    def _inputs(self) -> list[str]:
        width, height = self.size
        bright = f"between(n,{FLASH},{FLASH + LENGTH - 1})"
        picture = (
            f"color=0x303030:s={width}x{height}:r={self.rate}:d=60,"
            f"drawbox=x=0:y=0:w=iw:h=ih:color=white:t=fill:enable='{bright}',"
            f"trim=end_frame={COUNT}"
        )
        arguments = ["-f", "lavfi", "-i", picture]
        if self.sound:
            begin, end = (float(n / self.fps) for n in (FLASH, FLASH + LENGTH))
            beep = f"0.5*sin(2*PI*1000*t)*between(t+{self.late},{begin},{end})"
            length = max(0.2, self.seconds - self.late)
            sound = f"aevalsrc='{beep}':s=48000:d={length:.6f}"
            arguments += ["-itsoffset", f"{self.late}", "-f", "lavfi", "-i", sound]
        return arguments

    def _coded(self) -> list[str]:
        light = {
            "bt709": "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709",
            "hlg": "setparams=color_primaries=bt2020:color_trc=arib-std-b67:colorspace=bt2020nc",
            "pq": "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc",
        }[self.light]
        deep = ",format=yuv420p10le" if self.light != "bt709" else ""
        aspect = f"setsar={self.aspect.numerator}/{self.aspect.denominator}"
        filters = f"{aspect}{deep},{light}"
        sound = ("-c:a", self.sound, "-strict", "-2") if self.sound else ("-an",)
        return ["-vf", filters, "-c:v", self.codec, *_CODECS.get(self.codec, ()), *sound]

    def _boxed(self) -> list[str]:
        if self.container not in {"mp4", "mov"}:
            return []
        options = ["-timecode", "01:00:00:00"] if self.timecode else []
        if self.fragments:
            return [*options, "-movflags", "+frag_keyframe+empty_moov"]
        return [*options, *(("-movflags", "+faststart") if self.index_first else ())]


def drawn(seed: int) -> Odd:
    """The odd clip of a seed."""
    chance = random.Random(seed)
    container = chance.choice(list(_CONTAINERS))
    boxed = container in {"mp4", "mov"}
    odd = Odd(
        container=container,
        codec=chance.choice(_CONTAINERS[container]),
        rate=chance.choice(RATES),
        sound=chance.choice([None, *_SOUNDS[container]]),
        late=chance.choice([0.0, 0.0, 0.1, 0.25]),
        rotation=chance.choice([0, 0, 90, 180, 270]) if boxed else 0,
        aspect=chance.choice([Fraction(1), Fraction(1), Fraction(4, 3), Fraction(8, 9)]),
        size=chance.choice([(96, 54), (54, 96), (130, 98), (64, 64)]),
        timecode=boxed and chance.random() < 0.3,
        fragments=boxed and chance.random() < 0.2,
        index_first=chance.random() < 0.5,
        cut=chance.choice([None, None, None, None, 0.6]),
    )
    if odd.codec == "libx265":
        odd = replace(odd, light=chance.choice(["bt709", "hlg", "pq"]))
    if odd.timecode or odd.fragments:
        odd = replace(odd, rotation=0)  # what turns a clip writes neither of them again
    # Nor do fragments tell when a sound begins that is late. Its beep is to be heard in any case.
    late = 0.0 if odd.fragments else min(odd.late, float(0.9 * FLASH / odd.fps))
    return replace(odd, late=late)


def beats(clip: Path) -> tuple[float | None, float | None]:
    """When a clip flashes and when it beeps, in seconds of its own time; None where it does not.

    Read by ffmpeg's own clock, each frame at the time at which a player shows it.
    """
    shown = _ffmpeg(
        *("-copyts", "-i", clip, "-map", "0:V:0", "-vf", _CENTRE),
        *("-fps_mode", "passthrough", "-enc_time_base", "demux", "-f", "framecrc", "-"),
    ).decode()
    levels = _ffmpeg(
        *("-i", clip, "-map", "0:V:0", "-vf", _CENTRE),
        *("-fps_mode", "passthrough", "-f", "rawvideo", "-"),
    )
    tick = Fraction(next(each for each in shown.splitlines() if each.startswith("#tb")).split()[2])
    times = [int(each.split(",")[2]) * tick for each in shown.splitlines() if each[0] != "#"]
    middle = (min(levels) + max(levels)) / 2
    flash = next((float(t) for t, level in zip(times, levels, strict=True) if level > middle), None)
    try:
        heard = _ffmpeg(
            *("-copyts", "-i", clip, "-map", "0:a:0", "-c:a", "pcm_s16le", "-f", "framecrc", "-")
        ).decode()
    except subprocess.CalledProcessError:
        return flash, None  # there is no sound in it
    starts = [line for line in heard.splitlines() if line.startswith("0,")]
    if not starts:
        return flash, None
    tick = Fraction(
        next(each for each in heard.splitlines() if each.startswith("#tb 0")).split()[2]
    )
    begins = float(int(starts[0].split(",")[2]) * tick)
    samples = array.array("h", _ffmpeg("-i", clip, "-map", "0:a:0", *_MONO, "-f", "s16le", "-"))
    loud = next((n for n, sample in enumerate(samples) if abs(sample) > 3000), None)
    return flash, None if loud is None else begins + loud / 48000


_CENTRE = "crop=2:2:(iw-2)/2:(ih-2)/2,scale=1:1,format=gray"
_MONO = ("-af", "aresample=48000:async=1,asetpts=PTS-STARTPTS", "-ac", "1", "-ar", "48000")


def _ffmpeg(*arguments: object) -> bytes:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-y"]
    done = subprocess.run(
        [*command, *map(str, arguments)], check=True, timeout=120, capture_output=True
    )
    return done.stdout
