"""Clips are found by their words, one's own by what they are; whatever was typed, and flatly."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage import (
    LIVE,
    MADE,
    NEWEST,
    UNMADE,
    Brief,
    DiskTrouble,
    Mode,
    Privacy,
    State,
    Thread,
    Wanted,
    finding,
)
from storage import open_store as open_file
from storage.finding import COST, SPAN
from storage.jobs import insert_new
from storage.opening import DATABASE
from storage.schema import migrate, migrations
from tests.rig.drafts import advance, draft
from tests.rig.engines import open_store

TO_DONE = (State.SUBMITTING, State.RENDERING, State.FETCHING, State.DELIVERING, State.DONE)


@pytest.fixture
async def store(tmp_path):
    async with open_store(tmp_path) as opened:
        yield opened


async def clip(store, number, prompt, *, mode=Mode.TEXT, **more):
    job, _ = await store.jobs.add(draft(number, brief=Brief(prompt=prompt, mode=mode), **more))
    await store.takes._index()  # as somebody's search would do
    return job


async def found(store, words, *, guild_id=10, edge=NEWEST, newer=False, limit=50):
    there = await store.takes.with_words(
        words, guild_id=guild_id, edge=edge, newer=newer, limit=limit
    )
    return [hit.id for hit in there.hits]


async def mine(store, wanted=Wanted(), *, edge=NEWEST, newer=False, limit=50, user_id=30):  # noqa: B008
    there = await store.takes.of_one(
        wanted, guild_id=10, user_id=user_id, edge=edge, newer=newer, limit=limit
    )
    return [hit.id for hit in there.hits]


PROMPTS = {
    1: "A red fox runs through fresh snow",
    2: "Foxes in a café, seen from above",
    3: "狐の夢、夜の京都",
    4: "여우가 눈 속을 달린다",
    5: "สุนัขจิ้งจอกวิ่งในหิมะ",
    6: "don't look back: sc12/sh3 AND NOT NEAR the end",
    7: "Füchse im Wald",
    8: "",
    9: "x",
}
FOUND = {
    "fox": [2, 1],
    "FOX snow": [1],
    "cafe": [2],
    "Café": [2],
    "夢": [3],
    "京都": [3],
    "狐": [3],
    "都京": [],
    "여우": [4],
    "จิ้งจอก": [5],
    "fuchse": [7],
    "sc12/sh3": [6],
    "sh3": [6],
    "sh": [],
    "don't": [6],
    "AND": [6],
    "x": [9],
    "fox wolf": [],
}
ODD = (
    *('"', '""', '"fox', "*", "fo*", "^fox", "AND", "OR", "NOT", "fox AND", "NEAR(", "NEAR(a b)"),
    *(
        "-x",
        "+",
        "(",
        ")",
        "{prompt}:",
        "prompt:fox",
        "guild : 10",
        "🦊",
        "\\",
        "'",
        ";--",
        "%",
        "_",
    ),
    *("a" * 500, "a " * 500, "fox\0snow", "\ud83e", "①", "ก็", "\u200d", "", " "),
)


async def test_words_are_found_in_every_script_whatever_their_form(store):
    for number, prompt in PROMPTS.items():
        await clip(store, number, prompt)
    assert {words: await found(store, words) for words in FOUND} == FOUND


async def test_whatever_is_typed_is_words(store):
    for number, prompt in PROMPTS.items():
        await clip(store, number, prompt)
    for words in ODD:
        ids = await found(store, words)
        assert set(ids) <= set(PROMPTS), words
    assert await found(store, "prompt:fox") == []
    assert await found(store, "* fox -") == [2, 1]
    assert await found(store, "fox OR snow") == []
    assert await found(store, '"fox') == [2, 1]


async def test_another_servers_clips_are_not_looked_at(store):
    await clip(store, 1, "a red fox")
    await clip(store, 2, "a red fox of 10x0", guild_id=11)
    assert await found(store, "fox") == [1]
    assert await found(store, "fox", guild_id=11) == [2]
    assert await found(store, "10x0") == []


async def test_pages_go_on_from_a_clip_in_both_directions(store):
    for number in range(1, 31):
        await clip(store, number, "a fox" if number % 3 == 0 else "a wolf")
    every = [*range(30, 0, -3)]
    assert await found(store, "fox") == every
    assert await found(store, "fox", limit=4) == every[:4]
    assert await found(store, "fox", edge=21) == [18, 15, 12, 9, 6, 3]
    assert await found(store, "fox", edge=21, newer=True) == [24, 27, 30]
    assert await mine(store, limit=3, edge=10) == [9, 8, 7]
    assert await mine(store, limit=3, edge=10, newer=True) == [11, 12, 13]
    there = await store.takes.with_words("fox", guild_id=10, edge=9, newer=False, limit=2)
    assert there.edge == 3
    there = await store.takes.with_words("fox", guild_id=10, edge=3, newer=False, limit=2)
    assert (there.hits, there.edge) == ([], None)


async def test_far_apart_clips_are_found_a_piece_at_a_time(store):
    """The work of a read that cost what it may is bound by `SPAN` clips, however few fit."""
    await clip(store, 1, "a fox")
    far = 3 * SPAN + 5
    await store.writer.write(
        lambda db: db.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'job'", (far - 1,))
    )
    assert (await clip(store, 2, "a fox")).id == far
    for edge, newer, first, last in ((NEWEST, False, far, 1), (0, True, 1, far)):
        seen, reads = [], 0
        while edge is not None:
            there = await store.takes.with_words(
                "fox", guild_id=10, edge=edge, newer=newer, limit=50, cost=COST
            )
            seen += [hit.id for hit in there.hits]
            edge, reads = there.edge, reads + 1
        assert (seen, reads) == ([first, last], 4)


async def test_a_rare_word_is_found_at_once_wherever_it_is(tmp_path):
    async with open_file(tmp_path) as store:
        far, boats = 900 * SPAN, finding.RARE + 10
        await clip(store, 1, "a fox")
        await clip(store, 2, "a fox and a wolf", guild_id=11)
        await store.writer.write(
            lambda db: db.execute(
                "UPDATE sqlite_sequence SET seq = ? WHERE name = 'job'", (far - 1,)
            )
        )
        for number in range(boats):
            await clip(store, 3 + number, "a boat")
        newest = (await clip(store, 3 + boats, "a fox", guild_id=11)).id
        looked = []

        async def asked(words, **more):
            """The clips, where to look on, and after how many looks into the index."""
            looked.clear()
            there = await store.writer.read(
                lambda db: finding.with_words(
                    Told(db, looked),
                    words,
                    **{"guild_id": 10, "edge": newest, "newer": False, "limit": 50, **more},
                    streams=store.writer.streams_words,
                )
            )
            return [hit.id for hit in there.hits], there.edge, sum("MATCH" in sql for sql in looked)

        assert await asked("fox") == ([1], None, 3)
        assert await asked("a fox") == ([1], None, 4), "its second word is the rare one"
        assert await asked("fox wolf", guild_id=11) == ([2], None, 3)
        assert await asked("fox", guild_id=11, edge=newest + 1, limit=1) == ([newest], newest, 1)
        assert await asked("fox", guild_id=11) == ([2], None, 3)
        assert await asked("dragon") == ([], None, 3)
        assert await asked("boat dragon") == ([], None, 4)
        assert await asked("fox", edge=2, newer=True) == ([], None, 3)
        assert await asked("fox", edge=0, newer=True) == ([1], SPAN - 1, 1)
        there = await store.takes.with_words("fox", guild_id=10, edge=2, newer=True, limit=5)
        assert (there.hits, there.edge) == ([], None), "not a block after the other"


class Told:
    """A database that notes what it is asked."""

    def __init__(self, db, looked):
        self._db, self._looked = db, looked

    def execute(self, sql, *parameters):
        self._looked.append(sql)
        return self._db.execute(sql, *parameters)


async def test_one_s_own_are_narrowed_down(store):
    jobs = {
        number: await clip(store, number, "x", mode=mode, channel_id=channel)
        for number, mode, channel in (
            *((1, Mode.TEXT, 20), (2, Mode.IMAGE, 20), (3, Mode.TEXT, 21)),
            *((4, Mode.TEXT, 500), (5, Mode.TEXT, 20)),
        )
    }
    await clip(store, 6, "x", user_id=31)
    await clip(store, 7, "x", guild_id=11)
    await advance(store.jobs, jobs[1], *TO_DONE)
    await advance(store.jobs, jobs[2], State.SUBMITTING, State.FAILED)
    await store.jobs.set_places(5, thread_id=501)
    for thread in (500, 501):
        await store.takes.set_thread(
            Thread(id=thread, guild_id=10, parent_id=20, board_id=None), at=1.0
        )
    await store.takes.favourite(1, 30, at=5.0)
    await store.takes.favourite(6, 30, at=5.0)
    await store.takes.favourite(3, 31, at=5.0)
    assert await mine(store) == [5, 4, 3, 2, 1]
    assert await mine(store, Wanted(states=MADE)) == [1]
    assert await mine(store, Wanted(states=UNMADE)) == [2]
    assert await mine(store, Wanted(states=LIVE - MADE)) == [5, 4, 3]
    assert await mine(store, Wanted(mode=Mode.IMAGE)) == [2]
    assert await mine(store, Wanted(mode=Mode.IMAGE, states=MADE)) == []
    assert await mine(store, Wanted(favourites=True)) == [1]
    assert await mine(store, Wanted(favourites=True, states=UNMADE)) == []
    assert await mine(store, Wanted(channel_id=20)) == [5, 4, 2, 1]
    assert await mine(store, Wanted(channel_id=501)) == [5]
    assert await mine(store, Wanted(channel_id=22)) == []


async def test_the_index_follows_its_rows(store):
    job = await clip(store, 1, "a fox")
    await store.writer.write(
        lambda db: db.execute("UPDATE clip_words SET shot = 'sc12/sh3' WHERE rowid = 1")
    )
    await store.jobs.reassign(replace(job, brief=Brief(prompt="a wolf")))
    assert await found(store, "fox") == []
    assert await found(store, "wolf sc12/sh3") == [1]
    await clip(store, 2, "a bear")
    assert await found(store, "bear") == [2]


async def raw(tmp_path, word):
    """How often *word* stands in the files of the database."""
    there = [tmp_path / f"{DATABASE}{end}" for end in ("", "-wal")]
    return sum(path.read_bytes().count(word.encode()) for path in there if path.exists())


@pytest.mark.sqlite
async def test_delete_mine_leaves_no_word_in_the_index(tmp_path, store):
    for number in range(60):
        mine_too = number % 3 == 0
        job = await clip(
            store,
            number,
            f"zyzzyva kwyjibo{number}" if mine_too else f"a fox {number}",
            user_id=30 if mine_too else 31,
        )
        await advance(store.jobs, job, *TO_DONE)
    assert len(await found(store, "zyzzyva")) == 20
    assert await raw(tmp_path, "zyzzyva") > 20
    assert (await store.privacy.forget(30)).jobs == 20
    assert await found(store, "zyzzyva") == []
    assert await mine(store) == []
    assert await raw(tmp_path, "zyzzyv") == await raw(tmp_path, "wyjibo") == 0
    assert len(await found(store, "fox")) == 40
    assert not await store.writer.read(
        lambda db: db.execute("SELECT * FROM stale_words").fetchall()
    )
    await store.writer.write(
        lambda db: db.execute("INSERT INTO clip_words (clip_words) VALUES ('integrity-check')")
    )


class Failing:
    """A writer whose disk has trouble, but while something is erased."""

    def __init__(self, writer):
        self.read, self.erase, self.scrub = writer.read, writer.erase, writer.scrub

    async def write(self, fn):
        raise DiskTrouble("The disk is full.")


@pytest.mark.sqlite
async def test_trouble_with_the_index_does_not_undo_a_deletion(tmp_path, store):
    job = await clip(store, 1, "zyzzyva")
    await advance(store.jobs, job, *TO_DONE)
    await clip(store, 2, "a fox", user_id=31)
    failing = Privacy(Failing(store.writer), clock=store.clock, defaults=store.defaults)
    assert (await failing.forget(30)).files == ("takes/1.mp4",)
    assert await found(store, "zyzzyva") == []
    assert await raw(tmp_path, "zyzzyv")
    await store.privacy.tidy()
    assert not await raw(tmp_path, "zyzzyv")


ALPHABET = "abcXé狐夢คเ여 ß'\"-*():^+/\\1"


@pytest.mark.sqlite
@given(prompt=st.text(ALPHABET, max_size=30), typed=st.text(max_size=64))
def test_a_prompt_is_found_by_itself_and_nothing_typed_breaks_the_index(prompt, typed):
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.row_factory = sqlite3.Row
        db.deserialize(empty())
        insert_new(db, draft(1, brief=Brief(prompt=prompt)))
        finding.index_new(db)
        place = {"guild_id": 10, "edge": NEWEST, "newer": False, "limit": 5}
        there = finding.with_words(db, prompt, **place)
        assert bool(there.hits) is any(each.isalnum() for each in prompt)
        finding.with_words(db, typed, **place)


@cache
def empty():
    """A new database, as bytes."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        migrate(db, Path("new.db"), migrations())
        return db.serialize()


