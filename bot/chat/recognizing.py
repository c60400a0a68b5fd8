"""By which of its parts a message of ours is known: never by what it says, so that other words, or
another language, change nothing.

Each part of a layout may have a number, which Discord keeps (components/reference, "Anatomy of a
Component"). The container says with its own what kind of message it is, the first text in it which
job it is about. Numbers that Discord gives by itself begin at 1 and are far below ours.

Messages of 0.2 and earlier carry no such numbers. They are known by what those versions put there,
and that is frozen here: the names of files, and for cards, boards and notices the words that stood
there then. Those words are data now: do not change them with the sentences.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from enum import IntEnum
from typing import Any
from urllib.parse import unquote, urlsplit

import discord

from storage import Job, State

FIRST = 2_000_000_000  #: what is above says a kind; jobs are numbered below


class Kind(IntEnum):
    """What a message of ours is. The numbers stand in messages: give no number a second meaning."""

    CARD = 2_000_000_001
    RESULT = 2_000_000_002
    AGAIN = 2_000_000_003  #: a clip that somebody had posted once more
    BOARD = 2_000_000_004
    SHEET = 2_000_000_005  #: the contact sheet of a batch, whose first job it names
    UNMADE = 2_000_000_006  #: that none of a batch was made; names its first job, too
    REEL = 2_000_000_007  #: a reel, which it names in place of a job
    REEL_CARD = 2_000_000_008  #: how far a reel is


#: The notices, one for each state that may be told of: a job may be told of in several.
NOTICES: Mapping[State, int] = {
    State.QUEUED: 2_000_000_101,
    State.SUBMITTING: 2_000_000_102,
    State.RENDERING: 2_000_000_103,
    State.FETCHING: 2_000_000_104,
    State.DELIVERING: 2_000_000_105,
    State.DONE: 2_000_000_106,
    State.UNDELIVERED: 2_000_000_107,
    State.FAILED: 2_000_000_108,
    State.CANCELLED: 2_000_000_109,
    State.EXPIRED: 2_000_000_110,
    State.UNCLEAR: 2_000_000_111,
    State.REVIEW: 2_000_000_112,
    State.CLOSED: 2_000_000_113,
}

CLIP = re.compile(r"dailies-(\d{1,18})\.(?:mp4|zip)")  #: what the file of a clip is called

#: What versions up to 0.2 wrote. Frozen.
_OLD_BOARD = "### Takes\n"
_OLD_CARD = " · #{id}\n"
_OLD_RESULT = "<@{user}> **#{id}** is ready"
_OLD_FAILED = "<@{user}> **#{id}** failed"
#: How they told of a job in each state.
_OLD_NOTICES: Mapping[State, str] = {
    State.QUEUED: _OLD_FAILED,
    State.SUBMITTING: _OLD_FAILED,
    State.RENDERING: _OLD_FAILED,
    State.FETCHING: _OLD_FAILED,
    State.DELIVERING: _OLD_FAILED,
    State.DONE: _OLD_FAILED,
    State.UNDELIVERED: _OLD_FAILED,
    State.FAILED: _OLD_FAILED,
    State.CANCELLED: "<@{user}> **#{id}** was canceled",
    State.EXPIRED: "<@{user}> **#{id}** took too long",
    State.UNCLEAR: "<@{user}> **#{id}** is on hold",
    State.REVIEW: "<@{user}> **#{id}** is on hold",
    State.CLOSED: "<@{user}> **#{id}** was closed by a moderator",
}

Wanted = Callable[[discord.Message], bool]


def job_part(job: Job) -> int | None:
    """The number of the text that says which job a message is about."""
    return job.id if job.id < FIRST else None


def notice_kind(job: Job) -> int:
    """The number of the container of the notice of how *job* ended, or why it is parked."""
    return NOTICES[job.state]


def is_card(job: Job) -> Wanted:
    """Whether a message is the card of *job*."""

    def wanted(message: discord.Message) -> bool:
        kind, about = _numbers(message)
        if kind is not None:
            return (kind, about) == (Kind.CARD, job.id)
        mark = _OLD_CARD.format(id=job.id)
        return any(mark in f"{text.partition(chr(10))[0]}\n" for text in _old_texts(message))

    return wanted


def card_of(message: discord.Message) -> int | None:
    """The job whose card a message is; of a batch, its first one."""
    kind, about = _numbers(message)
    return about if kind == Kind.CARD else None


def is_result(job: Job) -> Wanted:
    """Whether a message carries the clip of *job*, or the link that stands for it."""

    def wanted(message: discord.Message) -> bool:
        kind, about = _numbers(message)
        if kind is not None:
            return (kind, about) == (Kind.RESULT, job.id)
        old = _OLD_RESULT.format(user=job.user_id, id=job.id)
        return message.content.startswith(old) or carried(message) == job.id

    return wanted


def is_notice(job: Job) -> Wanted:
    """Whether a message says how *job* ended without a clip, or why it is parked: as it is now."""

    def wanted(message: discord.Message) -> bool:
        kind, about = _numbers(message)
        if kind is not None:
            return (kind, about) == (notice_kind(job), job.id)
        old = _OLD_NOTICES[job.state].format(user=job.user_id, id=job.id)
        return message.content.startswith(old)

    return wanted


def is_sheet(batch: int) -> Wanted:
    """Whether a message says what became of a *batch*, called by the number of its first job."""
    return lambda message: _numbers(message) in {(Kind.SHEET, batch), (Kind.UNMADE, batch)}


def is_reel(number: int) -> Wanted:
    """Whether a message carries the reel with this *number*."""
    return lambda message: _numbers(message) == (Kind.REEL, number)


def sheet_of(message: discord.Message) -> int | None:
    """The batch whose contact sheet a message is."""
    kind, about = _numbers(message)
    return about if kind == Kind.SHEET else None


def is_board(message: discord.Message) -> bool:
    """Whether a message of ours is a thread's board."""
    kind, _ = _numbers(message)
    if kind is not None:
        return kind == Kind.BOARD
    return any(text.startswith(_OLD_BOARD) for text in _old_texts(message))


