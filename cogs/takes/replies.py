"""What people write in reply to a clip: those words are the prompt of the next one."""

import re
from dataclasses import dataclass

import discord

from bot.chat.bot import Dailies
from bot.chat.trouble import translated
from bot.errors import Refusal
from storage import Post

SEARCHED = 1000  #: messages, the newest first, in which a reply to a clip is looked for
UNREADABLE = (
    "I can't read your reply: Discord only shows me replies that mention me. "
    "Keep the @ of the reply on, or press **Retake…** and write there."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a person wants the next prompt to be. *unsure* says why that cannot be told."""

    words: str | None = None  #: None for the clip's own
    unsure: str = ""


async def listen(bot: Dailies, post: Post, user_id: int) -> Heard:
    """What a person last wrote in reply to a clip, unless something was made with it since.

    Raises `Denied` where the messages cannot be read, `Busy` while Discord is in trouble.
    """
    place = bot.get_partial_messageable(post.channel_id)
    read = 0
    with translated():
        async for message in place.history(limit=SEARCHED):
            read += 1
            if message.id <= post.message_id:
                return Heard()
            if message.author.id == user_id and _answers(message, post):
                return await _heard(bot, message, post)
    if read < SEARCHED:
        return Heard()
    return Heard(
        unsure=f"There are over {SEARCHED:,} messages after this clip, so I can't tell if you "
        "replied to it. This would use the clip's own prompt. To use your words, react on your "
        "reply."
    )


def spoken(bot: Dailies, reply: discord.Message) -> str:
    """What a reply says, without its mention of us; "" where Discord does not show it."""
    me = bot.user.id if bot.user is not None else 0
    return re.sub(rf"^\s*<@!?{me}>", "", reply.content).strip()


def words_of(bot: Dailies, reply: discord.Message) -> str:
    """What a reply says; raises `Refusal` where Discord does not show it."""
    words = spoken(bot, reply)
    if not words:
        raise Refusal(UNREADABLE)
    return words


def _answers(message: discord.Message, post: Post) -> bool:
    return message.reference is not None and message.reference.message_id == post.message_id


async def _heard(bot: Dailies, reply: discord.Message, post: Post) -> Heard:
    words = spoken(bot, reply)
    if not words:
        return Heard(unsure=f"{UNREADABLE} Without your words, the clip's own prompt is used.")
    used = await bot.reactions.words_used(
        post.job_id, reply.author.id, words, since=reply.created_at.timestamp()
    )
    return Heard(words=None if used else words)
