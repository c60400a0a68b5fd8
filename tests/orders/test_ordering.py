"""Every rule of an order is asked in the transaction that takes it, however late it changed."""

import asyncio
from dataclasses import replace

import pytest

from bot.errors import Busy, Refusal
from bot.files.fetch import Fetcher
from bot.orders.inputs import Inputs, Source
from bot.orders.requester import Requester
from bot.orders.shots import Shots
from storage import Brief, By, Defaults, Mode, Period, Relation, State, Store, Whose, open_store
from tests.rig.databases import fresh
from tests.rig.doubles import Clock
from tests.rig.drafts import advance, draft
from tests.rig.makers import DEAR, PLAIN, Maker
from tests.rig.proving import one_in
from tests.rig.slow_host import slow_host
from tests.rig.studios import Disk, studio_of

GUILD, CHANNEL, USER, ROLE = 1, 2, 7, 77
BY = By(guild_id=GUILD, actor_id=1)
WAY = (State.SUBMITTING, State.RENDERING, State.FETCHING, State.DELIVERING, State.DONE)
IMAGE = Brief(mode=Mode.IMAGE, prompt="a fox")


class World:
    """A studio, somebody who orders there, and what may change while they do."""

    def __init__(self, store, studio, host):
        self.store, self.studio, self.host = store, studio, host
        self.roles, self.moderator, self.gone = frozenset({ROLE}), False, False
        self.reads = True
        self.orders = 0

    async def _now(self, place):
        if self.gone:
            raise Refusal("You have left this server. Nothing was ordered.")
        return replace(place, roles=self.roles, moderator=self.moderator)

    def place(self):
        return Requester(
            guild_id=GUILD,
            channel_id=CHANNEL,
            user_id=USER,
            roles=self.roles,
            moderator=self.moderator,
            sees=lambda channel_id: self.reads,
            now=self._now,
        )

    async def order(self, **sources):
        self.orders += 1
        wish = IMAGE if sources else replace(IMAGE, mode=Mode.TEXT)
        return await self.studio.order(
            wish, request=f"interaction:{self.orders}", requester=self.place(), sources=sources
        )


@pytest.fixture
async def host(media):
    async with slow_host(media.picture) as running:
        yield running


@pytest.fixture
async def world(tmp_path, host):
    clock = Clock()
    wide = Defaults(per_minute=None, jobs_per_user=None, jobs_per_server=None)
    async with open_store(fresh(tmp_path), defaults=wide, wall=clock, ticks=clock) as store:
        fetcher = Fetcher(loopback=frozenset({host.host}))
        disk = Disk()
        studio = studio_of(
            store,
            {"plain": Maker("plain", PLAIN, price=DEAR)},
            disk=disk,
            inputs=Inputs(tmp_path, fetcher, unnamed=store.files.unnamed),
            usd_per_credit=1,
            clock=clock,
        )
        world = World(store, studio, host)
        world.data, world.clock, world.disk = tmp_path, clock, disk
        yield world


def kept(world):
    folder = world.data / "inputs"
    return sorted(each.name for each in folder.iterdir()) if folder.exists() else []


# A change of each rule, and back.


def server(**changes):
    back = dict.fromkeys(changes)

    async def on(world):
        await world.store.moderation.set_server(BY, **changes)

    async def off(world):
        await world.store.moderation.set_server(BY, **back)

    return on, off


def memory(**changes):
    async def on(world):
        for name, value in changes.items():
            setattr(world, name, value)

    async def off(world):
        world.roles, world.moderator = frozenset({ROLE}), False
        world.gone, world.reads = False, True

    return on, off


async def halt(world):
    world.studio.halt(on=True)


async def unhalt(world):
    world.studio.halt(on=False)


async def fill(world):
    world.disk.full = True


async def empty(world):
    world.disk.full = False


async def block(world):
    await world.store.moderation.block(BY, USER)


async def unblock(world):
    await world.store.moderation.unblock(BY, USER)


async def forbid(world):
    await world.store.servers.add_prompt_rule(BY, "word", "fox")


