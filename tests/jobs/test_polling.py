"""Asking about jobs: what a question costs, and how many are open at once."""

import asyncio
from dataclasses import replace
from itertools import pairwise

import pytest
from aiohttp import web

from bot.errors import Busy
from bot.jobs.worker import AT_A_TIME
from bot.providers import MOST, SLOW, Connection, Report, Stage
from bot.providers.ltx import connect
from storage import Defaults, State, open_store
from tests.rig.databases import fresh
from tests.rig.doubles import FakeProvider, Presenter
from tests.rig.drafts import draft
from tests.rig.house import until
from tests.rig.worker import RUNNING, House, clock

__all__ = ["clock"]

MANY = 60  #: jobs that are due together: more than begin in one turn of the loop


@pytest.fixture
async def store(tmp_path, clock):
    unlimited = Defaults(
        per_minute=None, jobs_per_user=None, jobs_per_server=None, budget=None, amount=None
    )
    async with open_store(fresh(tmp_path), defaults=unlimited, wall=clock, ticks=clock) as store:
        yield store


async def rendering(store, count, provider, model):
    """So many jobs that *provider* has, all of them due."""
    now = store.clock.now()
    at = {"now": now, "due_at": now}
    jobs = []
    for number in range(1, count + 1):
        new = draft(
            number, provider=provider, model=model, created_at=now, since=now, card_id=number
        )
        job, _ = await store.jobs.add(new)
        job = await store.jobs.save(job.to(State.SUBMITTING, **at, attempt=1, token=f"t-{number}"))
        jobs.append(await store.jobs.save(job.to(State.RENDERING, **at, remote_id=f"r-{number}")))
    return jobs


class Statements:
    """What is run on every connection of a store."""

    def __init__(self, store):
        self._connections = [store.writer._db, *store.writer._readers._queue]
        self.run = []

    async def __aenter__(self):
        for each in self._connections:
            await each.run(lambda db: db.set_trace_callback(self.run.append))
        return self.run

    async def __aexit__(self, *_):
        for each in self._connections:
            await each.run(lambda db: db.set_trace_callback(None))


async def test_a_question_that_changes_nothing_runs_no_statement(store, screen, clock, tmp_path):
    provider = FakeProvider()
    provider.polls.extend([RUNNING] * 100)
    house = House(store, {"fake": provider}, screen, clock, tmp_path)
    job = await house.order()
    await house.run_now()
    clock.advance(2)
    await house.run_now()  # the first question
    asked = len(provider.polled)
    async with Statements(store) as run:
        for _ in range(20):
            clock.advance(10)
            await house.run_now()
    assert len(provider.polled) == asked + 20
    assert run == []
    provider.polls.clear()
    await house.run()
    assert (await house.get(job)).state is State.DONE


async def test_whatever_is_written_of_a_job_is_seen_by_the_next_question(
    store, screen, clock, tmp_path
):
    provider = FakeProvider(cancels=True)
    provider.polls.extend(Report(stage=Stage.RUNNING, fraction=n / 100) for n in range(1, 90))
    house = House(store, {"fake": provider}, screen, clock, tmp_path)
    shown = []
    house.events.job_changed.listen(lambda job, _: shown.append(job))
    job = await house.order()
    await house.run_now()
    for _ in range(3):
        clock.advance(10)
        await house.run_now()

    await store.jobs.set_places(job.id, card_channel_id=4, card_id=555)  # no revision changes
    clock.advance(10)
    await house.run_now()
    assert shown[-1].card_id == 555

    row = await house.get(job)
    await store.jobs.save(replace(row, cancelled_by=7, due_at=clock()))
    await house.run_now()
    assert provider.cancelled == [row.remote_id]
    assert (await house.get(job)).state is State.CANCELLED


async def test_a_row_that_changes_while_it_is_read_is_not_kept(store, clock):
    [job] = await rendering(store, 1, "fake", "one")
    schedule = store.schedule
    assert schedule.take(clock()) == job.id
    schedule.reading(job.id)
    old = await store.jobs.get(job.id)
    await store.jobs.set_places(job.id, card_id=777)
    schedule.seen(job.id, old.rev)
    schedule.keep(old)
    assert schedule.kept(job.id) is None
    schedule.put_back(job.id, clock() + 60)
    assert schedule.take(clock()) == job.id, "it is looked at once more"


class Waiting:
    """A company that answers nobody until it is told to, and counts who waits."""

    def __init__(self):
        self.open, self.asked, self.peers = 0, [], set()
        self.go = asyncio.Event()

    async def answer(self, request):
        self.asked.append(request.path)
        self.peers.add(request.transport.get_extra_info("peername"))
        self.open += 1
        try:
            await self.go.wait()
        finally:
            self.open -= 1
        return web.json_response({"id": "x", "status": "processing"})


