"""A state is decided once, in `storage/job.py`: whoever adds one is told wherever it must be."""

import re
import sqlite3
from contextlib import closing

import pytest

from storage import ENDED, MOVES, State, job
from storage.job import sql_list
from storage.schema import fresh, migrations
from tests.rig.engines import open_store

pytestmark = pytest.mark.sqlite

#: Every named set, and every state with the sets that it is in. A new state has to be entered.
SETS = {
    name: value
    for name, value in vars(job).items()
    if name.isupper() and isinstance(value, frozenset)
}
IN = {
    State.QUEUED: "AT_WORK LIVE STANDING UNRENDERED CANCELLABLE UNSETTLED_BY_RESTORING",
    State.SUBMITTING: "AT_WORK LIVE STANDING UNRENDERED IN_SLOT UNANSWERED TOKEN_KNOWN"
    " UNSETTLED_BY_RESTORING",
    State.UNCLEAR: "PARKED LIVE STANDING UNANSWERED TOKEN_KNOWN POSTED OWED FOR_MODERATORS",
    State.RENDERING: "AT_WORK LIVE STANDING UNRENDERED IN_SLOT TAKEN AWAITED TOKEN_KNOWN"
    " CANCELLABLE",
    State.FETCHING: "AT_WORK LIVE STANDING TAKEN DOWNLOADS",
    State.DELIVERING: "AT_WORK LIVE STANDING MADE POSTED OWED",
    State.REVIEW: "PARKED LIVE STANDING POSTED OWED FOR_MODERATORS",
    State.DONE: "FINISHED ENDED STANDING MADE",
    State.UNDELIVERED: "FINISHED ENDED STANDING MADE OWED FOR_MODERATORS REOPENABLE",
    State.FAILED: "UNMADE ENDED POSTED OWED",
    State.CANCELLED: "UNMADE ENDED POSTED OWED",
    State.EXPIRED: "UNMADE ENDED AWAITED TOKEN_KNOWN DOWNLOADS POSTED OWED REOPENABLE",
    State.CLOSED: "UNMADE ENDED POSTED OWED",
}


@pytest.mark.parametrize("state", State)
def test_each_state_is_in_the_sets_that_were_decided_for_it(state: State) -> None:
    assert {name for name, states in SETS.items() if state in states} == set(IN[state].split())


def test_each_state_is_under_way_or_has_ended_and_in_one_way() -> None:
    parts = [job.AT_WORK, job.PARKED, job.FINISHED, job.UNMADE]
    assert sorted(state for part in parts for state in part) == sorted(State)
    assert (set(State), set()) == (job.LIVE | job.ENDED, job.LIVE & job.ENDED)


def test_a_state_that_ended_stays_unless_it_may_be_taken_up_again() -> None:
    for state in ENDED:
        assert bool(MOVES[state]) is (state in job.REOPENABLE)
        assert MOVES[state] <= job.LIVE  # never from one end to another


def test_what_is_under_way_has_an_order_that_its_moves_follow() -> None:
    assert set(job.COURSE) == job.AT_WORK
    for n, state in enumerate(job.COURSE):
        later = set(job.COURSE[n + 1 :])
        # Back only where nothing was sent.
        assert MOVES[state] & job.AT_WORK <= later | {State.QUEUED}


def test_a_set_is_written_in_sql_as_its_own_index_has_it() -> None:
    made = [sql for (kind, _), sql in fresh(tuple(migrations())).items() if kind == "index"]
    lists = {
        frozenset(re.findall(r"'(\w+)'", found)): found
        for sql in made
        for found in re.findall(r"state IN (\( '[^)]*\))", sql)
    }
    failed = job.UNMADE - {State.CANCELLED}
    assert lists.keys() == {job.AT_WORK, job.MADE, job.TAKEN, job.TOKEN_KNOWN, failed, job.ENDED}
    for states, found in lists.items():
        # SQLite uses a partial index only where the question has the list in the same order.
        assert "".join(found.split()) == "".join(sql_list(states).split())


def test_a_set_in_sql_finds_the_rows_in_these_states() -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE TABLE job (state TEXT)")
        db.executemany("INSERT INTO job VALUES (?)", [(state,) for state in State])
        for states in SETS.values():
            rows = db.execute(f"SELECT state FROM job WHERE state IN {sql_list(states)}")
            assert {state for (state,) in rows} == states
        assert db.execute(f"SELECT 1 FROM job WHERE state IN {sql_list(())}").fetchall() == []


async def test_the_database_takes_exactly_our_states(tmp_path) -> None:
    async with open_store(tmp_path) as store:
        [[made]] = await store.writer.read(
            lambda db: db.execute("SELECT sql FROM sqlite_master WHERE name = 'job'").fetchall()
        )
    [listed] = re.findall(r"CHECK \(state IN \(([^)]*)\)\)", made)
    assert set(re.findall(r"'(\w+)'", listed)) == set(State)