async def allow(world):
    for rule in await world.store.servers.prompt_rules(GUILD):
        await world.store.servers.remove_prompt_rule(BY, rule.id)


def quota(whose, **target):
    async def on(world):
        await world.store.moderation.set_rule(BY, whose, 0, Period.DAY, **target)

    async def off(world):
        await world.store.moderation.remove_rule(BY, whose, **target)

    return on, off


ROWS = {
    "paused": server(paused="not now"),
    "another channel": server(channels="[99]"),
    "provider off": server(providers_off='["plain"]'),
    "asks once more": server(confirm_above=0),
    "blocked": (block, unblock),
    "prompt rule": (forbid, allow),
    "quota": quota(Whose.USER, user_id=USER),
    "budget": quota(Whose.SERVER),
    "books": (halt, unhalt),
    "room": (fill, empty),
    "no jobs at once": server(jobs_per_user=0),
}


class Flip:
    """Changes something before the n-th time that an order lets go of the loop for the store,
    or for the host of its input."""

    def __init__(self, world, change=None, at=-1):
        self.world, self.change, self.at = world, change, at
        self.count = 0
        self.committed_at = None
        self.busy = False

    async def step(self):
        if self.busy:
            return
        if self.count == self.at and self.change is not None:
            self.busy = True
            await self.change(self.world)
            self.busy = False
        self.count += 1

    def __enter__(self):
        writer = self.world.store.writer
        read, write, admit = writer.read, writer.write, self.world.store.policy.admit

        async def reading(fn):
            await self.step()
            return await read(fn)

        async def writing(fn, **options):
            await self.step()
            return await write(fn, **options)

        async def admitting(*args, **options):
            self.committed_at = self.count
            return await admit(*args, **options)

        writer.read, writer.write = reading, writing
        self.world.store.policy.admit = admitting
        self.world.host.on_asked = self.step
        return self

    def __exit__(self, *_):
        del self.world.store.writer.read, self.world.store.writer.write
        del self.world.store.policy.admit
        self.world.host.on_asked = None


@pytest.mark.parametrize("with_input", [False, True], ids=["words", "image"])
@pytest.mark.parametrize("rule", one_in(3, ROWS))
async def test_a_rule_that_changes_at_any_moment_holds(world, rule, with_input):
    on, off = ROWS[rule]
    sources = {"image": Source(url=world.host.url)} if with_input else {}
    with Flip(world) as plain:
        await world.order(**sources)
    moments = plain.committed_at + 1
    assert moments >= (4 if with_input else 2)
    before = len(await world.store.jobs.newest())
    for at in range(moments):
        with Flip(world, on, at) as flip, pytest.raises((Refusal, Busy)):
            await world.order(**sources)
        assert flip.count > at, "the change was made"
        await off(world)
    assert len(await world.store.jobs.newest()) == before, "nothing was taken"
    await world.order(**sources)  # and without it, it is


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (memory(gone=True), "left this server"),
        (memory(roles=frozenset()), "your limit is 0 a day"),
    ],
    ids=["left", "role taken"],
)
async def test_who_somebody_is_by_now_is_asked_after_a_download(world, change, sentence):
    """Only a role lets them order; it goes, or they do, while their picture is fetched."""
    await world.store.moderation.set_rule(BY, Whose.MEMBER, 0, Period.DAY)
    await world.store.moderation.set_rule(BY, Whose.ROLE, 100, Period.DAY, role_id=ROLE)
    picture = {"image": Source(url=world.host.url)}
    await world.order(**picture)
    on, off = change
    world.host.on_asked = lambda: on(world)
    with pytest.raises(Refusal, match=sentence):
        await world.order(**picture)
    await off(world)
    world.host.on_asked = None
    await world.order(**picture)


async def hide(world):
    job = await world.store.jobs.get(world.theirs)
    await world.store.servers.take_down(BY, job, hidden_by=1)


async def unhide(world):
    job = await world.store.jobs.get(world.theirs)
    await world.store.servers.take_down(BY, job, hidden_by=None)


