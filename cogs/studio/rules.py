"""/studio rules: what prompts may not hold."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import discord
from discord import ui

from bot.chat import answering
from bot.chat.bot import Interaction
from bot.chat.buttons import button, marked
from bot.chat.requester import moderator_of
from bot.moderation import tables
from bot.orders.prompt_rules import PATTERN_MAX, WORD_MAX
from bot.words.text import elide
from cogs._forms import form, sent
from cogs._pressing import Waits, number, pressed
from cogs.studio.views import Part, page, renew
from storage import PromptRule

REMOVABLE = 25  #: rules that a menu can offer, the newest
#: What stands above the field of each kind of rule.
HELP = {
    "word": "A word or phrase. It matches as whole words, in any case.",
    "pattern": "An RE2 regular expression. Case doesn't matter.",
}


async def show(interaction: Interaction) -> None:
    """Answer with the rules, and what can be done to them."""
    await answering.tell(interaction, view=page(await _parts(interaction)))


async def _parts(interaction: Interaction) -> list[Part]:
    rules, hits = await interaction.client.prompt_rules.found(moderator_of(interaction))
    parts: list[Part] = [
        (
            tables.prompt_rules(rules, hits),
            [button("Add a word", "forbid", "word"), button("Add a pattern", "forbid", "pattern")],
        )
    ]
    if rules:
        parts.append(("-# To remove one:", [_menu(rules)]))
    return parts


def _menu(rules: Sequence[PromptRule]) -> ui.Select[Any]:
    options = [
        discord.SelectOption(label=elide(f"{rule.kind}: {rule.text}", 100), value=str(rule.id))
        for rule in rules[-REMOVABLE:]
    ]
    return ui.Select(custom_id=marked("allow"), placeholder="Remove a rule", options=options)


@pressed("forbid", moderators=True)
async def _forbid(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    kind = "pattern" if about == "pattern" else "word"
    typed: ui.TextInput[Any] = ui.TextInput(
        custom_id="text", max_length=PATTERN_MAX if kind == "pattern" else WORD_MAX
    )
    asking = form(f"Refuse prompts with a {kind}", "forbid", kind)
    asking.add_item(ui.Label(text=kind.title(), description=HELP[kind], component=typed))
    await answering.ask(interaction, asking)


@sent("forbid", about="word|pattern", moderators=True)
async def _forbid_sent(
    interaction: Interaction, about: re.Match[str], given: Mapping[str, str]
) -> None:
    await interaction.client.prompt_rules.forbid(
        moderator_of(interaction), about[0], given.get("text", "")
    )
    await renew(interaction, await _parts(interaction))


@pressed("allow", moderators=True, waits=Waits.CHANGE)
async def _allow(interaction: Interaction, _about: str, picked: Sequence[str]) -> None:
    rule = number(picked[0] if picked else "")
    await interaction.client.prompt_rules.allow(moderator_of(interaction), rule)
    await renew(interaction, await _parts(interaction))
