"""A custom id that this Dailies never wrote is answered in words, and is no bug of ours."""

import logging

import discord
import pytest

from cogs._pressing import UNKNOWN
from tests.rig.house import until

FORGED = [
    "do:take-retake:abc",
    "do:take-retake",
    "do:take-send:",
    "do:take-details:99999999999999999999999999",
    "do:take-details:-1",
    "do:take-remove:١",
    "do:nothing-of-ours:1",
    "do:billed:",
    "do:grant:x:y",
]


def _is_said(message):
    return message is not None and not message.loading


@pytest.mark.parametrize("custom_id", FORGED)
async def test_it_is_answered(playground, house, ada, caplog, custom_id):
    channel = playground.channel("videos")
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label="Press", custom_id=custom_id))
    view.stop()
    sent = await house.bot.get_partial_messageable(int(channel.id)).send("A button", view=view)
    message = await until(lambda: ada.message(sent.id, sent.channel.id))
    caplog.clear()
    pressed = await ada.click(message, "Press")
    await pressed.answered
    said = await until(lambda: pressed.message if _is_said(pressed.message) else None)
    assert "broke on our side" not in said.text
    assert said.text == UNKNOWN or "clip" in said.text or "take" in said.text.lower(), said.text
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []
