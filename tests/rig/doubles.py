"""The only doubles we own: a clock that is turned, a provider and a screen with scripts."""

from collections import deque
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from bot.catalog.model import Accepts, Capability, Model, Price, Shape
from bot.providers import Limits, Receipt, Report, Stage
from storage import Brief, Mode

PRICE = Price(per_second={"*": 0}, dated=date(2026, 1, 1), source="the tests")


class Clock:
    def __init__(self, now=1_700_000_000.0):
        self.now = now

    def __call__(self):
        return self.now

    def advance(self, seconds):
        self.now += seconds


def model(name="one", *, price=PRICE, **changes):
    shape = Shape(
        resolutions=("720p", "1080p"), aspects=("16:9", "9:16"), fps=(24, 25), durations=(6, 8, 10)
    )
    default = Brief(resolution="720p", aspect="16:9", fps=24, duration=6)
    text = {
        "mode": Mode.TEXT,
        "shapes": (shape,),
        "default": default,
        "price": price,
        "prompt_max": 2000,
        "seeds": range(1, 1000),
        "sound": True,
    }
    return Model(name=name, title=name, capabilities=(Capability(**{**text, **changes}),))


class FakeProvider:
    """Does what its scripts say; by default it takes everything and is ready at once.

    A script's entries are returned, or raised when they are exceptions.
    """

    idempotent = False
    healthy = True

    def __init__(self, name="fake", *, models=(), concurrency=2, cancels=False):
        self.name = name
        self.title = name.capitalize()
        self.models = models or (model(),)
        self.limits = Limits(
            concurrency=concurrency,
            per_minute=600,
            first_poll=2,
            poll_every=5,
            max_runtime=600,
            keeps_for=3600,
            source="the tests",
        )
        self.cancels = cancels
        self.submits, self.polls, self.fetches = deque(), deque(), deque()
        self.submitted, self.polled, self.cancelled = [], [], []

    async def submit(self, order):
        self.submitted.append((order.job, order.attempt))
        return self._next(self.submits, Receipt(remote_id=f"remote-{len(self.submitted)}"))

    async def poll(self, order, remote_id):
        self.polled.append(remote_id)
        return self._next(self.polls, Report(stage=Stage.READY, url="https://x.test/clip.mp4"))

    async def fetch(self, order, remote_id, url, to: Path):
        answer = self._next(self.fetches, b"clip")
        to.write_bytes(answer)

    async def cancel(self, order, remote_id):
        self.cancelled.append(remote_id)

    async def close(self):
        pass

    @staticmethod
    def _next(script, default):
        answer = script.popleft() if script else default
        if isinstance(answer, BaseException):
            raise answer
        return answer


@dataclass
class Presenter:
    """Remembers what people would have seen."""

    shown: list = field(default_factory=list)
    cards: list = field(default_factory=list)  #: jobs that were to have one
    delivered: list = field(default_factory=list)
    told: list = field(default_factory=list)
    batches: list = field(default_factory=list)
    script: deque = field(default_factory=deque)

    def show(self, job, glimpse):
        self.shown.append((job.id, job.state, glimpse))

    def ensure_card(self, job):
        self.cards.append(job.id)

    async def deliver(self, job, clip, *, again):
        if self.script and isinstance(self.script[0], Exception):
            raise self.script.popleft()
        self.delivered.append((job.id, clip.read_bytes(), again))
        return 9000 + job.id

    async def deliver_batch(self, jobs, sheet, *, again):
        if self.script and isinstance(self.script[0], Exception):
            raise self.script.popleft()
        self.batches.append((sheet.takes, [(job.id, job.state) for job in jobs], again))
        return 7000 + sheet.batch

    async def tell(self, job, *, again):
        if self.script and isinstance(self.script[0], Exception):
            raise self.script.popleft()
        self.told.append((job.id, job.state, job.error))
        return 8000 + job.id


IMAGE = Accepts(types=("image/png",), max_bytes=1000)


class Held(FakeProvider):
    """Renders until it is told that it has finished."""

    def __init__(self, **options):
        super().__init__(**{"name": "held", "cancels": True, **options})
        self.limits = type(self.limits)(
            concurrency=options.get("concurrency", 2),
            per_minute=6000,
            first_poll=0.05,
            poll_every=0.1,
            max_runtime=7200,
            keeps_for=3600,
            source="the tests",
        )
        self.fraction = None
        self.finished = False

    async def poll(self, order, remote_id):
        if self.finished:
            return await super().poll(order, remote_id)
        self.polled.append(remote_id)
        return Report(stage=Stage.RUNNING, fraction=self.fraction)
