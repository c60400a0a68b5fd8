"""Sends one message of ours, once, whatever becomes of Discord's answer."""

import base64
import hashlib
import logging
from collections.abc import Callable
from typing import Any

import discord

from bot.chat.cards import Pacer
from bot.chat.trouble import Archived, Denied, Lost, translated
from bot.words.text import elide

log = logging.getLogger(__name__)


class Sender:
    """Sends messages at the pace that Discord allows, results first."""

    def __init__(self, client: discord.Client, pacer: Pacer) -> None:
        self._client = client
        self._pacer = pacer

    async def send(
        self,
        place: discord.abc.Messageable,
        said: str | discord.ui.LayoutView,
        name: str,
        *,
        ping: int | None = None,
        files: Callable[[], list[discord.File]] = list,
        silent: bool = False,
        result: bool = False,
    ) -> discord.Message:
        """Send one message, plain words or a layout. Discord drops a second copy of the same *name*
        for some minutes.

        *files* opens what is attached, anew for each try. *result*: it is how a job ended, and
        goes before all else. Raises `Busy` or `Denied`.
        """
        words: dict[str, Any] = (
            {"content": elide(said, 2000)} if isinstance(said, str) else {"view": said}
        )
        mentions = discord.AllowedMentions(
            everyone=False,
            roles=False,
            users=[discord.Object(ping)] if ping else False,
            replied_user=False,
        )
        opened = lost = False
        while True:
            await self._pacer.wait(urgent=True, result=result)
            try:
                with translated():
                    return await place.send(
                        nonce=name,
                        allowed_mentions=mentions,
                        files=files(),
                        silent=silent,
                        **words,
                    )
            except Archived:
                if opened or not await self._opened(place):
                    raise
                opened = True
            except Lost:
                if lost:
                    raise
                lost = True  # it may stand there: then the same name brings it back

    async def _opened(self, place: discord.abc.Messageable) -> bool:
        """Whether an archived thread could be opened. Raises `Busy`."""
        channel_id = getattr(place, "id", None)
        return channel_id is not None and await open_thread(self._client, channel_id)


async def open_thread(client: discord.Client, thread_id: int) -> bool:
    """Whether an archived thread could be opened. Raises `Busy`."""
    try:
        with translated():
            await client.http.edit_channel(thread_id, archived=False)
    except Denied as error:
        log.info("Thread %s cannot be opened: %s", thread_id, error.raw)
        return False
    return True


def nonce(job_id: int, purpose: str) -> str:
    """Our own name for a message, the same after every restart; Discord takes 25 characters."""
    digest = hashlib.sha256(f"dailies:{job_id}:{purpose}".encode()).digest()
    return base64.b32encode(digest).decode()[:25]


def has_file(name: str) -> Callable[[discord.Message], bool]:
    """Whether a message carries a file of this name."""
    return lambda message: any(each.filename == name for each in message.attachments)
