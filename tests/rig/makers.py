"""Providers that make tiny real clips: one that can do everything, one that cannot extend."""

from bot.catalog.model import Accepts, Capability, Model, Price, Shape
from bot.media.ffmpeg import H264_AAC, ffmpeg
from bot.providers import Limits, Report, Stage
from storage import Brief, Mode
from tests.rig.doubles import PRICE, FakeProvider
from tests.rig.house import HANGS

CLIP = Accepts(types=("video/mp4",), max_bytes=10**9, max_seconds=600)
PICTURE = Accepts(types=("image/png", "image/jpeg"), max_bytes=10**9)
SHAPE = Shape(resolutions=("480p",), aspects=("16:9",), fps=(24,), durations=(1, 2, 3))
#: The clips that were made of nothing but numbers, by the arguments of ffmpeg: they are all alike.
MADE: dict[tuple[str, ...], bytes] = {}
DEFAULT = Brief(resolution="480p", aspect="16:9", fps=24, duration=2)


def capability(mode, *, price=PRICE, **more):
    values = {
        "mode": mode,
        "shapes": (SHAPE,),
        "default": DEFAULT,
        "price": price,
        "prompt_required": False,
        "seeds": range(1, 2**31),
        "sound": True,
    }
    return Capability(**{**values, **more})


def modes(*names, price=PRICE):
    known = {
        Mode.TEXT: {},
        Mode.IMAGE: {"inputs": {"image": PICTURE}},
        Mode.EXTEND: {
            "shapes": (Shape(durations=(1, 2, 3)),),
            "default": Brief(duration=2),
            "directions": ("end", "start"),
            "inputs": {"video": CLIP},
        },
        Mode.HDR: {"shapes": (Shape(),), "default": Brief(), "inputs": {"video": CLIP}},
        Mode.RETAKE: {
            "shapes": (Shape(),),
            "default": Brief(replace="both"),
            "replace": ("both", "picture", "sound"),
            "sound": False,
            "inputs": {"video": CLIP},
        },
    }
    return tuple(capability(name, price=price, **known[name]) for name in names)


NATIVE = (Mode.TEXT, Mode.IMAGE, Mode.EXTEND, Mode.RETAKE)
PLAIN = (Mode.TEXT, Mode.IMAGE)


class Maker(FakeProvider):
    """Makes what it is asked for, small: a moving pattern, or its picture changing colour."""

    def __init__(self, name, does=PLAIN, *, price=PRICE, size="128x72", fps=24, concurrency=4):
        models = (Model(name=f"{name}-1", title=name, capabilities=modes(*does, price=price)),)
        super().__init__(name=name, models=models, concurrency=concurrency)
        self.limits = Limits(
            concurrency=concurrency,
            per_minute=6000,
            first_poll=0.05,
            poll_every=0.1,
            max_runtime=7200,
            keeps_for=3600,
            source="the tests",
        )
        self.size, self.fps = size, fps
        self.orders = []
        self.holds = False
        self.made = None  #: a file that is given instead

    async def submit(self, order):
        self.orders.append(order.brief)
        self._last = order
        return await super().submit(order)

    async def poll(self, order, remote_id):
        if self.holds:
            return Report(stage=Stage.RUNNING)
        return Report(stage=Stage.READY, url="https://x.test/clip.mp4")

    async def fetch(self, order, remote_id, url, to):
        brief = order.brief
        if self.made is not None:
            to.write_bytes(self.made.read_bytes())
            return
        seconds = brief.duration or 2
        pattern = ("-f", "lavfi", "-i", f"testsrc2=s={self.size}:r={self.fps}:d={seconds}")
        filters = "null"
        if brief.image is not None:
            pattern = ("-loop", "1", "-r", str(self.fps), "-t", str(seconds))
            pattern += ("-i", order.path(brief.image))
            filters = f"scale={self.size.replace('x', ':')},hue=h=40*t"
        if brief.mode is Mode.EXTEND and brief.video is not None:
            seconds = round(brief.video.seconds + seconds)
            pattern = ("-f", "lavfi", "-i", f"testsrc2=s={self.size}:r={self.fps}:d={seconds}")
        arguments = (
            *pattern,
            *("-f", "lavfi", "-i", f"sine=f=440:d={seconds}"),
            *("-vf", filters, *H264_AAC, "-t", str(seconds), "-f", "mp4"),
        )
        made = MADE.get(arguments)
        if made is None:
            await ffmpeg(*arguments, to, timeout=HANGS)
            if brief.image is None:
                MADE[arguments] = to.read_bytes()
        else:
            to.write_bytes(made)


DEAR = Price(per_second={"*": 1}, dated=PRICE.dated, source="the tests")
