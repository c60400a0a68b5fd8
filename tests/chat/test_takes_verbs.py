"""Each verb on a clip asks for what it needs, and for nothing more: verbs by states of a clip."""

from dataclasses import replace

import pytest

from bot.errors import Refusal
from bot.files.cache import ClipCache
from bot.orders.requester import Requester
from bot.orders.takes import NEEDS, Need, Takes, Verb
from storage import By, Copy, Post, State, open_store
from tests.rig.databases import fresh
from tests.rig.drafts import advance, draft
from tests.rig.studios import studio_of

TO = {
    State.DONE: (
        *(State.SUBMITTING, State.RENDERING, State.FETCHING, State.DELIVERING),
        State.DONE,
    ),
    State.UNDELIVERED: (
        *(State.SUBMITTING, State.RENDERING, State.FETCHING, State.DELIVERING),
        State.UNDELIVERED,
    ),
    State.FAILED: (State.SUBMITTING, State.FAILED),
    State.RENDERING: (State.SUBMITTING, State.RENDERING),
    State.QUEUED: (),
}
MINE = Requester(guild_id=10, channel_id=20, user_id=30)

ROW = {verb for verb, need in NEEDS.items() if need is Need.ROW}
CLIP = ROW | {verb for verb, need in NEEDS.items() if need is Need.CLIP}
ALL = set(Verb)
NOT_KEPT = "is no longer kept. 🎲 makes it again"
#: A state of a clip: what can be done with it, and what the others are told.
STATES = {
    "file here": (ALL, ""),
    "file made room": (CLIP, NOT_KEPT),
    "in the bucket alone": (ALL, ""),
    "taken down by its person": (ALL, ""),
    "taken down by a moderator": (ROW, "A moderator deleted"),
    "post deleted": (ALL, ""),
    "channel gone": (ALL, ""),
    "undelivered": (ALL, ""),
    "failed": (ROW, "has no clip yet"),
    "under way": (ROW, "has no clip yet"),
    "queued": (ROW, "has no clip yet"),
}


class Bucket:
    """A bucket, as far as it is asked whether there is one."""

    name = "bucket"
    links = False
    since = None
    trouble = None


async def made(store, tmp_path, state):
    """Clip 1 in that state."""
    ended = {
        "undelivered": State.UNDELIVERED,
        "failed": State.FAILED,
        "under way": State.RENDERING,
        "queued": State.QUEUED,
    }.get(state, State.DONE)
    job, _ = await store.jobs.add(draft())
    job = await advance(store.jobs, job, *TO[ended])
    if job.file is not None:
        await store.takes.number(job, 20)
        (tmp_path / "takes").mkdir()
        (tmp_path / job.file).write_bytes(b"a clip")
    await store.takes.posted(Post(message_id=77, channel_id=20, job_id=1, at=1.0))
    match state:
        case "file made room" | "in the bucket alone":
            (tmp_path / job.file).unlink()
            await store.takes.drop(1, at=2.0)
            if state == "in the bucket alone":
                copy = Copy(file=job.file, bucket="bucket", key="k", size=6, sha256="0" * 64)
                await store.files.begin(copy)
                await store.files.finish(copy, at=2.0)
        case "taken down by its person":
            await store.servers.take_down(None, job, hidden_by=30)
        case "taken down by a moderator":
            by = By(guild_id=10, actor_id=99)
            await store.servers.take_down(by, job, hidden_by=99)
        case "post deleted":
            await store.takes.gone([77])
        case "channel gone":
            await store.takes.gone_with(20)


@pytest.mark.parametrize("state", STATES)
async def test_a_verb_works_wherever_what_it_needs_is_there(tmp_path, state):
    possible, why = STATES[state]
    async with open_store(fresh(tmp_path)) as store:
        await made(store, tmp_path, state)
        studio = studio_of(store, {})
        bucket_sync = Bucket() if "bucket" in state else None
        cache = ClipCache(store, data=tmp_path, days=0, room=0, spare=0, bucket_sync=bucket_sync)
        takes = Takes(studio, data=tmp_path, cache=cache)
        for verb in Verb:
            if verb in possible:
                assert (await takes.ready(1, verb, requester=MINE)).id == 1, verb
            else:
                with pytest.raises(Refusal, match=why):
                    await takes.ready(1, verb, requester=MINE)


async def test_what_its_person_deleted_is_there_for_them_and_for_moderators_alone(tmp_path):
    async with open_store(fresh(tmp_path)) as store:
        await made(store, tmp_path, "taken down by its person")
        cache = ClipCache(store, data=tmp_path, days=0, room=0, spare=0)
        takes = Takes(studio_of(store, {}), data=tmp_path, cache=cache)
        somebody = replace(MINE, user_id=31)
        assert (await takes.ready(1, Verb.FAVOURITE, requester=somebody)).id == 1
        for verb in ALL - ROW - {Verb.FAVOURITE}:
            with pytest.raises(Refusal, match="The person who ordered #1 deleted it"):
                await takes.ready(1, verb, requester=somebody)
        with pytest.raises(Refusal, match="The person who ordered #1 deleted it"):
            await takes.revive(1, requester=somebody)
        assert (await store.takes.get(1, guild_id=10)).hidden_by == 30
        await takes.revive(1, requester=replace(somebody, moderator=True))
        assert (await store.takes.get(1, guild_id=10)).hidden_by is None


async def test_what_one_may_not_know_of_is_there_for_no_verb(tmp_path):
    async with open_store(fresh(tmp_path)) as store:
        await made(store, tmp_path, "file here")
        cache = ClipCache(store, data=tmp_path, days=0, room=0, spare=0)
        takes = Takes(studio_of(store, {}), data=tmp_path, cache=cache)
        elsewhere = Requester(guild_id=10, channel_id=999, user_id=31)
        await store.takes.gone([77])
        for verb in Verb:
            with pytest.raises(Refusal, match="There is no clip #1 here"):
                await takes.ready(1, verb, requester=elsewhere)
            with pytest.raises(Refusal, match="There is no clip #2 here"):
                await takes.ready(2, verb, requester=MINE)
