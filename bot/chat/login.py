"""Reaches Discord at the start, and says in a sentence why that cannot be done."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import TypeVar

import aiohttp
import discord

from bot.exits import FAILED, TOKEN, Exit

log = logging.getLogger(__name__)

DISCORD = "https://discord.com/api/v10"
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 60.0  #: seconds between two tries while Discord is in trouble

T = TypeVar("T")


class NotDiscord(aiohttp.ClientError):
    """Something between us and Discord answered in its place."""


def check_token(token: str | None, *, api_url: str = DISCORD) -> str:
    """*token*, unless it cannot be a bot's: Discord's own have three parts, the first an id.

    Raises `Exit`.
    """
    if token is None:
        raise Exit(
            "DISCORD_TOKEN is not set. Set it to your bot's token, or run `dailies playground`, "
            "which needs none.",
            TOKEN,
        )
    if api_url != DISCORD:
        return token
    if len(token.split(".")) != 3 or not token.isascii() or any(c.isspace() for c in token):
        raise Exit(
            "DISCORD_TOKEN is not a bot token: those have three parts with dots between them. Copy "
            "it from your app's Bot page in Discord's developer portal.",
            TOKEN,
        )
    return token


def only_json(api_url: str) -> aiohttp.TraceConfig:
    """Raise `NotDiscord` where a request to the API at *api_url* is answered by a page.

    discord.py takes such an answer for a user or a message, and breaks later.
    """
    trace = aiohttp.TraceConfig()

    async def look(
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        ended: aiohttp.TraceRequestEndParams,
    ) -> None:
        answer = ended.response
        if not 200 <= answer.status < 300 or answer.status == 204:
            return
        if str(ended.url).startswith(f"{api_url.rstrip('/')}/") and (
            answer.headers.get("Content-Type") != "application/json"  # just as discord.py asks
        ):
            answer.close()
            raise NotDiscord(f"{answer.content_type} came from {ended.url.host}")

    trace.on_request_end.append(look)
    return trace


async def patiently(
    ask: Callable[[], Awaitable[T]],
    *,
    api_url: str,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> T:
    """What *ask* returns. While Discord is in trouble it is asked again, ever less often.

    Raises `Exit` with what to do where asking again is of no use.
    """
    pause = FIRST_PAUSE
    while True:
        try:
            return await ask()
        except discord.HTTPException as error:
            if error.status < 500 and error.status != 429:
                raise explained(error, api_url=api_url) from error
            log.warning("Discord answers %s; it is asked again in %g s", error.status, pause)
        except (discord.LoginFailure, aiohttp.ClientError, OSError) as error:
            raise explained(error, api_url=api_url) from error
        await sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def explained(error: Exception, *, api_url: str) -> Exit:
    """Why the start ends with *error*, and what to do."""
    match error:
        case discord.LoginFailure():
            return Exit(
                "Discord refuses DISCORD_TOKEN. Copy the token again from your app's "
                "Bot page in Discord's developer portal.",
                TOKEN,
            )
        case discord.HTTPException(status=status):
            return Exit(_refused(error, status, api_url), FAILED)
        case NotDiscord():
            return Exit(
                f"{api_url} is not Discord: it sent a web page, not JSON. "
                "Check DISCORD_API_URL, and your network's proxy or sign-in page.",
                FAILED,
            )
        case _:
            return Exit(f"Discord can't be reached at {api_url} (DISCORD_API_URL).", FAILED)


def _refused(error: discord.HTTPException, status: int, api_url: str) -> str:
    commands = "/commands" in str(error.response.url)
    code = f"{status}, code {error.code}" if error.code else str(status)
    match status:
        case 403 if commands:
            return (
                f"Discord doesn't let this bot register its commands ({code}). Check that "
                "DISCORD_TOKEN is the token of the app that you invited."
            )
        case 403:
            return (
                f"Discord blocks the bot's login ({code}). Check in the developer portal whether "
                "the app was disabled, and whether your network's address is blocked."
            )
        case 404:
            return (
                f"There is no Discord API at {api_url} ({code}). Check DISCORD_API_URL. It is "
                f"{DISCORD} unless you have a proxy."
            )
        case _ if commands:
            return (
                f"Discord refuses the bot's commands ({code}). Install the newest Dailies, and "
                "report it if that doesn't help."
            )
        case _ if status >= 500 or status == 429:
            return f"Discord is having trouble ({code}). Try again in a minute."
        case _:
            return f"Discord refuses the login ({code}). Check DISCORD_TOKEN and DISCORD_API_URL."
