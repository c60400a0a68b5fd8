"""Everything the bot says: the card of a job, its result, and the sentence for an error."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any

import discord
from discord import app_commands, ui

from bot.catalog.models import MODE_WORDS, Capability, Model, listed
from bot.chat.answering import WAITS
from bot.chat.trouble import AlreadyDone, Denied, Expired, translated, translation
from bot.errors import Busy, Refusal, Unclear
from bot.jobs.presenter import Glimpse
from bot.providers import Provider
from bot.words.money import at_end, on_card
from bot.words.money import price as price
from bot.words.text import elide as elide
from bot.words.text import inert as inert
from bot.words.text import number, whole_lines
from storage import Bill, Brief, DiskTrouble, Job, Mode, Relation, State

log = logging.getLogger(__name__)

PROMPT_ON_CARD = 350  #: characters; `/video show` has the whole
ALT_TEXT = 1024  #: characters that Discord keeps of a description
THREAD_NAME = 100
EXPIRED = 10062  #: Discord's code for an interaction that it waited for too long
SILENT = discord.AllowedMentions.none()
#: What an extension at the start is that is made here, wherever it is offered or shown.
BACKWARDS = "made from the first frame, played backwards, no sound of its own"

TITLES: Mapping[State, str] = {
    State.QUEUED: "Queued",
    State.SUBMITTING: "Sent to the provider",
    State.UNCLEAR: "Unclear",
    State.RENDERING: "Rendering",
    State.FETCHING: "Saving",
    State.DELIVERING: "Posting",
    State.REVIEW: "Needs a look",
    State.DONE: "Done",
    State.UNDELIVERED: "Made, but not posted",
    State.FAILED: "Failed",
    State.CANCELLED: "Cancelled",
    State.EXPIRED: "Took too long",
    State.CLOSED: "Closed",
}
_SIGNS: Mapping[State, str] = {
    State.QUEUED: "⏳",
    State.SUBMITTING: "📨",
    State.RENDERING: "🎬",
    State.FETCHING: "💾",
    State.DELIVERING: "📤",
    State.DONE: "✅",
    State.UNDELIVERED: "📦",
    State.FAILED: "❌",
    State.CANCELLED: "🚫",
    State.EXPIRED: "⌛",
    State.UNCLEAR: "❓",
    State.REVIEW: "🔎",
    State.CLOSED: "📁",
}
_COLOURS: Mapping[State, int] = {
    State.QUEUED: 0x8A8F98,
    State.DONE: 0x2F9E6B,
    State.FAILED: 0xC94F4F,
    State.EXPIRED: 0xC94F4F,
    State.CANCELLED: 0x6B6F76,
    State.CLOSED: 0x6B6F76,
    State.UNCLEAR: 0xD08B2C,
    State.REVIEW: 0xD08B2C,
    State.UNDELIVERED: 0xD08B2C,
}
_UNDER_WAY = 0x4C7DD9
_CANCELLABLE = frozenset({State.QUEUED, State.SUBMITTING, State.RENDERING})


def card(
    job: Job,
    glimpse: Glimpse,
    *,
    title: str,
    bill: Bill | None,
    usd_per_credit: Decimal,
    cancels: bool = True,
    origin: str | None = None,
    poster: bool = False,
) -> ui.LayoutView:
    """The message that shows where *job* stands. *title* is how its provider writes itself,
    *origin* what it is made from, where more than its number is known.

    With *poster*, a file called `poster_name` goes with it and is shown beside the text.
    """
    lines = [f"### {_SIGNS[job.state]} {headline(job, glimpse)} · #{job.id}", quoted(job)]
    if progress := _progress(job, glimpse):
        lines.append(progress)
    if job.error:
        lines.append(inert(job.error))
    if job.note:
        lines.append(f"-# {inert(job.note)}")
    if made := made_from(job) if origin is None else origin:
        lines.append(f"-# {made}")
    if job.brief.plan is not None and job.brief.plan.place == "start":
        lines.append(f"-# {BACKWARDS}")
    lines.append(f"-# {inert(title)} · {settings_line(job)}")
    lines.append(f"-# {on_card(job, bill, usd_per_credit)} · asked for by <@{job.user_id}>")
    view = ui.LayoutView(timeout=None)
    box: ui.Container[ui.LayoutView] = ui.Container(
        accent_colour=_COLOURS.get(job.state, _UNDER_WAY)
    )
    text: ui.TextDisplay[ui.LayoutView] = ui.TextDisplay("\n".join(lines))
    if poster:
        picture: ui.Thumbnail[ui.LayoutView] = ui.Thumbnail(
            f"attachment://{poster_name(job)}", description=alt_text(job)
        )
        box.add_item(ui.Section(text, accessory=picture))
    else:
        box.add_item(text)
    if job.state in _CANCELLABLE and job.cancelled_by is None:
        stoppable = job.state is State.QUEUED or (job.state is State.RENDERING and cancels)
        row: ui.ActionRow[ui.LayoutView] = ui.ActionRow()
        if stoppable:
            # Handled in `cogs.video.queue`, also after a restart.
            row.add_item(
                ui.Button(
                    label="Cancel",
                    emoji="✖️",
                    style=discord.ButtonStyle.secondary,
                    custom_id=f"do:cancel:{job.id}",
                )
            )
            box.add_item(row)
    view.add_item(box)
    return view


_RELATIONS = {
    Relation.RETAKE: "retake of",
    Relation.EXTEND: "extends",
    Relation.VARIATION: "variation of",
    Relation.HDR: "HDR of",
    Relation.FROM: "from",
}


def made_from(job: Job, name: str | None = None) -> str:
    """'retake of #12 (3 to 5 s)'; "" for what came from no other. *name* is its parent's."""
    brief = job.brief
    if brief.parent is None or brief.relation is None:
        return ""
    words = f"{_RELATIONS[Relation(brief.relation)]} {name or f'#{brief.parent}'}"
    plan = brief.plan
    if plan is not None and plan.place == "part":
        return f"{words} ({number(plan.start)}–{number(plan.start + (plan.seconds or 0))} s)"
    if brief.mode is Mode.RETAKE and brief.duration is not None:
        start = brief.start or 0.0
        length = brief.video.seconds if brief.video and brief.video.seconds else brief.duration
        return (
            f"{words} ({number(start)}–{number(min(start + brief.duration, round(length, 1)))} s)"
        )
    if brief.duration and (plan is not None or brief.mode is Mode.EXTEND):
        if brief.relation != Relation.EXTEND:
            return f"{words} ({added(brief)})"
        end = plan.place if plan is not None else brief.direction or "end"
        return f"{words} by {brief.duration} s at the {end}"
    return words


