"""apixo calls back: sooner than we would ask, and believed only after asking."""

import asyncio
import json

import aiohttp
import pytest

from playground.providers._server import Answer
from storage import State
from tests.rig.house import until
from tests.rig.imitated import imitated
from tests.rig.taking import is_clip


class Oven:
    """Renders once it is told to."""

    def __init__(self, media):
        self.door = asyncio.Event()
        self._media = media

    async def __call__(self, wish):
        await self.door.wait()
        return await self._media.render(wish)


@pytest.fixture
async def oven(media):
    return Oven(media)


@pytest.fixture
async def place(media, tmp_path, oven):
    async with imitated(media, tmp_path, only=("apixo",), render=oven, public=True) as place:
        place.apixo = place.servers["apixo"]
        place.apixo._redeliveries = (0.2, 0.2, 0.2)
        yield place


async def ordered(place, state=State.RENDERING):
    job = await place.order("text", prompt="a red fox")
    return await until(lambda: in_state(place, job, state))


async def in_state(place, job, state):
    job = await place.job(job.id)
    return job if job.state is state else None


def questions(place):
    return len([seen for seen in place.apixo.seen if seen.route == "status"])


def orders(place):
    return [seen for seen in place.apixo.seen if seen.route == "submit"]


def callback_url(place):
    return json.loads(orders(place)[-1].body)["callback_url"]


async def clips(place):
    """Every clip that was posted."""
    seen = place.people[2].everything()
    return [each for each in seen if is_clip(each)]


async def test_a_clip_comes_when_apixo_says_so_and_not_at_the_first_question(place, oven):
    before = place.playground.clock.now()
    job = await ordered(place)
    oven.door.set()
    job = await until(lambda: in_state(place, job, State.DONE))

    assert place.playground.clock.now() - before < 30, "the first question is due after 60 s"
    assert job.billed == "yes"
    assert questions(place) == 1, "and it was asked whether that is true"
    assert place.apixo.called == [(job.remote_id, 200)]


async def test_a_callback_that_comes_three_times_is_one_clip(place, oven):
    place.apixo.deliveries = 3
    job = await ordered(place)
    oven.door.set()
    await until(lambda: in_state(place, job, State.DONE))
    await until(lambda: len(place.apixo.called) == 3)

    assert [status for _, status in place.apixo.called] == [200] * 3
    assert len(await clips(place)) == 1
    assert len(orders(place)) == 1


async def forged(place, other):
    """What somebody who guessed, or even knows, the address may send; each with its answer."""
    url, evil = callback_url(place), {"resultUrls": ["https://evil.example/x.mp4"]}
    success = {"state": "success", "resultJson": json.dumps(evil)}
    wrong = f"{url.rpartition('/')[0]}/{'a' * 32}"
    async with aiohttp.ClientSession() as web:
        for where, body in (
            (wrong, json.dumps({"code": 200, "data": {"taskId": other, **success}})),
            (wrong, ""),
            (f"{url}x", "{}"),
            (url, "not JSON"),
            (url, "[" * 5000),
            (url, json.dumps({"data": {"taskId": 7}})),
            (url, json.dumps({"data": {"taskId": "../../x"}})),
            (url, json.dumps({"code": 200, "data": {"taskId": "task_404", **success}})),
            (url, json.dumps({"code": 200, "data": {"taskId": other, **success}})),
        ):
            async with web.post(where, data=body.encode()) as answer:
                yield where == url, answer.status
        async with web.post(url, data=b"x" * 1_000_000) as answer:
            assert answer.status == 413


async def test_forged_callbacks_change_nothing(place, oven):
    other = await ordered(place)
    job = await ordered(place)
    async for known, status in forged(place, other.remote_id):
        assert known or status == 200, "whoever guesses learns nothing"
    evil = {"taskId": job.remote_id, "state": "success"}
    evil["resultJson"] = json.dumps({"resultUrls": ["https://evil.example/x.mp4"]})
    assert await place.apixo.call_back(callback_url(place), evil) == 200
    await until(lambda: questions(place) >= 1)
    await asyncio.sleep(0.2)

    assert (await place.job(job.id)).state is State.RENDERING, "only apixo itself is believed"
    oven.door.set()
    job = await until(lambda: in_state(place, job, State.DONE))
    assert job.result_url.startswith(place.apixo.url)


async def unclear(place):
    place.apixo.script("submit", Answer(dropped=True, carried_out=True))
    job = await ordered(place, State.UNCLEAR)
    return await until(lambda: told(place, job))


async def told(place, job):
    job = await place.job(job.id)
    return job if job.due_at is None else None


async def test_a_callback_finds_an_order_whose_reply_was_lost(place, oven):
    job = await unclear(place)
    assert (job.remote_id, job.billed) == (None, "unknown")
    oven.door.set()
    job = await until(lambda: in_state(place, job, State.DONE))

    moves = [event.after for event in await place.store.jobs.history(job.id)]
    assert moves[-5:] == [
        State.UNCLEAR,
        State.RENDERING,
        State.FETCHING,
        State.DELIVERING,
        State.DONE,
    ]
    assert (job.billed, job.failure, job.error) == ("yes", None, None)
    message, _ = await place.notice(job)
    assert message.attachments
    assert "Done" in await until(lambda: "Done" in place.card(job) and place.card(job))
    assert len(orders(place)) == 1


