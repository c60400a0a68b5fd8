"""pixazo.ai, LTX-2 image-to-video: a clip from an image, for one price.

https://www.pixazo.ai/models/image-to-video/ltx-2-video-api. The document does not show what its
result call answers, and the gateway's other models answer in several shapes. So the answer is
read in a fixed order: a link to a clip wherever one may stand, else a status word, else nothing.
"""

import logging
import re
import time
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr

from bot.atomic import whole
from bot.catalog.model import Accepts, Capability, Model, Price, Shape
from bot.errors import Failure, Refusal, Unclear
from bot.files.fetch import Fetcher
from bot.providers import NOBODYS, Connection, Limits, Order, Receipt, Report, Stage
from storage import Brief, Mode

from ._http import Edge, base_url
from ._overrides import overridden
from ._patience import Patience
from ._pressure import Pressure
from ._results import bring_home
from ._settings import RETRY_SUBMIT, SETTINGS, read
from ._vocabulary import CONTENT, CREDIT, INPUT, Reply, Vocabulary, remote_id, text
from ._words import Stages, word

log = logging.getLogger(__name__)

DOCUMENT = "https://www.pixazo.ai/models/image-to-video/ltx-2-video-api"
READ = date(2026, 11, 21)  #: when the document was read
TITLE = "Pixazo"
KEY_FROM = "a subscription at https://www.pixazo.ai"
ROUTE = "/ltx-2-video-api-581/v1/ltx-2-video-api-request"
KEPT = 24 * 3600.0  #: seconds that a status link is kept, longer than any job is asked about

#: What the document calls our resolutions.
RESOLUTIONS: Mapping[str, str] = {"720p": "720p", "1080p": "1080p", "4K": "2160p"}


def _message(data: Mapping[str, Any]) -> str | None:
    return text(data, "error") or text(data, "error", "message") or text(data, "message")


VOCABULARY = Vocabulary(
    TITLE,
    # The document has statuses only: 400, 401, 403, 404, 429 and 500, with plain messages; its
    # newer pages add 402 "Insufficient Balance". They mean what they mean everywhere.
    words={"content": CONTENT, "credit": CREDIT, "input": INPUT},
    explain=lambda data: (None, _message(data)),
    # {"error": …}; one that names a request may have made it.
    form=lambda _, data: (
        (text(data, "error") or text(data, "error", "message")) is not None
        and "request_id" not in data
    ),
    plain=word,
)

#: Every word that this gateway, or the queue behind it, is seen to use, but those of a failure.
STAGES = Stages(
    TITLE,
    {
        **dict.fromkeys(("in_queue", "queued", "pending", "starting"), Stage.WAITING),
        **dict.fromkeys(("in_progress", "processing", "running"), Stage.RUNNING),
    },
)
_FAILED = frozenset({"failed", "error", "cancelled", "canceled"})
_FINISHED = frozenset({"completed", "succeeded", "success", "done"})


class Settings(BaseModel):
    """`PIXAZO_API_KEY` and the others."""

    model_config = SETTINGS

    api_key: SecretStr = Field(
        description="The subscription key. Without it, this provider is off."
    )
    base_url: str = Field("https://gateway.pixazo.ai", description="The address of its API.")
    concurrency: int = Field(  # the document has no limit
        2, ge=1, le=20_000, description="Clips that it makes at once."
    )
    per_minute: float = Field(
        60, ge=0.1, le=1_000_000, description="Requests a minute, of any kind."
    )
    retry_submit: bool = RETRY_SUBMIT
    usd_per_clip: Decimal = Field(
        Decimal("0.60"), gt=0, le=1000, description="What a clip costs you."
    )


def connect(connection: Connection) -> "Pixazo | None":
    """Pixazo, where this deployment has a key for it. Raises `BadSetting`."""
    settings = read(Settings, "PIXAZO", connection.environ)
    return Pixazo(settings, connection) if settings is not None else None


