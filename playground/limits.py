"""What Discord refuses and simcord does not: sizes, lengths, nonces, old edits, threads at rest.

Each rule raises `Refused` with Discord's own status and code (topics/opcodes-and-status-codes).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from simcord.backend.errors import BackendError
from simcord.backend.models import Channel, Interaction, Message

from playground.buckets import OLD_AGE, OLD_EDITS, RENAMES, Buckets
from playground.memory import TOKEN_LIFE, made_at
from playground.trouble import limit_headers
from playground.world import MIB, World

REQUEST_LIMIT = 25 * MIB  #: bytes of one request (reference, "Uploading Files")
CONTENT_LIMIT = 2000  #: characters (resources/message)
NONCE_LIMIT = 25  #: characters (resources/message)
NONCE_LIFE = 300.0  #: seconds; Discord says "the past few minutes"
REACTIONS = 20  #: different emoji on one message
FILES = 10  #: attachments of one message


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
    if len(sizes) > FILES:
        raise bad_form(
            "attachments", "BASE_TYPE_MAX_LENGTH", f"Must be {FILES} or fewer in length."
        )


def check_body(body: Mapping[str, Any]) -> None:
    """What a message may hold, where simcord does not look or words it differently."""
    content = body.get("content")
    if isinstance(content, str) and len(content) > CONTENT_LIMIT:
        raise bad_form(
            "content", "BASE_TYPE_MAX_LENGTH", f"Must be {CONTENT_LIMIT} or fewer in length."
        )
    nonce = body.get("nonce")
    if nonce is not None and len(str(nonce)) > NONCE_LIMIT:
        raise bad_form(
            "nonce", "BASE_TYPE_MAX_LENGTH", f"Must be {NONCE_LIMIT} or fewer in length."
        )


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


def known_nonce(world: World, channel_id: int, body: Mapping[str, Any]) -> Message | None:
    """The message this nonce already made, if the sender asks for that (`enforce_nonce`)."""
    nonce = body.get("nonce")
    if nonce is None or not body.get("enforce_nonce"):
        return None
    message_id = world.nonces.get((channel_id, str(nonce)))
    if message_id is None or made_at(message_id) + NONCE_LIFE <= world.time.now():
        return None
    # The message may be deleted since: Discord then answers 404/10008 (discord-api-docs #10116).
    return world.get_message(channel_id, message_id)


def check_token(world: World, token: str) -> Interaction:
    """The interaction of a token. Older than 15 minutes, or never given out: 401/50027."""
    interaction_id = world.interaction_tokens.get(token)
    record = world.interactions.get(interaction_id) if interaction_id is not None else None
    if record is None or made_at(record.id) + TOKEN_LIFE <= world.time.now():
        raise Refused(401, 50027, "Invalid Webhook Token")
    return record