def carried(message: discord.Message) -> int | None:
    """The number of the clip that a message of ours carries, as its file says: a post is written
    down only after people can see it."""
    names = [CLIP.fullmatch(name) for name, _, _ in files(message)]
    return next((int(each[1]) for each in names if each), None)


def files(message: discord.Message) -> Iterator[tuple[str, str, str]]:
    """The files of a message: name, type ("video/mp4", or "") and link.

    Discord lists those that a layout shows in its parts alone (discord-api-docs #8277).
    """
    for attachment in message.attachments:
        yield attachment.filename, attachment.content_type or "", attachment.url
    for part in _parts(message.components):
        shown: list[discord.UnfurledMediaItem] = []
        if isinstance(part, discord.MediaGalleryComponent):
            shown = [item.media for item in part.items]
        elif isinstance(part, discord.FileComponent | discord.ThumbnailComponent):
            shown = [part.media]
        for media in shown:
            name = unquote(urlsplit(media.url).path.rpartition("/")[2])
            yield name, media.content_type or "", media.url


def _numbers(message: discord.Message) -> tuple[int | None, int | None]:
    """What kind of message it is, and which job it is about; None for one that says neither."""
    for box in message.components:
        if isinstance(box, discord.Container) and (box.id or 0) > FIRST:
            return box.id, _first_text(box)
    return None, None


def _first_text(box: discord.Container) -> int | None:
    texts = (part for part in _parts([box]) if isinstance(part, discord.TextDisplay))
    return next((text.id for text in texts), None)


def _old_texts(message: discord.Message) -> list[str]:
    boxes = [each for each in message.components if isinstance(each, discord.Container)]
    return [part.content for part in _parts(boxes) if isinstance(part, discord.TextDisplay)]


def _parts(components: Any) -> Iterator[Any]:
    """All parts of a layout, those within others too."""
    for part in components:
        yield part
        yield from _parts(getattr(part, "children", ()))
        if isinstance(part, discord.SectionComponent):
            yield from _parts([part.accessory])
