"""What a seed looks and sounds like: its colours, its drifting light, its chord."""

import math
import random
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

from bot.media.ffmpeg import Graph, rate
from bot.providers._preview.moves import CAMERA, Move

__all__ = ["CAMERA", "Frame", "Move", "crossed", "light", "still", "tone"]

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What a picture stream is made of. Pixels, frames a second, frames."""

    width: int
    height: int
    fps: float
    count: int

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.count / self.fps

    @property
    def unit(self) -> float:
        """One pixel of a picture whose short side is 720: what type and margins are sized in."""
        return min(self.width, self.height) / 720


#: Colours that go together, the darkest first: it is the ground that the others shine on.
_PALETTES: tuple[tuple[int, ...], ...] = (
    (0x0B1026, 0x2B3A8C, 0x7A4FD0, 0xE0639A, 0xFFB26B),  # dusk
    (0x06141F, 0x0F5C6B, 0x1FAE8F, 0x7BE0A3, 0x5A6FF0),  # aurora
    (0x170A0A, 0x6B1D1D, 0xC8452B, 0xF59E4C, 0x5B2A6B),  # ember
    (0x04121F, 0x0B3A66, 0x1577B5, 0x4CC3D9, 0xA8E6DC),  # ocean
    (0x1C0B1A, 0x6B2150, 0xC0407F, 0xF08AA8, 0xF7B58F),  # rose
    (0x0A140E, 0x1E4A34, 0x3F8A54, 0xA7C957, 0xE8C76A),  # forest
    (0x0D0821, 0x3A1A8C, 0x7B2FF7, 0xD44DF0, 0x4CC9F0),  # violet
    (0x1A130D, 0x6B4A2F, 0xC08A5A, 0xE8B48A, 0x6FA8A0),  # sand
    (0x0B1420, 0x35507A, 0x7EA4D0, 0xB8D4EC, 0xE8B8CC),  # ice
    (0x12091F, 0x4A1D6B, 0xE0457B, 0xFF8A5B, 0x2EC4B6),  # carnival
)
#: Of what light is made: ten bits and all of the colour, or its soft slopes would show steps.
_PIXELS = "format=yuv444p10:color_spaces=bt709:color_ranges=tv"
#: What every picture stream ends in: the pixels and colours that all players take for granted.
_SHOWN = "setsar=1,format=yuv420p:color_spaces=bt709:color_ranges=tv"
_LIGHTS = 7
_SPECKS = 16
_SHORT = 270  #: pixels: light is painted this small and enlarged, it has no edges to lose

#: Chords as half tones above a root: all of them calm ones, and none can clash.
_CHORDS = ((0, 7, 14, 16), (0, 7, 11, 16), (0, 5, 9, 14), (0, 7, 10, 15), (0, 4, 9, 14))
_ROOT = 110.0  #: hertz: an A


def light(graph: Graph, frame: Frame, *, seed: int, move: Move | None, room: Path) -> str:
    """Drifting light in the colours of *seed*; the label of its stream. Paints into *room*."""
    dice = random.Random(seed)  # noqa: S311  the same seed must give the same picture
    ground, *colours = [_colour(value) for value in dice.choice(_PALETTES)]
    if dice.random() < 0.5:
        colours.reverse()
    scale = _SHORT / min(frame.width, frame.height)
    size = (2 * round(frame.width * scale / 2), 2 * round(frame.height * scale / 2))
    move = move or Move(zoom=(1.0, 1.08))

    label = graph.apply(
        f"color=c=0x{bytes(ground).hex()}:s={size[0]}x{size[1]}:r={rate(frame.fps)}"
        f":d={frame.seconds + 1:.3f},{_PIXELS}"
    )
    for number in range(_LIGHTS + _SPECKS):
        if number < _LIGHTS:
            across = round(math.sqrt(size[0] * size[1]) * dice.uniform(0.9, 1.5))
            sprite = _glow(across, colours[number % len(colours)], dice.uniform(0.55, 0.9))
            depth, sway = dice.uniform(0.4, 1.0), dice.uniform(0.10, 0.26)
        else:
            depth, sway = dice.uniform(1.0, 2.2), dice.uniform(0.02, 0.06)
            across = round(_SHORT * 0.018 * depth**2)
            sprite = _speck(across, dice.choice(colours), dice.uniform(0.10, 0.30), depth)
        path = room / f"light{number}.png"
        sprite.save(path, compress_level=1)
        x, y = (
            _floating(dice, side, sprite.width, depth, sway, move.zoom, ends, frame.seconds)
            for side, ends in ((size[0], move.x), (size[1], move.y))
        )
        speck = f"{graph.read(path)}:v"
        label = graph.apply(f"overlay=x='{x}':y='{y}':format=yuv444p10", label, speck)
    label = _focused(graph, label, frame, _SHORT / 40) if move.focus else label
    return graph.apply(f"scale={frame.width}:{frame.height}:flags=bicubic,{_SHOWN}", label)


def still(graph: Graph, frame: Frame, path: Path, *, move: Move) -> str:
    """The picture at *path*, of the frame's size, seen by a camera that moves as *move*."""
    count = f"clip(on/{max(1, frame.count - 1)},0,1)"
    zoom, x, y = (_between(ends, _eased(count)) for ends in (move.zoom, move.x, move.y))
    # The corners of the view in the picture. `perspective` interpolates between pixels, where
    # `zoompan` and `crop` jump from one to the next and tremble.
    left, top = f"W/2*(1-1/({zoom}))*(1+({x}))", f"H/2*(1-1/({zoom}))*(1+({y}))"
    right, bottom = f"{left}+W/({zoom})", f"{top}+H/({zoom})"
    label = graph.apply(
        f"loop=loop=-1:size=1,setpts=N/({rate(frame.fps)})/TB,fps={rate(frame.fps)},"
        f"trim=end_frame={frame.count},{_SHOWN}",
        f"{graph.read(path)}:v",
    )
    if move != Move():
        corners = zip(
            ("x0", "y0", "x1", "y1", "x2", "y2", "x3", "y3"),
            (left, top, right, top, left, bottom, right, bottom),
            strict=True,
        )
        options = ":".join(f"{name}='{value}'" for name, value in corners)
        label = graph.apply(f"perspective={options}:eval=frame", label)
    return _focused(graph, label, frame, 14 * frame.unit) if move.focus else label


