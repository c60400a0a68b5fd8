"""What a job costs whom, however it ends; and that nobody can cook the books."""

import re
import sqlite3
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from storage import (
    ENDED,
    Admitted,
    Bill,
    By,
    Defaults,
    Job,
    Standing,
    State,
    Store,
    checks,
    ledger,
)
from tests.rig.drafts import NEEDS, advance, draft
from tests.rig.engines import open_store, unguard

S = State
BY = By(guild_id=10, actor_id=1, why="because")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[Store]:
    defaults = Defaults(amount=10, budget=1000, per_minute=None)
    async with open_store(tmp_path, defaults=defaults, wall=lambda: 1.8e9) as store:
        yield store
        assert await store.check(thorough=True) == []


async def order(store: Store, number: int = 1, **changes: Any) -> Job:
    answer = await store.policy.admit(draft(number, **changes), roles=())
    assert isinstance(answer, Admitted)
    return answer.job


async def end(
    store: Store, job: Job, *states: State, billed: str = "no", credits: int | None = None
) -> Bill:
    *first, last = states
    job = await advance(store.jobs, job, *first)
    moved = job.to(last, now=2000.0, **{**NEEDS[last], "billed": billed})
    await store.jobs.save(moved, credits=credits)
    bill = await store.policy.bill(job.id)
    assert bill is not None
    return bill


async def standing(store: Store) -> Standing:
    return await store.policy.standing(guild_id=10, user_id=30, roles=())


MADE = (S.SUBMITTING, S.RENDERING, S.FETCHING, S.DELIVERING)


#: Each way to an end, who billed what, and what became of the five credits held.
ENDS = [
    ((*MADE, S.DONE), "yes", None, 5, 0, 0),
    ((*MADE, S.DONE), "yes", 3, 3, 0, 0),  # the rest is given back
    ((*MADE, S.DONE), "yes", 9, 5, 4, 0),  # more than was agreed is the house's
    ((*MADE, S.DONE), "yes", 0, 0, 0, 0),
    ((*MADE, S.UNDELIVERED), "yes", None, 5, 0, 0),  # it was made and is kept
    ((S.FAILED,), "no", None, 0, 0, 0),
    ((S.SUBMITTING, S.RENDERING, S.FAILED), "yes", None, 0, 5, 0),
    ((S.SUBMITTING, S.RENDERING, S.FAILED), "unknown", None, 0, 0, 5),
    ((S.CANCELLED,), "no", None, 0, 0, 0),
    ((S.SUBMITTING, S.RENDERING, S.CANCELLED), "yes", None, 5, 0, 0),
    ((S.SUBMITTING, S.RENDERING, S.CANCELLED), "unknown", None, 0, 0, 5),
    ((S.EXPIRED,), "no", None, 0, 0, 0),
    ((S.SUBMITTING, S.UNCLEAR, S.CLOSED), "unknown", None, 0, 0, 5),
    ((*MADE, S.REVIEW, S.CLOSED), "yes", None, 0, 5, 0),  # it was made, and nobody has it
    ((S.REVIEW, S.CLOSED), "no", None, 0, 0, 0),  # it was never sent
]


def test_every_end_is_among_those_whose_price_is_known() -> None:
    assert {states[-1] for states, *_ in ENDS} == ENDED


@pytest.mark.parametrize(
    ("states", "billed", "credits", "spent", "lost", "suspense"),
    ENDS,
)
async def test_what_each_end_costs(
    store: Store,
    states: tuple[State, ...],
    billed: str,
    credits: int | None,
    spent: int,
    lost: int,
    suspense: int,
) -> None:
    bill = await end(store, await order(store), *states, billed=billed, credits=credits)
    assert bill == Bill(reserved=5, held=0, spent=spent, lost=lost, suspense=suspense, settled=True)
    stand = await standing(store)
    assert stand.used == spent
    assert stand.budget_used == spent + lost + suspense


@pytest.mark.parametrize("state", [S.SUBMITTING, S.UNCLEAR, S.RENDERING, S.REVIEW, S.DELIVERING])
async def test_a_job_under_way_holds_its_price(store: Store, state: State) -> None:
    ways = {
        S.UNCLEAR: (S.SUBMITTING, S.UNCLEAR),
        S.REVIEW: (S.REVIEW,),
        **{each: MADE[: n + 1] for n, each in enumerate(MADE)},
    }
    bill = await end(store, await order(store), *ways[state])
    assert (bill.held, bill.settled) == (5, False)