WHOSE = {
    "only moderators build": server(changed_by="moderators"),
    "only its requester builds": server(changed_by="requester"),
    "taken down": (hide, unhide),
    "out of sight": memory(reads=False),
}


@pytest.mark.parametrize("rule", WHOSE)
async def test_so_does_what_holds_for_the_clip_that_is_built_on(world, rule):
    on, off = WHOSE[rule]
    job, _ = await world.store.jobs.add(
        draft(1000, guild_id=GUILD, channel_id=9, user_id=8, due_at=9e12, provider="plain")
    )
    job = await advance(world.store.jobs, job, *WAY)
    await world.store.takes.number(job, 9)
    world.theirs = job.id
    wish = Brief(prompt="a fox", parent=job.id, relation=Relation.VARIATION)

    async def order():
        world.orders += 1
        request = f"interaction:{world.orders}"
        return await world.studio.order(wish, request=request, requester=world.place())

    with Flip(world) as plain:
        await order()
    before = len(await world.store.jobs.newest())
    for at in range(plain.committed_at + 1):
        with Flip(world, on, at), pytest.raises((Refusal, Busy)):
            await order()
        await off(world)
    assert len(await world.store.jobs.newest()) == before
    await order()


# What is cheap comes first, and a refusal leaves nothing behind.


@pytest.mark.parametrize("rule", sorted(ROWS.keys() - {"asks once more"}))
async def test_what_can_say_no_says_it_before_anything_is_fetched(world, rule):
    on, _ = ROWS[rule]
    await on(world)
    with pytest.raises(Refusal):
        await world.order(image=Source(url=world.host.url))
    assert world.host.asked == 0
    assert kept(world) == []


async def test_a_prompt_or_model_that_cannot_be_is_refused_before_anything_is_fetched(world):
    for wish in (IMAGE.but(prompt="x" * 9000), IMAGE.but(duration=99)):
        with pytest.raises(Refusal):
            await world.studio.order(
                wish,
                request="r",
                requester=world.place(),
                sources={"image": Source(url=world.host.url)},
            )
    assert world.host.asked == 0


@pytest.mark.parametrize("rule", sorted(ROWS.keys() - {"room", "books"}))
async def test_a_refusal_after_the_download_leaves_nothing_on_the_disk(world, rule):
    on, _ = ROWS[rule]
    world.host.on_asked = lambda: on(world)
    with pytest.raises(Refusal):
        await world.order(image=Source(url=world.host.url))
    assert world.host.asked == 1
    assert kept(world) == []


async def test_what_is_no_picture_or_breaks_off_leaves_nothing_either(world):
    world.host.content = b"<html>" * 5000
    with pytest.raises(Refusal):
        await world.order(image=Source(url=world.host.url))
    assert kept(world) == []


async def test_an_order_that_is_cut_off_leaves_nothing(world):
    world.host.hold()
    order = asyncio.create_task(world.order(image=Source(url=world.host.url)))
    while not world.host.asked:
        await asyncio.sleep(0.01)
    order.cancel()
    await asyncio.wait({order})
    assert kept(world) == []
    assert await world.store.jobs.newest() == []


async def test_an_input_that_an_accepted_job_uses_stays(world):
    """The same picture, ordered by many at once: some are refused, whatever the order."""
    await world.store.moderation.set_server(BY, jobs_per_user=2)
    picture = {"image": Source(url=world.host.url)}
    for _ in range(5):
        results = await asyncio.gather(
            *(world.order(**picture) for _ in range(4)), return_exceptions=True
        )
        taken = [job for job, _ in (each for each in results if isinstance(each, tuple))]
        assert len(taken) == 2
        assert all((world.data / job.brief.image.file).exists() for job in taken)
        for job in taken:
            ended = job.to(State.CANCELLED, now=world.clock(), cancelled_by=USER)
            await world.store.jobs.save(ended)
    assert len(kept(world)) == 1


