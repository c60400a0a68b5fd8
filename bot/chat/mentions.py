"""Whom a message may notify: nobody, unless it says so."""

import discord

from bot.words.money import price as price
from bot.words.text import elide as elide
from bot.words.text import inert as inert

SILENT = discord.AllowedMentions.none()