class Pixazo:
    """pixazo.ai. It has no idempotency key and no cancelling."""

    name = "pixazo"
    title = TITLE
    idempotent = False
    cancels = False
    announces: Literal[True] = True

    def __init__(self, settings: Settings, connection: Connection) -> None:
        self.models = overridden(models(settings.usd_per_clip), connection.toml, provider=self.name)
        self.limits = Limits(
            concurrency=settings.concurrency,
            per_minute=settings.per_minute,
            first_poll=10,  # not stated; its newer pages say every 5 to 10 seconds
            poll_every=5,
            max_runtime=20 * 60,  # not stated; its own clients give up after 10 minutes
            keeps_for=3600,  # not stated: it is fetched at once
            source=DOCUMENT,
        )
        self._base = base_url(
            settings.base_url, setting="PIXAZO_BASE_URL", loopback=connection.loopback
        )
        self._edge = Edge(
            vocabulary=VOCABULARY,
            base_url=self._base,
            headers={
                "Ocp-Apim-Subscription-Key": settings.api_key.get_secret_value(),
                "Cache-Control": "no-cache",
            },
            pressure=Pressure.of(connection, title=TITLE, per_minute=settings.per_minute),
            retry_submit=settings.retry_submit,
            at_once=self.limits.asked_at_once,
        )
        self._patience = Patience()
        self._fetcher = Fetcher(loopback=connection.loopback)
        self._newer = _Paths(connection.data / self.name)

    @property
    def healthy(self) -> bool:
        """Whether it is worth choosing now."""
        return self._edge.healthy

    @property
    def broken(self) -> bool:
        """Whether it is left alone, as it failed several times in a row."""
        return self._edge.broken

    async def submit(self, order: Order) -> Receipt:
        """POST …/ltx-2-video-api-request."""
        if order.brief.image is None:
            raise Refusal(f"{TITLE} needs an image. Add one.")
        body = request(order.brief, await order.link(order.brief.image))
        reply = await self._edge.order(ROUTE, body, sending=order.sending)
        data = reply.data or {}
        task = remote_id(data.get("request_id"))
        if task is None:
            raise Unclear(f"{TITLE} took the order but gave it no usable id.", raw=reply.raw)
        path = own_path(text(data, "polling_url"), self._base)
        if path is not None:
            self._newer.keep(task, path)
        return Receipt(remote_id=task, raw=reply.raw)

    async def check_key(self) -> None:
        """Ask for the result of a clip that nobody ordered."""
        await self._edge.ask("POST", f"{ROUTE}-result", json={"request_id": NOBODYS})

    async def poll(self, order: Order, remote_id: str) -> Report:
        """POST …/ltx-2-video-api-request-result, or the newer queue's status link."""
        with self._patience.with_job(remote_id):
            reply = await self._ask(remote_id)
            return report(reply.data or {}, raw=reply.raw)

    async def _ask(self, remote_id: str) -> Reply:
        newer = self._newer.of(remote_id)
        if newer is not None:
            return await self._edge.ask("GET", newer)
        return await self._edge.ask("POST", f"{ROUTE}-result", json={"request_id": remote_id})

    async def fetch(self, order: Order, remote_id: str | None, url: str | None, to: Path) -> None:
        """Download the clip."""

        async def fresh() -> str | None:
            return (await self.poll(order, remote_id)).url if remote_id is not None else None

        await bring_home(self._fetcher, url, to, title=TITLE, fresh=fresh)

    async def cancel(self, order: Order, remote_id: str) -> None:
        """It cannot be stopped."""
        raise Refusal(f"{TITLE} can't stop a clip once it starts.")

    async def close(self) -> None:
        """Let go of connections."""
        await self._edge.close()