async def test_somebody_fetches_one_input_at_a_time_and_few_are_fetched_in_all(world):
    world.host.hold()

    async def order(user, number):
        place = replace(world.place(), user_id=user)
        return await world.studio.order(
            IMAGE,
            request=f"{user}:{number}",
            requester=place,
            sources={"image": Source(url=world.host.url)},
        )

    mine = [asyncio.create_task(order(USER, number)) for number in range(3)]
    await asyncio.sleep(0.3)
    assert world.host.at_once == 1
    others = [asyncio.create_task(order(100 + number, 0)) for number in range(12)]
    await asyncio.sleep(0.5)
    assert world.host.at_once == 4
    world.host.release()
    await asyncio.gather(*mine, *others)
    assert world.host.most == 4


async def test_a_try_counts_against_the_pace(world):
    await world.store.moderation.set_server(BY, per_minute=1.0, burst=2)
    world.host.content = b"<html>" * 5000
    for _ in range(2):
        with pytest.raises(Refusal, match="This is a web page"):
            await world.order(image=Source(url=world.host.url))
    with pytest.raises(Refusal, match="ordering too fast"):
        await world.order(image=Source(url=world.host.url))
    assert world.host.asked == 2


async def test_an_order_with_an_input_counts_once(world):
    await world.store.moderation.set_server(BY, per_minute=1.0, burst=2)
    for _ in range(2):
        await world.order(image=Source(url=world.host.url))
    with pytest.raises(Refusal, match="ordering too fast"):
        await world.order()


async def test_no_more_is_fetched_than_the_model_takes(world):
    model = world.studio.providers["plain"].models[0]
    [image] = [each for each in model.capabilities if each.mode is Mode.IMAGE]
    small = replace(image, inputs={"image": replace(image.inputs["image"], max_bytes=1000)})
    world.studio.providers["plain"].models = (replace(model, capabilities=(small,)),)
    world.host.content += bytes(100_000)
    with pytest.raises(Refusal, match="larger than"):
        await world.order(image=Source(url=world.host.url))


async def test_the_same_request_is_the_same_job_whatever_holds_by_then(world):
    job, created = await world.order(image=Source(url=world.host.url))
    assert created
    await block(world)
    world.orders -= 1
    assert await world.order(image=Source(url=world.host.url)) == (job, False)
    assert world.host.asked == 1


class Counted:
    """The transactions of a store, and how many reads there were."""

    def __init__(self, writer):
        self._writer, self.reads = writer, 0

    async def read(self, fn):
        self.reads += 1
        return await self._writer.read(fn)

    def __getattr__(self, name):
        return getattr(self._writer, name)


@pytest.fixture
def counted(world):
    """The studio of a world whose reads are counted, and the count."""
    store = world.store
    writer = Counted(store.writer)
    store = Store(writer, clock=store.clock, defaults=store.defaults, schedule=store.schedule)
    providers = {"plain": Maker("plain", PLAIN, price=DEAR)}
    return studio_of(store, providers, disk=world.disk, clock=world.clock), writer


async def test_an_order_reads_what_holds_for_it_once(world, counted):
    studio, writer = counted
    wish = Brief(prompt="a fox", mode=Mode.TEXT)
    await studio.order(wish, request="interaction:1", requester=world.place(), new=True)
    # Whether it was made, the terms, the thread's channel, and the defaults: all in one state.
    assert writer.reads == 1


async def test_a_reel_reads_the_shots_of_its_channel_once(world, counted):
    studio, writer = counted
    shots = Shots(studio.store, studio.access)
    for number, thread_id, private in ((1, 50, True), (2, 51, False)):
        await studio.store.shots.file_thread(
            f"sc{number}", thread_id, guild_id=GUILD, channel_id=CHANNEL, private=private
        )
        await studio.store.jobs.add(
            draft(number, guild_id=GUILD, thread_id=thread_id, user_id=USER, due_at=9e12)
        )
    writer.reads = 0
    mine, public = await shots.here_and_public(world.place())
    assert [each.shot.name for each in mine] == ["sc1", "sc2"]
    assert [each.shot.name for each in public] == ["sc2"]
    assert writer.reads == 2  # the clips, and the shots