def added(brief: Brief) -> str:
    """'the 2 s at the end': what an extension adds."""
    end = brief.plan.place if brief.plan is not None else brief.direction or "end"
    return f"the {brief.duration} s at the {end}"


def length(job: Job) -> float | None:
    """How many seconds the clip of *job* lasts, as far as its order says; more than it has made
    where it is a part of another."""
    brief, plan = job.brief, job.brief.plan
    before = plan.clip if plan is not None else brief.video
    if before is None or before.seconds is None:
        return brief.duration
    whole = brief.mode in (Mode.RETAKE, Mode.HDR) if plan is None else plan.place == "part"
    return before.seconds if whole else before.seconds + (brief.duration or 0)


def is_card(job: Job) -> Callable[[discord.Message], bool]:
    """Whether a message is the card of *job*."""
    mark = f" · #{job.id}\n"

    def wanted(message: discord.Message) -> bool:
        boxes = [each for each in message.components if isinstance(each, discord.Container)]
        parts = [part for box in boxes for part in box.children]
        # Beside a poster, the text is in a section.
        inner = [
            each
            for part in parts
            for each in (part.children if isinstance(part, discord.SectionComponent) else [part])
        ]
        texts = [each.content for each in inner if isinstance(each, discord.TextDisplay)]
        return any(mark in text.partition("\n")[0] + "\n" for text in texts)

    return wanted


def result(
    job: Job,
    *,
    title: str,
    bill: Bill | None,
    usd_per_credit: Decimal,
    note: str = "",
    seconds: float | None = None,
) -> str:
    """What stands above the finished clip; it pings its requester, once. *seconds*: its length."""
    parts = [f"<@{job.user_id}> **#{job.id}** is ready", on_card(job, bill, usd_per_credit)]
    if note:
        parts.append(note)
    more = f"\n{inert(job.note)}" if job.note else ""
    return f"{' · '.join(parts)}{more}\n-# {inert(title)} · {settings_line(job, seconds)}"