@pytest.mark.sqlite
async def test_what_a_stop_left_in_the_index_goes_later(tmp_path, store):
    job = await clip(store, 1, "zyzzyva")
    await advance(store.jobs, job, *TO_DONE)
    await clip(store, 2, "a fox", user_id=31)
    await store.privacy._forget(30)
    assert await raw(tmp_path, "zyzzyv")
    await store.privacy.tidy()
    assert not await raw(tmp_path, "zyzzyv")


@pytest.mark.sqlite
def test_an_older_file_has_its_clips_found_after_the_migration(tmp_path):
    scripts = migrations()
    before = next(at for at, each in enumerate(scripts) if "clip_words" in each)
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        migrate(db, path, scripts[:before])
        for number, (user, prompt) in enumerate([(30, "a fox"), (31, "狐の夢"), (0, "gone")], 1):
            db.execute(
                """
                INSERT INTO job (id, request, guild_id, channel_id, user_id, provider, model, brief,
                    price, created_at, state, rev, due_at, since, tries, attempt, billed)
                VALUES (?, ?, 10, 2, ?, 'p', 'm', json_object('mode', 'text', 'prompt', ?), 5, 900,
                    'queued', 0, 1000, 900, 0, 0, 'no')
                """,
                (number, f"r{number}", user, prompt),
            )
        migrate(db, path, scripts)
        rows = db.execute("SELECT rowid, guild, prompt FROM clip_words ORDER BY 1").fetchall()
    assert rows == [(1, "10x0", "a fox"), (2, "10x0", " 狐  の  夢 ")]


