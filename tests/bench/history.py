"""A file with a history: so many finished jobs, written in bulk and no worse than one by one.

Each went its whole way: ordered, paid for, made, posted, settled. They are of `SERVERS` servers and
`PEOPLE` people, half a minute apart; the last one ended a minute before `NOW`.
"""

import asyncio
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage import open_store
from storage.opening import DATABASE

SERVERS, PEOPLE = 20, 5_000
APART = 30  #: seconds between two orders
NOW = 1_800_000_000
PRICE = 20
SNOWFLAKE = 1_200_000_000_000_000_000  #: numbers of Discord's are about as large

#: A job is `n`: its requester, its server and its time follow from that.
_NUMBERS = "WITH RECURSIVE each (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM each WHERE n < :count)"
_AT = f"({NOW} - 60.0 - (:count - n) * {APART})"
_GUILD = f"(1 + n % {SERVERS})"
_PERSON = f"(1 + n % {PEOPLE})"
_DAY = f"date({_AT}, 'unixepoch')"
_WORDS = [
    *("red", "fox", "harbor", "storm", "lantern", "dancer", "engine", "glacier", "market"),
    *("violin", "desert", "tower", "garden", "river", "soldier", "mirror", "balloon", "cathedral"),
]
_PROMPT = " || ' ' || ".join(
    ["'a slow dolly shot of a'"]
    + [
        f"json_extract(:words, '$[' || ((n * {prime}) % {len(_WORDS)}) || ']')"
        for prime in (7, 11, 13, 17, 19, 23)
    ]
)

_FILLED = f"""
INSERT INTO job (id, request, guild_id, channel_id, user_id, provider, model, brief, price,
    created_at, state, rev, due_at, since, tries, attempt, token, remote_id, cost, result_url,
    file, billed, thread_id, card_channel_id, card_id, result_id)
{_NUMBERS} SELECT n, 'interaction:' || ({SNOWFLAKE} + n), {_GUILD}, {SNOWFLAKE} + n % 100,
    {_PERSON},
    'ltx', 'ltx-2-pro', json_object('mode', 'text', 'prompt', {_PROMPT}, 'resolution', '1080p',
        'aspect', '16:9', 'duration', 6, 'fps', 24, 'seed', n * 7919, 'sound', json('true')),
    {PRICE}, {_AT}, 'done', 5, NULL, {_AT} + 60, 0, 1, hex(randomblob(16)), hex(randomblob(16)),
    0.36, '', 'takes/' || n || '.mp4', 'yes', {SNOWFLAKE} + n / 4,
    {SNOWFLAKE} + n % 100, {SNOWFLAKE} + n, {SNOWFLAKE} + {10**9} + n FROM each;
INSERT INTO link (job_id, url) SELECT id, 'https://results.example.com/' || hex(randomblob(16))
    || '/clip.mp4?signature=' || hex(randomblob(32)) FROM job;
INSERT INTO event (job_id, rev, from_state, to_state, why, at)
{_NUMBERS}, move (rev, before, after, later) AS (VALUES (0, NULL, 'queued', 0),
    (1, 'queued', 'submitting', 1), (2, 'submitting', 'rendering', 2),
    (3, 'rendering', 'fetching', 50), (4, 'fetching', 'delivering', 55),
    (5, 'delivering', 'done', 60))
SELECT n, rev, before, after, iif(rev = 0, 'ordered', ''), {_AT} + later FROM each CROSS JOIN move;
INSERT INTO person (id, user_id) {_NUMBERS} SELECT DISTINCT {_PERSON}, {_PERSON} FROM each;
INSERT INTO account (name, balance)
{_NUMBERS} SELECT 'spent:' || {_GUILD} || ':' || {_PERSON}, count(*) * {PRICE} FROM each GROUP BY 1;
INSERT INTO account (name, balance)
{_NUMBERS} SELECT 'held:' || {_GUILD} || ':' || {_PERSON}, 0 FROM each GROUP BY 1;
INSERT INTO account (name, balance)
{_NUMBERS} SELECT 'pool:' || {_GUILD}, -count(*) * {PRICE} FROM each GROUP BY 1;
INSERT INTO txn (id, kind, guild_id, person_id, job_id, day, at)
{_NUMBERS}, side (k, kind) AS (VALUES (1, 'reserve'), (0, 'capture'))
SELECT 2 * n - k, kind, {_GUILD}, {_PERSON}, n, {_DAY}, {_AT} + 60 * (1 - k)
FROM each CROSS JOIN side;
INSERT INTO transfer (txn_id, source, target, amount)
{_NUMBERS}, side (k, source, target) AS (VALUES (1, 'pool', 'held'), (0, 'held', 'spent'))
SELECT 2 * n - k, source || ':' || {_GUILD} || iif(k, '', ':' || {_PERSON}),
    target || ':' || {_GUILD} || ':' || {_PERSON}, {PRICE} FROM each CROSS JOIN side;
INSERT INTO day_use (guild_id, person_id, day, quota, total)
{_NUMBERS} SELECT {_GUILD}, {_PERSON}, {_DAY}, count(*) * {PRICE}, count(*) * {PRICE}
FROM each GROUP BY 1, 2, 3;
INSERT INTO day_use (guild_id, person_id, day, quota, total)
{_NUMBERS} SELECT {_GUILD}, 0, {_DAY}, 0, count(*) * {PRICE} FROM each GROUP BY 1, 2, 3;
INSERT INTO quarter_use (quarter, total)
{_NUMBERS} SELECT CAST({_AT} / 900 AS INTEGER), count(*) * {PRICE} FROM each GROUP BY 1;
INSERT INTO needed (file, job_id) SELECT file, id FROM job;
INSERT INTO take (job_id, place_id, number, seconds)
    SELECT id, thread_id, 1 + id % 4, 6.0 FROM job;
INSERT INTO post (message_id, channel_id, job_id, at)
    SELECT result_id, thread_id, id, since FROM job;
INSERT INTO thread (id, guild_id, parent_id, at)
    SELECT DISTINCT thread_id, min(guild_id), min(channel_id), min(created_at) FROM job GROUP BY 1;
INSERT INTO clip_words (rowid, guild, prompt, shot)
    SELECT job.id, guild_id || 'x' || (job.id / 32768), clip_text.prompt, ''
    FROM job JOIN clip_text ON clip_text.id = job.id;
UPDATE words_upto SET job_id = :count;
INSERT INTO clock (id, mark) VALUES (1, {NOW})
    ON CONFLICT (id) DO UPDATE SET mark = excluded.mark;
"""  # fixed texts


