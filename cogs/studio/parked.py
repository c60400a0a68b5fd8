"""/studio undelivered and /studio unclear: what only a moderator can decide.

The same buttons stand in the message that told moderators of a job, see `alerts`: their custom id
then ends with the job's revision, and that message is written anew by whoever wrote it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import discord
from discord import ui

from bot.chat import answering
from bot.chat.bot import Interaction
from bot.chat.buttons import button
from bot.chat.requester import moderator_of
from bot.errors import Refusal
from bot.moderation import tables
from bot.words.limits import in_words
from cogs._forms import form, sent
from cogs._pressing import UNKNOWN, Waits, number, pressed
from cogs.studio.alerts import Alerts
from cogs.studio.views import Part, renew, show

TWICE = (
    "If the provider did take it the first time, both are paid. Look at the provider's own list "
    "first."
)


async def show_undelivered(interaction: Interaction) -> None:
    """Answer with the clips that could not be posted."""
    parts, beyond = await _undelivered(interaction)
    await show(interaction, parts, beyond=beyond)


async def show_trouble(interaction: Interaction) -> None:
    """Answer with the jobs that are parked, and the costs in suspense."""
    parts, beyond = await _trouble(interaction)
    await show(interaction, parts, beyond=beyond)


async def _renew_trouble(interaction: Interaction) -> None:
    parts, beyond = await _trouble(interaction)
    await renew(interaction, parts, beyond=beyond)


async def _undelivered(interaction: Interaction) -> tuple[list[Part], int]:
    """The page, and how many clips there are beyond those that were read for it."""
    jobs, count = await interaction.client.parked.undelivered(moderator_of(interaction))
    if not jobs:
        return [("Every finished clip was posted.", ())], 0
    parts: list[Part] = [(tables.UNDELIVERED, ())]
    for job in jobs:
        again = button("Try again", "post", f"{job.id}:there")
        here = button("Post it here", "post", f"{job.id}:here")
        parts.append((tables.parked_line(job), [again, here]))
    return parts, count - len(jobs)


async def _trouble(interaction: Interaction) -> tuple[list[Part], int]:
    found = await interaction.client.parked.trouble(moderator_of(interaction))
    parts: list[Part] = [(tables.trouble_head(found), ())]
    for job in found.jobs:
        buttons = [
            button("Check again", "check", job.id),
            button("Retry (could pay twice)", "retry", job.id, style=discord.ButtonStyle.danger),
            button("Close", "close", job.id),
        ]
        parts.append((tables.parked_line(job), buttons))
    for each in found.suspense:
        about = f"{each.job_id}:{each.attempt}"
        words = (
            f"**#{each.job_id}**: is attempt {each.attempt} in the provider's list of charges? "
            f"{in_words(each.amount)} not settled."
        )
        buttons = [
            button("It was billed", "billed", f"{about}:yes"),
            button("It was not billed", "billed", f"{about}:no"),
        ]
        parts.append((words, buttons))
    return parts, found.count - len(found.jobs)


@pressed("post", moderators=True, waits=Waits.CHANGE)
async def _post(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    job_id, _colon, rest = about.partition(":")
    where, *told = rest.split(":")
    requester = moderator_of(interaction)
    await interaction.client.parked.post(requester, number(job_id), here=where == "here")
    _decided(interaction)
    if not told:
        parts, beyond = await _undelivered(interaction)
        await renew(interaction, parts, beyond=beyond)


@pressed("check", moderators=True, waits=Waits.CHANGE)
async def _check(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    job_id, *told = about.split(":")
    await interaction.client.parked.look_again(moderator_of(interaction), number(job_id))
    _decided(interaction)
    if not told:
        await _renew_trouble(interaction)


@pressed("retry", moderators=True)
async def _retry(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    job_id, _colon, message_id = about.partition(":")
    shown = f"{number(job_id)}:{number(message_id)}" if message_id else number(job_id)
    asking = form("Order it again?", "retry", shown)
    why: ui.TextInput[Any] = ui.TextInput(custom_id="why", max_length=200)
    asking.add_item(ui.TextDisplay(TWICE))
    asking.add_item(ui.Label(text="Why", component=why))
    await answering.ask(interaction, asking)


@sent("retry", about=r"(\d{1,18})(:\d{1,18})?", moderators=True)
async def _retry_sent(
    interaction: Interaction, about: re.Match[str], given: Mapping[str, str]
) -> None:
    """A reason is asked for, and so nobody pays twice by a slip."""
    requester, parked = moderator_of(interaction), interaction.client.parked
    await answering.acknowledge(interaction, thinking=False)
    await parked.retry(requester, int(about[1]), why=given.get("why", ""))
    _decided(interaction)
    if about[2] is None:  # else it is asked from the message that told moderators of the job
        await _renew_trouble(interaction)


@pressed("close", moderators=True, waits=Waits.CHANGE)
async def _close(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    job_id, *told = about.split(":")
    await interaction.client.parked.close(moderator_of(interaction), number(job_id))
    _decided(interaction)
    if not told:
        await _renew_trouble(interaction)


@pressed("billed", moderators=True, waits=Waits.CHANGE)
async def _billed(interaction: Interaction, about: str, _: Sequence[str]) -> None:
    job_id, _colon, rest = about.partition(":")
    attempt, _colon, answer = rest.partition(":")
    if answer not in ("yes", "no"):
        raise Refusal(UNKNOWN)
    requester = moderator_of(interaction)
    await interaction.client.parked.clear(
        requester, number(job_id), number(attempt), billed=answer == "yes"
    )
    await _renew_trouble(interaction)


def _decided(interaction: Interaction) -> None:
    alerts = interaction.client.get_cog("Alerts")
    if isinstance(alerts, Alerts):
        alerts.look_soon()
