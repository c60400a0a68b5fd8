"""Which provider makes a clip that nobody named one for."""

import pytest
import pytest_asyncio

from playground.providers._server import Answer
from storage import State
from tests.rig.imitated import imitated

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(media, tmp_path_factory):
    """All four companies, at the prices of their documents and at our assumed ones."""
    async with imitated(media, tmp_path_factory.mktemp("four")) as place:
        yield place


async def made(place, **options):
    job = await place.order("text", **options)
    return (await place.settled([job.id]))[job.id]


@pytest.mark.parametrize("provider", [None, "auto", "cheapest"])
@pytest.mark.parametrize(
    ("options", "chosen", "price"),
    [
        ({}, "ltx2api", 24),  # ltx 36, apixo 60
        ({"duration": 20, "resolution": "1080p"}, "ltx2api", 76),  # ltx 120, apixo 120
        ({"fps": 24}, "ltx", 36),  # nobody else lets one choose
        ({"camera": "dolly_in"}, "ltx", 36),
        ({"loras": "https://loras.example/a.safetensors"}, "apixo", 60),
    ],
)
async def test_the_cheapest_that_can_make_it_is_chosen(place, provider, options, chosen, price):
    job = await place.order("text", prompt="a fox", provider=provider, **options)
    assert (job.provider, job.price, job.chooser) == (chosen, price, provider or "auto")


async def test_a_square_clip_is_made_by_whoever_makes_squares(place, media):
    job = await place.order("image", prompt="a fox", image=media.picture, aspect="1:1")
    assert (job.provider, job.price) == ("pixazo", 60)


async def test_a_model_that_its_company_retired_is_made_only_where_it_is_named(place):
    job = await place.order("text", prompt="a fox", provider="ltx")
    assert (job.model, job.price) == ("ltx-2-3-fast", 36)
    job = await place.order("text", prompt="a fox", model="ltx-2-fast")
    assert (job.model, job.price) == ("ltx-2-fast", 24)


async def test_nobody_dearer_than_what_was_promised_makes_it(place):
    place.servers["ltx2api"].script(
        "submit", Answer(status=402, data={"code": 402, "message": "x"})
    )
    job = await made(place, prompt="a fox")
    assert (job.state, job.failure, job.provider) == (State.FAILED, "credit", "ltx2api")
    assert job.attempt == 1
    assert (await place.store.policy.bill(job.id)).spent == 0


@pytest.mark.long
async def test_a_company_that_bills_more_than_it_said_does_not_make_its_person_pay_more(place):
    """ltx-2api.com says what it took: here ten times as much."""
    server = place.servers["ltx2api"]
    other = await made(place, prompt="a fox", provider="ltx2api")  # its clip stands in
    data = {"task_id": "t1", "status": "IN_PROGRESS", "consumed_credits": 240}
    server.script("submit", Answer(data={"code": 200, "message": "success", "data": data}))
    told = {**data, "status": "SUCCESS", "error_message": None}
    told["response"] = [server.link(server.jobs[other.remote_id])]
    server.script("status", Answer(data={"code": 200, "message": "success", "data": told}))
    job = await made(place, prompt="a fox", provider="ltx2api")
    bill = await place.store.policy.bill(job.id)
    assert (job.state, bill.reserved, bill.spent) == (State.DONE, 24, 24)
    assert bill.lost == 216, "the operator's books have the rest"