def crossed(graph: Graph, frame: Frame, before: str, after: str, *, start: int, count: int) -> str:
    """*before*, which becomes *after* within *count* frames from frame *start* on.

    The first picture of *after* is seen at *start*.
    """
    offset, seconds = start / frame.fps, count / frame.fps
    return graph.apply(
        f"xfade=transition=fade:duration={seconds:.6f}:offset={offset:.6f}", before, after
    )


def tone(graph: Graph, *, seed: int, seconds: float) -> str:
    """A calm chord with a few plucked notes, chosen by *seed*; the label of its stream."""
    dice = random.Random(f"tone {seed}")  # noqa: S311  the same seed must sound the same
    root = _ROOT * 2 ** (dice.randrange(-3, 5) / 12)
    notes = [root * 2 ** (step / 12) for step in dice.choice(_CHORDS)]
    beat = dice.uniform(0.45, 0.7)
    voices = [
        f"{0.11 / (1 + number * 0.3):.3f}*sin(2*PI*{note:.3f}*t)"
        f"*(0.7+0.3*sin(2*PI*t/{dice.uniform(3, 7):.2f}+{dice.uniform(0, 6):.2f}))"
        for number, note in enumerate(notes)
    ]
    period = beat * len(notes)
    for number, note in enumerate(dice.sample(notes, len(notes))):
        since = f"mod(t+{period - number * beat:.3f},{period:.3f})"
        voices.append(f"0.09*min(1,60*{since})*exp(-2.6*{since})*sin(2*PI*{note * 4:.3f}*{since})")
    fade = min(0.6, seconds / 4)
    return graph.apply(
        # No note is above 1.4 kHz, so few samples are enough; the delay makes it sound wide.
        f"aevalsrc=exprs='{'+'.join(voices)}':s=12000:d={seconds:.6f},"
        f"aecho=0.8:0.7:{round(beat * 500)}|{round(beat * 750)}:0.28|0.18,aresample=48000,"
        f"pan=stereo|c0=c0|c1=c0,adelay=0|11,atrim=duration={seconds:.6f},"
        f"afade=t=in:d={fade:.3f},afade=t=out:st={seconds - fade:.3f}:d={fade:.3f}"
    )


