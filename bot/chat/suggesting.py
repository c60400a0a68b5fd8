"""Suggestions of options, which come in time, or say that they can't be loaded.

Discord waits 3 seconds for them, and takes nothing but choices: what an error says elsewhere is one
choice here, whose value no command takes. An option that is a number has no such value: it gets no
choices.
"""

import asyncio
import functools
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar, cast

import discord
from discord.app_commands import Choice

from storage import DiskTrouble

log = logging.getLogger(__name__)

WITHIN = 2.0  #: seconds that suggestions are given
NOTHING = "Suggestions can't be loaded. Try again in a minute."  #: 100 characters at most
PICKED = "no suggestions"  #: the value of that choice
CHOSE_NOTHING = "There were no suggestions to choose from, so nothing was done. Try again."

Suggest = TypeVar("Suggest", bound=Callable[..., Any])


class Outages:
    """Says once in the log that suggestions can't be loaded, until something was saved again."""

    def __init__(self, saved: Callable[[], int]) -> None:
        """*saved* counts what was saved."""
        self._saved = saved
        self._told: int | None = None

    def tell(self, why: str) -> None:
        """Suggestions can't be loaded."""
        if self._told != self._saved():
            self._told = self._saved()
            log.warning("Suggestions of options can't be loaded: %s", why)


def suggests(suggest: Suggest) -> Suggest:
    """Have *suggest*, which is given an interaction and what was typed, answered in time."""

    @functools.wraps(suggest)
    async def in_time(*given: Any) -> list[Choice[Any]]:
        interaction = given[-2]
        try:
            async with asyncio.timeout(WITHIN):
                found: list[Choice[Any]] = await suggest(*given)
        except DiskTrouble as trouble:
            interaction.client.suggestions.tell(str(trouble))
        except TimeoutError:
            interaction.client.suggestions.tell("the database takes too long")
        else:
            return found
        return [Choice(name=NOTHING, value=PICKED)] if _is_text(interaction) else []

    return cast("Suggest", in_time)


def chose_nothing(interaction: discord.Interaction[Any]) -> bool:
    """Whether somebody chose what says that there are no suggestions."""
    command = interaction.type is discord.InteractionType.application_command
    return command and any(each.get("value") == PICKED for each in _options(interaction))


def _is_text(interaction: discord.Interaction[Any]) -> bool:
    text = discord.AppCommandOptionType.string.value
    return any(each.get("focused") and each.get("type") == text for each in _options(interaction))


def _options(interaction: discord.Interaction[Any]) -> Iterator[Mapping[str, Any]]:
    """The options of a command, as Discord sent them."""

    def given(options: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        for option in options:
            yield option
            yield from given(option.get("options", ()))

    data: Mapping[str, Any] = interaction.data or {}
    return given(data.get("options", ()))
