"""The promises that a history must have kept, asked of the database's rows, of what the companies
took and of what was posted: never of what the bot says."""

import contextlib
import sqlite3
from itertools import pairwise

from storage import LIVE, MOVES, State
from storage.checks import check
from storage.opening import DATABASE


def broken(play):
    """Every promise that was not kept, a sentence each."""
    db = sqlite3.connect(play.folder / DATABASE)
    db.row_factory = sqlite3.Row
    with contextlib.closing(db):
        return [
            *check(db),
            *_orders(db, play),
            *_events(db),
            *_money(db),
            *_tasks(db, play),
            *_posts(db, play),
        ]


def _orders(db, play):
    """What was said yes to is there, once, and is settled."""
    jobs = {row["id"]: row for row in db.execute("SELECT * FROM job")}
    for request, job_id in play.accepted.items():
        job = jobs.get(job_id)
        if job is None:
            yield f"{request} was accepted as job {job_id}, which is lost"
            continue
        made = sum(each["batch"] == job_id for each in jobs.values()) or 1
        if made != play.takes[request]:
            yield f"{request} asked for {play.takes[request]} takes and has {made}"
    for job in jobs.values():
        if State(job["state"]) in LIVE or job["due_at"] is not None:
            yield f"job {job['id']} is {job['state']} and never settles"
        elif job["state"] not in (State.DONE, State.CANCELLED) and job["result_id"] is None:
            yield f"nobody was told that job {job['id']} is {job['state']}"


def _events(db):
    """Each record is a walk along the moves there are, in order, from the first to the last."""
    events = {}
    for row in db.execute("SELECT * FROM event ORDER BY seq"):
        events.setdefault(row["job_id"], []).append(row)
    for job in db.execute("SELECT id, state FROM job"):
        walk = events.get(job["id"], [])
        if not walk or walk[0]["from_state"] is not None or walk[0]["to_state"] != "queued":
            yield f"job {job['id']} was never accepted"
            continue
        for before, after in pairwise(walk):
            if before["to_state"] != after["from_state"] or before["rev"] >= after["rev"]:
                yield f"the record of job {job['id']} has a hole before revision {after['rev']}"
            if before["at"] > after["at"]:
                yield f"the record of job {job['id']} goes back in time"
            if State(after["to_state"]) not in MOVES[State(after["from_state"])]:
                yield f"job {job['id']} went from {after['from_state']} to {after['to_state']}"
        if walk[-1]["to_state"] != job["state"]:
            yield f"job {job['id']} is not what its record says"


def _money(db):
    """Summed anew from the transfers: zero in all, and nothing is held."""
    balances = {}
    for source, target, amount in db.execute("SELECT source, target, amount FROM transfer"):
        balances[source] = balances.get(source, 0) - amount
        balances[target] = balances.get(target, 0) + amount
    kept = dict(db.execute("SELECT name, balance FROM account").fetchall())
    if any(kept.get(name, 0) != balance for name, balance in balances.items()):
        yield "a balance is not the sum of its transfers"
    if sum(kept.values()) != 0:
        yield "the ledger does not add up to zero"
    for name, balance in kept.items():
        if name.startswith("held:") and balance:
            yield f"{name} holds {balance} though all is settled"


def _tasks(db, play):
    """What a click may cost at the companies: one clip, and one for each retry by a person."""
    for job in db.execute("SELECT id FROM job"):
        taken = [
            task.id
            for company in play.world.companies
            for task in company.tasks.values()
            if task.job == job["id"]
        ]
        [retries] = db.execute(
            "SELECT count(*) FROM event WHERE job_id = ? AND why = 'retry, by a moderator'",
            (job["id"],),
        ).fetchone()
        if len(taken) > 1 + retries:
            yield f"job {job['id']} is paid {len(taken)} times after {retries} retries: {taken}"


def _posts(db, play):
    """Each clip is posted once, alone or on a sheet, and is its own job's; so is each notice."""
    posts = play.world.discord.posts
    abouts = [about for about, _ in posts]
    for about in dict.fromkeys(abouts):
        if abouts.count(about) > 1:
            yield f"{about} was posted {abouts.count(about)} times"
    tasks = {task.id: task for each in play.world.companies for task in each.tasks.values()}
    for about, carries in posts:
        if about[0] == "clip" and (carries not in tasks or tasks[carries].job != about[1]):
            yield f"{about} carries {carries!r}"
    shown = [take for about in abouts if about[0] == "batch" for take in about[2]]
    alone = [about[1] for about in abouts if about[0] == "clip"]
    for job in db.execute("SELECT id, state FROM job"):
        results = shown.count(job["id"]) + alone.count(job["id"])
        if results != (job["state"] == State.DONE):
            yield f"job {job['id']} is {job['state']} and was posted {results} times"