async def test_a_free_clip_is_booked_too_with_nothing(store: Store) -> None:
    bill = await end(store, await order(store, price=0), *MADE, S.DONE, billed="yes")
    assert bill == Bill(reserved=0, held=0, spent=0, lost=0, suspense=0, settled=True)


async def test_a_clip_delivered_late_is_not_paid_twice(store: Store) -> None:
    bill = await end(
        store, await order(store), *MADE, S.UNDELIVERED, S.DELIVERING, S.DONE, billed="yes"
    )
    assert bill.spent == 5
    assert (await standing(store)).used == 5


async def tried_again(store: Store, job: Job) -> Job:
    """The job as a moderator's retry leaves it."""
    fresh = job.to(S.QUEUED, now=3.0, due_at=3.0, billed="no", remote_id=None)
    return await store.jobs.save(replace(fresh, result_url=None, file=None))


@pytest.mark.parametrize(
    ("way", "billed", "lost", "suspense"),
    [
        ((S.SUBMITTING, S.UNCLEAR), "unknown", 0, 5),
        ((S.SUBMITTING, S.RENDERING, S.REVIEW), "no", 0, 5),
        ((*MADE, S.REVIEW), "yes", 5, 0),
    ],
    ids=["unclear", "named", "made"],
)
async def test_trying_a_parked_job_again_may_cost_the_house_but_not_the_person_twice(
    store: Store, way: tuple[S, ...], billed: str, lost: int, suspense: int
) -> None:
    job = await advance(store.jobs, await order(store), *way)
    job = await tried_again(store, await store.jobs.save(replace(job, billed=billed)))
    bill = await store.policy.bill(job.id)
    assert bill == Bill(reserved=5, held=5, spent=0, lost=lost, suspense=suspense, settled=False)
    job = await advance(store.jobs, job, S.SUBMITTING)
    job = await store.jobs.save(replace(job, attempt=2))
    bill = await end(store, job, *MADE[1:], S.DONE, billed="yes")
    assert bill == Bill(reserved=5, held=0, spent=5, lost=lost, suspense=suspense, settled=True)


async def test_a_job_cancelled_after_it_was_tried_again_is_in_suspense_once(store: Store) -> None:
    job = await advance(store.jobs, await order(store), S.SUBMITTING, S.UNCLEAR)
    job = await tried_again(store, await store.jobs.save(replace(job, billed="unknown")))
    saved = await store.jobs.save(job.to(S.CANCELLED, now=4.0, cancelled_by=30))
    bill = await store.policy.bill(saved.id)
    assert bill == Bill(reserved=5, held=0, spent=0, lost=0, suspense=5, settled=True)
    assert await store.check(thorough=True) == []


@pytest.mark.parametrize("way", [(S.REVIEW,), (S.SUBMITTING, S.QUEUED, S.REVIEW)])
async def test_an_attempt_that_was_never_taken_leaves_no_suspense(
    store: Store, way: tuple[S, ...]
) -> None:
    job = await tried_again(store, await advance(store.jobs, await order(store), *way))
    bill = await store.policy.bill(job.id)
    assert bill == Bill(reserved=5, held=5, spent=0, lost=0, suspense=0, settled=False)


@pytest.mark.parametrize("billed", [True, False])
async def test_suspense_ends_once_when_the_provider_tells(store: Store, billed: bool) -> None:
    job = await order(store)
    await end(store, job, S.SUBMITTING, S.UNCLEAR, S.CLOSED, billed="unknown")
    assert not await store.moderation.clear(replace(BY, guild_id=11), job.id, 1, billed=billed)
    assert not await store.moderation.clear(BY, job.id, 2, billed=billed)
    assert await store.moderation.clear(BY, job.id, 1, billed=billed)
    assert not await store.moderation.clear(BY, job.id, 1, billed=not billed)
    bill = await store.policy.bill(job.id)
    assert bill is not None
    assert (bill.lost, bill.suspense) == (5 if billed else 0, 0)
    assert (await standing(store)).budget_used == bill.lost