class _Paths:
    """Where the gateway said that its newer queue is asked about a job: a file each, so that a
    restart need not guess. What it did not say is in no document, and is not asked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, task: str, path: str) -> None:
        """Remember it; what is long over is forgotten. A disk that takes nothing loses no job: it
        is asked by the documented call."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for old in self._folder.glob("*.path"):
                if time.time() - old.stat().st_mtime > KEPT:
                    old.unlink(missing_ok=True)
            with whole(self._folder / f"{task}.path") as part:
                part.write_text(path, encoding="ascii")
        except OSError as error:
            log.warning("Where %s is asked about could not be kept: %s", task, error)

    def of(self, task: str) -> str | None:
        """The path, where there is one."""
        try:
            return (self._folder / f"{task}.path").read_text(encoding="ascii") or None
        except (OSError, UnicodeDecodeError):
            return None


def models(usd_per_clip: Decimal = Decimal("0.60")) -> tuple[Model, ...]:
    """The one model there is."""
    capability = Capability(
        mode=Mode.IMAGE,
        shapes=(
            Shape(
                resolutions=("720p", "1080p", "4K"),
                aspects=("16:9", "9:16", "1:1"),
                fps=(24, 25, 30),
                durations=tuple(range(2, 11)),
            ),
        ),
        # The document states no defaults; these are the values of its example.
        default=Brief(
            mode=Mode.IMAGE, resolution="1080p", aspect="16:9", fps=25, duration=6, sound=True
        ),
        price=Price(  # "All Resolution $0.6": by the clip, as no unit is given
            base={"*": usd_per_clip}, dated=READ, source=f"{DOCUMENT} (LTX-2 Video API Pricing)"
        ),
        prompt_max=5000,  # not stated
        sound=True,
        inputs={"image": Accepts(types=("image/jpeg", "image/png"), max_bytes=10_000_000)},
    )
    return (Model(name="ltx-2", title="LTX-2", capabilities=(capability,)),)


def request(brief: Brief, image: str) -> dict[str, Any]:
    """The body of the request call; *image* is a link to the first frame."""
    fields = {
        "image_url": image,
        "prompt": brief.prompt,
        "duration": brief.duration,
        "resolution": RESOLUTIONS[brief.resolution] if brief.resolution is not None else None,
        "aspect_ratio": brief.aspect,
        "fps": brief.fps,
        "generate_audio": brief.sound,
    }
    return {name: value for name, value in fields.items() if value is not None}


def report(data: Mapping[str, Any], *, raw: str = "") -> Report:
    """What a reply about a job says, whichever shape it has. Raises Refusal where it failed."""
    url = _clip(data)
    if url is not None:
        return Report(stage=Stage.READY, url=url, raw=raw)
    status = (text(data, "status") or text(data, "task_status") or "").lower()
    if status in _FAILED or (not status and text(data, "error")):
        message = _message(data)
        refusal = VOCABULARY.failed(word(message), message, raw=raw)
        # ERROR is not charged, by the newer pages; of other failures nothing is said.
        refusal.billed = False if status == "error" else None
        raise refusal
    if status in _FINISHED:
        raise Refusal(
            f"{TITLE} says it finished, but gave no clip.",
            failure=Failure.BAD_RESULT,
            raw=raw,
            billed=None,
        )
    return Report(stage=STAGES.of(status), raw=raw)


#: Where a link to the clip may stand, in the order in which they are believed.
_PLACES: tuple[tuple[str | int, ...], ...] = (
    ("video", "url"),
    ("output", "media_url", 0),
    ("output", "media_url"),
    ("output", "video", "url"),
    ("output", "video_url"),
    ("output", "url"),
    ("video_url",),
    ("output_url",),
    ("url",),
    ("output", 0),
    ("output",),
)


def _clip(data: Mapping[str, Any]) -> str | None:
    found = (text(data, *place) for place in _PLACES)
    return next((url for url in found if url and re.match(r"https?://", url)), None)


def own_path(link: str | None, base: str) -> str | None:
    """The path of *link* if it is on the host of *base*, where our key may go; else None."""
    if link is None or len(link) > 500:
        return None
    try:
        theirs, ours = urlsplit(link), urlsplit(base)
    except ValueError:
        return None
    if (theirs.scheme, theirs.netloc) != (ours.scheme, ours.netloc) or theirs.query:
        return None
    return theirs.path if re.fullmatch(r"(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+", theirs.path) else None
