"""The files of a job under way are where another machine finds them that goes on with it."""

from dataclasses import replace

import pytest

from bot.errors import Busy
from bot.files.bucket_sync import BucketSync
from bot.files.carried import Carried
from storage import Brief, State
from tests.files.test_bucket import PICTURE, bucket, cache, clock, given, s3, store
from tests.rig.drafts import advance, draft

__all__ = ["clock", "s3", "store"]


@pytest.fixture
def machines(store, clock, tmp_path, s3):
    """Two of them, each with its own disk, and one bucket."""

    def machine(name):
        data = tmp_path / name
        (data / "takes").mkdir(parents=True)
        (data / "inputs").mkdir()
        sync = BucketSync(
            store, bucket(s3), data=data, days=0, link_days=7, clock=clock, first_wait=0.05
        )
        return data, Carried(cache(store, data, sync, clock), sync, data=data)

    return machine("a"), machine("b")


async def test_what_an_order_starts_from_is_brought_where_it_is_sent(store, machines):
    (here, carry), (there, elsewhere) = machines
    (here / PICTURE).write_bytes(b"a picture")
    job, _ = await store.jobs.add(draft(1, brief=Brief(prompt="a fox", image=given())))
    assert await carry(job)
    assert await elsewhere(job)
    assert (there / PICTURE).read_bytes() == b"a picture"


async def test_a_clip_that_is_about_to_be_posted_is_brought_where_it_is_posted(store, machines):
    (here, carry), (there, elsewhere) = machines
    job, _ = await store.jobs.add(draft(1))
    job = await advance(store.jobs, job, State.SUBMITTING, State.RENDERING, State.FETCHING)
    made = replace(job, file="takes/1.mp4")
    (here / "takes/1.mp4").write_bytes(b"a clip")
    assert await carry(made)
    assert await elsewhere(made)
    assert (there / "takes/1.mp4").read_bytes() == b"a clip"


async def test_what_nobody_has_any_more_is_said_and_hurts_no_other_file(store, machines):
    _, (there, elsewhere) = machines
    job, _ = await store.jobs.add(draft(1, brief=Brief(prompt="a fox", image=given())))
    assert await elsewhere(job), "its step says that the picture is gone"
    assert not await elsewhere(replace(job, file="takes/1.mp4"))
    assert list((there / "takes").iterdir()) == []


async def test_while_the_bucket_is_away_what_is_here_goes_on_and_what_is_not_waits(
    store, machines, s3
):
    (here, carry), (_, elsewhere) = machines
    (here / PICTURE).write_bytes(b"a picture")
    job, _ = await store.jobs.add(draft(1, brief=Brief(prompt="a fox", image=given())))
    assert await carry(job)
    other = replace(job, file="takes/1.mp4")
    (here / "takes/1.mp4").write_bytes(b"a clip")
    s3.down = True
    assert await carry(other), "it is on this disk"
    with pytest.raises(Busy):
        await elsewhere(job)
