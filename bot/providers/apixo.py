"""apixo.ai, model ltx-2-19b: clips from text or an image, with up to three LoRAs.

https://apixo.ai/docs/models/video/ltx-2-19b. Where this deployment can be reached from the
internet, apixo calls back when a clip is ready, as its document "strongly recommends". No
signature is documented, so a callback only makes us ask.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr

from bot.catalog.model import Accepts, Capability, Model, Price, Shape
from bot.errors import Failure, Refusal, Unclear
from bot.files.fetch import Fetcher
from bot.providers import NOBODYS, Connection, Limits, Order, Receipt, Report, Stage
from bot.words.numbers import listed
from bot.words.text import typed
from storage import Brief, Lora, Mode

from ._envelope import answered, explain, form, taken
from ._http import Edge, base_url
from ._overrides import overridden
from ._patience import Patience
from ._pressure import Pressure
from ._results import bring_home
from ._settings import RETRY_SUBMIT, SETTINGS, read
from ._vocabulary import CONTENT, CREDIT, DOWN, INPUT, REFUSED, TIMEOUT, Vocabulary, remote_id, text
from ._words import Stages, word

DOCUMENT = "https://apixo.ai/docs/models/video/ltx-2-19b"
READ = date(2026, 11, 21)  #: when the document was read
TITLE = "apixo"
KEY_FROM = "an account at https://apixo.ai"
MODEL = "ltx-2-19b"
#: "Billed per second", and no number anywhere: the official price of ltx-2-pro stands in.
ASSUMED_USD_PER_SECOND = Decimal("0.06")
ROUTES = ("auto", "value", "official")  #: "Routing strategy"
MAX_CALLBACK = 256 * 1024  #: bytes; a real one has a few hundred

# A job that fails after apixo took it: whether it is charged is not stated, hence billed=None.
_CONTENT = replace(CONTENT, billed=None)
_INPUT = replace(INPUT, billed=None)
_LORA = replace(INPUT, sentence="{title} couldn't download a LoRA{detail}.", billed=None)
_PROMPT = replace(REFUSED, sentence="{title} doesn't take this prompt{detail}.", billed=None)
# "Retry as a new task", says its list of codes: retryable where it answers an order. A job that
# was taken and then failed so is not ordered again by itself: it may have been charged.
_DOWN = replace(DOWN, sentence="{title} couldn't make it{detail}.", billed=None)

VOCABULARY = Vocabulary(
    TITLE,
    words={
        "content": CONTENT,
        "credit": CREDIT,  # HTTP 400 with "Insufficient credits": told by its message alone
        "input": INPUT,
        # The fail codes of the model's document,
        "CONTENT_VIOLATION": _CONTENT,
        "INVALID_IMAGE_URL": _INPUT,
        "INVALID_LORA_URL": _LORA,
        # and those of its general list.
        "NSFW_DETECTED": _CONTENT,
        "PROMPT_TOO_LONG": _PROMPT,
        "INVALID_PROMPT": _PROMPT,
        "IMAGE_TOO_LARGE": _INPUT,
        "UNSUPPORTED_FORMAT": _INPUT,
        "IMAGE_DOWNLOAD_FAILED": _INPUT,
        "PROCESSING_TIMEOUT": replace(TIMEOUT, retryable=True, billed=None),
        "MODEL_UNAVAILABLE": _DOWN,
        "GENERATION_FAILED": _DOWN,
        "INSUFFICIENT_CREDITS": CREDIT,
    },
    explain=explain,
    form=form,
    plain=word,
)

#: The states of the document but failed, which is a Refusal.
STAGES = Stages(
    TITLE, {"pending": Stage.WAITING, "processing": Stage.RUNNING, "success": Stage.READY}
)


class Settings(BaseModel):
    """`APIXO_API_KEY` and the others."""

    model_config = SETTINGS

    api_key: SecretStr = Field(description="The key. Without it, this provider is off.")
    base_url: str = Field("https://api.apixo.ai", description="The address of its API.")
    # "10000 / minute, concurrent tasks 1000" is the ceiling; smaller plans have less.
    concurrency: int = Field(10, ge=1, le=1000, description="Clips that it makes at once.")
    per_minute: float = Field(120, ge=0.1, le=10_000, description="Requests a minute, of any kind.")
    retry_submit: bool = RETRY_SUBMIT
    usd_per_second: Decimal | None = Field(
        None,
        gt=0,
        le=1000,
        description=f"What a second costs you. Until you set it: {ASSUMED_USD_PER_SECOND}.",
    )
    routing: Literal["auto", "value", "official"] | None = Field(
        None,
        description="How it chooses among its backends: auto, value or official.",
    )


def connect(connection: Connection) -> "Apixo | None":
    """apixo, where this deployment has a key for it. Raises `BadSetting`."""
    settings = read(Settings, "APIXO", connection.environ)
    return Apixo(settings, connection) if settings is not None else None


class Apixo:
    """apixo.ai. It has no idempotency key and no cancelling; it calls back."""

    name = "apixo"
    title = TITLE
    idempotent = False
    cancels = False
    announces: Literal[True] = True

    def __init__(self, settings: Settings, connection: Connection) -> None:
        self.models = overridden(
            models(settings.usd_per_second), connection.toml, provider=self.name
        )
        self.limits = Limits(
            concurrency=settings.concurrency,
            per_minute=settings.per_minute,
            first_poll=60,  # "Submit task, wait 60 seconds, then poll every 5 seconds"
            poll_every=5,
            max_runtime=30 * 60,  # "1080p: ~90-120 seconds", LoRAs 10-20 more
            keeps_for=15 * 24 * 3600,  # "Result URLs are valid for 15 days"
            source=DOCUMENT,
        )
        self._routing = settings.routing
        self._edge = Edge(
            vocabulary=VOCABULARY,
            base_url=base_url(
                settings.base_url, setting="APIXO_BASE_URL", loopback=connection.loopback
            ),
            headers={"Authorization": f"Bearer {settings.api_key.get_secret_value()}"},
            pressure=Pressure.of(connection, title=TITLE, per_minute=settings.per_minute),
            retry_submit=settings.retry_submit,
            at_once=self.limits.asked_at_once,
        )
        self._patience = Patience()
        self._fetcher = Fetcher(loopback=connection.loopback)

    @property
    def healthy(self) -> bool:
        """Whether it is worth choosing now."""
        return self._edge.healthy

    @property
    def broken(self) -> bool:
        """Whether it is left alone, as it failed several times in a row."""
        return self._edge.broken

    async def submit(self, order: Order) -> Receipt:
        """POST /api/v1/generateTask/ltx-2-19b."""
        brief = order.brief
        image = await order.link(brief.image) if brief.image is not None else None
        body = request(
            brief, image, callback=order.callback, routing=brief.routing or self._routing
        )
        reply = await self._edge.order(f"/api/v1/generateTask/{MODEL}", body, sending=order.sending)
        task = remote_id(taken(self._edge, reply).get("taskId"))
        if task is None:
            raise Unclear(f"{TITLE} took the order but gave it no usable id.", raw=reply.raw)
        return Receipt(remote_id=task, raw=reply.raw)

    async def check_key(self) -> None:
        """GET /api/v1/statusTask/ltx-2-19b of a clip that nobody ordered."""
        params = {"taskId": NOBODYS}
        answered(
            self._edge,
            await self._edge.ask("GET", f"/api/v1/statusTask/{MODEL}", params=params),
        )

    async def poll(self, order: Order, remote_id: str) -> Report:
        """GET /api/v1/statusTask/ltx-2-19b."""
        with self._patience.with_job(remote_id):
            reply = await self._edge.ask(
                "GET", f"/api/v1/statusTask/{MODEL}", params={"taskId": remote_id}
            )
            return report(answered(self._edge, reply), raw=reply.raw)

    def callback(self, body: bytes) -> str | None:
        """The id of the job that a callback is about."""
        hint = parse_callback(body)
        return hint[0] if hint is not None else None

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


def models(usd_per_second: Decimal | None = None) -> tuple[Model, ...]:
    """The one model there is. *usd_per_second* is not in the document."""
    price = Price(
        per_second={"*": usd_per_second or ASSUMED_USD_PER_SECOND},
        dated=READ,
        source=f"{DOCUMENT}: billed per second; a second is APIXO_USD_PER_SECOND",
    )
    sizes, lengths = ("480p", "720p", "1080p"), tuple(range(5, 21))
    capabilities = (
        Capability(
            mode=Mode.TEXT,
            shapes=(Shape(resolutions=sizes, aspects=("16:9", "9:16"), durations=lengths),),
            default=Brief(mode=Mode.TEXT, resolution="720p", aspect="16:9", duration=10),
            price=price,
            prompt_max=5000,
            seeds=range(1, 2**31),
            loras=3,
            routings=ROUTES,
        ),
        Capability(
            mode=Mode.IMAGE,
            shapes=(Shape(resolutions=sizes, durations=lengths),),  # the image has the aspect
            default=Brief(mode=Mode.IMAGE, resolution="720p", duration=10),
            price=price,
            prompt_max=5000,
            seeds=range(1, 2**31),
            loras=3,
            routings=ROUTES,
            inputs={
                "image": Accepts(
                    types=("image/jpeg", "image/png", "image/webp"), max_bytes=10_000_000
                )
            },
        ),
    )
    note = "LoRAs made for video work best. Those made for pictures may not."
    if usd_per_second is None:
        note += (
            f" Its price is assumed to be ${ASSUMED_USD_PER_SECOND} per second until the operator "
            "sets APIXO_USD_PER_SECOND."
        )
    return (Model(name=MODEL, title="LTX-2 19B", capabilities=capabilities, note=note),)


def request(
    brief: Brief, image: str | None, *, callback: str | None = None, routing: str | None = None
) -> dict[str, Any]:
    """The body of generateTask; *image* is a link to the reference image.

    Raises Refusal for a routing or a LoRA that apixo has no way to take.
    """
    if routing is not None and routing not in ROUTES:
        raise Refusal(f"`routing` can't be {typed(routing)} for {TITLE}. Choose {listed(ROUTES)}.")
    mode = "text-to-video" if image is None else "image-to-video"
    fields = {
        "mode": f"{mode}-LoRA" if brief.loras else mode,
        "prompt": brief.prompt,
        "resolution": brief.resolution,
        "duration": brief.duration,
        "aspect_ratio": brief.aspect if image is None else None,
        "image_urls": [image] if image is not None else None,
        "seed": brief.seed,
        "loras": [_lora(lora) for lora in brief.loras] or None,
    }
    envelope = {
        "request_type": "callback" if callback else "async",
        "callback_url": callback,
        "provider": routing,
        "input": {name: value for name, value in fields.items() if value is not None},
    }
    return {name: value for name, value in envelope.items() if value is not None}


def _lora(lora: Lora) -> dict[str, Any]:
    link = urlsplit(lora.path)
    if link.scheme != "https" or not link.hostname or "@" in link.netloc:
        raise Refusal("Give each LoRA as a public https link.", failure=Failure.INPUT)
    return {"path": lora.path, "scale": lora.scale}


def report(data: Mapping[str, Any], *, raw: str = "") -> Report:
    """What the data of a status reply says. Raises Refusal for a job that failed."""
    state = text(data, "state")
    if state == "failed":
        raise VOCABULARY.failed(text(data, "failCode"), text(data, "failMsg"), raw=raw)
    stage = STAGES.of(state)
    url = _link(text(data, "resultJson")) if stage is Stage.READY else None
    if stage is Stage.READY and url is None:
        raise Refusal(
            f"{TITLE} says it finished, but gave no clip.",
            failure=Failure.BAD_RESULT,
            raw=raw,
            billed=True,
        )
    return Report(stage=stage, url=url, raw=raw)


def _link(packed: str | None) -> str | None:
    """The first link in resultJson, which is JSON inside a JSON string."""
    try:
        data = json.loads(packed or "")
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, Mapping):
        return None
    # The document's own example has spaces inside the quotes.
    url = text({name.strip(): value for name, value in data.items()}, "resultUrls", 0)
    return (url or "").strip() or None


def parse_callback(body: bytes) -> tuple[str, str] | None:
    """The task's id and its state as a callback tells them; None where it is not a callback.

    The body is that of a status reply. Nothing signs it, so it is a hint: whoever gets one
    asks the status call about that task, and believes only the answer.
    """
    if len(body) > MAX_CALLBACK:
        return None
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return None
    task = remote_id(text(data, "data", "taskId"))
    return (task, text(data, "data", "state") or "") if task is not None else None
