"""What a process does for the servers that it works for, and leaves to others for theirs."""

import pytest

from bot.events import Events
from bot.moderation.alerts import DeploymentAlerts
from bot.moderation.books import BooksCheck
from bot.moderation.digest import Digests
from bot.moderation.limits import Limits
from bot.orders.posts import Posts
from bot.orders.reactions import ReactionRecord
from bot.orders.requester import Requester
from storage import AlertKind, Alone, Brief, By, Post, State, Store, open_store, shard_of
from tests.rig.databases import fresh
from tests.rig.drafts import NEEDS, draft
from tests.rig.paid import paid_provider
from tests.rig.studios import studio_of

COUNT = 2
OURS, THEIRS = (1000 << 22), (1001 << 22)


class Half(Alone):
    """One of two processes: it has the first shard, and does nothing for both."""

    count, living = COUNT, 2
    mine = frozenset({0})

    def has(self, guild_id):
        return shard_of(guild_id, COUNT) == 0

    def does(self, chore):
        return False


@pytest.fixture
async def store(tmp_path):
    async with open_store(fresh(tmp_path)) as opened:
        yield Store(
            opened.writer,
            clock=opened.clock,
            defaults=opened.defaults,
            schedule=opened.schedule,
            sharing=Half(),
        )


async def done(store, studio, number, guild_id):
    """A clip that stands in a server, and was billed above its price."""
    asking = Requester(guild_id=guild_id, channel_id=guild_id + 1, user_id=3)
    job, _ = await studio.order(Brief(prompt="a fox"), request=f"r{number}", requester=asking)
    way = (State.SUBMITTING, State.RENDERING, State.FETCHING, State.DELIVERING)
    for state in way:  # attempts and what a provider calls them are unlike each other
        own = {"token": f"t{number}"} if state is State.SUBMITTING else {}
        own |= {"remote_id": f"r-{number}"} if state is State.RENDERING else {}
        job = await store.jobs.save(job.to(state, now=store.clock.now(), **NEEDS[state] | own))
    end = job.to(
        State.DONE, now=store.clock.now(), cost=0.09, billed="yes", due_at=None, result_id=number
    )
    job = await store.jobs.save(end, credits=9)
    await store.takes.posted(
        Post(message_id=900 + number, channel_id=guild_id + 1, job_id=job.id, at=5.0)
    )
    return job


async def test_moderators_are_told_of_bills_by_who_works_for_their_server(store):
    studio, events, heard = studio_of(store, {"held": paid_provider()}), Events(), []

    async def tell(job, amount):
        heard.append(job.guild_id)
        return True

    events.overrun.tell_by(tell)
    for number, guild_id in enumerate((OURS, THEIRS, OURS), start=1):
        await done(store, studio, number, guild_id)
    assert await BooksCheck(studio, events).look() == []
    assert heard == [OURS, OURS]
    assert [each.job.guild_id for each in await store.accounting.overruns()] == [THEIRS]


async def test_only_its_own_posts_are_read_back_and_removed(store):
    studio = studio_of(store, {"held": paid_provider()})
    mine, other = [await done(store, studio, n, guild) for n, guild in ((1, OURS), (2, THEIRS))]
    live, _ = await store.jobs.add(draft(3, guild_id=OURS))
    await store.jobs.add(draft(4, guild_id=THEIRS))
    for job_id in (3, 4):
        await store.jobs.set_places(job_id, card_channel_id=7, card_id=70 + job_id)
    posts = Posts(store)
    assert [each.job_id for each in await posts.recent(since=0.0)] == [mine.id]
    assert [each.id for each in await posts.cards()] == [live.id]
    for job in (mine, other):
        await store.takes.number(job, job.channel_id)
        await store.servers.take_down(By(guild_id=job.guild_id, actor_id=1), job, hidden_by=1)
    assert [each.job_id for each in await posts.to_remove()] == [mine.id]


async def test_digests_and_alarms_are_those_of_its_own_servers(store):
    studio = studio_of(store, {"held": paid_provider()})
    now = store.clock.now()
    for guild_id in (OURS, THEIRS):
        by = By(guild_id=guild_id, actor_id=1)
        await store.moderation.set_server(by, moderators=guild_id + 5, digest_hour=0)
    tomorrow = Digests(studio, clock=lambda: now + 86_400.0)
    assert [each.guild_id for each in await tomorrow.due()] == [OURS]
    await store.writer.write(
        lambda db: db.executemany(
            "INSERT INTO alarm (guild_id, day, percent, told) VALUES (?, '2026-11-01', 80, 0)",
            [(OURS,), (THEIRS,)],
        )
    )
    assert await Limits(studio, clock=store.clock.now).untold() == [OURS]


async def test_one_that_sees_one_server_of_many_tells_it_only_what_it_feels(store):
    studio = studio_of(store, {"held": paid_provider()})
    for number, guild_id in ((1, OURS), (2, THEIRS)):
        await done(store, studio, number, guild_id)
        by = By(guild_id=guild_id, actor_id=1)
        await store.moderation.set_server(by, moderators=guild_id + 5)
    alerts = DeploymentAlerts(store, operator_channel=77)
    await store.alerts.begin(AlertKind.STUCK, "held/queued", "A clip is stuck.")
    assert await alerts.due({OURS}) == [], "the operator is told by whoever does that for all"
    await store.alerts.begin(AlertKind.DOWN, "held", "It is down.")
    alone = DeploymentAlerts(store, operator_channel=None)
    [telling] = await alone.due({OURS})
    assert telling.channel_id == OURS + 5
    await alone.tried(telling)
    await alone.told(telling, 1)
    [other] = await alone.due({THEIRS})
    await alone.tried(other)
    await alone.told(other, 2)
    await store.alerts.end(AlertKind.DOWN, "held")
    assert [each.channel_id for each in await alone.due({OURS})] == [OURS + 5]
    assert [each.channel_id for each in await alone.due({THEIRS})] == [THEIRS + 5]


async def test_what_stood_under_all_clips_is_known_only_to_who_has_all(store):
    reactions = ReactionRecord(store, clock=store.clock.now)
    await store.writer.write(
        lambda db: db.execute("INSERT INTO restoration (taken_at) VALUES (1.0)")
    )
    await reactions.read_back()
    backup = await reactions.backup()
    assert backup is not None
    assert not backup.read_back
