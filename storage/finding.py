"""Finds clips: by the words of their prompts and shots, and one's own by what they are.

Both are read from one clip on, newest first or oldest first, and a piece at a time, so that a
page costs the same wherever it is, however many clips there are and however few of them fit.
"""

import heapq
import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from itertools import islice
from time import thread_time

from .brief import Mode
from .database import Database
from .job import State
from .posts import SHOWS

SPAN = 32_768  #: clips that words are looked for in at once, by the word of the index for these
COST = 0.01  #: seconds of a core after which words are no longer looked for
RARE = 200  #: clips that have a word, at most, so that these are looked through and no blocks
TOGETHER = 256  #: new clips whose words are indexed at the latest: some ten milliseconds
WORDS = 50  #: words that are looked for; the index takes no more than some hundred
NEWEST = 2**62  #: above the number of every clip: where the first page begins

#: Letters of scripts that put no blanks between words, each a word of its own; as in the migration.
_LETTER = re.compile("([฀-໿က-႟ក-៿⺀-⿟々-〇〡-〩ぁ-ヿㇰ-ㇿ㐀-䶿一-鿿豈-﫿가-힣ｦ-ﾟ𠀀-𳿽])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A clip that fits, with what says who may know of it."""

    id: int
    user_id: int
    channel_id: int
    thread_id: int | None
    card_channel_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Clips that fit, in the order that they were asked for, and how far was looked."""

    hits: list[Hit]
    edge: int | None  #: the clip to look on from, which was looked at; None at the end
    cost: float = 0.0  #: seconds of a core that the index of words took, with looks before


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which of one's own clips are wanted: with nothing set, all of them."""

    states: frozenset[State] = frozenset(State)
    mode: Mode | None = None
    favourites: bool = False  #: only those that oneself has marked
    channel_id: int | None = None  #: only those of this channel with its threads, or of this thread


def with_words(
    db: Database,
    words: str,
    *,
    guild_id: int,
    edge: int,
    newer: bool,
    limit: int,
    cost: float = 0.0,
    streams: bool = False,
) -> Found:
    """At most *limit* clips of a server that have each of the *words*, from clip *edge* on.

    Looks at `SPAN` clips after the other until some have them, or until that has cost `COST`,
    with the *cost* of looks before: those that are common and never stand together are not looked
    for on and on. Where the newest have none and the index *streams* (see `engine.Engine`), a word
    that is rare is found at once wherever it is. *newer* looks from the older to the newer ones.
    Whatever is typed is a word: nothing in *words* is a command to the index.
    """
    phrases = _phrases(words)
    if not phrases:
        return Found(hits=[], edge=None)
    query = _all_of(phrases)
    [last] = db.execute("SELECT coalesce(max(id), 0) FROM job").fetchone()
    began, reached = thread_time() - cost, edge
    while True:
        begin = reached + 1 if newer else min(reached - 1, last)
        if not 0 < begin <= last:
            return Found(hits=[], edge=None, cost=thread_time() - began)
        block = begin // SPAN
        first, below = block * SPAN, (block + 1) * SPAN
        rows = db.execute(
            "SELECT rowid FROM clip_words WHERE clip_words MATCH ? AND rowid >= ? AND rowid < ?"  # noqa: S608
            f" ORDER BY rowid {'ASC' if newer else 'DESC'} LIMIT ?",
            (
                f'guild : "{guild_id}x{block}" AND {query}',
                begin if newer else first,
                below if newer else begin + 1,
                limit,
            ),
        )
        ids = [number for (number,) in rows]
        reached = below - 1 if newer else first
        if len(ids) == limit:
            onward: int | None = ids[-1]
        else:
            onward = reached if (reached < last if newer else reached > 1) else None
        spent = thread_time() - began
        if ids or onward is None or spent >= COST:
            return Found(hits=_hits(db, ids), edge=onward, cost=spent)
        if streams:
            streams = False  # once is enough
            if (span := _span_of_rare(db, phrases)) is not None:
                ids = _within(db, span, query, guild_id=guild_id, edge=edge, newer=newer)
                onward = ids[limit - 1] if len(ids) > limit else None
                spent = thread_time() - began
                return Found(hits=_hits(db, ids[:limit]), edge=onward, cost=spent)


def _span_of_rare(db: Database, phrases: Collection[str]) -> tuple[int, int] | None:
    """The first and the last clip, in any server, that have one of *phrases* which is rare; None
    if each of them is common. The first and the last are 0 where no clip has it.

    Asks for no more than the first few clips of each, which costs the same however many have it.
    """
    for phrase in phrases:
        rows = db.execute(
            "SELECT rowid FROM clip_words WHERE clip_words MATCH ? LIMIT ?",
            (_all_of([phrase]), RARE + 1),
        )
        having = [number for (number,) in rows]
        if len(having) <= RARE:
            return min(having, default=0), max(having, default=0)
    return None


def _within(
    db: Database, span: tuple[int, int], query: str, *, guild_id: int, edge: int, newer: bool
) -> list[int]:
    """The clips of a server in a *span* of clips, beyond *edge*, that a *query* finds."""
    first, last = span
    rows = db.execute(
        "SELECT rowid FROM clip_words WHERE clip_words MATCH ? AND rowid >= ? AND rowid <= ?",
        (query, max(first, edge + 1) if newer else first, last if newer else min(last, edge - 1)),
    )
    found = json.dumps([number for (number,) in rows])
    ours = db.execute(
        "SELECT job.id FROM json_each(?) CROSS JOIN job ON job.id = CAST(value AS BIGINT)"
        " WHERE guild_id = ?",
        (found, guild_id),
    )
    return sorted((number for (number,) in ours), reverse=not newer)


def _phrases(words: str) -> list[str]:
    """The words of *words* as FTS5 is asked for them.

    Each is a phrase in quotation marks, in which nothing but the mark itself means anything.
    """
    text = words.replace('"', " ").replace("\0", " ").encode(errors="replace").decode()
    there = [word for word in text.split() if any(each.isalnum() for each in word)]
    return [f'"{spaced(word)}"' for word in there[:WORDS]]


def _all_of(phrases: Collection[str]) -> str:
    """The question for clips that have each of *phrases*."""
    return f"{{prompt shot}} : ({' AND '.join(phrases)})"


def spaced(text: str) -> str:
    """*text* as the index has it: with blanks around letters that are words of their own."""
    return _LETTER.sub(r" \1 ", text)


def of_one(
    db: Database,
    wanted: Wanted,
    *,
    guild_id: int,
    user_id: int,
    edge: int,
    newer: bool,
    limit: int,
) -> Found:
    """At most *limit* of a person's clips in a server that are *wanted*, from clip *edge* on.

    Looks at *limit* of them, or of the person's favourites; fewer may fit.
    """
    way = ("id > ?", "ASC") if newer else ("id < ?", "DESC")
    if wanted.favourites:
        beyond, order = way
        rows = db.execute(
            f"SELECT job_id AS id FROM favourite WHERE user_id = ? AND job_{beyond}"  # noqa: S608
            f" ORDER BY job_id {order} LIMIT ?",
            (user_id, edge, limit),
        )
        ids = [number for (number,) in rows]
    else:
        modes = list(Mode) if wanted.mode is None else [wanted.mode]
        each = [
            _mine(db, way, (user_id, guild_id, state, mode, edge, limit))
            for state in wanted.states
            for mode in modes
        ]
        ids = list(islice(heapq.merge(*each, reverse=not newer), limit))
    reached = ids[-1] if len(ids) == limit else None
    hits = _hits(db, _fitting(db, ids, wanted, guild_id=guild_id, user_id=user_id))
    return Found(hits=hits, edge=reached)


#: Said so that the index answers alone, in the order of the numbers.
_MINE = """
    SELECT id FROM job WHERE user_id = ? AND guild_id = ? AND state = ?
    AND json_extract(brief, '$.mode') = ? AND {} ORDER BY id {} LIMIT ?
"""


def _mine(db: Database, way: tuple[str, str], values: Collection[object]) -> list[int]:
    return [number for (number,) in db.execute(_MINE.format(*way), values)]


def _fitting(
    db: Database, ids: Collection[int], wanted: Wanted, *, guild_id: int, user_id: int
) -> list[int]:
    """Those of *ids* that are wanted, in their order."""
    if not wanted.favourites and wanted.channel_id is None:
        return list(ids)
    rows = db.execute(
        """
        SELECT job.id FROM json_each(:ids) AS looked
        CROSS JOIN job ON job.id = CAST(looked.value AS BIGINT)
        WHERE user_id = :user AND guild_id = :guild
        AND state IN (SELECT value FROM json_each(:states))
        AND (CAST(:mode AS TEXT) IS NULL OR json_extract(brief, '$.mode') = :mode)
        AND (CAST(:channel AS BIGINT) IS NULL
             OR :channel IN (channel_id, thread_id, card_channel_id)
             OR :channel IN (SELECT parent_id FROM thread
                             WHERE thread.id IN (job.channel_id, job.thread_id)))
        """,
        {
            "ids": json.dumps(list(ids)),
            "user": user_id,
            "guild": guild_id,
            "states": json.dumps(sorted(wanted.states)),
            "mode": wanted.mode,
            "channel": wanted.channel_id,
        },
    )
    fit = {number for (number,) in rows}
    return [each for each in ids if each in fit]


def _hits(db: Database, ids: Collection[int]) -> list[Hit]:
    """The clips *ids*, in their order."""
    rows = db.execute(
        "SELECT job.id, user_id, channel_id, thread_id, card_channel_id"
        " FROM json_each(?) CROSS JOIN job ON job.id = CAST(value AS BIGINT)",
        (json.dumps(list(ids)),),
    )
    known = {row["id"]: Hit(**dict(row)) for row in rows}
    return [known[each] for each in ids if each in known]


def posted_in(db: Database, ids: Collection[int]) -> dict[int, frozenset[int]]:
    """The channels and threads in which the clips *ids* stand, for those that do."""
    rows = db.execute(
        "SELECT job.id, post.channel_id FROM json_each(?)"  # noqa: S608
        " CROSS JOIN job ON job.id = CAST(value AS BIGINT)"
        f" CROSS JOIN post ON {SHOWS}",
        (json.dumps(list(ids)),),
    )
    found: dict[int, set[int]] = {}
    for number, channel_id in rows:
        found.setdefault(number, set()).add(channel_id)
    return {number: frozenset(channels) for number, channels in found.items()}


def waiting(db: Database) -> int:
    """How many jobs, about, are new since words were indexed."""
    [count] = db.execute(
        "SELECT coalesce((SELECT max(id) FROM job), 0) - job_id FROM words_upto"
    ).fetchone()
    return int(count)


def index_new(db: Database) -> None:
    """Index the words of the jobs that are new, in one piece."""
    db.execute(
        """
        INSERT INTO clip_words (rowid, guild, prompt, shot)
            SELECT job.id, guild_id || 'x' || (job.id / 32768), clip_text.prompt, coalesce(
                (SELECT words FROM shot_thread JOIN shot ON shot.id = shot_id
                 WHERE shot_thread.thread_id = job.thread_id),
                (SELECT words FROM shot_clip JOIN shot ON shot.id = shot_id
                 WHERE shot_clip.job_id = job.id),
                ''
            )
            FROM job JOIN clip_text ON clip_text.id = job.id
            WHERE job.id > (SELECT job_id FROM words_upto) AND user_id <> 0
            AND NOT EXISTS (SELECT 1 FROM clip_words_docsize AS known WHERE known.id = job.id)
        """
    )
    db.execute("UPDATE words_upto SET job_id = (SELECT max(id) FROM job)")


STEP = 200  #: pages of the index, some 4 KB each, that are merged at once


def stale(db: Database) -> bool:
    """Whether the index still holds words of rows that are gone."""
    return db.execute("SELECT 1 FROM stale_words").fetchone() is not None


def merge_stale(db: Database) -> bool:
    """Take a step towards an index without a word of rows that are gone; whether more are needed.

    FTS5 keeps what was written in pieces, and drops a deleted word when the pieces that hold it
    and its deletion are merged. Takes some ten milliseconds.
    """
    row = db.execute("SELECT begun FROM stale_words").fetchone()
    if row is None:
        return False
    [before] = db.execute("SELECT total_changes()").fetchone()
    pages = STEP if row["begun"] else -STEP  # below zero: all pieces, not only those that are due
    db.execute("INSERT INTO clip_words (clip_words, rank) VALUES ('merge', ?)", (pages,))
    [after] = db.execute("SELECT total_changes()").fetchone()
    if after - before < 2:  # as FTS5 says that there was nothing to do
        db.execute("DELETE FROM stale_words")
        return False
    db.execute("UPDATE stale_words SET begun = 1")
    return True