def _colour(value: int) -> Colour:
    return value >> 16, value >> 8 & 255, value & 255


def _eased(share: str) -> str:
    """An expression from 0 to 1 that starts and ends softly, for one that runs evenly."""
    return f"(st(0,{share})*0+ld(0)*ld(0)*(3-2*ld(0)))"


def _between(ends: tuple[float, float], share: str) -> str:
    first, last = ends
    return f"{first:.4f}" if first == last else f"({first:.4f}+{last - first:.4f}*{share})"


def _floating(
    dice: random.Random,
    side: int,
    across: int,
    depth: float,
    sway: float,
    zoom: tuple[float, float],
    view: tuple[float, float],
    seconds: float,
) -> str:
    """Where a light is along one side, as an expression of the time `t`.

    What has more *depth* is nearer, and moves more when the camera does.
    """
    share = _eased(f"clip(t/{seconds:.3f},0,1)")
    home = dice.uniform(-0.55, 0.55) * side
    turn, begin = dice.uniform(9, 17), dice.uniform(0, 2 * math.pi)
    near = f"(1+({_between(zoom, share)}-1)*{2 * depth:.3f})"
    return (
        f"{(side - across) / 2:.1f}+{home:.1f}*{near}"
        f"-{0.16 * side * depth:.1f}*{_between(view, share)}"
        f"+{sway * side:.1f}*sin(2*PI*t/{turn:.2f}+{begin:.2f})"
    )


def _glow(across: int, colour: Colour, strength: float) -> Image.Image:
    """A light without an edge."""
    ramp = [round(255 * strength * _bell(1 - value / 255 * math.sqrt(2))) for value in range(256)]
    # Pillow's gradient is 256 pixels wide; 0 in the centre, 255 in the corners.
    mask = Image.radial_gradient("L").point(ramp).resize((across, across), Image.Resampling.BICUBIC)
    glow = Image.new("RGBA", mask.size, colour)
    glow.putalpha(mask)
    return glow


def _bell(share: float) -> float:
    share = max(0.0, min(1.0, share))
    return share * share * (3 - 2 * share)


def _speck(across: int, colour: Colour, strength: float, depth: float) -> Image.Image:
    """A round spot of light, as a lens paints what is out of focus."""
    fine = 8  # drawn larger, for a smooth edge
    disc = Image.new("L", ((across + 8) * fine,) * 2)
    edge = 4 * fine
    box = (edge, edge, disc.width - edge, disc.height - edge)
    whole = round(255 * strength)
    ImageDraw.Draw(disc).ellipse(box, fill=round(whole * 0.8), outline=whole, width=fine)
    disc = disc.resize((across + 8,) * 2, Image.Resampling.LANCZOS)
    disc = disc.filter(ImageFilter.GaussianBlur(0.5 * depth))
    light = tuple(round(part + (255 - part) * 0.55) for part in colour)
    speck = Image.new("RGBA", disc.size, light)
    speck.putalpha(disc)
    return speck


def _focused(graph: Graph, label: str, frame: Frame, sigma: float) -> str:
    """From blurred to sharp, between a tenth and two thirds of the time."""
    sharp, soft = graph.split(label, 2)
    soft = graph.apply(f"gblur=sigma={sigma:.1f}:steps=2", soft)
    start, count = round(frame.count * 0.1), max(1, round(frame.count * 0.55))
    sharp = graph.apply(f"trim=start_frame={start},setpts=PTS-STARTPTS", sharp)
    return crossed(graph, frame, soft, sharp, start=start, count=count)
