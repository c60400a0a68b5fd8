"""Suggestions of options come in time, or say in a choice that there are none."""

import asyncio
import logging
from types import SimpleNamespace

import pytest
from discord.app_commands import Choice

from bot.chat import suggesting
from bot.chat.suggesting import NOTHING, PICKED, Outages, suggests
from storage import DiskTrouble

TEXT, NUMBER = 3, 4  #: kinds of options, as Discord numbers them
LONGEST = 100  #: characters of a choice


def asked(kind=TEXT, saved=lambda: 0):
    """An interaction in which an option of a command in a group is typed."""
    focused = {"name": "clip", "type": kind, "value": "", "focused": True}
    other = {"name": "prompt", "type": NUMBER if kind == TEXT else TEXT, "value": "a fox"}
    group = {"name": "video", "type": 1, "options": [other, focused]}
    return SimpleNamespace(
        client=SimpleNamespace(suggestions=Outages(saved)), data={"options": [group]}
    )


@suggests
async def away(_interaction, _typed):
    raise DiskTrouble("The database server can't be reached, so nothing was done.")


@suggests
async def hangs(_interaction, _typed):
    await asyncio.Event().wait()


@suggests
async def well(_interaction, typed):
    return [Choice(name=typed, value=typed)]


def ours(caplog):
    """What the product logged: anything else of the process may log, too."""
    return [each for each in caplog.records if each.name.startswith("bot.")]


@pytest.mark.parametrize("suggest", [away, hangs])
@pytest.mark.parametrize("kind", [TEXT, NUMBER])
async def test_without_the_database_one_choice_says_so_and_a_number_has_none(suggest, kind, caplog):
    found = await suggest(asked(kind), "f")
    assert [(each.name, each.value) for each in found] == (
        [(NOTHING, PICKED)] if kind == TEXT else []
    )
    [line] = ours(caplog)
    why = "The database server can't be reached" if suggest is away else "the database takes too"
    assert line.message.startswith(f"Suggestions of options can't be loaded: {why}")
    assert (line.levelno, line.exc_info) == (logging.WARNING, None)
    assert max(len(NOTHING), len(PICKED)) <= LONGEST


async def test_an_outage_is_one_line_until_something_is_saved(caplog):
    saved = 7
    interaction = asked(saved=lambda: saved)
    for _ in range(3):
        await away(interaction, "")
    assert await well(interaction, "fox") == [Choice(name="fox", value="fox")]
    await away(interaction, "")
    assert len(ours(caplog)) == 1
    saved += 1
    await away(interaction, "")
    assert len(ours(caplog)) == 2


async def test_a_bug_is_none_of_it():
    @suggests
    async def broken(_interaction, _typed):
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        await broken(asked(), "")


async def test_every_suggestion_of_the_bot_comes_in_time(house):
    parameters = [
        (command.qualified_name, each)
        for command in house.bot.tree.walk_commands()
        for each in getattr(command, "_params", {}).values()
        if each.autocomplete
    ]
    assert len(parameters) > 20
    assert [
        (name, each.name)
        for name, each in parameters
        if each.autocomplete.__code__.co_filename != suggesting.__file__
    ] == []