def late(job: Job) -> str:
    """What is said of a clip that could not be posted when it was ready; "" for any other."""
    if job.state is not State.UNDELIVERED:
        return ""
    return f"it was ready <t:{int(job.since)}:R> and could not be posted then"


def ending(job: Job, *, bill: Bill | None, usd_per_credit: Decimal) -> str:
    """How a job ended without a clip, or why it is parked, and what that cost."""
    why = f": {inert(job.error)}" if job.error else "."
    match job.state:
        case State.CANCELLED:
            by = f" by <@{job.cancelled_by}>" if job.cancelled_by else ""
            text = f"was cancelled{by}."
        case State.UNCLEAR:
            text = (
                f"is parked{why} The provider may have accepted it, so it is not sent again: "
                "you could pay twice. A moderator decides."
            )
        case State.REVIEW:
            text = f"is parked{why}"
        case State.EXPIRED:
            text = f"was given up{why}"
        case State.CLOSED:
            text = "was closed by a moderator."
        case _:
            text = f"failed{why}"
    return f"<@{job.user_id}> **#{job.id}** {text} {at_end(job, bill, usd_per_credit)}".rstrip()


def poster_name(job: Job) -> str:
    """What the file is called that stands for a clip."""
    return f"dailies-{job.id}.jpg"


def portrayed(job: Job) -> discord.Embed:
    """The prompt beside the poster of a clip, for a post that carries the clip, too."""
    embed = discord.Embed(description=quoted(job), colour=_COLOURS[State.DONE])
    return embed.set_thumbnail(url=f"attachment://{poster_name(job)}")


def alt_text(job: Job) -> str:
    """What a clip shows, for whoever cannot see it: its prompt."""
    return elide(f"A clip made from: {job.brief.prompt}", ALT_TEXT)


def thread_name(job: Job) -> str:
    """What the thread of *job* is called."""
    words = " ".join(job.brief.prompt.split()) or MODE_WORDS[job.brief.mode]
    return elide(f"#{job.id} {words}", THREAD_NAME)


def details(
    job: Job,
    *,
    title: str,
    bill: Bill | None,
    usd_per_credit: Decimal,
    seconds: float | None = None,
) -> str:
    """All there is to know about a job, for `/video show`. *seconds*: its clip's length."""
    since, asked = f"<t:{int(job.since)}:R>", f"<t:{int(job.created_at)}:f>"
    lines = [
        f"### {_SIGNS[job.state]} {TITLES[job.state]} · #{job.id}",
        quoted(job, limit=1500),
        f"{inert(title)} · {inert(job.model)} · {settings_line(job, seconds)}",
        f"{on_card(job, bill, usd_per_credit)} · asked for by <@{job.user_id}> {asked}",
        f"-# {TITLES[job.state]} {since}",
    ]
    if job.error:
        lines.insert(2, inert(job.error))
    if job.note:
        lines.insert(2, inert(job.note))
    if sent := repeats(job, title):
        lines.append(f"-# #{job.id} {inert(sent)}")
    if job.card_id and job.card_channel_id:
        lines.append(f"Card: {_jump(job.guild_id, job.card_channel_id, job.card_id)}")
    if job.result_id:
        place = job.thread_id or job.channel_id
        lines.append(f"Result: {_jump(job.guild_id, place, job.result_id)}")
    return "\n".join(lines)


def queue(jobs: Sequence[Job], glimpses: Mapping[int, Glimpse]) -> str:
    """What is under way in a server."""
    if not jobs:
        return "Nothing is under way. `/video text` makes a clip."
    lines = ["### Under way"]
    for job in jobs:
        place = _jump(job.guild_id, job.card_channel_id, job.card_id)
        words = inert(elide(" ".join(job.brief.prompt.split()), 60))
        stands = headline(job, glimpses.get(job.id, Glimpse()))
        lines.append(f"**#{job.id}** {stands} · {words} · <@{job.user_id}> {place}".rstrip())
    return whole_lines("\n".join(lines), 4000)


