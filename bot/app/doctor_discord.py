"""What `dailies doctor` finds at Discord: the token, commands, permissions, limits, the time."""

import asyncio
import tempfile
from collections.abc import Collection, Iterable, Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import aiohttp
import discord

from bot.app.compose import deploy
from bot.app.findings import Report
from bot.chat.bot import Dailies
from bot.chat.connection import invite_url, point_at
from bot.chat.login import check_token, explained
from bot.chat.requester import needed_in
from bot.exits import Exit
from bot.settings import Settings
from bot.words.numbers import listed

WITHIN = 60.0  #: seconds for all that is asked of Discord
CHANNELS = 50  #: that are looked at, at the most
ELSEWHERE = "set DAILIES_ALERT_CHANNEL to the id of a text channel of a server with the bot in it"
SEES = "let the bot's role see it, or set DAILIES_ALERT_CHANNEL to another channel"
MENUS = (2, 3)  #: types of commands that stand in a menu of a person or a message
FEW = 50  #: sessions that may still begin today, or it is told


async def look_at_discord(
    settings: Settings, report: Report, channels: Mapping[int, set[int]]
) -> float | None:
    """Log in, and look at what the bot needs there; what time it is at Discord, if it said so.

    *channels* are those in use, by server. No session begins, and nothing is registered or posted.
    """
    if settings.discord_token is None:
        report("Discord", "no token", "set DISCORD_TOKEN, or use `dailies playground`")
        return None
    where = settings.discord_api_url
    point_at(where, settings.discord_gateway_url)
    try:
        check_token(settings.discord_token.get_secret_value(), api_url=where)
        async with asyncio.timeout(WITHIN):
            return await _look(settings, report, channels)
    except Exit as error:
        _not_well(report, error)
    except TimeoutError:
        report("Discord", f"no answer within {WITHIN:g} s", "check the network")
    except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
        _not_well(report, explained(error, api_url=where))
    return None


async def _look(
    settings: Settings, report: Report, channels: Mapping[int, set[int]]
) -> float | None:
    """The bot itself is asked, over an empty directory: it knows its commands and intents."""
    assert settings.discord_token is not None
    with tempfile.TemporaryDirectory(prefix="dailies-doctor-") as folder:
        nowhere = {
            "dailies_data": Path(folder),
            "dailies_web_port": 0,
            "dailies_s3_bucket": None,
            "dailies_store": None,
            "dailies_backup_to": None,
            "public_url": None,
            "webhook_urls": (),
        }
        async with deploy(
            settings.model_copy(update=nowhere), environ={}, providers={}
        ) as deployment:
            bot = deployment.bot
            try:
                await bot.login(settings.discord_token.get_secret_value())
                invitation = invite_url(bot.application_id or 0)
                report("Discord", f"logged in as {bot.user}, invite: {invitation}")
                _look_at_intents(bot, report)
                theirs = await _look_at_sessions(settings, report)
                await _look_at_commands(bot, report)
                await _look_at_servers(bot, report, channels)
                if settings.dailies_alert_channel is not None:
                    await _look_at_alert_channel(bot, report, settings.dailies_alert_channel)
                return theirs
            finally:
                await bot.close()


def _not_well(report: Report, error: Exit) -> None:
    """What is wrong is the first sentence, what to do the second."""
    found, _, fix = str(error).rstrip(".").partition(". ")
    report("Discord", found, fix or "check the network and DISCORD_API_URL")


def _look_at_intents(bot: Dailies, report: Report) -> None:
    privileged = [
        name for name in ("members", "presences", "message_content") if getattr(bot.intents, name)
    ]
    if privileged:
        fix = "turn them on for the app in Discord's developer portal"
        report.warn("intents", f"{listed(privileged, last='and')}: privileged", fix)
    else:
        report("intents", "none is privileged, so there is nothing to turn on")


async def _look_at_sessions(settings: Settings, report: Report) -> float | None:
    """How many sessions may begin today; what time it is there."""
    assert settings.discord_token is not None
    headers = {"Authorization": f"Bot {settings.discord_token.get_secret_value()}"}
    url = f"{settings.discord_api_url.rstrip('/')}/gateway/bot"
    async with (
        aiohttp.ClientSession() as session,
        session.get(url, headers=headers, allow_redirects=False) as answer,
    ):
        said: Any = await answer.json()
        date = answer.headers.get("Date")
    limit = said.get("session_start_limit", {}) if isinstance(said, dict) else {}
    left = limit.get("remaining")
    if isinstance(left, int):
        if left < FEW:
            fix = "find out why the bot starts so often: at 0 Discord takes its token back"
            report.warn("sessions", f"{left} more may begin today", fix)
        else:
            report("sessions", f"{left:,} more may begin today")
    try:
        return parsedate_to_datetime(date).timestamp() if date is not None else None
    except ValueError:
        return None