async def test_a_grant_pays_what_the_quota_cannot_and_gets_its_rest_back(store: Store) -> None:
    late = await store.moderation.grant(BY, 30, 4)
    soon = await store.moderation.grant(BY, 30, 4, lasts=1000.0)
    job = await order(store, price=16)  # 10 of the quota, 4 of the one that expires, 2 of the other

    async def left() -> dict[int, int]:
        return {each.id: each.left for each in await store.moderation.grants(10, user_id=30)}

    assert await left() == {late.id: 2, soon.id: 0}
    assert (await standing(store)).fits == 2
    await end(store, job, *MADE, S.DONE, billed="yes", credits=12)
    assert await left() == {late.id: 4, soon.id: 2}
    assert (await standing(store)).used == 10


async def test_a_job_added_without_money_is_left_alone(store: Store) -> None:
    job, _ = await store.jobs.add(draft())
    await advance(store.jobs, job, *MADE, S.DONE)
    assert await store.policy.bill(job.id) is None


@pytest.mark.parametrize("table", ["txn", "transfer", "audit"])
@pytest.mark.parametrize("sql", ["UPDATE {} SET rowid = 7", "DELETE FROM {}"])
async def test_the_books_can_only_be_added_to(store: Store, table: str, sql: str) -> None:
    await store.moderation.grant(BY, 30, 4)
    sql = sql.format(table).replace("SET rowid = 7", "SET amount = 7" * (table == "transfer"))
    if sql.startswith("UPDATE") and table != "transfer":
        sql = f"UPDATE {table} SET at = 7"
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        await store.writer.write(lambda db: db.execute(sql).rowcount)


async def test_a_job_is_reserved_and_settled_once_whoever_tries(store: Store) -> None:
    job = await order(store)
    again: dict[str, Any] = {"person_id": 1, "day": "2027-01-15", "quota": 5, "grants": (), "at": 1}
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        await store.writer.write(lambda db: ledger.reserve(db, job, **again))
    await end(store, job, S.CANCELLED)
    row = """
        INSERT INTO txn (kind, guild_id, person_id, job_id, day, at)
        VALUES ('capture', 1, 1, 1, '', 1)
    """
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        await store.writer.write(lambda db: db.execute(row).rowcount)


@pytest.mark.sqlite
@pytest.mark.parametrize("sql", [ledger.MOVED, ledger.SUSPENDED], ids=["moved", "suspended"])
async def test_what_a_job_costs_is_found_without_reading_all_of_history(
    store: Store, sql: str
) -> None:
    asked = {"job": 1, "attempt": 1}
    plan = await store.writer.read(
        lambda db: db.execute(f"EXPLAIN QUERY PLAN {sql}", asked).fetchall()
    )
    steps = [row["detail"] for row in plan]
    assert any("USING" in step for step in steps)
    assert [step for step in steps if step.startswith("SCAN")] == []


async def test_nobody_can_hold_less_than_nothing(store: Store) -> None:
    job = await order(store)
    steal = "INSERT INTO transfer VALUES (1, 'held:10:1', 'pool:10', ?)"
    for amount in (job.price + 1, 0, -1, 10**13):
        with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
            await store.writer.write(
                lambda db, amount=amount: db.execute(steal, (amount,)).rowcount
            )


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "row", ["'pool:10', 'held:10:1', 5", "'pool:10', 'pool:10', 5", "'a', 'b', 0"]
)
async def test_a_transfer_that_is_not_written_moves_nothing(store: Store, row: str) -> None:
    """Neither one that is there already, nor one that may not be."""
    await order(store)
    balances = "SELECT name, balance FROM account ORDER BY name"
    before = await store.writer.read(lambda db: db.execute(balances).fetchall())
    written = await store.writer.write(
        lambda db: db.execute(f"INSERT OR IGNORE INTO transfer VALUES (1, {row})").rowcount
    )
    assert written == 0
    assert await store.writer.read(lambda db: db.execute(balances).fetchall()) == before
    assert await store.check(thorough=True) == []


