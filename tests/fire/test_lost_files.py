"""A page is damaged, or a file deleted, under a Dailies that runs: each has a stated end.

What was said yes to before is there afterwards, or nothing was said yes to; and whoever is
concerned is told in words.
"""

import contextlib
import os
import shutil

import pytest

from bot.jobs.disk_inputs import INPUT_GONE
from playground.discord.trouble import EDGE_503
from storage import Defaults, DiskTrouble, State, open_store
from storage.opening import DATABASE
from tests.rig.databases import fresh, harm
from tests.rig.drafts import advance, draft
from tests.rig.house import until
from tests.rig.imitated import imitated

UNLIMITED = Defaults(per_minute=None, jobs_per_user=None, jobs_per_server=None, amount=None)
WAL = f"{DATABASE}-wal"
MANY = 400  #: jobs, so that a page in the middle is only theirs


async def ordered(store, number):
    """Take an order; its number, once that was answered."""
    answer = await store.policy.admit(draft(number), roles=())
    return answer.job.id


async def numbers(folder):
    """The jobs that a new process finds."""
    async with open_store(folder, defaults=UNLIMITED) as store:
        assert await store.check(thorough=True) == []
        return [job.id for job in await store.jobs.newest(limit=1000)]


async def test_a_damaged_page_is_trouble_of_the_disk_and_no_other_job_is_lost(tmp_path):
    fresh(tmp_path)
    async with open_store(tmp_path, defaults=UNLIMITED) as store:
        made = [await ordered(store, number) for number in range(MANY)]
    async with open_store(tmp_path, defaults=UNLIMITED) as store:
        harm(tmp_path / DATABASE)
        read, lost = [], []
        for job_id in made:
            try:
                job = await store.jobs.get(job_id)
                read.append((job.id, job.state))
            except DiskTrouble as trouble:
                assert "The database is damaged" in str(trouble)
                lost.append(job_id)
        assert lost and len(read) > MANY / 2
        assert {state for _, state in read} == {State.QUEUED}, "none is taken for another"
        assert "is damaged" in (await store.look_for_damage())
        job = await store.jobs.get(read[-1][0])
        assert (await advance(store.jobs, job, State.SUBMITTING)).state is State.SUBMITTING
        assert store.unproven is False


@pytest.mark.parametrize("name", [DATABASE, WAL])
async def test_while_its_file_is_away_nothing_is_said_yes_to(tmp_path, name):
    fresh(tmp_path)
    async with open_store(tmp_path, defaults=UNLIMITED) as store:
        first = await ordered(store, 1)
        (tmp_path / name).rename(tmp_path / "away")
        for number in (2, 3):
            with pytest.raises(DiskTrouble, match="moved, replaced or deleted"):
                await ordered(store, number)
        with contextlib.suppress(DiskTrouble):  # SQLite may not read it either
            assert (await store.jobs.get(first)).id == first
        (tmp_path / "away").rename(tmp_path / name)
        last = await ordered(store, 4)
    assert set(await numbers(tmp_path)) == {first, last}


@pytest.mark.parametrize("name", [DATABASE, WAL])
async def test_a_file_that_was_deleted_is_noticed_by_the_next_order(tmp_path, name):
    fresh(tmp_path)
    async with open_store(tmp_path, defaults=UNLIMITED) as store:
        first = await ordered(store, 1)
        kept = tmp_path / "kept"
        shutil.copytree(tmp_path, kept)
        (tmp_path / name).unlink()
        with pytest.raises(DiskTrouble, match="moved, replaced or deleted"):
            await ordered(store, 2)
    assert await numbers(kept) == [first], "what had been answered was in the files"


async def test_a_file_in_its_place_is_not_written_to_nor_called_closed(tmp_path):
    fresh(tmp_path / "other")
    fresh(tmp_path)
    async with open_store(tmp_path, defaults=UNLIMITED) as store:
        await ordered(store, 1)
        (tmp_path / "other" / DATABASE).replace(tmp_path / DATABASE)
        before = (tmp_path / DATABASE).read_bytes()
        with pytest.raises(DiskTrouble, match="moved, replaced or deleted"):
            await ordered(store, 2)
    assert (tmp_path / DATABASE).read_bytes() == before
    assert (tmp_path / "dailies.lock").read_text() == f"{os.getpid()}\n", "looked over at the start"


async def test_a_clip_that_is_deleted_before_it_is_posted_is_said_to_be_gone(media, tmp_path):
    data = tmp_path / "data"
    async with imitated(media, data, only=("ltx",)) as place:
        post = place.playground.trouble("POST", r"/channels/\d+/messages$", EDGE_503, times=10_000)
        job = await place.order("text", prompt="a fox")

        async def made():
            place.playground.clock.advance(5)
            return (data / "takes" / f"{job.id}.mp4").exists() and post.met

        await until(made)
        (data / "takes" / f"{job.id}.mp4").unlink()
        post.times = post.met + 1  # Discord is well again
        job = (await place.settled([job.id]))[job.id]
        assert (job.state, job.due_at) == (State.UNDELIVERED, None)
        assert job.error == "Our copy of the clip is gone."
        bill = await place.store.policy.bill(job.id)
        assert (bill.spent, bill.held) == (job.price, 0), "the company billed it"
        assert await place.store.check(thorough=True) == []


async def test_an_input_that_is_deleted_before_it_is_sent_costs_nothing(media, tmp_path):
    data = tmp_path / "data"
    async with imitated(media, data, only=("ltx",), environ={"LTX_CONCURRENCY": "1"}) as place:
        server = place.servers["ltx"]
        server.decide = lambda job: setattr(job, "stalled", not server.jobs.get("first"))
        first = await place.order("text", prompt="a fox", person=place.people[0])
        job = await place.order("image", prompt="a fox", image=media.picture)
        assert job.state is State.QUEUED
        (data / job.brief.image.file).unlink()
        [rendering] = server.jobs.values()
        rendering.file = media.clip
        ends = await place.settled([first.id, job.id])
        assert ends[first.id].state is State.DONE
        job = ends[job.id]
        assert (job.state, job.failure) == (State.FAILED, "input")
        assert job.error == INPUT_GONE
        bill = await place.store.policy.bill(job.id)
        assert (bill.spent, bill.held) == (0, 0)
        assert len(server.jobs) == 1, "nothing was ordered"
        assert await place.store.check(thorough=True) == []
