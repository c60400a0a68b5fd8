"""LTX's two documents disagree about how one orders: each of the three ways ends in a clip."""

import pytest
import pytest_asyncio

from playground.providers._server import Answer
from storage import State
from tests.rig.imitated import imitated

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(media, tmp_path_factory):
    async with imitated(media, tmp_path_factory.mktemp("ltx"), only=("ltx",)) as place:
        yield place


def paths(place):
    return [seen.path for seen in place.servers["ltx"].seen if seen.route == "submit"]


async def made(place, **options):
    job = await place.order("text", prompt="a fox", **options)
    return (await place.settled([job.id]))[job.id]


async def test_a_clip_that_breaks_off_is_unclear_for_it_may_be_charged(place):
    clip = place.media.clip.read_bytes()
    cut = Answer(body=clip, content_type="video/mp4", cut=len(clip) // 2, carried_out=True)
    place.servers["ltx"].script("submit", cut)
    job = await made(place)
    assert (job.state, job.failure, job.billed) == (State.UNCLEAR, "unclear", "unknown")
    assert len(paths(place)) == 1


@pytest.mark.parametrize(
    ("v1", "orders", "questions"),
    [
        ("id", ["/v1/text-to-video"], 1),  # the guide: /v1/ gives an id to ask /v2/ about
        ("clip", ["/v1/text-to-video"], 0),  # the reference: /v1/ answers with the clip itself
        ("gone", ["/v1/text-to-video", "/v2/text-to-video"], 1),  # and will not be there for long
    ],
)
async def test_whichever_document_is_right_a_clip_comes_of_one_order(place, v1, orders, questions):
    server = place.servers["ltx"]
    server._v1 = v1
    server.seen.clear()
    jobs = len(server.jobs)
    job = await made(place)
    assert (job.state, job.billed) == (State.DONE, "yes")
    assert paths(place) == orders
    assert len(server.jobs) - jobs == 1, "one clip was ordered"
    assert len([seen for seen in server.seen if seen.route == "status"]) == questions
    message, _ = await place.notice(job)
    assert message.attachments[0].size == place.media.clip.stat().st_size


async def test_once_it_is_gone_it_is_not_asked_again(place):
    place.servers["ltx"].seen.clear()
    await made(place)
    assert paths(place) == ["/v2/text-to-video"]