async def test_a_lost_reply_is_not_even_noticed_where_the_callback_is_quicker(place, oven):
    gate = asyncio.Event()
    place.apixo.script("submit", Answer(dropped=True, carried_out=True, gate=gate))
    oven.door.set()
    job = await ordered(place, State.SUBMITTING)
    await until(lambda: place.apixo.called)
    gate.set()
    job = await until(lambda: in_state(place, job, State.DONE))

    moves = [event.after for event in await place.store.jobs.history(job.id)]
    assert State.UNCLEAR not in moves
    assert len(orders(place)) == 1


async def test_a_callback_is_not_lost_where_the_reply_gets_lost_meanwhile(place, oven):
    """It comes while the order is under way, and its status call outlasts that."""
    lost, asked = asyncio.Event(), asyncio.Event()
    place.apixo.script("submit", Answer(dropped=True, carried_out=True, gate=lost))
    place.apixo.script("status", Answer(gate=asked))
    oven.door.set()
    job = await ordered(place, State.SUBMITTING)
    await until(lambda: questions(place) == 1)
    lost.set()
    job = await until(lambda: in_state(place, job, State.UNCLEAR))
    asked.set()
    await until(lambda: in_state(place, job, State.DONE))
    assert len(orders(place)) == 1


async def test_a_callback_counts_where_the_reply_comes_meanwhile(place, oven):
    """The same, and nothing is lost: the job is asked about at once, and not after a minute."""
    reply, asked = asyncio.Event(), asyncio.Event()
    place.apixo.script("submit", Answer(carried_out=True, gate=reply))
    place.apixo.script("status", Answer(gate=asked))
    oven.door.set()
    job = await ordered(place, State.SUBMITTING)
    await until(lambda: questions(place) == 1)
    reply.set()
    job = await until(lambda: in_state(place, job, State.RENDERING))
    asked.set()
    await until(lambda: in_state(place, job, State.DONE))
    assert place.apixo.called == [(job.remote_id, 200)]


async def test_apixo_calls_again_where_it_cannot_be_asked_just_now(place, oven):
    job = await unclear(place)
    place.apixo.script("status", Answer(status=500), Answer(status=429))
    oven.door.set()
    job = await until(lambda: place.apixo.called)
    assert place.apixo.called[0][1] == 503, "what is not 200 is sent again"
    place.playground.clock.advance(30)
    [job] = await place.store.jobs.newest(limit=1)
    await until(lambda: advanced(place, job, State.DONE))


async def advanced(place, job, state):
    place.playground.clock.advance(1)
    return await in_state(place, job, state)


async def test_a_lost_order_is_never_given_the_clip_of_another(place, oven):
    oven.door.set()
    other = await ordered(place, State.DONE)
    oven.door.clear()
    job = await unclear(place)
    data = {"taskId": other.remote_id, "state": "success"}
    await place.apixo.call_back(callback_url(place), data)
    assert (await place.job(job.id)).state is State.UNCLEAR


async def test_a_lost_order_is_never_given_a_task_that_its_provider_does_not_know(place, oven):
    job = await unclear(place)
    asked, data = questions(place), {"taskId": "task_of_nobody", "state": "success"}
    await place.apixo.call_back(callback_url(place), data)
    assert questions(place) == asked + 1, "its provider was asked whether it knows it"
    job = await place.job(job.id)
    assert (job.state, job.remote_id) == (State.UNCLEAR, None)


async def test_a_callback_of_a_job_that_failed_there_brings_the_sentence_at_once(place):
    place.apixo.fail_next.append(("CONTENT_VIOLATION", "Not this"))
    job = await place.order("text", prompt="a red fox")
    job = await until(lambda: in_state(place, job, State.FAILED))
    assert job.failure == "content"


async def test_without_a_public_url_apixo_is_asked_not_to_call(media, tmp_path):
    async with imitated(media, tmp_path, only=("apixo",)) as place:
        job = await place.order("text", prompt="a red fox")
        await place.settled([job.id])
        body = json.loads(place.servers["apixo"].seen[0].body)
        assert body["request_type"] == "async"
        assert "callback_url" not in body


async def test_where_callbacks_come_nothing_else_is_answered(place):
    web = place.deployment.web
    assert web.port != web.callback_port
    async with aiohttp.ClientSession() as session:
        for path in ("/healthz", "/", "/callbacks/", "/callbacks/apixo", "//healthz", "/healthz/x"):
            async with session.get(f"http://127.0.0.1:{web.callback_port}{path}") as answer:
                assert answer.status in {404, 405}, path
                assert "ok" not in await answer.text()
        url = f"http://127.0.0.1:{web.port}/callbacks/apixo/{'x' * 32}"
        async with session.post(url, data=b"{}") as answer:
            assert answer.status == 404


async def test_without_a_public_address_no_port_is_opened(paid_house):
    assert paid_house.web.port
    assert paid_house.web.callback_port == 0


async def test_a_callback_that_comes_after_the_clip_was_given_up_brings_it(place, oven):
    job = await ordered(place)
    place.playground.clock.advance(31 * 60)
    job = await until(lambda: in_state(place, job, State.EXPIRED))
    assert (await place.store.policy.bill(job.id)).suspense == job.price

    asked = questions(place)
    oven.door.set()
    job = await until(lambda: in_state(place, job, State.DONE))
    assert questions(place) == asked + 1
    assert job.note == "It came late: apixo finished it after its time was up."
    bill = await place.store.policy.bill(job.id)
    assert (bill.spent, bill.suspense, bill.lost) == (0, 0, job.price)
    assert await place.store.check() == []
    _, notice = await place.notice(job)
    assert "It came late" in notice
