"""Which files are needed, which may go, and what the bucket has and should have."""

from dataclasses import replace

import pytest

from storage import Brief, Copy, Holder, Input, Offer, RefusedOrder, State
from tests.rig.drafts import NEEDS, advance, draft
from tests.rig.engines import open_store

MADE = (State.SUBMITTING, State.RENDERING, State.FETCHING, State.DELIVERING)
DONE = (*MADE, State.DONE)
LATER = 5000.0


@pytest.fixture
async def store(tmp_path):
    async with open_store(tmp_path, wall=lambda: 2000.0) as opened:
        yield opened


def image(file):
    return Input(file=file, type="image/png", size=1)


async def job_in(store, number, *states, inputs=(), **changes):
    """A job in the last of *states*, whose clip is takes/<number>.mp4."""
    brief = Brief(prompt="x", **dict(zip(("image", "last_image"), inputs, strict=False)))
    job, _ = await store.jobs.add(draft(number, brief=brief, **changes))
    for index, state in enumerate(states):
        needs = {**NEEDS[state]}
        if state is State.DELIVERING:
            needs["file"] = f"takes/{job.id}.mp4"
        if "remote_id" in needs:
            needs["remote_id"] = f"r-{number}"
        if "token" in needs:
            needs["token"] = f"token-{number}"
        job = await store.jobs.save(job.to(state, now=1001.0 + index, **needs))
    if job.file is not None:
        await store.takes.number(job, 500)
    return job


def copy(file, *, bucket="b", key=None):
    return Copy(file=file, bucket=bucket, key=key or f"key-{file}", size=3, sha256="0" * 64)


async def copied(store, file, **how):
    await store.files.begin(copy(file, **how))
    assert await store.files.finish(copy(file, **how), at=1.0)


async def needless(store, *names, ended=LATER, refused=LATER, bucket=None):
    return await store.files.needless(names, ended=ended, refused=refused, bucket=bucket)


# On the disk.


async def test_a_job_holds_its_files_while_it_is_under_way_and_as_long_as_its_clip_is_kept(store):
    waiting = await job_in(store, 1)
    made = await job_in(store, 2, *DONE)
    failed = await job_in(store, 3, State.FAILED)
    evicted = await job_in(store, 4, *DONE)
    for job in (made, failed, evicted):
        await store.jobs.save(replace(await store.jobs.get(job.id), due_at=None))
    await store.takes.drop(evicted.id, at=2.0)
    assert await store.files.holders([waiting.id, made.id, failed.id, evicted.id, 999]) == {
        waiting.id: (Holder.LIVE, None),
        made.id: (Holder.KEPT, made.file),
        failed.id: (Holder.OVER, None),
        evicted.id: (Holder.OVER, evicted.file),
    }
    await store.files.restore(evicted.file)
    assert (await store.files.holders([evicted.id]))[evicted.id] == (Holder.KEPT, evicted.file)


async def test_a_clip_that_a_job_under_way_starts_from_is_held_by_it(store):
    made = await job_in(store, 1, *DONE)
    clip = Input(file=made.file, type="video/mp4", size=1, take=made.id)
    await store.takes.drop(made.id, at=2.0)
    await store.jobs.add(draft(2, brief=Brief(prompt="x", video=clip)))
    assert (await store.files.holders([made.id]))[made.id][0] is Holder.LIVE


async def test_an_input_goes_once_nothing_needs_it(store):
    live = await job_in(store, 1, inputs=[image("inputs/live.png")])
    kept = await job_in(store, 2, *DONE, inputs=[image("inputs/kept.png")])
    await job_in(store, 3, State.FAILED, inputs=[image("inputs/failed.png")])
    names = ["inputs/live.png", "inputs/kept.png", "inputs/failed.png", "inputs/nobody.png"]
    assert await needless(store, *names) == {"inputs/failed.png", "inputs/nobody.png"}
    assert await needless(store, *names, ended=0.0) == {"inputs/nobody.png"}, "it may be retried"
    assert await store.files.inputs_of(live.id) == ["inputs/live.png"]
    await store.takes.drop(kept.id, at=2.0)
    assert "inputs/kept.png" in await needless(store, *names)


async def test_an_input_of_an_order_that_may_yet_be_made_is_needed(store):
    def offer(file):
        return Offer(provider="p", model="m", brief=Brief(prompt="x", image=image(file)), price=1)

    await store.servers.keep_refused(
        RefusedOrder(
            id=0,
            guild_id=10,
            channel_id=20,
            user_id=30,
            why="quota",
            wanted=offer("inputs/wanted.png"),
            fits=(offer("inputs/fits.png"),),
            at=0.0,
        )
    )
    names = ["inputs/wanted.png", "inputs/fits.png"]
    assert await needless(store, *names, refused=0.0) == set()
    assert await needless(store, *names) == set(names)


async def test_an_input_stays_until_the_bucket_has_it_beside_its_clip(store):
    job = await job_in(store, 1, *DONE, inputs=[image("inputs/a.png")])
    await store.takes.drop(job.id, at=2.0)
    await copied(store, job.file)
    assert await needless(store, "inputs/a.png", bucket="b") == set()
    assert await needless(store, "inputs/a.png", bucket="other") == {"inputs/a.png"}
    await copied(store, "inputs/a.png")
    assert await needless(store, "inputs/a.png", bucket="b") == {"inputs/a.png"}


async def test_a_file_is_named_by_a_job_from_the_order_on(store):
    names = ["inputs/a.png", "inputs/b.png"]
    assert await store.files.unnamed(names) == set(names)
    await job_in(store, 1, inputs=[image("inputs/a.png")])
    assert await store.files.unnamed(names) == {"inputs/b.png"}