def models(offers: Sequence[tuple[Provider, Model]], *, usd_per_credit: Decimal) -> list[str]:
    """What each model can make and what it costs: one text a model."""
    texts = []
    for provider, model in offers:
        head = f"### {inert(provider.title)} · {inert(model.name)}"
        lines = [head, inert(model.note)] if model.note else [head]
        lines += [_capability_line(each, usd_per_credit) for each in model.capabilities]
        texts.append("\n".join(lines))
    return texts


def repeats(job: Job, title: str) -> str:
    """'was sent 3 times: …'; "" where its provider took it, or refused it, at once."""
    if not job.repeats:
        return ""
    first = "the first" if job.repeats == 1 else f"the first {job.repeats}"
    return (
        f"was sent {job.repeats + 1} times: {title} answered {first} with “not now”. By its "
        "document those cost nothing; its own list of charges says whether that is so."
    )


def settings_line(job: Job, seconds: float | None = None) -> str:
    """'ltx-2-3-fast · 1080p 16:9 · 8 s · 24 fps · seed 7 · sound'.

    *seconds* is how long its clip is, once that was measured.
    """
    brief = job.brief
    parts = [job.model]
    if size := " ".join(each for each in (brief.resolution, brief.aspect) if each):
        parts.append(size)
    if seconds := seconds or length(job):
        parts.append(f"{number(round(seconds, 1))} s")
    if brief.fps:
        parts.append(f"{brief.fps} fps")
    if brief.seed is not None:
        parts.append(f"seed {brief.seed}")
    if brief.camera:
        parts.append(brief.camera.replace("_", " "))
    if brief.sound is not None:
        parts.append("sound" if brief.sound else "silent")
    return " · ".join(inert(part) for part in parts)


def quoted(job: Job, *, limit: int = PROMPT_ON_CARD) -> str:
    """The prompt as a quotation that can neither ping nor break out of it."""
    if not job.brief.prompt:
        return f"> *{MODE_WORDS[job.brief.mode]}*"
    lines = inert(elide(job.brief.prompt, limit)).split("\n")
    return "\n".join(f"> {line}" for line in lines[:12])


def explain(error: BaseException) -> str:
    """What a person is told when something they did raised *error*."""
    original = getattr(error, "original", error)
    match translation(original) or original:
        case Expired() as late:  # the wire was slow, or we were
            log.info("An interaction ended before it was answered: %s", late.raw)
            return str(late)
        case Refusal() | Busy() | Unclear() | DiskTrouble() as known:
            return str(known)
        case app_commands.NoPrivateMessage():
            return "Dailies works in servers; use it in a channel there."
        case app_commands.CommandOnCooldown(retry_after=seconds):
            return f"Please wait {seconds:.0f} seconds."
        case app_commands.MissingPermissions(missing_permissions=missing):
            return f"You need {_permissions(missing)} for this."
        case app_commands.BotMissingPermissions(missing_permissions=missing):
            return f"I need {_permissions(missing)} here for this."
        case app_commands.TransformerError(value=value):
            return f"“{inert(elide(str(value), 40))}” is not something this option takes."
        case app_commands.CommandNotFound() | app_commands.CommandSignatureMismatch():
            return "This command has changed; type it again in a minute."
        case app_commands.CheckFailure():
            return "You may not do this here."
        case bug:
            log.error("Unhandled error", exc_info=bug)
            return "That broke on our side. It has been logged."


async def apologise(interaction: discord.Interaction[Any], error: BaseException) -> None:
    """Tell the person, and nobody else, what went wrong."""
    sentence = elide(explain(error), 2000)
    buttons = await _helping(interaction, error)
    private: dict[str, Any] = {"ephemeral": True, "allowed_mentions": SILENT, **buttons}
    try:
        if not interaction.response.is_done():
            with suppress(AlreadyDone), translated():  # then what follows says it
                await interaction.response.send_message(sentence, **private)
                return
        thinking = discord.InteractionResponseType.deferred_channel_message
        waits = interaction.response.type is thinking and not interaction.extras.get("private")
        if interaction.extras.get(WAITS, waits):
            # A public "thinking…" must not stay behind a private refusal.
            with suppress(Denied), translated():
                await interaction.delete_original_response()
        with translated():
            await interaction.followup.send(sentence, **private)
    except (Denied, Busy) as gone:
        log.warning("Could not say “%s”: %s", sentence, gone.raw)