async def test_no_account_begins_below_zero_and_no_quarter_is_taken_from(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        job = await order(store)
        stolen = "INSERT INTO transfer VALUES (1, 'held:99:9', 'pool:10', 1)"
        with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
            await store.writer.write(lambda db: db.execute(stolen).rowcount)
        await store.writer.write(lambda db: db.execute("DELETE FROM quarter_use").rowcount)
        with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
            await end(store, job, S.CANCELLED)


async def unguarded(store: Store) -> None:
    """Take away what the database itself refuses, so that a check has something to find."""

    await store.writer.write(unguard)


async def harmed(store: Store, sql: str) -> None:
    await store.writer.write(lambda db: db.execute(sql).rowcount)


PAID = """
    INSERT INTO txn (kind, guild_id, person_id, job_id, day, at)
    VALUES ('capture', 10, 1, {}, '2027-01-15', 1)
"""
AGAIN = "INSERT INTO event (job_id, rev, from_state, to_state, why, at) VALUES "


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("UPDATE account SET balance = balance + 1", "does not add up to zero"),
        ("UPDATE account SET balance = balance + 1", "its transfers add up to"),
        (
            """
            UPDATE account SET balance = balance + CASE WHEN name LIKE 'pool:%' THEN -1 ELSE 1 END
            """,
            "the jobs under way hold 5",
        ),
        ("UPDATE allowance SET amount = 3", "Grant 1 has 4 credits left of 3"),
        ("UPDATE job SET state = 'cancelled'", "the jobs under way hold 0"),
        ("UPDATE job SET state = 'review', error = ''", "its record ends with queued"),
        ("UPDATE job SET price = 6", "costs 6 credits, but 5 were reserved"),
        ("UPDATE event SET rev = 7", "is at revision 0, but its record is at 7"),
        (AGAIN + "(1, 9, 'review', 'queued', '', 0)", "has a gap before revision 9"),
        (AGAIN + "(1, 9, 'done', 'queued', '', 0)", "went from done to queued"),
        (AGAIN + "(1, -1, NULL, 'queued', '', 0)", "has revision -1 after 0"),
        (
            PAID.format(1),
            "is under way (queued) although its money was settled",
        ),
        (
            PAID.format(2),
            "Job #2 was settled without having been reserved",
        ),
    ],
)
@pytest.mark.parametrize("first", [True, False], ids=["from the beginning", "since the last"])
async def test_a_check_finds_books_that_were_cooked(
    tmp_path: Path, harm: str, said: str, first: bool
) -> None:
    async with open_store(tmp_path) as store:
        await order(store)
        await store.jobs.add(draft(2))
        await store.moderation.grant(BY, 30, 4)
        assert await store.check() == []
        await unguarded(store)
        await harmed(store, harm)
        found = await store.check(thorough=first)
        assert [each for each in found if said in each], found
        if not first:
            assert found == await store.check(), "it is not forgotten by the next look"


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("UPDATE job SET state = 'cancelled' WHERE id = 1", "its record ends with done"),
        ("UPDATE txn SET kind = 'clear', attempt = 1 WHERE kind = 'capture'", "was never settled"),
        ("UPDATE transfer SET amount = 6 WHERE target LIKE 'spent:%'", "6 credits of a price of 5"),
        ("UPDATE job SET result_id = NULL", "Job #1 is done, but no message carries its clip"),
        ("UPDATE event SET to_state = 'failed' WHERE to_state = 'done'", "ends with failed"),
        ("UPDATE day_use SET total = total + 1", "the ledger says 5"),
        ("DELETE FROM day_use", "used 0 credits"),
        ("UPDATE quarter_use SET total = total + 1", "all servers used 6 credits"),
        ("DELETE FROM quarter_use", "all servers used 0 credits"),
    ],
)
async def test_what_was_changed_long_ago_is_found_from_the_beginning(
    tmp_path: Path, harm: str, said: str
) -> None:
    async with open_store(tmp_path) as store:
        await end(store, await order(store), *MADE, S.DONE, billed="yes")
        assert await store.check() == []
        await unguarded(store)
        await harmed(store, harm)
        found = await store.check(thorough=True)
        assert [each for each in found if said in each], found


