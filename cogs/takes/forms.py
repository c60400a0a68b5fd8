"""The forms of a take: retake it, extend it."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, TypeVar

import discord
from discord import ui

from bot.chat import answering
from bot.chat.bot import Interaction
from bot.errors import Busy, Refusal
from bot.orders.consent import Consent
from bot.orders.edits import Part, made_part
from bot.orders.quote import Quote
from bot.orders.requester import Requester
from bot.orders.takes import Verb
from bot.words import money
from bot.words.clips import BACKWARDS
from bot.words.text import clean, typed
from cogs._forms import PROMPT, UNPRICED, form, sent, text_field
from cogs.takes import acting
from storage import Job

PATIENCE = 1.5  #: seconds that a button may take to work something out; Discord waits 3
FORM = 1.8  #: the same for a form, all that it says taken together
#: What stands on a form: the clip, and the price that the form showed, in credits.
CLIP = r"(?P<id>\d{1,18})(?::(?P<price>\d{1,18}))?"
_T = TypeVar("_T")
_late: set[asyncio.Future[Any]] = set()  #: what a form did not wait for; the next one has it


async def retake(interaction: Interaction, job: Job, requester: Requester) -> None:
    """Ask from where to where, for what, with which words; all of it filled in."""
    edits, until = interaction.client.edits, time.monotonic() + FORM
    clip = await _soon(edits.clip(job, requester), until)
    seconds = clip.seconds if clip is not None else None
    start, end = made_part(job.brief, seconds)
    part = Part() if (start, end) == (0.0, seconds) else Part(start=start, end=end)
    what = "The whole clip" if part.whole else "That part"
    quote = None
    try:
        quoting = edits.retake(
            job, request=f"form:{interaction.id}", requester=requester, part=part
        )
        quote = await _soon(quoting, until)
        said = UNPRICED
    except Refusal as no:  # another part may do
        said = str(no)
    if quote is not None:
        said = f"{what}: {money.price(quote.price, interaction.client.usd_per_credit)}"
    asking = form(f"Retake #{job.id}", "retake", about(job, quote))
    asking.add_item(text_field("Start (seconds)", "from", f"{round(start or 0, 1):g}"))
    asking.add_item(text_field("End (seconds)", "to", f"{round(end, 1):g}" if end else ""))
    asking.add_item(text_field("Prompt", "prompt", job.brief.prompt, long=True))
    asking.add_item(_choice("What to retake", "replace", ("both", "picture", "sound"), "both"))
    asking.add_item(ui.TextDisplay(said + cut_note(job)))
    await answering.ask(interaction, asking)


async def extend(interaction: Interaction, job: Job, requester: Requester) -> None:
    """Ask for how long, at which end, with which words; says the price and the whole length."""
    quotes = await _soon(_at_both_ends(interaction, job, requester), time.monotonic() + FORM) or {}
    first, quote = next(iter(quotes.items()), ("end", None))
    length = str((quote.brief.duration if quote is not None else None) or 6)
    said = "\n".join(_offer(interaction, *each) for each in quotes.items()) or UNPRICED
    ways = {end: _way(each) for end, each in quotes.items()}
    asking = form(f"Extend #{job.id}", "extend", about(job, quote))
    asking.add_item(text_field("Seconds to add", "seconds", length))
    asking.add_item(_choice("Which end", "direction", ("end", "start"), first, said=ways))
    asking.add_item(text_field("What happens there", "prompt", job.brief.prompt, long=True))
    asking.add_item(ui.TextDisplay(said + cut_note(job)))
    await answering.ask(interaction, asking)


async def _at_both_ends(
    interaction: Interaction, job: Job, requester: Requester
) -> dict[str, Quote]:
    """What an extension means at the end and at the start, as far as it can be made there.

    Raises `Refusal` where it can be made at neither.
    """
    edits, request = interaction.client.edits, f"form:{interaction.id}"
    quotes: dict[str, Quote] = {}
    refusals = []
    for end in ("end", "start"):
        try:
            quotes[end] = await edits.extend(
                job, request=request, requester=requester, direction=end
            )
        except Refusal as refusal:
            refusals.append(refusal)
    if not quotes:
        raise refusals[0]
    return quotes


def _way(quote: Quote) -> str:
    """What is to be known of an extension before it is ordered; "" where its provider makes it."""
    plan = quote.brief.plan
    if plan is None:
        return ""
    return BACKWARDS if plan.place == "start" else "made from the last frame and joined"


def _offer(interaction: Interaction, end: str, quote: Quote) -> str:
    """'Add 2 s at the end: 200 credits · 6 s in total'."""
    added = quote.brief.duration or 0
    clip = quote.brief.plan.clip if quote.brief.plan is not None else quote.brief.video
    price = money.price(quote.price, interaction.client.usd_per_credit)
    parts = [f"Add {added} s at the {end}: {price}"]
    if clip is not None and clip.seconds:
        parts.append(f"{clip.seconds + added:.0f} s in total")
    return " · ".join([*parts, *filter(None, [_way(quote)])])


@sent("retake", about=CLIP, moderators=False)
async def _retake_sent(
    interaction: Interaction, about: re.Match[str], given: Mapping[str, str]
) -> None:
    await _order(interaction, about, given, _retake_quote, Verb.RETAKE)


@sent("extend", about=CLIP, moderators=False)
async def _extend_sent(
    interaction: Interaction, about: re.Match[str], given: Mapping[str, str]
) -> None:
    await _order(interaction, about, given, _extend_quote, Verb.EXTEND)


Quoting = Callable[[Interaction, Job, Requester, Mapping[str, str]], Awaitable[Quote]]


async def _order(
    interaction: Interaction,
    about: re.Match[str],
    given: Mapping[str, str],
    quoting: Quoting,
    verb: Verb,
) -> None:
    """Order what was filled in, at no more than the price that the form showed."""
    seen = int(about["price"]) if about["price"] is not None else None
    requester, job = await acting.pressed(interaction, int(about["id"]), verb)
    await interaction.client.edits.may_change(job, requester)

    quote = quoting(interaction, job, requester, given)  # may take long
    await acting.order(interaction, quote, requester, consent=Consent.to(seen))


async def _retake_quote(
    interaction: Interaction, job: Job, requester: Requester, given: Mapping[str, str]
) -> Quote:
    edits = interaction.client.edits
    start, end = seconds_of(given.get("from", "")), seconds_of(given.get("to", ""))
    seconds = (await edits.clip(job, requester)).seconds
    if end is not None and seconds and abs(end - seconds) < 0.06:
        end = None
    # From edge to edge a clip is the same request again, unless that made only a part of it.
    alone = made_part(job.brief, seconds) == (0.0, seconds)
    start = (start or None) if alone else (start or 0.0)
    return await edits.retake(
        job,
        request=f"interaction:{interaction.id}",
        requester=requester,
        part=Part(start=start, end=end, replace=given.get("replace")),
        prompt=new_prompt(given, job),
    )


async def _extend_quote(
    interaction: Interaction, job: Job, requester: Requester, given: Mapping[str, str]
) -> Quote:
    seconds = seconds_of(given.get("seconds", ""))
    if seconds is None or seconds != int(seconds):
        raise Refusal("The seconds to add must be a whole number.")
    return await interaction.client.edits.extend(
        job,
        request=f"interaction:{interaction.id}",
        requester=requester,
        seconds=int(seconds),
        direction=given.get("direction"),
        prompt=new_prompt(given, job),
    )


async def _soon(work: Coroutine[Any, Any, _T], until: float) -> _T | None:
    """What *work* gives by the moment *until*; else None, and it goes on for the next to ask.

    Raises `Refusal`.
    """
    task = asyncio.ensure_future(work)
    done, _ = await asyncio.wait({task}, timeout=max(0.0, until - time.monotonic()))
    if not done:
        _late.add(task)
        task.add_done_callback(_forgotten)
        return None
    try:
        return task.result()
    except Busy:
        return None


def _forgotten(task: asyncio.Future[Any]) -> None:
    _late.discard(task)
    if not task.cancelled():
        task.exception()  # whoever asks next hears of it


def about(job: Job, quote: Quote | None) -> str:
    return f"{job.id}" + (f":{quote.price}" if quote is not None else "")


def cut_note(job: Job) -> str:
    """What is said of a prompt that is longer than a form's field."""
    length = len(job.brief.prompt)
    if length <= PROMPT:
        return ""
    return (
        f"\n-# This shows the first {PROMPT:,} of the prompt's {length:,} characters. "
        "If you don't change it, the whole prompt is used."
    )


