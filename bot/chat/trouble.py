"""Turns every error of Discord's, and of the connection to it, into one of a few of ours.

What is done about an error depends on its kind, and on nothing else; so nobody else looks at
statuses and codes. Wrap each call:

    with translated():
        await message.delete()

The codes: https://docs.discord.com/developers/topics/opcodes-and-status-codes
"""

import errno
import math
from collections.abc import Generator
from contextlib import contextmanager

import aiohttp
import discord

from bot.errors import Busy, Refusal

UNKNOWN_CHANNEL = 10003  #: the code of `Gone` that says that a channel or thread is
LONGEST = 3600.0  #: seconds; a longer wait that Discord asks for is asked about again by then


class Lost(Busy):
    """No answer came: what was asked for may have been done. Look before asking again."""


class Denied(Refusal):
    """Discord will not do it, now or later, as it was asked. *code* is Discord's own."""

    def __init__(self, sentence: str, *, code: int = 0, raw: str = "") -> None:
        super().__init__(sentence, raw=raw)
        self.code = code


class Gone(Denied):
    """What it is about is not there (any more)."""


class Forbidden(Denied):
    """We, or the person, may not."""


class TooLarge(Denied):
    """A file, or all of them, are larger than is taken there."""


class Archived(Denied):
    """The thread has to be opened first."""


class Locked(Denied):
    """Only moderators write in the thread, or open it."""


class AlreadyDone(Denied):
    """It was done before: a yes."""


class Rejected(Denied):
    """What the message says or carries is not taken; another one may be."""


class Full(Denied):
    """There are as many as there may be: reactions of a message, pins, threads."""


class Expired(Denied):
    """The interaction can no longer be answered this way."""


_BUSY = "Discord is having trouble. Try again in a minute."
_UNREACHED = "Discord can't be reached. Try again in a minute."
_SENTENCES: dict[type[Denied], str] = {
    Gone: "That no longer exists.",
    Forbidden: "Discord doesn't let me do that here. Ask a moderator to check my permissions.",
    TooLarge: "That file is too large for Discord here.",
    Archived: "This thread is archived, and I can't open it.",
    Locked: "This thread is locked. Use another one.",
    AlreadyDone: "That was already done.",
    Rejected: "Discord doesn't take this message.",
    Full: "Discord allows no more of these here.",
    Expired: "That took too long for Discord. Try again.",
}

_CODES: dict[int, type[Denied]] = {
    10015: Expired,  # unknown webhook: the token of an interaction that ended
    10062: Expired,  # unknown interaction
    50027: Expired,  # invalid webhook token
    20001: Forbidden,  # bots cannot use this endpoint
    30003: Full,  # pins
    30010: Full,  # reactions
    30033: Full,  # people in a thread
    30058: Full,  # threads of a forum
    40005: TooLarge,
    40007: Forbidden,  # the person is banned there
    40060: AlreadyDone,  # the interaction was answered
    40094: Full,  # follow-ups of an interaction
    50001: Forbidden,
    50003: Forbidden,  # not in a direct message
    50005: Forbidden,  # not somebody else's message
    50006: Rejected,  # an empty message
    50007: Forbidden,  # their direct messages are closed
    50008: Forbidden,  # no messages in this kind of channel
    50009: Forbidden,
    50013: Forbidden,
    50019: Forbidden,
    50021: Forbidden,  # not on a message of Discord's own
    50024: Forbidden,  # not in this kind of channel
    50035: Rejected,  # invalid form body
    50045: TooLarge,
    50046: Rejected,  # an invalid file
    50083: Archived,
    50109: Rejected,  # invalid JSON
    50278: Forbidden,  # no server in common
    90001: Forbidden,  # the person blocks us
    160002: Forbidden,  # no reply without reading the history
    160004: AlreadyDone,  # the message has its thread
    160005: Locked,
    160006: Full,  # active threads
    160007: Full,
    200000: Rejected,  # AutoMod
    200001: Rejected,
    220003: Rejected,
    240000: Rejected,  # a harmful link
}
#: Codes that pass with time, whatever their status.
_PASSING = frozenset(
    {
        20016,  # slow mode
        20022,
        20028,
        20029,
        30034,  # commands created in a day
        30046,  # edits of a message older than an hour
        40003,  # direct messages opened
        40004,  # sending is off for a while
        40062,
        110000,
        110001,
        130000,  # overloaded
    }
)
_STATUSES: dict[int, type[Denied]] = {401: Forbidden, 403: Forbidden, 404: Gone, 413: TooLarge}
_PASSING_STATUSES = frozenset({408, 409, 423, 425, 429})
#: What the disk says, and no connection does.
_DISK = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
)


@contextmanager
def translated() -> Generator[None]:
    """Raise `Denied`, `Busy` or `Lost` in place of what Discord or the connection raises."""
    try:
        yield
    except (discord.DiscordException, aiohttp.ClientError, OSError, RuntimeError) as error:
        known = translation(error)
        if known is None:
            raise
        raise known from error


def translation(error: BaseException) -> Denied | Busy | None:
    """What *error* is to us; None if it is neither Discord's nor the connection's."""
    match error:
        case Denied() | Busy():
            return error
        case discord.InteractionResponded():
            return denied(AlreadyDone, raw=str(error))
        case discord.RateLimited(retry_after=seconds):
            return Busy(_BUSY, retry_after=_bounded(seconds), raw=str(error))
        case discord.HTTPException():
            return _answered(error)
        case discord.GatewayNotFound() | discord.ConnectionClosed():
            return Busy(_UNREACHED, raw=str(error))
        # Nothing was sent where no connection was made.
        case aiohttp.ClientConnectorError() | ConnectionRefusedError():
            return Busy(_UNREACHED, raw=str(error))
        case RuntimeError() if str(error) == "Session is closed":  # aiohttp's, at a stop
            return Busy(_UNREACHED, raw=str(error))
        case aiohttp.ClientError() | TimeoutError():
            return Lost(_UNREACHED, raw=str(error))
        case OSError() if error.filename is None and error.errno not in _DISK:
            return Lost(_UNREACHED, raw=str(error))
    return None


def denied(kind: type[Denied], *, code: int = 0, raw: str = "") -> Denied:
    """One of the kinds above, with its sentence."""
    return kind(_SENTENCES[kind], code=code, raw=raw)


def _answered(error: discord.HTTPException) -> Denied | Busy:
    raw, code, status = str(error), error.code, error.status
    if kind := _CODES.get(code):
        return denied(kind, code=code, raw=raw)
    if status >= 500:
        return Lost(_BUSY, retry_after=_retry_after(error), raw=raw)
    if status in _PASSING_STATUSES or code in _PASSING:
        return Busy(_BUSY, retry_after=_retry_after(error), raw=raw)
    if 10_000 < code < 11_000:  # "Unknown …"
        return denied(Gone, code=code, raw=raw)
    if not _is_json(error) and status != 413:
        # Not Discord's own word but that of something before it, which a while may change.
        return Busy(_BUSY, retry_after=_retry_after(error), raw=raw)
    return denied(_STATUSES.get(status, Rejected), code=code, raw=raw)


def _is_json(error: discord.HTTPException) -> bool:
    kind = str(error.response.headers.get("Content-Type", ""))
    return kind.partition(";")[0].strip().casefold() == "application/json"


def _retry_after(error: discord.HTTPException) -> float | None:
    """The seconds that an answer asks to wait; None where it names none that can be read."""
    try:
        seconds = float(error.response.headers.get("Retry-After", ""))
    except ValueError:
        return None
    return _bounded(seconds) if math.isfinite(seconds) else None


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST)