_kept: list[Path] = []  #: where files with a history are kept while benchmarks run, if they are


@contextmanager
def kept() -> Iterator[None]:
    """Make each file with a history once, and give copies of it."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        _kept.append(Path(folder))
        try:
            yield
        finally:
            _kept.pop()


async def filled(directory: Path, count: int) -> None:
    """Bring a database with *count* finished jobs, which was looked over, to *directory*."""
    if not _kept:
        await _made(directory, count)
        return
    source = _kept[-1] / str(count)
    if not source.exists():
        await _made(source, count)
    await asyncio.to_thread(_copied, source, directory)


async def _made(directory: Path, count: int) -> None:
    async with open_store(directory):
        pass
    if count:
        await asyncio.to_thread(fill, directory, count)
        async with open_store(directory):
            pass  # another program wrote: the file is looked over once


def _copied(source: Path, to: Path) -> None:
    # With its times, by which it is known to be as it was closed.
    shutil.copytree(source, to, dirs_exist_ok=True)
    with (to / DATABASE).open("rb+") as copy:  # else it is written while something is measured
        os.fsync(copy.fileno())


def fill(directory: Path, count: int) -> Path:
    """Write *count* finished jobs into the empty database in *directory*; where it is."""
    path = directory / DATABASE
    db = sqlite3.connect(path, isolation_level=None)
    try:
        db.execute("PRAGMA synchronous = OFF")  # it is made anew if the power goes
        db.execute("PRAGMA cache_size = -200000")
        rules = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        db.execute("BEGIN")
        for name, _ in rules:  # they look at each row by itself, and all of them are right
            db.execute(f"DROP TRIGGER {name}")
        asked = {"count": count, "words": _as_json(_WORDS)}
        for statement in filter(str.strip, _FILLED.split(";\n")):
            db.execute(statement, asked if ":count" in statement else {})
        for _, sql in rules:
            db.execute(sql)
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        db.close()
    return path


def _as_json(words: list[str]) -> str:
    return "[" + ", ".join(f'"{each}"' for each in words) + "]"