def new_prompt(given: Mapping[str, str], job: Job) -> str | None:
    """The new prompt; None where the field was left as it was, or was emptied."""
    typed = clean(given.get("prompt", ""))
    return None if typed in ("", clean(job.brief.prompt[:PROMPT])) else typed


def _choice(
    label: str,
    name: str,
    values: tuple[str, ...],
    default: str,
    *,
    said: Mapping[str, str] | None = None,
) -> ui.Label[ui.Modal]:
    """One of *values*; *said* is what stands below some of them."""
    options = [
        discord.SelectOption(
            label=each.capitalize(),
            value=each,
            default=each == default,
            description=(said or {}).get(each) or None,
        )
        for each in values
    ]
    return ui.Label(text=label, component=ui.Select(custom_id=name, options=options))


def seconds_of(text: str) -> float | None:
    """Seconds that somebody wrote, such as '3', '3.5', '3,5 s' or '1:05'; None for nothing.

    Raises `Refusal` for anything else.
    """
    plain = text.strip().removesuffix("s").strip().replace(",", ".")
    if not plain:
        return None
    found = re.fullmatch(r"(?:(\d{1,3}):)?(\d{1,4}(?:\.\d{1,3})?)", plain, re.ASCII)
    if found is None:
        raise Refusal(f"{typed(text, 20)} is not a number of seconds. Write one such as 3.5.")
    return int(found[1] or 0) * 60 + float(found[2])
