"""Who makes a clip where the provider that was chosen for it does not, and when nobody may."""

import contextlib
from dataclasses import replace

import pytest
import pytest_asyncio

from playground.providers._server import Answer
from storage import State
from tests.rig.house import until
from tests.rig.imitated import imitated
from tests.rig.proving import one_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

#: With these prices, five seconds of 720p cost 30 credits at both resellers; apixo's are a
#: quarter of a cent cheaper.
EVEN = {"LTX2API_USD_PER_CREDIT": "0.0125", "APIXO_USD_PER_SECOND": "0.0595"}
SHORT = {"prompt": "a fox", "duration": 5, "resolution": "720p"}
LTX2API, APIXO = "ltx-2api.com", "apixo"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def twins(media, tmp_path_factory):
    """Two resellers of the same price, apixo being chosen where nothing else decides."""
    folder = tmp_path_factory.mktemp("two")
    async with imitated(media, folder, only=("apixo", "ltx2api"), environ=EVEN) as place:
        yield place


async def made(place, command="text", **options):
    job = await place.order(command, **options)
    return (await place.settled([job.id]))[job.id]


def sent(place, provider):
    return len([seen for seen in place.servers[provider].seen if seen.route == "submit"])


@contextlib.contextmanager
def orders(place):
    """Counts the orders that each company gets inside the block."""
    before, found = {name: sent(place, name) for name in place.servers}, {}
    yield found
    found |= {name: sent(place, name) - before[name] for name in place.servers}


@pytest.mark.long
async def test_the_fastest_is_whoever_was_quicker_here(twins):
    """apixo would be chosen otherwise; it is asked after a minute only."""
    assert (await twins.order("text", **SHORT, provider="fastest")).provider == "apixo"
    for name in ("apixo", "ltx2api"):
        await made(twins, **SHORT, provider=name)
    job = await made(twins, **SHORT, provider="fastest")
    assert (job.provider, job.chooser) == ("ltx2api", "fastest")
    assert (await made(twins, **SHORT)).provider == "apixo"


async def test_one_that_asked_for_a_pause_is_not_chosen_until_it_is_over(twins):
    twins.servers["apixo"].script("submit", envelope(429, **{"Retry-After": "300"}))
    named = await twins.order("text", **SHORT, provider="apixo")
    await until(lambda: sent_first(twins, named))
    assert (await twins.order("text", **SHORT)).provider == "ltx2api"
    twins.playground.clock.advance(301)
    assert (await twins.order("text", **SHORT)).provider == "apixo"
    done = (await twins.settled([named.id]))[named.id]
    assert (done.state, done.provider, done.note) == (State.DONE, "apixo", None)


async def sent_first(place, job):
    return (await place.job(job.id)).attempt == 1 and (await place.job(job.id)).tries == 1


# Moving on, where it is proven that nothing was taken.


def envelope(status, message="x", **headers):
    data = {"code": status, "message": message, "data": None}
    return Answer(status=status, data=data, headers=headers)


@pytest.mark.parametrize(
    "answer",
    one_in(
        2,
        [
            envelope(401, "Invalid API Key"),
            envelope(402, "Insufficient Balance"),
            envelope(400, "Insufficient credits"),
            envelope(403, "Forbidden"),
        ],
    ),
    ids=["key", "money", "credits", "forbidden"],
)
async def test_where_our_account_is_the_trouble_another_makes_it(twins, answer):
    twins.servers["apixo"].script("submit", answer)
    with orders(twins) as found:
        job = await made(twins, **SHORT)
    assert (job.state, job.provider, job.price) == (State.DONE, "ltx2api", 30)
    assert found == {"apixo": 1, "ltx2api": 1}
    note = f"{APIXO} didn't take it, so {LTX2API} makes it"
    assert job.note.startswith(note)
    assert note in twins.card(job)
    bill = await twins.store.policy.bill(job.id)
    assert bill.spent == 30
    assert bill.spent <= bill.reserved


async def test_a_long_pause_moves_it_at_once(twins):
    twins.servers["apixo"].script("submit", envelope(429, **{"Retry-After": "120"}))
    before = twins.playground.clock.now()
    job = await made(twins, **SHORT)
    assert (job.state, job.provider) == (State.DONE, "ltx2api")
    assert twins.playground.clock.now() - before < 110
    twins.playground.clock.advance(130)


async def test_a_short_pause_is_waited_for(twins):
    twins.servers["apixo"].script("submit", envelope(429, **{"Retry-After": "5"}))
    job = await made(twins, **SHORT)
    assert (job.state, job.provider, job.note) == (State.DONE, "apixo", None)
    assert (job.repeats, job.attempt) == (1, 2), "and that it was sent again is kept"


@pytest.mark.long
async def test_one_that_cannot_be_reached_loses_it_to_another(twins):
    server = twins.servers["apixo"]
    port = int(server.host.rpartition(":")[2])
    await server.stop()
    try:
        job = await made(twins, **SHORT)
        assert (job.state, job.provider) == (State.DONE, "ltx2api")
        for _ in range(2):
            job = await made(twins, **SHORT)
        assert job.provider == "ltx2api"
    finally:
        await server.start(port)
    twins.playground.clock.advance(60)
    await made(twins, **SHORT, provider="apixo")  # the probe that shows that it is back
    assert (await made(twins, **SHORT)).provider == "apixo"


# Staying, whatever else could make it.


PAGE = Answer(body=b"<html>Who says so?</html>", content_type="text/html")
STAYS = {
    "content": (envelope(400, "Blocked by our content policy"), State.FAILED, "content"),
    "odd request": (envelope(400, "The frame is odd"), State.FAILED, "refused"),
    "odd input": (envelope(400, "The image cannot be read"), State.FAILED, "input"),
    "a lost reply": (Answer(dropped=True, carried_out=True), State.UNCLEAR, "unclear"),
    "500": (envelope(500), State.UNCLEAR, "unclear"),
    "a page with 503": (replace(PAGE, status=503), State.UNCLEAR, "unclear"),
    "a page with 429": (replace(PAGE, status=429), State.UNCLEAR, "unclear"),
    "a page with 402": (replace(PAGE, status=402), State.FAILED, "credit"),
    "a page with 403": (replace(PAGE, status=403), State.FAILED, "key"),
}


@pytest.mark.parametrize(("answer", "state", "failure"), STAYS.values(), ids=STAYS)
async def test_what_is_refused_for_itself_or_unclear_is_never_given_to_another(
    twins, answer, state, failure
):
    twins.servers["apixo"].script("submit", answer)
    with orders(twins) as found:
        job = await made(twins, **SHORT)
    assert (job.state, job.failure, job.provider) == (state, failure, "apixo")
    assert found == {"apixo": 1, "ltx2api": 0}
    twins.playground.clock.advance(400)  # whatever pause it asked for is over


async def test_a_clip_that_fails_over_there_is_never_given_to_another(twins):
    twins.servers["apixo"].fail_next.append(("GENERATION_FAILED", "It broke"))
    with orders(twins) as found:
        job = await made(twins, **SHORT)
    assert (job.state, job.failure, job.provider) == (State.FAILED, "down", "apixo")
    assert found == {"apixo": 1, "ltx2api": 0}


async def test_a_provider_that_was_named_is_never_left(twins):
    twins.servers["apixo"].script("submit", envelope(402, "Insufficient Balance"))
    with orders(twins) as found:
        job = await made(twins, **SHORT, provider="apixo")
    assert (job.state, job.failure) == (State.FAILED, "credit")
    assert found == {"apixo": 1, "ltx2api": 0}