async def test_a_job_that_two_providers_took_is_found(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        job = await advance(store.jobs, await order(store), S.SUBMITTING, S.RENDERING)
        assert await store.check() == []
        await unguarded(store)
        for rev, (before, after) in enumerate(
            [("rendering", "review"), ("review", "queued"), ("queued", "submitting")], start=5
        ):
            await harmed(store, AGAIN + f"({job.id}, {rev}, '{before}', '{after}', '', 0)")
        await harmed(store, AGAIN + f"({job.id}, 8, 'submitting', 'rendering', '', 0)")
        said = "was taken 2 times by providers"
        assert not [each for each in await store.check() if said in each], "a person asked for it"
        await harmed(
            store, f"UPDATE event SET to_state = 'submitting' WHERE job_id = {job.id} AND rev = 6"
        )
        [found] = [each for each in await store.check() if said in each]
        assert found.endswith("and people asked for 1 tries.")


@pytest.mark.sqlite
async def test_a_look_since_the_last_one_reads_none_of_the_history(store: Store) -> None:
    def plans(db: sqlite3.Connection) -> list[str]:
        seen = checks.look(db, checks.Seen())[1]
        asked: list[str] = []
        db.set_trace_callback(asked.append)
        checks.look(db, seen)
        db.set_trace_callback(None)
        return [
            row["detail"]
            for sql in asked
            if sql.lstrip().startswith(("SELECT", "WITH")) and "max(" not in sql[:30]
            for row in db.execute(f"EXPLAIN QUERY PLAN {sql}")
        ]

    await end(store, await order(store), *MADE, S.DONE, billed="yes")
    await order(store, 2)
    details = await store.writer.read(plans)
    big = r"SCAN (job|event|txn|reserved|later|transfer|day_use|quarter_use)\b"
    assert not [each for each in details if re.match(big, each)], details


# What the database itself refuses, whoever asks.


@pytest.mark.parametrize(
    ("state", "harm", "said"),
    [
        (S.QUEUED, "UPDATE job SET rev = rev + 2", "one revision to the next"),
        (S.RENDERING, "UPDATE job SET rev = rev - 1", "one revision to the next"),
        (S.QUEUED, "UPDATE job SET state = 'cancelled'", "one revision to the next"),
        (S.DONE, "UPDATE job SET state = 'queued', rev = rev + 1", "stays ended"),
        (S.FAILED, "UPDATE job SET state = 'delivering', rev = rev + 1", "stays ended"),
        (
            S.UNDELIVERED,
            "UPDATE job SET state = 'done', rev = rev + 1, result_id = 1",
            "stays ended",
        ),
        (
            S.DELIVERING,
            "UPDATE job SET state = 'done', rev = rev + 1",
            "when a message carries its clip",
        ),
        (S.QUEUED, AGAIN + "(1, 0, NULL, 'queued', '', 0)", "says where its job went"),
        (S.QUEUED, AGAIN + "(1, 1, 'queued', 'failed', '', 0)", "says where its job went"),
        (S.RENDERING, AGAIN + "(1, 3, 'queued', 'rendering', '', 0)", "says where its job went"),
    ],
)
async def test_no_bug_can_take_a_job_where_none_may_go(
    store: Store, state: S, harm: str, said: str
) -> None:
    ways: dict[S, tuple[S, ...]] = {
        S.QUEUED: (),
        S.FAILED: (S.FAILED,),
        S.DONE: (*MADE, S.DONE),
        S.UNDELIVERED: (*MADE, S.UNDELIVERED),
        **{each: MADE[: n + 1] for n, each in enumerate(MADE)},
    }
    await advance(store.jobs, await order(store), *ways[state])
    with pytest.raises(sqlite3.IntegrityError, match=said):
        await harmed(store, harm)


@pytest.mark.parametrize(
    "way", [(S.SUBMITTING, S.RENDERING), (S.SUBMITTING, S.UNCLEAR), (S.SUBMITTING, S.FETCHING)]
)
async def test_what_a_provider_may_have_taken_is_sent_again_by_people_only(
    store: Store, way: tuple[S, ...]
) -> None:
    job = await advance(store.jobs, await order(store), *way)

    async def smuggled() -> None:
        """Back into the queue behind everybody's back, and out of it."""

        def back(db: sqlite3.Connection) -> None:
            db.execute("UPDATE job SET state = 'queued', due_at = 1, rev = rev + 1")
            db.execute("UPDATE job SET state = 'submitting', rev = rev + 1 WHERE id = ?", (job.id,))

        await store.writer.write(back)

    with pytest.raises(sqlite3.IntegrityError, match="nobody asked for another try"):
        await smuggled()
    if way[-1] is S.UNCLEAR:
        await advance(store.jobs, await tried_again(store, job), S.SUBMITTING, S.UNCLEAR)
        with pytest.raises(sqlite3.IntegrityError, match="nobody asked for another try"):
            await smuggled()


async def test_a_job_that_was_proven_not_to_be_taken_may_be_sent_again(store: Store) -> None:
    job = await order(store)
    for _ in range(3):
        job = await advance(store.jobs, job, S.SUBMITTING, S.QUEUED)
    await advance(store.jobs, job, *MADE, S.DONE)


async def test_every_rule_of_the_check_can_be_asked_of_an_empty_database(store: Store) -> None:
    assert await store.writer.read(checks.check) == []