async def test_clips_make_room_the_oldest_first_and_favourites_last(store):
    liked = await job_in(store, 1, *DONE)
    old = await job_in(store, 2, *DONE)
    new = await job_in(store, 3, *DONE)
    owed = await job_in(store, 4, *MADE, State.UNDELIVERED)
    row = await store.jobs.get(owed.id)
    await store.jobs.save(row.again(9000.0))  # a post that is owed
    await job_in(store, 5)
    await store.takes.favourite(liked.id, 30, at=1.0)
    assert await store.takes.favoured(liked.id)
    assert not await store.takes.favoured(old.id)

    async def going(**how):
        return [job.id for job in await store.takes.droppable(**{"before": LATER, **how})]

    assert await going() == [old.id, new.id, liked.id]
    assert await going(limit=1) == [old.id]
    assert await going(owed=True) == [old.id, new.id, owed.id, liked.id]
    assert await going(before=0.0) == []
    assert await going(bucket="b", copied_after=0.0) == []
    await copied(store, new.file)
    assert await going(bucket="b", copied_after=0.0) == [new.id]
    assert await going(bucket="b", copied_after=LATER) == [old.id, new.id], "a favourite stays"
    await store.takes.drop(old.id, at=2.0)
    assert await going() == [new.id, liked.id]


async def test_a_clip_stays_while_a_job_is_made_from_it(store):
    made = await job_in(store, 1, *DONE)
    child, _ = await store.jobs.add(draft(2, brief=Brief(prompt="x", parent=made.id)))
    assert await store.takes.droppable(before=LATER) == []
    await advance(store.jobs, child, State.CANCELLED)
    assert [job.id for job in await store.takes.droppable(before=LATER)] == [made.id]


# In the bucket.


async def test_a_copy_counts_once_it_is_there_whole(store):
    await store.files.begin(copy("takes/1.mp4"))
    assert await store.files.copy_of("takes/1.mp4") is None
    assert await store.files.finish(copy("takes/1.mp4"), at=1.0)
    assert await store.files.copy_of("takes/1.mp4") == copy("takes/1.mp4")
    await store.files.lost(copy("takes/1.mp4", key="another"))
    assert await store.files.copy_of("takes/1.mp4") is not None
    await store.files.lost(copy("takes/1.mp4"))
    assert await store.files.copy_of("takes/1.mp4") is None
    assert not await store.files.finish(copy("takes/1.mp4"), at=1.0), "it was forgotten meanwhile"


async def test_the_bucket_lacks_the_clips_and_inputs_of_takes_that_are_not_too_old(store):
    first = await job_in(store, 1, *DONE, inputs=[image("inputs/a.png")])
    second = await job_in(store, 2, *DONE, inputs=[image("inputs/a.png")])
    await job_in(store, 3, inputs=[image("inputs/live.png")])
    expected = [second.file, "inputs/a.png", first.file]
    assert await store.files.missing("b", since=None) == (expected, None)
    assert await store.files.missing_of(first.id, "b", since=None) == [first.file, "inputs/a.png"]
    await copied(store, second.file)
    assert (await store.files.missing("b", since=None))[0] == ["inputs/a.png", first.file]
    assert (await store.files.missing("other", since=None))[0] == expected
    assert await store.files.missing("b", since=LATER) == ([], None)
    await store.takes.sign_off(first.id, 30, at=1.0)
    found, _ = await store.files.missing("b", since=LATER)
    assert found == [first.file, "inputs/a.png"], "what was approved is never too old"


async def test_what_is_missing_is_looked_for_a_thousand_jobs_at_a_time(store):
    first = await job_in(store, 1, *DONE)
    await store.writer.write(
        lambda db: db.execute("UPDATE sqlite_sequence SET seq = 2500 WHERE name = 'job'").rowcount
    )
    last = await job_in(store, 2, *DONE)
    assert last.id == 2501
    assert await store.files.missing("b", since=None) == ([last.file], 1502)
    assert await store.files.missing("b", since=None, below=1502) == ([], 502)
    assert await store.files.missing("b", since=None, below=502) == ([first.file], None)


async def test_copies_that_nothing_needs_are_given_up_and_then_deleted(store):
    kept = await job_in(store, 1, *DONE)
    live = await job_in(store, 2, inputs=[image("inputs/live.png")])
    for file in (kept.file, "inputs/live.png", "inputs/x.png", "inputs/y.png"):
        await copied(store, file)
    assert await store.files.expire(since=None, limit=2) == (1, "inputs/x.png")
    assert await store.files.expire(since=None, after="inputs/x.png", limit=2) == (1, kept.file)
    assert await store.files.expire(since=None, after=kept.file, limit=2) == (0, None)
    assert await store.files.unwanted("b") == ["key-inputs/x.png", "key-inputs/y.png"]
    assert await store.files.unwanted("b", limit=1) == ["key-inputs/x.png"]
    assert await store.files.unwanted("other") == []
    await store.files.deleted("b", "key-inputs/x.png")
    assert await store.files.unwanted("b") == ["key-inputs/y.png"]
    assert await store.files.copy_of("inputs/live.png") is not None
    await advance(store.jobs, live, State.CANCELLED)
    assert await store.files.expire(since=LATER) == (2, None), "the take is too old by then"
    assert await store.files.copy_of(kept.file) is None


async def test_a_key_that_is_wanted_again_is_not_deleted(store):
    await copied(store, "inputs/x.png")
    assert await store.files.expire(since=None) == (1, None)
    assert await store.files.unwanted("b") == ["key-inputs/x.png"]
    await store.files.begin(copy("inputs/x.png"))
    assert await store.files.unwanted("b") == []