async def plans(store, call):
    """What SQLite says of each statement that *call* runs."""
    seen = []

    def asked(db):
        class Told:
            def execute(self, sql, values=()):
                seen.extend(row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", values))
                return db.execute(sql, values)

        call(Told())

    await store.writer.read(asked)
    return seen


@pytest.mark.sqlite
async def test_nothing_looks_at_every_clip(store):
    await clip(store, 1, "a fox")
    await store.takes.favourite(1, 30, at=1.0)
    for newer in (False, True):
        about = {"guild_id": 10, "edge": 0 if newer else NEWEST, "newer": newer, "limit": 5}
        for wanted in (
            Wanted(),
            Wanted(mode=Mode.TEXT, states=frozenset(State) - UNMADE),
            Wanted(favourites=True),
            Wanted(channel_id=20),
        ):
            said = await plans(
                store,
                lambda db, wanted=wanted, about=about: finding.of_one(
                    db, wanted, user_id=30, **about
                ),
            )
            is_flat(said)
        said = await plans(store, lambda db, about=about: finding.with_words(db, "fox", **about))
        is_flat(said)
    is_flat(await plans(store, lambda db: finding.posted_in(db, [1])))
    is_flat(
        await plans(store, lambda db: db.execute("SELECT prompt FROM clip_text WHERE id = ?", (1,)))
    )


def is_flat(said):
    """No table is read from end to end, and nothing is sorted but what was read."""
    assert said
    tables = [each for each in said if each.startswith("SCAN")]
    assert not [
        each
        for each in tables
        if "VIRTUAL TABLE" not in each and each not in {"SCAN letter", "SCAN CONSTANT ROW"}
    ], said
    assert not [each for each in said if "B-TREE" in each], said