async def _look_at_commands(bot: Dailies, report: Report) -> None:
    """Whether Discord offers the commands that this version has, with their options."""
    ours = {path for each in bot.tree.get_commands() for path in _paths(each.to_dict(bot.tree))}
    there = {path for each in await bot.tree.fetch_commands() for path in _paths(each.to_dict())}
    fix = "start `dailies run`, or run `dailies sync`"
    if missing := _whole(ours - there):
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        report("commands", f"Discord lacks {', '.join(missing[:3])}{more}", fix)
    elif extra := _whole(there - ours):
        report("commands", f"Discord still offers {', '.join(extra[:3])}", fix)
    else:
        report("commands", f"all {len(bot.tree.get_commands())} are in sync")


def _whole(paths: Collection[str]) -> list[str]:
    """The *paths* without those of parts: a command that is missing lacks all of its options."""
    return sorted(path for path in paths if path.rpartition(" ")[0] not in paths)


def _paths(command: Mapping[str, Any], before: str = "/") -> Iterable[str]:
    """A command's name, and those of its subcommands and options: '/video text prompt'."""
    of_menu = before == "/" and command.get("type") in MENUS
    name = f"“{command['name']}”" if of_menu else f"{before}{command['name']}"
    yield name
    for option in command.get("options") or ():
        yield from _paths(option, f"{name} ")


async def _look_at_servers(bot: Dailies, report: Report, channels: Mapping[int, set[int]]) -> None:
    """What the bot may do in each channel in use, and how large a file may be there."""
    assert bot.user is not None
    looked = 0
    for guild_id, wanted in channels.items():
        try:
            guild = await bot.fetch_guild(guild_id, with_counts=False)
            member = await guild.fetch_member(bot.user.id)
            there = {each.id: each for each in await guild.fetch_channels()}
        except (discord.Forbidden, discord.NotFound):
            report.warn(f"server {guild_id}", "the bot is not there any more", "invite it again")
            continue
        limit = guild.filesize_limit / 2**20
        report(f"server {guild.name}", f"files up to {limit:.0f} MiB")
        for channel_id in sorted(wanted & there.keys())[: CHANNELS - looked]:
            looked += 1
            _look_at_channel(report, guild, there[channel_id], member)


def _look_at_channel(
    report: Report,
    guild: discord.Guild,
    channel: discord.abc.GuildChannel,
    member: discord.Member,
) -> None:
    allowed = channel.permissions_for(member)
    needed = needed_in(channel, threads=True)
    missing = [name.replace("_", " ") for name, on in needed if on and not getattr(allowed, name)]
    part = f"#{channel.name} in {guild.name}"
    if missing:
        fix = "give them to the bot's role there, or order elsewhere"
        report(part, f"the bot lacks {listed(missing, last='and')}", fix)
    else:
        report(part, "every permission that is needed")


async def _look_at_alert_channel(bot: Dailies, report: Report, channel_id: int) -> None:
    """Whether what the operator must hear can be written where they want to read it."""
    part = "alert channel"
    try:
        named = await bot.fetch_channel(channel_id)
        if not isinstance(named, discord.abc.GuildChannel | discord.Thread):
            report(part, f"{channel_id} is a direct message", ELSEWHERE)
            return
        guild = await bot.fetch_guild(named.guild.id, with_counts=False)
        assert bot.user is not None
        member = await guild.fetch_member(bot.user.id)
        inside = named.parent_id if isinstance(named, discord.Thread) else named.id
    except discord.NotFound:
        report(part, f"there is no channel {channel_id}", ELSEWHERE)
        return
    except (discord.Forbidden, discord.InvalidData):
        report(part, f"the bot can't see the channel {channel_id}", SEES)
        return
    if not isinstance(named, discord.abc.Messageable):
        report(part, f"#{named.name} in {guild.name} takes no messages", ELSEWHERE)
        return
    place = next(each for each in await guild.fetch_channels() if each.id == inside)
    allowed = place.permissions_for(member)
    writes = allowed.send_messages if place.id == named.id else allowed.send_messages_in_threads
    needed = {
        "view channel": allowed.view_channel,
        "send messages": writes,
        "read message history": allowed.read_message_history,
    }
    if missing := [name for name, on in needed.items() if not on]:
        found = f"the bot lacks {listed(missing, last='and')} in #{named.name} in {guild.name}"
        report(part, found, "give them to the bot's role there")
    else:
        report(part, f"#{named.name} in {guild.name}: the bot may write there")
