"""Help me write: what a prompt lacks, a suggestion to edit or use, and a rewrite if that is set up.

The message is its person's alone. All that its buttons need is a row, so that they outlive a
restart. Nothing is ordered but by a button or a form that carries its price.
"""

import asyncio
import re
from collections.abc import Coroutine, Mapping, Sequence

import discord
from discord import ui

from bot.chat import answering
from bot.chat.bot import Dailies, Interaction
from bot.chat.buttons import button
from bot.chat.requester import requester_here, requester_of
from bot.errors import Refusal
from bot.orders.consent import Consent
from bot.orders.inputs import Source
from bot.orders.prompt_help import WRITTEN, ConsentNeeded, Help, kept_links, ready
from bot.orders.quote import Quote
from bot.words.limits import in_words
from bot.words.prompt_check import Aspect, advice, gaps
from bot.words.text import clean, elide, inert
from cogs import _forms
from cogs._forms import PROMPT, form, price_line, sent
from cogs._pressing import UNKNOWN, Pressed, Waits, acknowledged, number, pressed
from storage import Brief, Mode, PromptDraft

SHOWN = 2800  #: characters of a suggestion that a message shows
ORDER, HELP = "order", "help"
_TITLES = {
    Mode.TEXT: "Make a clip",
    Mode.IMAGE: "Animate this image",
    Mode.AUDIO: "Use this sound",
}
_ABOUT = r"(?P<id>\d{1,18})(?::(?P<price>\d{1,18}))?"
_PARSED = re.compile(_ABOUT, re.ASCII)


def sending(said: str | None = None) -> ui.Label[ui.Modal]:
    """The field of a form that says what sending it does: order, or help with the prompt first.

    *said* is what is to be known before, at most 100 characters.
    """
    options = [
        discord.SelectOption(label="Make the clip", value=ORDER, default=True),
        discord.SelectOption(
            label="Help me write",
            value=HELP,
            description="Checks the prompt and suggests a better one. Nothing is ordered.",
        ),
    ]
    return ui.Label(
        text="When you send this",
        description=said,
        component=ui.Select(custom_id="then", options=options),
    )


def asks_for_help(given: Mapping[str, str]) -> bool:
    """Whether a form with that field asks for help."""
    return given.get("then") == HELP


async def show(interaction: Interaction, helping: Coroutine[None, None, Help]) -> None:
    """Answer with the help that *helping* comes to, to its person alone: meanwhile "thinking…"."""

    async def answer() -> None:
        found = await helping
        await answering.tell(interaction, view=_shown(found, interaction.client))

    await acknowledged(interaction, Waits.PRIVATE, answer())


def _shown(found: Help, bot: Dailies) -> ui.LayoutView:
    draft = found.draft
    view = ui.LayoutView(timeout=None)
    view.add_item(ui.TextDisplay(elide(_said(found), 3900)))
    row: ui.ActionRow[ui.LayoutView] = ui.ActionRow()
    about = _about(draft, found.quote)
    if len(draft.proposal) <= PROMPT:
        style = discord.ButtonStyle.primary
        row.add_item(button("Edit and make it…", "help-edit", about, style=style))
    if found.ready or draft.brief.mode is not Mode.TEXT:
        cut = "without the gaps" if gaps(draft.proposal) else "as it is"
        row.add_item(button(f"Make it {cut}{_costs(found.quote)}", "help-use", about))
    if found.receiver is not None and found.rewritten_by is None and draft.brief.prompt:
        row.add_item(button(f"Rewrite it with {found.receiver}", "help-ask", draft.id))
    if found.agreed:
        row.add_item(button("Stop sending my prompts", "help-stop"))
    if row.children:
        view.add_item(row)
    view.stop()
    return view


def _said(found: Help) -> str:
    has = len(found.checked.there)
    lines = [
        "### Help with your prompt",
        *filter(None, [inert(found.note)]),
        f"Your prompt speaks of {has} of {len(Aspect)} things. "
        + (" ".join(advice(found.checked)) or "Nothing is missing."),
    ]
    if found.rewritten_by is not None:
        lines.append(f"**Rewritten by {inert(found.rewritten_by)}.** Read it before you use it:")
    elif gaps(found.draft.proposal):
        lines.append("**Suggestion.** Replace what is in brackets:")
    else:
        lines.append("**Suggestion:**")
    lines.append(f"> {inert(elide(found.draft.proposal, SHOWN))}")
    if len(found.draft.proposal) > PROMPT:
        lines.append(f"-# A form takes {PROMPT:,} characters, so this can't be edited in one.")
    return "\n".join(lines)


def _costs(quote: Quote | None) -> str:
    if quote is None:
        return ""
    return f" · {in_words(quote.price)}" if quote.price else " · free"


def _about(draft: PromptDraft, quote: Quote | None) -> str:
    return f"{draft.id}" + (f":{quote.price}" if quote is not None else "")


def _parsed(about: str) -> tuple[int, int | None]:
    """The number of a draft, and the price that was shown."""
    found = _PARSED.fullmatch(about)
    if found is None:
        raise Refusal(UNKNOWN)
    return int(found["id"]), int(found["price"]) if found["price"] is not None else None


