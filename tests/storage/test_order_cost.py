"""What an order costs the database: few statements, and once a commit what all of it shares."""

import asyncio
from collections import Counter

import pytest

from storage import Admitted, Defaults, Wanted
from storage.finding import NEWEST, TOGETHER
from tests.rig.databases import terms_of
from tests.rig.drafts import draft
from tests.rig.engines import open_store

pytestmark = pytest.mark.sqlite

WAITING = 200
SHARED = 15  #: statements of a commit, however many orders it holds
#: Every limit is set and looked at; none is reached.
ROOMY = Defaults(
    amount=10**9,
    budget=10**9,
    budget_all=10**9,
    jobs_per_user=10**6,
    jobs_per_server=10**6,
    per_minute=10.0**6,
    burst=10**6,
)


@pytest.fixture
async def store(tmp_path):
    async with open_store(tmp_path, defaults=ROOMY) as store:
        yield store


async def orders(store, numbers) -> list[str]:
    """What SQLite was told while they were ordered together, one statement a line.

    Of a trigger there is a line when it is asked, and one for each of its statements.
    """
    told: list[str] = []
    # What each was checked by, as the studio does; asked for on a reader.
    terms = {guild: await terms_of(store, guild) for guild in range(1, 8)}
    await store.writer._db.run(lambda db: db.set_trace_callback(told.append))
    answers = await asyncio.gather(
        *(
            store.policy.admit(
                draft(each, user_id=1 + each % WAITING, guild_id=1 + each % 7),
                roles=(),
                terms=terms[1 + each % 7],
            )
            for each in numbers
        )
    )
    await store.writer._db.run(lambda db: db.set_trace_callback(None))
    assert all(isinstance(each, Admitted) for each in answers)
    return told


async def test_an_order_among_others_is_at_most_15_statements(store) -> None:
    new = await orders(store, range(1, WAITING + 1))
    known = await orders(store, range(WAITING + 1, 2 * WAITING + 1))
    for told, most in ((known, 15), (new, 16)):  # who orders first gets a number
        ours = [sql for sql in told if not sql.startswith("-- ")]  # FTS5's own begin like that
        assert len(ours) <= most * WAITING + SHARED, Counter(sql[:60] for sql in ours)


async def test_what_orders_share_is_done_once_a_commit(store) -> None:
    told = await orders(store, range(1, WAITING + 1))
    commits = told.count("COMMIT")
    assert commits == 1
    for once in ("BEGIN", "INSERT INTO clock"):
        assert len([sql for sql in told if sql.strip().startswith(once)]) == commits, once


async def test_words_are_indexed_together(store) -> None:
    assert not await indexed(store)
    await orders(store, range(1, TOGETHER))
    assert not await indexed(store)
    told = await orders(store, [TOGETHER])
    assert len([sql for sql in told if "INSERT INTO clip_words" in sql]) == 1
    assert await indexed(store) == TOGETHER


async def indexed(store) -> int:
    [[count]] = await store.writer.read(
        lambda db: db.execute("SELECT count(*) FROM clip_words").fetchall()
    )
    return count


async def test_the_words_of_an_order_are_found_once_it_stands(store) -> None:
    await orders(store, [1, 2])
    found = await store.takes.with_words("fox", guild_id=2, edge=NEWEST, newer=False, limit=5)
    assert [hit.id for hit in found.hits] == [1]
    mine = await store.takes.of_one(
        Wanted(), guild_id=2, user_id=2, edge=NEWEST, newer=False, limit=5
    )
    assert [hit.id for hit in mine.hits] == [1]


async def test_words_that_a_commit_left_out_are_indexed_by_the_next(store) -> None:
    await orders(store, [1])
    await orders(store, [2])
    # As if whoever wrote the first job did not know the index, and whoever wrote the second did.
    await store.writer.write(
        lambda db: db.execute("DELETE FROM clip_words WHERE rowid = 1").rowcount
    )
    await store.writer.write(lambda db: db.execute("UPDATE words_upto SET job_id = 0").rowcount)
    await store.writer.write(
        lambda db: (
            db.execute("INSERT INTO clip_words (clip_words) VALUES ('integrity-check')").rowcount
        )
    )
    found = await store.takes.with_words("fox", guild_id=2, edge=NEWEST, newer=False, limit=5)
    assert [hit.id for hit in found.hits] == [1]