async def _helping(interaction: discord.Interaction[Any], error: BaseException) -> dict[str, Any]:
    """The buttons that help somebody whose order was refused, where some do."""
    original = getattr(error, "original", error)
    helps = getattr(interaction.client, "helps", None)
    if helps is None or not isinstance(original, Refusal):
        return {}
    try:
        view = await helps(interaction, original)
    except DiskTrouble as trouble:
        log.warning("A refused order could not be kept: %s", trouble)
        return {}
    return {} if view is None else {"view": view}


def missing_permissions(missing: Iterable[str], where: str) -> str:
    """'I need Attach Files and Send Messages in Threads in #videos before I can work there.'"""
    return f"I need {_permissions(missing)} in {where} before I can work there; ask a moderator."


def _permissions(names: Iterable[str]) -> str:
    titles = [name.replace("_", " ").title().replace(" In ", " in ") for name in names]
    return listed([title.replace("Guild", "Server") for title in titles], last="and")


def headline(job: Job, glimpse: Glimpse) -> str:
    """Where *job* stands, in a few words."""
    match job.state:
        case State.QUEUED if glimpse.position is not None:
            return f"Queued {glimpse.position} of {glimpse.waiting}"
        case State.QUEUED if job.tries > 0:
            return "Queued; the provider is busy"
        case State.RENDERING if job.cancelled_by is not None:
            return "Being cancelled"
        case State.RENDERING if glimpse.waits_there:
            return "Waiting at the provider"
        case state:
            return TITLES[state]


def _progress(job: Job, glimpse: Glimpse) -> str:
    if job.state is State.QUEUED and glimpse.why_waiting:
        return f"-# {glimpse.why_waiting}"
    if job.state is not State.RENDERING:
        return ""
    parts = []
    if glimpse.fraction is not None:
        done = round(glimpse.fraction * 20)
        parts.append(f"`{'█' * done}{'░' * (20 - done)}` {glimpse.fraction:.0%}")
    if glimpse.ready_at is not None:
        parts.append(f"ready <t:{int(glimpse.ready_at)}:R> (an estimate)")
    if glimpse.slow:
        parts.append("taking longer than usual")
    return " · ".join(parts)


def _capability_line(capability: Capability, usd_per_credit: Decimal) -> str:
    parts = [f"**{_MODE_TITLES[capability.mode]}**"]
    for name, suffix in (("resolution", ""), ("aspect", ""), ("duration", " s"), ("fps", " fps")):
        if values := capability.values(name):
            parts.append(f"{listed(values)}{suffix}")
    if capability.sound:
        parts.append("sound")
    if capability.seeds is not None:
        parts.append("seed")
    if capability.camera:
        parts.append("camera motions")
    if capability.loras:
        parts.append(f"up to {capability.loras} LoRAs")
    parts.append(_price_list(capability, usd_per_credit))
    return f"{parts[0]}: {' · '.join(parts[1:])}"


_MODE_TITLES: Mapping[Mode, str] = {
    Mode.TEXT: "Text",
    Mode.IMAGE: "Image",
    Mode.AUDIO: "Sound",
    Mode.EXTEND: "Extend",
    Mode.RETAKE: "Retake",
    Mode.HDR: "HDR",
}


def _price_list(capability: Capability, usd_per_credit: Decimal) -> str:
    """'6 credits a second at 1080p, 12 at 4K', from the dated price list."""
    listing = capability.price
    rates = {
        tier: rate * listing.usd_per_unit / usd_per_credit
        for tier, rate in listing.per_second.items()
        if rate
    }
    bases = {
        tier: base * listing.usd_per_unit / usd_per_credit
        for tier, base in listing.base.items()
        if base
    }
    if not rates and not bases:
        return "free"

    def amounts(prices: Mapping[str, Decimal]) -> str:
        return ", ".join(
            f"{amount.normalize():f}" + ("" if tier == "*" else f" at {tier}")
            for tier, amount in prices.items()
        )

    parts = []
    if bases:
        parts.append(f"{amounts(bases)} credits a clip")
    if rates:
        parts.append(f"{amounts(rates)} credits a second")
    return f"{' plus '.join(parts)} (prices of {listing.dated:%d %b %Y})"


def _jump(guild_id: int, channel_id: int | None, message_id: int | None) -> str:
    if channel_id is None or message_id is None:
        return ""
    return f"https://discord.com/channels/{guild_id}/{channel_id}/{message_id}"
