"""ltx-2api.com: clips from text or an image, paid in its own credits. https://ltx-2api.com/docs

What the document does not state is marked where it is used: rate limits, the price of a credit,
how credits are rounded between the lengths of its table, how long a result can be fetched.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, SecretStr

from bot.catalog.bills import understood
from bot.catalog.model import Accepts, Capability, Model, Price, Shape
from bot.errors import Failure, Refusal, Unclear
from bot.files.fetch import Fetcher
from bot.providers import Connection, Limits, Order, Receipt, Report, Stage
from storage import Brief, Mode

from ._envelope import answered, explain, form, taken
from ._http import Edge, base_url
from ._overrides import overridden
from ._patience import Patience
from ._pressure import Pressure
from ._results import bring_home
from ._settings import RETRY_SUBMIT, SETTINGS, read
from ._vocabulary import CONTENT, CREDIT, INPUT, Vocabulary, remote_id, text
from ._words import Stages, word

DOCUMENT = "https://ltx-2api.com/docs"
READ = date(2026, 11, 21)  #: when the document was read
TITLE = "ltx-2api.com"
KEY_FROM = "the dashboard at https://ltx-2api.com"
ASSUMED_USD_PER_CREDIT = Decimal("0.01")  #: the document names no price; a setting does

VOCABULARY = Vocabulary(
    TITLE,
    # The document has codes only: 400, 401, 404 and 500 mean what they mean everywhere. Its
    # messages are plain words; these three are read in them. An empty balance has no code.
    words={"content": CONTENT, "credit": CREDIT, "input": INPUT},
    explain=explain,
    form=form,
    plain=word,
)

#: The status words of the document but FAILED, which is a Refusal.
STAGES = Stages(
    TITLE, {"PENDING": Stage.WAITING, "IN_PROGRESS": Stage.RUNNING, "SUCCESS": Stage.READY}
)


class Settings(BaseModel):
    """`LTX2API_API_KEY` and the others."""

    model_config = SETTINGS

    api_key: SecretStr = Field(description="The key. Without it, this provider is off.")
    base_url: str = Field("https://ltx-2api.com", description="The address of its API.")
    concurrency: int = Field(  # the document has no limit
        2, ge=1, le=20_000, description="Clips that it makes at once."
    )
    per_minute: float = Field(
        60, ge=0.1, le=1_000_000, description="Requests a minute, of any kind."
    )
    retry_submit: bool = RETRY_SUBMIT
    usd_per_credit: Decimal | None = Field(
        None,
        gt=0,
        le=1000,
        description="What one of its credits costs you. "
        f"Until you set it: {ASSUMED_USD_PER_CREDIT}.",
    )


def connect(connection: Connection) -> "Ltx2Api | None":
    """ltx-2api.com, where this deployment has a key for it. Raises `BadSetting`."""
    settings = read(Settings, "LTX2API", connection.environ)
    return Ltx2Api(settings, connection) if settings is not None else None


class Ltx2Api:
    """ltx-2api.com. It has no idempotency key, no callback and no cancelling."""

    name = "ltx2api"
    title = TITLE
    idempotent = False
    cancels = False
    announces: Literal[True] = True

    def __init__(self, settings: Settings, connection: Connection) -> None:
        self.models = overridden(
            models(settings.usd_per_credit), connection.toml, provider=self.name
        )
        self.limits = Limits(
            concurrency=settings.concurrency,
            per_minute=settings.per_minute,
            first_poll=10,
            poll_every=5,  # "Recommended polling interval: 5-10 seconds"
            max_runtime=30 * 60,  # "typically takes 1-3 minutes"
            keeps_for=3600,  # not stated: it is fetched at once
            source=DOCUMENT,
        )
        self._edge = Edge(
            vocabulary=VOCABULARY,
            base_url=base_url(
                settings.base_url, setting="LTX2API_BASE_URL", loopback=connection.loopback
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
        """POST /api/generate."""
        brief = order.brief
        image = await order.link(brief.image) if brief.image is not None else None
        reply = await self._edge.order(
            "/api/generate", request(brief, image), sending=order.sending
        )
        data = taken(self._edge, reply)
        task = remote_id(data.get("task_id"))
        if task is None:
            raise Unclear(f"{TITLE} took the order but gave it no usable id.", raw=reply.raw)
        return Receipt(remote_id=task, cost=credits_of(data), raw=reply.raw)

    async def poll(self, order: Order, remote_id: str) -> Report:
        """GET /api/status, which asks for no key: the id is the secret."""
        with self._patience.with_job(remote_id):
            reply = await self._edge.ask(
                "GET", "/api/status", params={"task_id": remote_id}, keyless=True
            )
            return report(answered(self._edge, reply), raw=reply.raw)

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


def models(usd_per_credit: Decimal | None = None) -> tuple[Model, ...]:
    """The one model there is. *usd_per_credit* is not in the document."""
    price = Price(
        unit="credit",
        # base_credits = 20 + (duration - 5) x 3.2; 480p = base, 720p = base + 4, 1080p = base + 8
        base={"480p": Decimal(4), "720p": Decimal(8), "1080p": Decimal(12)},
        per_second={"*": Decimal("3.2")},
        usd_per_unit=usd_per_credit or ASSUMED_USD_PER_CREDIT,
        whole_units=True,  # its table has whole credits; between them the dearer is assumed
        dated=READ,
        source=f"{DOCUMENT} (Credit Calculation); a credit by LTX2API_USD_PER_CREDIT",
    )
    sizes, lengths = ("480p", "720p", "1080p"), tuple(range(5, 21))
    picture = Accepts(
        types=("image/jpeg", "image/png", "image/webp"),  # the document only says "image URL"
        max_bytes=10_000_000,
    )
    capabilities = (
        Capability(
            mode=Mode.TEXT,
            shapes=(Shape(resolutions=sizes, aspects=("16:9", "9:16"), durations=lengths),),
            default=Brief(mode=Mode.TEXT, resolution="720p", aspect="16:9", duration=5),
            price=price,
            prompt_max=2000,
            seeds=range(2**31),
        ),
        Capability(
            mode=Mode.IMAGE,
            shapes=(Shape(resolutions=sizes, durations=lengths),),  # the image has the aspect
            default=Brief(mode=Mode.IMAGE, resolution="720p", duration=5),
            price=price,
            prompt_max=2000,
            seeds=range(2**31),
            inputs={"image": picture},
        ),
    )
    note = (
        "Its credits are assumed to cost "
        f"${ASSUMED_USD_PER_CREDIT} each until the operator sets LTX2API_USD_PER_CREDIT."
    )
    return (
        Model(
            name="ltx-2",
            title="LTX-2",
            capabilities=capabilities,
            note=note if usd_per_credit is None else "",
        ),
    )


def request(brief: Brief, image: str | None) -> dict[str, Any]:
    """The body of POST /api/generate; *image* is a link to the first frame.

    Nothing is sent that nobody chose: without a seed the document's own -1 (random) holds.
    """
    fields = {
        "prompt": brief.prompt,
        "image": image,
        "resolution": brief.resolution,
        "aspect_ratio": brief.aspect if image is None else None,
        "duration": brief.duration,
        "seed": brief.seed,
    }
    return {name: value for name, value in fields.items() if value is not None}


def report(data: Mapping[str, Any], *, raw: str = "") -> Report:
    """What the data of a status reply says. Raises Refusal for a job that failed."""
    status = text(data, "status")
    if status == "FAILED":
        message = text(data, "error_message")
        # "If generation fails, credits are automatically refunded."
        raise VOCABULARY.failed(word(message), message, raw=raw, billed=False)
    stage = STAGES.of(status)
    url = text(data, "response", 0) if stage is Stage.READY else None
    if stage is Stage.READY and not url:
        raise Refusal(
            f"{TITLE} says it finished, but gave no clip.",
            failure=Failure.BAD_RESULT,
            raw=raw,
            billed=True,
        )
    return Report(stage=stage, url=url, cost=credits_of(data), raw=raw)


def credits_of(data: Mapping[str, Any]) -> float | None:
    """The credits that the provider says it took."""
    return understood(data.get("consumed_credits"), of=TITLE)
