"""How options become values, and values suggestions, in the /video commands."""

import discord
from discord.app_commands import Choice

from bot import messages
from bot.client import Interaction
from storage import Job

CHOICES = 25  #: suggestions that Discord shows


async def say(interaction: Interaction, text: str) -> None:
    """Answer with *text*, to its person alone."""
    view = discord.ui.LayoutView()
    view.add_item(discord.ui.TextDisplay(messages.elide(text, 4000)))
    await interaction.response.send_message(
        view=view, ephemeral=True, allowed_mentions=messages.SILENT
    )


def number(typed: str) -> int:
    """The job that '#42' or '42' names; 0, which no job has, for anything else."""
    digits = typed.strip().removeprefix("#")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else 0


def chosen(interaction: Interaction, option: str) -> str | None:
    return getattr(interaction.namespace, option, None) or None


def named(job: Job) -> tuple[str, str]:
    words = " ".join(job.brief.prompt.split())
    return f"#{job.id} · {messages.TITLES[job.state]} · {words}", str(job.id)


def choices(pairs: list[tuple[str, str]], typed: str) -> list[Choice[str]]:
    """Suggestions that hold what was typed, as many as Discord shows."""
    wanted = [each for each in pairs if typed.casefold() in each[0].casefold()]
    return [Choice(name=messages.elide(name, 100), value=value) for name, value in wanted[:CHOICES]]
