"""What Discord refuses and simcord does not: sizes, lengths, nonces, old edits, threads at rest.

Each rule raises `Refused` with Discord's own status and code (topics/opcodes-and-status-codes).
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from simcord.backend.errors import BackendError
from simcord.backend.models import Channel, Interaction, Message

from playground.discord.buckets import OLD_AGE, OLD_EDITS, RENAMES, Buckets, Limit
from playground.discord.memory import TOKEN_LIFE, made_at
from playground.discord.trouble import limit_headers
from playground.discord.world import MIB, World

REQUEST_LIMIT = 25 * MIB  #: bytes of one request (reference, "Uploading Files")
NONCE_LIFE = 300.0  #: seconds; Discord says "the past few minutes"
REACTIONS = 20  #: different emoji on one message
BULK_AGE = 14 * 24 * 3600.0  #: seconds; older messages are not deleted in bulk
COMMAND_CREATES = 200  #: a day, for each scope (interactions/application-commands)


class Refused(BackendError):
    """A "no" of Discord's: HTTP status, JSON code, message, and what else its body holds."""

    def __init__(
        self,
        status: int,
        code: int,
        message: str,
        *,
        errors: dict[str, Any] | None = None,
        more: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, code, message, errors=errors)
        self.more = dict(more or {})
        self.headers = dict(headers or {})

    def to_json(self) -> dict[str, Any]:
        return super().to_json() | self.more


def bad_form(field: str, code: str, message: str) -> Refused:
    """400/50035 in the shape Discord gives it: the field's path, a name and a sentence."""
    errors: dict[str, Any] = {"_errors": [{"code": code, "message": message}]}
    for part in reversed(field.split(".")):
        errors = {part: errors}
    return Refused(400, 50035, "Invalid Form Body", errors=errors)


def too_large() -> Refused:
    return Refused(413, 40005, "Request entity too large")


def thread_is_archived() -> Refused:
    return Refused(400, 50083, "Thread is archived")


def thread_is_locked() -> Refused:
    return Refused(400, 160005, "This thread is locked")


def slow_down(seconds: float, code: int, message: str) -> Refused:
    """429 of a limit that no header announced."""
    return Refused(
        429,
        code,
        message,
        more={"retry_after": round(seconds, 3), "global": False},
        headers=limit_headers(seconds, "shared"),
    )


def request_limit(upload_limit: int) -> int:
    """Bytes of one request. Servers with bigger files get room for one of them."""
    return max(REQUEST_LIMIT, upload_limit + MIB)


def check_files(sizes: Sequence[int], upload_limit: int) -> None:
    """Every file within the server's limit, all of them within a request (413/40005)."""
    if any(size > upload_limit for size in sizes) or sum(sizes) > request_limit(upload_limit):
        raise too_large()


def check_place(world: World, channel: Channel) -> None:
    """A locked thread is for those with Manage Threads (topics/threads)."""
    meta = channel.thread_metadata
    if (
        meta is not None
        and meta.locked
        and not world.may(world.bot_user.id, channel.id, "manage_threads")
    ):
        raise thread_is_locked()


def check_awake(channel: Channel) -> None:
    """Nothing in an archived thread can be changed, it must be opened first (50083)."""
    if channel.thread_metadata is not None and channel.thread_metadata.archived:
        raise thread_is_archived()


def check_old_edit(buckets: Buckets, world: World, message: Message) -> None:
    """A message older than an hour takes few edits (429/30046, discord-api-docs #4413)."""
    if made_at(message.id) + OLD_AGE > world.time.now():
        return
    wait = buckets.spend(f"old edit:{message.id}", OLD_EDITS)
    if wait:
        text = "Maximum number of edits to messages older than 1 hour reached. Try again later"
        raise slow_down(wait, 30046, text)


def check_rename(buckets: Buckets, channel: Channel, name: str | None) -> None:
    if name is None or name == channel.name:
        return
    wait = buckets.spend(f"rename:{channel.id}", RENAMES)
    if wait:
        raise slow_down(
            wait, 20028, "The write action you are performing on the channel has hit the limit."
        )


def known_nonce(world: World, body: Mapping[str, Any]) -> Message | None:
    """The message this nonce already made, if the sender asks for that (`enforce_nonce`).

    A nonce is its author's, wherever it was used (resources/message, "Create Message").
    """
    nonce = body.get("nonce")
    if nonce is None or not body.get("enforce_nonce"):
        return None
    made = world.nonces.get((world.bot_user.id, str(nonce)))
    if made is None or made_at(made[1]) + NONCE_LIFE <= world.time.now():
        return None
    # The message may be deleted since: Discord then answers 404/10008 (discord-api-docs #10116).
    return world.get_message(*made)


def check_pins(world: World, channel: Channel) -> None:
    """A channel has so many pins and no more (30003)."""
    pinned = sum(message.pinned for message in world.messages[channel.id].values())
    if pinned >= world.most_pins:
        text = f"Maximum number of pins reached for the channel ({world.most_pins})"
        raise Refused(400, 30003, text)


def check_threads(world: World, channel: Channel) -> None:
    """A server has so many threads that are not archived, and no more (160006)."""
    active = sum(
        each.thread_metadata is not None and not each.thread_metadata.archived
        for each in world.channels.values()
        if each.guild_id == channel.guild_id
    )
    if active >= world.most_threads:
        raise Refused(400, 160006, "Maximum number of active threads reached")


def check_words(world: World, body: Mapping[str, Any]) -> None:
    """What a server's AutoMod blocks (200000): a word anywhere in what would be read."""
    if not world.blocked_words:
        return
    read = json.dumps([body.get(name) for name in ("content", "embeds", "components")]).lower()
    if any(json.dumps(word.lower())[1:-1] in read for word in world.blocked_words):
        raise Refused(400, 200000, "Message was blocked by automatic moderation")


def check_bulk(world: World, ids: Sequence[Any]) -> None:
    """Nothing older than two weeks is deleted in bulk (50034)."""
    if any(made_at(int(each)) + BULK_AGE < world.time.now() for each in ids):
        raise Refused(400, 50034, "You can only bulk delete messages that are under 14 days old.")


def check_creates(buckets: Buckets, scope: int | None, fresh: int) -> None:
    """So many new commands a day, and no more (30034)."""
    for _ in range(fresh):
        if buckets.spend(f"creates:{scope}", Limit(COMMAND_CREATES, 24 * 3600.0)):
            text = "Max number of daily application command creates has been reached (200)"
            raise Refused(400, 30034, text)


def check_token(world: World, token: str) -> Interaction:
    """The interaction of a token. Older than 15 minutes, or never given out: 401/50027."""
    interaction_id = world.interaction_tokens.get(token)
    record = world.interactions.get(interaction_id) if interaction_id is not None else None
    if record is None or made_at(record.id) + TOKEN_LIFE <= world.time.now():
        raise Refused(401, 50027, "Invalid Webhook Token")
    return record