@pytest.fixture
async def company():
    waiting = Waiting()
    app = web.Application()
    app.router.add_get("/{rest:.*}", waiting.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    waiting.host = f"127.0.0.1:{runner.addresses[0][1]}"
    yield waiting
    waiting.go.set()
    await runner.cleanup()


def ltx(company, data, clock, *, concurrency):
    environ = {
        "LTX_API_KEY": "a-key-of-the-tests",
        "LTX_BASE_URL": f"http://{company.host}",
        "LTX_CONCURRENCY": str(concurrency),
        "LTX_PER_MINUTE": "1000000",
    }
    loopback = frozenset({company.host})
    return connect(Connection(data=data, environ=environ, loopback=loopback, clock=clock))


@pytest.mark.parametrize("concurrency", [1, 50, 1_000, 10_000])
async def test_as_many_questions_may_be_open_as_come_due_while_one_is_answered(
    company, clock, tmp_path, concurrency
):
    provider = ltx(company, tmp_path, clock, concurrency=concurrency)
    limits = provider.limits
    a_second = limits.asked_at_once / SLOW  # questions, if each answer takes so long
    assert a_second >= concurrency / limits.poll_every
    assert limits.asked_at_once <= MOST
    await provider.close()


@pytest.mark.long
async def test_jobs_due_together_are_asked_about_on_that_many_connections_and_each_once(
    store, company, clock, tmp_path
):
    provider = ltx(company, tmp_path, clock, concurrency=1_700)  # 68 of them at once
    most = provider.limits.asked_at_once
    assert most == 68
    jobs = await rendering(store, 150, "ltx", "ltx-2-3-fast")
    house = House(store, {"ltx": provider}, Presenter(), clock, tmp_path)
    clock.advance(6)
    running = asyncio.create_task(house.worker.run())
    await until(lambda: company.open == most)
    await until(lambda: len(house.worker._tasks) == most)  # the others wait in the schedule
    assert len(company.asked) == most
    company.go.set()
    await until(lambda: len(company.asked) == len(jobs))
    await until(lambda: not house.worker._tasks)
    assert sorted(company.asked) == sorted(f"/v2/text-to-video/r-{n}" for n in range(1, 151))
    assert len(company.peers) <= most
    await house.worker.stop()
    await running
    await provider.close()


async def asked_once(store, clock, tmp_path):
    """A worker that has asked once about each of its `MANY` jobs and from now on reads nothing for
    them, its provider, and the task that it runs in."""
    provider = FakeProvider(concurrency=1_700)
    provider.polls.extend([RUNNING] * 200)
    await rendering(store, MANY, "fake", "one")
    house = House(store, {"fake": provider}, Presenter(), clock, tmp_path)
    clock.advance(6)
    running = asyncio.create_task(house.worker.run())
    await until(lambda: len(provider.polled) == MANY and not house.worker._tasks)
    return house, provider, running


async def test_jobs_due_together_leave_the_loop_to_others_in_between(store, clock, tmp_path):
    house, provider, running = await asked_once(store, clock, tmp_path)
    seen = [len(provider.polled)]

    async def beside():
        while seen[-1] < 2 * MANY:
            await asyncio.sleep(0)
            seen.append(len(provider.polled))

    clock.advance(60)
    house.store.schedule.wake()
    await beside()
    assert max(after - before for before, after in pairwise(seen)) <= AT_A_TIME
    await house.worker.stop()
    await running


async def test_a_stop_in_the_middle_of_what_is_due_waits_for_all_that_begins(
    store, clock, tmp_path
):
    house, provider, running = await asked_once(store, clock, tmp_path)
    clock.advance(60)
    house.store.schedule.wake()
    while len(provider.polled) == MANY:
        await asyncio.sleep(0)
    assert len(provider.polled) < 2 * MANY, "the others are begun in the turns to come"
    await house.worker.stop()
    seen = len(provider.polled)
    await running
    assert not house.worker._tasks
    assert len(provider.polled) == seen


async def test_a_company_that_answers_nobody_holds_up_no_other(store, company, clock, tmp_path):
    silent = ltx(company, tmp_path, clock, concurrency=1_000)
    fine = FakeProvider()
    fine.polls.extend([Busy("not yet", retry_after=1)])
    await rendering(store, silent.limits.asked_at_once + 30, "ltx", "ltx-2-3-fast")
    house = House(store, {"fake": fine, "ltx": silent}, Presenter(), clock, tmp_path)
    clock.advance(6)
    running = asyncio.create_task(house.worker.run())
    await until(lambda: company.open == silent.limits.asked_at_once)
    now = clock()
    late = draft(999, provider="fake", model="one", price=0, created_at=now, since=now, due_at=now)
    job, _ = await store.jobs.add(replace(late, card_id=999))

    async def done():
        clock.advance(1)
        return (await house.get(job)).state is State.DONE

    await until(done)
    assert company.open == silent.limits.asked_at_once
    company.go.set()
    await house.worker.stop()
    await running
    await silent.close()


@pytest.fixture
def screen():
    return Presenter()