@pressed("help-edit", moderators=False)
async def _edit(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    draft_id, _shown_price = _parsed(about)
    requester = requester_here(interaction)
    kept = await interaction.client.prompt_help.draft(draft_id, requester)
    quote = await interaction.client.prompt_help.price(kept, requester)
    await _open(interaction, kept, quote)


async def _open(interaction: Interaction, kept: PromptDraft, quote: Quote | None) -> None:
    asking = form(_TITLES[kept.brief.mode], "write", _about(kept, quote))
    prompt: ui.TextInput[ui.Modal] = ui.TextInput(
        custom_id="prompt",
        style=discord.TextStyle.paragraph,
        default=kept.proposal[:PROMPT] or None,
        required=kept.brief.mode is Mode.TEXT,
        max_length=PROMPT,
    )
    asking.add_item(ui.Label(text="Prompt", component=prompt))
    asking.add_item(sending())
    asking.add_item(ui.TextDisplay(price_line(quote, interaction)))
    await answering.ask(interaction, asking)


@sent("write", about=_ABOUT, moderators=False)
async def _written(
    interaction: Interaction, about: re.Match[str], given: Mapping[str, str]
) -> None:
    prompts, requester = interaction.client.prompt_help, requester_here(interaction)
    kept = await prompts.draft(int(about["id"]), requester)
    text = clean(given.get("prompt", ""))
    left = gaps(text)
    if left or asks_for_help(given):
        suggesting = prompts.suggest(
            kept.brief.but(prompt=text),
            requester,
            provider=kept.provider,
            model=kept.model,
            links=kept_links(kept),
            gap=bool(left),
        )
        await show(interaction, suggesting)
        return
    await _order(interaction, kept, text, about["price"])


@pressed("help-use", moderators=False)
async def _use(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    draft_id, price = _parsed(about)
    kept = await interaction.client.prompt_help.draft(draft_id, requester_here(interaction))
    await _order(interaction, kept, ready(kept), None if price is None else str(price))


async def _order(interaction: Interaction, kept: PromptDraft, text: str, price: str | None) -> None:
    long = asyncio.Event()
    order = interaction.client.prompt_help.order(
        kept,
        text,
        request=f"interaction:{interaction.id}",
        requester=requester_here(interaction),
        consent=Consent.to(int(price) if price is not None else None),
        before_long=long.set,
    )
    await interaction.client.presenter.answer(interaction, order, long=long)


@pressed("help-ask", moderators=False)
async def _ask(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    await _rewrite(interaction, number(about))


@pressed("help-agree", moderators=False)
async def _agree(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    draft_id, _colon, receiver = about.partition(":")
    draft = number(draft_id)
    await interaction.client.prompt_help.agree(requester_of(interaction), receiver)
    await _rewrite(interaction, draft)


async def _rewrite(interaction: Interaction, draft_id: int) -> None:
    rewriting = interaction.client.prompt_help.rewrite(draft_id, requester_of(interaction))
    try:
        await show(interaction, rewriting)
    except ConsentNeeded as needed:
        view = ui.LayoutView(timeout=None)
        receiver = inert(needed.receiver)
        view.add_item(
            ui.TextDisplay(
                f"### Send your prompt to {receiver}?\n"
                f"The model {inert(needed.model)} there rewrites it. Only the text of your prompt "
                "is sent: not your name, this server or your clips. The operator of this bot "
                f"chose {receiver}, and its own rules apply to what it does with the text.\n"
                "You're asked once. After that, a prompt is sent each time you press Rewrite, and "
                "never by itself. “Stop sending my prompts” under a suggestion takes this back."
            )
        )
        row: ui.ActionRow[ui.LayoutView] = ui.ActionRow()
        style = discord.ButtonStyle.primary
        agree = button("Send it", "help-agree", f"{draft_id}:{needed.mark}", style=style)
        row.add_item(agree)
        view.add_item(row)
        view.stop()
        await answering.tell(interaction, view=view)


@pressed("help-stop", moderators=False, waits=Waits.PRIVATE)
async def _stop(interaction: Interaction, _about: str, _: Sequence[str]) -> None:
    await interaction.client.prompt_help.withdraw(requester_of(interaction))
    await answering.tell(interaction, "None of your prompts are sent from now on.")


@pressed("help-kept", moderators=False)
async def _kept(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    """Help with the prompt of an order that asked about its price."""
    requester = requester_here(interaction)
    kept = await interaction.client.refusals.mine(number(about), requester)
    wanted = kept.wanted
    if wanted.brief.mode not in WRITTEN:
        raise Refusal("There is no help with this prompt.")
    suggesting = interaction.client.prompt_help.suggest(
        wanted.brief, requester, provider=wanted.provider, model=wanted.model
    )
    await show(interaction, suggesting)


async def begin(interaction: Interaction, brief: Brief, sources: Mapping[str, Source]) -> None:
    """Help with the prompt of a form, which may begin with a picture, a sound or both."""
    suggesting = interaction.client.prompt_help.suggest(
        brief,
        requester_here(interaction),
        links={name: each.url or "" for name, each in sources.items()},
    )
    await show(interaction, suggesting)


async def setup(bot: Dailies) -> None:
    bot.add_dynamic_items(Pressed)
    await _forms.add_to(bot)
