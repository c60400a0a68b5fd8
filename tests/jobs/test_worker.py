"""The worker: one job, from its order to its message, whatever happens in between."""

import asyncio
import errno
import itertools
from dataclasses import replace
from decimal import Decimal

import pytest

from bot.errors import Busy, Failure, Refusal, Unclear
from bot.events import Events
from bot.jobs.presenter import Undeliverable
from bot.jobs.steps import HANGS, PATIENCE, REPEATS
from bot.jobs.tracker import Tracker
from bot.jobs.worker import Worker
from bot.media.ffmpeg import ffmpeg
from bot.orders.requester import Requester
from bot.providers import Receipt, Report, Stage
from storage import Brief, Defaults, State, open_store
from tests.rig.databases import fresh
from tests.rig.doubles import PRICE, Clock, FakeProvider, Presenter, model
from tests.rig.drafts import draft
from tests.rig.studios import studio_of

RUNNING = Report(stage=Stage.RUNNING, fraction=0.5)


class House:
    """A studio and a worker over one store, as a deployment has them."""

    def __init__(self, store, providers, screen, clock, data, **options):
        self.store, self.screen, self.clock, self.data = store, screen, clock, data
        self.events = events = Events()
        self.tracker = tracker = Tracker(store, providers, events)
        events.job_changed.listen(screen.show)
        self.studio = studio_of(store, providers, events=events, tracker=tracker, clock=clock)

        async def link(job, given):
            return given.url

        self.worker = Worker(
            store,
            providers,
            screen,
            tracker=tracker,
            events=events,
            data=data,
            link=link,
            alternative=self.studio.quotes.alternative,
            **options,
        )
        self._orders = 0

    async def order(self, *, request=None, user=7, **brief):
        self._orders += 1
        requester = Requester(guild_id=1, channel_id=2, user_id=user)
        job, created = await self.studio.order(
            Brief(**{"prompt": "a fox", **brief}),
            request=request or f"interaction:{self._orders}",
            requester=requester,
        )
        if created:
            job = await self.studio.placed(job, card_channel_id=2, card_id=job.id, thread_id=3)
        return job

    async def get(self, job):
        return await self.store.jobs.get(job.id)

    async def run(self, *, steps=40):
        """Step until nothing is due for an hour."""
        for _ in range(steps):
            if not await self.worker.step():
                self.clock.advance(60)

    async def run_now(self):
        while await self.worker.step():
            pass


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def screen():
    return Presenter()


@pytest.fixture
def provider():
    return FakeProvider()


@pytest.fixture
async def store(tmp_path, clock):
    unlimited = Defaults(per_minute=None, jobs_per_user=None, budget=None, amount=None)
    async with open_store(fresh(tmp_path), defaults=unlimited, wall=clock, ticks=clock) as store:
        yield store


@pytest.fixture
def house(store, provider, screen, clock, tmp_path):
    return House(store, {"fake": provider}, screen, clock, tmp_path)


async def restarted(house, store, provider, clock, tmp_path):
    """The same rows in the hands of a new process."""
    again = House(store, {"fake": provider}, Presenter(), clock, tmp_path)
    await again.worker.load()
    return again


async def test_an_order_becomes_a_delivered_clip(house, screen, store):
    job = await house.order()
    await house.run()

    job = await house.get(job)
    assert job.state is State.DONE
    assert job.result_id == 9000 + job.id
    assert screen.delivered == [(job.id, b"clip", False)]
    moves = [event.after for event in await store.jobs.history(job.id)]
    assert moves == [
        State.QUEUED,
        State.SUBMITTING,
        State.RENDERING,
        State.FETCHING,
        State.DELIVERING,
        State.DONE,
    ]


async def test_the_intention_is_on_disk_before_the_provider_hears_of_it(house, provider, store):
    seen = []

    class Watching(FakeProvider):
        async def submit(self, order):
            job = await store.jobs.get(order.job)
            seen.append((job.state, job.attempt, job.token == order.attempt))
            return await super().submit(order)

    watching = Watching()
    house = House(store, {"fake": watching}, Presenter(), house.clock, house.data)
    await house.order()
    await house.run_now()

    assert seen == [(State.SUBMITTING, 1, True)]


async def test_a_poll_that_changes_nothing_writes_nothing(house, provider, clock):
    job = await house.order()
    provider.polls.extend([RUNNING] * 5)
    await house.run_now()
    before = await house.get(job)
    for _ in range(3):
        clock.advance(6)
        await house.run_now()

    assert len(provider.polled) == 3
    assert (await house.get(job)).rev == before.rev


async def test_a_busy_provider_is_asked_again_when_it_said(house, provider, clock):
    job = await house.order()
    provider.submits.append(Busy("full", retry_after=30))
    await house.run_now()
    assert (await house.get(job)).state is State.QUEUED
    clock.advance(29)
    assert not await house.worker.step()
    clock.advance(2)
    await house.run_now()

    assert (await house.get(job)).state is State.RENDERING
    first, second = provider.submitted
    assert first[1] != second[1], "each attempt has a name of its own"


async def test_what_nobody_takes_for_a_day_is_given_up_and_costs_nothing(house, provider, clock):
    job = await house.order()
    provider.submits.extend([Busy("down", retry_after=900)] * 200)
    for _ in range(110):
        await house.run_now()
        clock.advance(901)

    job = await house.get(job)
    assert (job.state, job.billed) == (State.EXPIRED, "no")
    assert "Nothing was ordered" in job.error


async def test_a_try_that_somebody_asks_for_days_later_has_a_day_of_its_own(
    house, provider, store, clock
):
    job = await house.order()
    provider.submits.append(Unclear("its reply was lost"))
    await house.run_now()
    clock.advance(3 * 86_400)
    parked = await house.get(job)
    again = parked.to(State.QUEUED, now=clock(), due_at=clock(), billed="no", remote_id=None)
    house.tracker.wake(await store.jobs.save(again, "tried again"))
    provider.submits.extend([Busy("down", retry_after=900)] * 200)
    for _ in range(90):
        await house.run_now()
        clock.advance(901)
    assert (await house.get(job)).state is State.QUEUED
    for _ in range(20):
        await house.run_now()
        clock.advance(901)
    assert (await house.get(job)).state is State.EXPIRED


async def test_an_order_that_may_have_arrived_is_never_sent_twice(house, provider, screen):
    job = await house.order()
    provider.submits.append(Unclear("its reply was lost"))
    await house.run()

    job = await house.get(job)
    assert job.state is State.UNCLEAR
    assert job.billed == "unknown"
    assert job.failure == Failure.UNCLEAR
    assert len(provider.submitted) == 1
    assert screen.told == [(job.id, State.UNCLEAR, "its reply was lost")]


async def test_what_a_callback_settled_is_kept_though_its_job_moves_meanwhile(
    store, screen, clock, tmp_path
):
    """Its requester is told just then; whoever calls back calls no more once we asked too often."""

    class Calling(FakeProvider):
        def callback(self, body):
            return body.decode()

    class Moving:
        """Jobs of which somebody else is always writing, for a while."""

        def __init__(self, jobs):
            self._jobs, self.left = jobs, 3

        def __getattr__(self, name):
            return getattr(self._jobs, name)

        async def save(self, job, why="", **options):
            if why == "called back" and self.left:
                self.left -= 1
                await self._jobs.save(await self._jobs.get(job.id))
            return await self._jobs.save(job, why, **options)

    store.jobs = Moving(store.jobs)
    provider = Calling()
    house = House(store, {"fake": provider}, screen, clock, tmp_path)
    job = await house.order()
    provider.submits.append(Unclear("its reply was lost"))
    await house.run()
    job = await house.get(job)
    assert job.state is State.UNCLEAR

    await house.worker.callbacks.hear(job.token, b"remote-1")
    assert store.jobs.left == 0
    await house.run()
    assert (await house.get(job)).state is State.DONE
    assert len(provider.submitted) == 1
    assert await store.check() == []


async def test_a_bug_while_submitting_counts_as_having_been_sent(house, provider):
    job = await house.order()
    provider.submits.append(RuntimeError("bug"))
    await house.run()

    assert (await house.get(job)).state is State.UNCLEAR
    assert len(provider.submitted) == 1


async def test_a_death_while_submitting_parks_the_job(house, provider, store, clock, tmp_path):
    job = await house.order()
    provider.submits.append(asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await house.worker.step()
    assert (await house.get(job)).state is State.SUBMITTING

    again = await restarted(house, store, provider, clock, tmp_path)
    await again.run()

    assert (await again.get(job)).state is State.UNCLEAR
    assert len(provider.submitted) == 1


async def test_unless_the_provider_knows_how_to_take_it_twice(
    house, provider, store, clock, tmp_path
):
    provider.idempotent = True
    job = await house.order()
    provider.submits.append(asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await house.worker.step()

    again = await restarted(house, store, provider, clock, tmp_path)
    await again.run()

    assert (await again.get(job)).state is State.DONE
    assert provider.submitted[0] == provider.submitted[1], "the same attempt, by the same name"


@pytest.mark.parametrize("step", ["polls", "fetches"])
async def test_a_death_after_the_submit_leaves_the_job_to_the_next_process(
    house, provider, store, clock, tmp_path, step
):
    job = await house.order()
    getattr(provider, step).append(asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await house.run()

    again = await restarted(house, store, provider, clock, tmp_path)
    await again.run()

    assert (await again.get(job)).state is State.DONE
    assert len(provider.submitted) == 1


async def test_after_a_death_while_posting_the_next_process_looks_first(
    house, provider, store, screen, clock, tmp_path
):
    job = await house.order()
    screen.script.append(Busy("Discord is down", retry_after=1000))
    await house.run(steps=6)
    assert (await house.get(job)).state is State.DELIVERING

    again = await restarted(house, store, provider, clock, tmp_path)
    clock.advance(2000)
    await again.run()

    assert again.screen.delivered == [(job.id, b"clip", True)]


async def test_a_refusal_reaches_the_person_in_its_own_words(house, provider, screen):
    job = await house.order()
    provider.submits.append(Refusal("No foxes.", failure=Failure.CONTENT))
    await house.run()

    job = await house.get(job)
    assert (job.state, job.failure, job.billed) == (State.FAILED, "content", "no")
    assert screen.told == [(job.id, State.FAILED, "No foxes.")]


async def test_a_clip_that_fails_there_is_not_ordered_again(house, provider, screen):
    job = await house.order()
    provider.polls.extend([RUNNING, Refusal("It broke.", failure=Failure.DOWN, billed=None)])
    await house.run()

    job = await house.get(job)
    assert (job.state, job.billed) == (State.FAILED, "unknown")
    assert len(provider.submitted) == 1


async def test_trouble_with_a_poll_is_never_a_new_order(house, provider):
    job = await house.order()
    provider.polls.extend([Busy("429", retry_after=40), Unclear("?"), Busy("down"), RUNNING])
    await house.run()

    assert (await house.get(job)).state is State.DONE
    assert len(provider.submitted) == 1


async def test_a_clip_that_never_comes_is_given_up_at_its_deadline(house, provider, clock):
    job = await house.order()
    provider.polls.extend([RUNNING] * 1000)
    await house.run(steps=30)

    job = await house.get(job)
    assert (job.state, job.failure, job.billed) == (State.EXPIRED, "timeout", "unknown")
    assert "within 10 minutes" in job.error


async def test_a_download_is_tried_many_times_before_the_clip_is_given_up(house, provider):
    job = await house.order()
    provider.fetches.extend([Busy("cut off")] * (PATIENCE - 1))
    await house.run(steps=100)
    assert (await house.get(job)).state is State.DONE


NOT_THE_CLIP = {
    "cut off": Busy("cut off"),
    "a page": Refusal("It is no clip.", failure=Failure.BAD_RESULT),
    "forgotten": Refusal("It does not know it.", failure=Failure.LOST),
    "nobody says": Unclear("?"),
}


@pytest.mark.parametrize("answer", NOT_THE_CLIP.values(), ids=NOT_THE_CLIP)
async def test_what_was_paid_for_is_tried_until_its_time_is_over_and_then_parked(
    house, provider, clock, store, answer
):
    job = await house.order()
    provider.fetches.extend([answer] * 1000)
    begun = clock()
    for _ in range(200):
        await house.run_now()
        if (await house.get(job)).state is not State.FETCHING and clock() - begun > 10:
            break
        clock.advance(60)
    job = await house.get(job)
    assert 3600 <= clock() - begun < 4400, "as long as the result is kept"
    assert (job.state, job.failure, job.billed) == (State.REVIEW, "bad_result", "yes")
    assert job.result_url == "https://x.test/clip.mp4", "a moderator has the link"
    assert "it couldn't be downloaded" in job.error
    assert len(provider.fetches) > 950, "the pauses grow"
    assert await store.check() == []

    provider.fetches.clear()
    again = job.to(State.RENDERING, now=clock(), due_at=clock(), billed="no", error=None)
    house.tracker.wake(await store.jobs.save(again, "check again, by a moderator"))
    clock.advance(10)
    await house.run()
    assert (await house.get(job)).state is State.DONE


async def test_a_fetch_ends_only_where_the_provider_itself_says_that_it_failed(house, provider):
    job = await house.order()
    provider.fetches.append(Refusal("No foxes.", failure=Failure.CONTENT, billed=False))
    await house.run()
    job = await house.get(job)
    assert (job.state, job.failure, job.billed) == (State.FAILED, "content", "no")


async def test_finished_without_a_clip_is_asked_again(house, provider):
    job = await house.order()
    provider.polls.append(Refusal("No clip.", failure=Failure.BAD_RESULT, billed=True))
    await house.run()
    assert (await house.get(job)).state is State.DONE
    assert len(provider.submitted) == 1


async def test_a_clip_with_nowhere_to_go_is_kept(house, screen, tmp_path):
    job = await house.order()
    screen.script.append(Undeliverable("The thread is gone."))
    for _ in range(10):
        await house.run_now()
        if (await house.get(job)).state is State.UNDELIVERED:
            break
        house.clock.advance(3)

    job = await house.get(job)
    assert (job.state, job.error) == (State.UNDELIVERED, "The thread is gone.")
    assert (tmp_path / job.file).read_bytes() == b"clip"


async def test_no_more_are_sent_than_the_provider_takes_at_once(house, provider, screen, clock):
    provider.polls.extend([RUNNING] * 100)
    jobs = [await house.order() for _ in range(5)]
    await house.run_now()

    assert len(provider.submitted) == 2
    assert [house.studio.glimpse(job).position for job in jobs[2:]] == [1, 2, 3]
    provider.polls.clear()
    await house.run()
    assert [(await house.get(job)).state for job in jobs] == [State.DONE] * 5


async def test_a_cancelled_clip_in_the_queue_is_never_sent(house, provider):
    provider.polls.extend([RUNNING] * 100)
    jobs = [await house.order() for _ in range(4)]
    await house.run_now()
    requester = Requester(guild_id=1, channel_id=2, user_id=7)
    await house.studio.cancel(jobs[2].id, requester=requester)
    await house.run_now()
    assert house.studio.glimpse(jobs[3]).position == 1
    provider.polls.clear()
    await house.run()

    assert (await house.get(jobs[2])).state is State.CANCELLED
    assert {job for job, _ in provider.submitted} == {jobs[0].id, jobs[1].id, jobs[3].id}


async def test_a_rendering_clip_is_stopped_where_the_provider_can(store, screen, clock, tmp_path):
    provider = FakeProvider(cancels=True)
    house = House(store, {"fake": provider}, screen, clock, tmp_path)
    provider.polls.extend([RUNNING] * 100)
    job = await house.order()
    await house.run_now()
    await house.studio.cancel(job.id, requester=Requester(guild_id=1, channel_id=2, user_id=7))
    await house.run_now()

    assert (await house.get(job)).state is State.CANCELLED
    assert provider.cancelled == ["remote-1"]


async def test_a_rendering_clip_goes_on_where_the_provider_cannot_stop(house, provider):
    provider.polls.extend([RUNNING] * 3)
    job = await house.order()
    await house.run_now()
    with pytest.raises(Refusal, match="can't stop a clip once it starts"):
        await house.studio.cancel(job.id, requester=Requester(guild_id=1, channel_id=2, user_id=7))


async def test_a_provider_that_is_gone_fails_what_waits_and_keeps_what_it_renders(
    house, provider, store, clock, tmp_path
):
    provider.polls.extend([RUNNING] * 100)
    jobs = [await house.order() for _ in range(3)]
    await house.run_now()
    without = House(store, {}, Presenter(), clock, tmp_path)
    await without.worker.load()
    await without.run(steps=5)

    states = [(await house.get(job)).state for job in jobs]
    assert states == [State.RENDERING, State.RENDERING, State.FAILED]


async def test_a_bug_of_ours_is_given_to_a_moderator_in_the_end(house, provider):
    job = await house.order()
    provider.polls.extend([RuntimeError("bug")] * 100)
    await house.run(steps=60)

    assert (await house.get(job)).state is State.REVIEW


async def test_estimates_come_from_what_was_seen_here(house, provider, clock):
    for _ in range(4):
        await house.order()
        await house.run_now()
        clock.advance(40)
        await house.run_now()
    provider.polls.append(Report(stage=Stage.RUNNING))
    job = await house.order()
    await house.run_now()
    clock.advance(5)
    await house.run_now()

    job = await house.get(job)
    assert house.studio.glimpse(job).ready_at == pytest.approx(job.since + 40, abs=1)


async def test_a_stop_finishes_a_submit_under_way_and_begins_no_other(
    store, screen, clock, tmp_path
):
    class Slow(FakeProvider):
        def __init__(self):
            super().__init__(concurrency=1)
            self.begun, self.go = asyncio.Event(), asyncio.Event()

        async def submit(self, order):
            self.begun.set()
            await self.go.wait()
            return await super().submit(order)

    provider = Slow()
    house = House(store, {"fake": provider}, screen, clock, tmp_path)
    first, second = await house.order(), await house.order()
    running = asyncio.create_task(house.worker.run())
    await provider.begun.wait()
    stopping = asyncio.create_task(house.worker.stop())
    await asyncio.sleep(0)
    provider.go.set()
    await stopping
    await running

    assert (await house.get(first)).state is State.RENDERING
    assert (await house.get(second)).state is State.QUEUED


async def test_the_same_request_twice_is_one_job(house, provider):
    one = await house.order(request="interaction:99")
    two = await house.order(request="interaction:99")
    await house.run()

    assert one.id == two.id
    assert len(provider.submitted) == 1


async def test_a_receipt_with_the_clip_itself_needs_no_poll(house, provider, tmp_path, screen):
    made = tmp_path / "made.mp4"
    made.write_bytes(b"at once")
    provider.submits.append(Receipt(file=made))
    job = await house.order()
    await house.run()

    assert screen.delivered == [(job.id, b"at once", False)]
    assert provider.polled == []


def two(store, screen, clock, tmp_path, *, cost=0, other_cost=0):
    def priced(cost):
        return replace(PRICE, base={"*": cost})

    first = FakeProvider("first", models=(model("one", price=priced(cost)),))
    plain = model("plain", price=priced(other_cost), seeds=None, sound=False)
    second = FakeProvider("second", models=(plain,))
    house = House(store, {"first": first, "second": second}, screen, clock, tmp_path)
    return house, first, second


OUR_ACCOUNT = [
    Refusal("No money.", failure=Failure.CREDIT),
    Refusal("Bad key.", failure=Failure.KEY),
    Busy("Rate.", retry_after=600),
]


@pytest.mark.parametrize("answer", OUR_ACCOUNT, ids=["credit", "key", "rate"])
async def test_a_job_that_was_proven_not_to_be_taken_goes_to_another_provider(
    store, screen, clock, tmp_path, answer
):
    house, first, second = two(store, screen, clock, tmp_path)
    first.submits.append(answer)
    job = await house.order()
    assert job.provider == "first"
    await house.run(steps=60)

    job = await house.get(job)
    assert (job.state, job.provider) == (State.DONE, "second")
    assert job.note == "First didn't take it, so Second makes it: no seed, no sound."
    assert len(first.submitted) == len(second.submitted) == 1


NOT_OURS = [
    Refusal("No foxes.", failure=Failure.CONTENT),
    Unclear("lost"),
    Refusal("It may have been billed.", failure=Failure.CREDIT, billed=None),
]


@pytest.mark.parametrize("answer", NOT_OURS, ids=["content", "unclear", "billed"])
async def test_and_never_after_a_content_refusal_or_where_it_may_have_been_taken(
    store, screen, clock, tmp_path, answer
):
    house, first, second = two(store, screen, clock, tmp_path)
    first.submits.append(answer)
    job = await house.order()
    await house.run(steps=60)

    assert (await house.get(job)).state in {State.FAILED, State.UNCLEAR}
    assert second.submitted == []


async def test_nor_for_more_than_was_promised(store, screen, clock, tmp_path):
    house, first, second = two(store, screen, clock, tmp_path, cost=1, other_cost=2)
    first.submits.append(Refusal("No money.", failure=Failure.CREDIT))
    job = await house.order()
    await house.run(steps=60)

    assert (await house.get(job)).state is State.FAILED
    assert second.submitted == []


async def test_the_cheapest_that_is_well_is_chosen(store, screen, clock, tmp_path):
    house, _, second = two(store, screen, clock, tmp_path, cost=2, other_cost=1)
    assert (await house.order()).provider == "second"
    second.healthy = False
    assert (await house.order()).provider == "first"


async def test_what_a_provider_named_is_not_lost_when_the_disk_is_full(house, provider, store):
    class Full:
        """A disk that takes nothing for a while, under the real jobs."""

        def __init__(self, jobs):
            self._jobs, self.full = jobs, False

        def __getattr__(self, name):
            return getattr(self._jobs, name)

        async def save(self, job, why="", **options):
            if job.state is State.RENDERING and self.full:
                raise OSError("No space left on device")
            return await self._jobs.save(job, why, **options)

    disk = Full(store.jobs)
    disk.full = True
    store.jobs = disk
    house = House(store, {"fake": provider}, Presenter(), house.clock, house.data)
    job = await house.order()
    await house.run_now()
    assert (await house.get(job)).state is State.SUBMITTING
    house.clock.advance(40)
    await house.run_now()
    disk.full = False
    await house.run()

    assert (await house.get(job)).state is State.DONE
    assert len(provider.submitted) == 1


async def test_what_memory_has_lost_is_found_in_the_rows(house, store, provider, screen, clock):
    job = await house.order()
    assert store.schedule.take(clock()) == job.id  # whoever had it is gone
    store.schedule.seen(job.id, job.rev, all_of_it=True)
    store.schedule.put_back(job.id, None)
    assert not await house.worker.step()

    await house.worker.reread()
    await house.run()
    assert (await house.get(job)).state is State.DONE
    assert len(provider.submitted) == 1


async def test_those_who_wait_in_line_are_not_looked_at_again_for_nothing(
    store, screen, clock, tmp_path
):
    narrow = FakeProvider(concurrency=1)
    narrow.polls.extend([RUNNING] * 50)
    house = House(store, {"fake": narrow}, screen, clock, tmp_path)
    for _ in range(5):
        await house.order()
    await house.run_now()
    clock.advance(0.5)
    await house.worker.reread()
    assert store.schedule.take(clock()) is None


async def test_a_job_goes_on_without_a_card_and_is_given_one_later(house, store, screen, clock):
    requester = Requester(guild_id=1, channel_id=2, user_id=7)
    job, _ = await house.studio.order(Brief(prompt="a fox"), request="r", requester=requester)
    await house.run_now()
    assert (await house.get(job)).state is State.QUEUED, "its card is on its way"
    clock.advance(11)
    await house.run_now()
    assert (await house.get(job)).state is not State.QUEUED
    assert screen.cards == [job.id]
    await house.worker.reread()
    assert screen.cards == [job.id, job.id]


async def test_a_card_that_stands_lets_its_job_go_on_at_once(house, store):
    requester = Requester(guild_id=1, channel_id=2, user_id=7)
    job, _ = await house.studio.order(Brief(prompt="a fox"), request="r", requester=requester)
    await house.run_now()
    await house.studio.placed(job, card_channel_id=2, card_id=5, thread_id=None)
    await house.run_now()
    assert (await house.get(job)).state is State.RENDERING


async def test_after_a_start_every_card_of_a_late_ending_is_looked_after(house, screen, clock):
    for user in range(60):
        job = await house.get(await house.order(user=user))
        await house.store.jobs.save(job.to(State.CANCELLED, now=clock(), cancelled_by=user))
    early = await house.get(await house.order(user=99))
    clock.advance(-3600)
    await house.store.jobs.save(early.to(State.CANCELLED, now=clock(), cancelled_by=99))
    clock.advance(3600)
    screen.shown.clear()
    await house.worker.load()
    assert {number for number, _, _ in screen.shown} == set(range(1, 61))


async def test_who_asks_for_all_jobs_gets_all(house):
    for number in range(30):
        await house.store.jobs.add(draft(number, guild_id=1, user_id=7))
    assert len(await house.store.jobs.of(guild_id=1, limit=None)) == 30
    assert len(await house.store.jobs.of(guild_id=1, states={State.QUEUED}, limit=None)) == 30
    requester = Requester(guild_id=1, channel_id=2, user_id=7)
    assert len(await house.studio.queue(requester=requester)) == 25
    assert len(await house.studio.queue(requester=requester, limit=None)) == 30


# What the provider answered with “not now”, and what that may have cost.


async def test_not_now_is_sent_again_so_many_times_and_each_is_counted(house, provider, store):
    job = await house.order()
    provider.submits.extend([Busy("Not now.", retry_after=1, answered=True)] * 3)
    await house.run()
    job = await house.get(job)
    assert (job.state, job.repeats, job.attempt) == (State.DONE, 3, 4)

    job = await house.order()
    provider.submits.extend([Busy("Not now.", retry_after=1, answered=True)] * 100)
    await house.run(steps=100)
    job = await house.get(job)
    assert (job.state, job.failure, job.billed) == (State.FAILED, "down", "no")
    assert job.error == f"Not now. It was asked {REPEATS + 1} times."
    assert len(provider.submits) == 100 - REPEATS - 1
    assert await store.check() == []


async def test_what_was_never_sent_is_not_counted(house, provider):
    job = await house.order()
    provider.submits.extend([Busy("It cannot be reached.", retry_after=1)] * 12)
    await house.run(steps=60)
    job = await house.get(job)
    assert (job.state, job.repeats) == (State.DONE, 0)


# After a job was given up.


async def given_up(house, provider, clock):
    """A job whose time is over and whose person was told."""
    job = await house.order()
    provider.polls.extend([RUNNING] * 10_000)
    await house.run_now()
    clock.advance(601)
    await house.run_now()
    job = await house.get(job)
    assert (job.state, job.billed, job.due_at) == (State.EXPIRED, "unknown", None)
    return job


async def until_over(house, clock, seconds, stride=10):
    for _ in range(int(seconds / stride)):
        clock.advance(stride)
        await house.run_now()


async def test_a_clip_that_comes_late_is_fetched_and_posted_and_says_so(
    house, provider, clock, store, screen
):
    job = await given_up(house, provider, clock)
    await until_over(house, clock, 300)
    asked = len(provider.polled)
    provider.polls.clear()
    await until_over(house, clock, 1000)

    job = await house.get(job)
    assert (job.state, job.billed, job.error) == (State.DONE, "yes", None)
    assert job.note == "It came late: Fake finished it after its time was up."
    assert screen.delivered == [(job.id, b"clip", False)]
    assert len(provider.submitted) == 1
    assert asked <= 8, "ever more rarely"
    assert await store.check() == []


async def test_so_is_one_of_which_only_the_next_process_hears(
    house, provider, store, clock, tmp_path
):
    job = await given_up(house, provider, clock)
    provider.polls.clear()
    again = await restarted(house, store, provider, clock, tmp_path)
    await until_over(again, clock, 200)
    assert (await again.get(job)).state is State.DONE
    assert again.screen.delivered == [(job.id, b"clip", False)]


async def test_who_was_not_told_yet_is_told_by_the_next_process_at_once(
    house, provider, store, clock, tmp_path, screen
):
    """And not only once it is time to ask whether the clip has come late."""
    job = await house.order()
    provider.polls.extend([RUNNING] * 10_000)
    await house.run_now()
    clock.advance(601)
    screen.script.append(Busy("Discord is having trouble."))
    while (await house.get(job)).state is not State.EXPIRED:
        await house.worker.step()
    clock.advance(1)
    again = await restarted(house, store, provider, clock, tmp_path)
    await again.run_now()
    assert [told[0] for told in again.screen.told] == [job.id]


async def test_nobody_asks_longer_than_the_result_is_kept(house, provider, store, clock, tmp_path):
    job = await given_up(house, provider, clock)
    before = len(provider.polled)
    await until_over(house, clock, 3 * 3600, stride=60)
    assert 5 <= len(provider.polled) - before <= 30
    asked = len(provider.polled)
    again = await restarted(house, store, provider, clock, tmp_path)
    await until_over(again, clock, 3600, stride=60)
    assert len(provider.polled) == asked
    assert (await again.get(job)).state is State.EXPIRED


async def test_a_job_that_fails_after_all_is_not_asked_about_any_more(
    house, provider, store, clock
):
    job = await given_up(house, provider, clock)
    provider.polls.clear()
    provider.polls.append(Refusal("It broke.", failure=Failure.DOWN, billed=False))
    await until_over(house, clock, 4000, stride=60)
    assert (await house.get(job)).state is State.EXPIRED
    assert len([each for each in provider.polls if each is not RUNNING]) == 0
    assert await store.check() == []


# Asked no sooner than the document says.


async def test_no_question_comes_sooner_than_the_document_says(store, screen, clock, tmp_path):
    times = []

    class Slow(FakeProvider):
        async def poll(self, order, remote_id):
            times.append((clock(), clock() + 7))
            clock.advance(7)  # a slow answer
            return await super().poll(order, remote_id)

    provider = Slow()
    provider.polls.extend([RUNNING, Busy("x", retry_after=1), Unclear("?")] * 30)
    house = House(store, {"fake": provider}, screen, clock, tmp_path)
    job = await house.order()
    await house.run_now()
    for _ in range(200):
        clock.advance(0.5)
        house.tracker.wake(await house.get(job))  # as a callback does
        await house.run_now()
    assert len(times) > 5
    again = await restarted(house, store, provider, clock, tmp_path)
    for _ in range(60):
        clock.advance(0.5)
        await again.run_now()
    pauses = [begun - ended for (_, ended), (begun, _) in itertools.pairwise(times)]
    assert min(pauses) >= 5, pauses


# Rows that cannot be saved, and bills that cannot be understood.


@pytest.mark.parametrize("bill", [1e300, 10**400, 1e18])
async def test_an_absurd_bill_is_booked_as_far_as_it_can_be(store, screen, clock, tmp_path, bill):
    price = replace(PRICE, per_second={"*": Decimal("0.01")})
    provider = FakeProvider(models=(model(price=price),))
    house = House(store, {"fake": provider}, screen, clock, tmp_path)
    provider.polls.append(Report(stage=Stage.READY, url="https://x.test/a.mp4", cost=bill))
    job = await house.order()
    await house.run()
    assert (await house.get(job)).state is State.DONE
    [overrun] = await store.accounting.overruns()
    assert overrun.amount == 10**12 - job.price, "and moderators are told"
    assert await store.check() == []


@pytest.mark.parametrize("bill", [float("nan"), float("inf"), -1.0, "12", True, [3]])
async def test_a_bill_that_is_not_understood_was_not_said(
    store, screen, clock, tmp_path, bill, caplog
):
    price = replace(PRICE, per_second={"*": Decimal("0.01")})
    provider = FakeProvider(models=(model(price=price),))
    house = House(store, {"fake": provider}, screen, clock, tmp_path)
    provider.polls.append(Report(stage=Stage.READY, url="https://x.test/a.mp4", cost=bill))
    job = await house.order()
    await house.run()
    job = await house.get(job)
    assert (job.state, job.cost) == (State.DONE, None)
    assert (await store.policy.bill(job.id)).spent == job.price > 0
    assert "bill" in caplog.text


async def test_a_row_that_nothing_can_be_written_down_of_is_parked_and_the_rest_goes_on(
    house, provider, store, clock
):
    provider.polls.append(Report(stage=Stage.READY, url="https://x.test/\ud800.mp4"))
    job, other = await house.order(), await house.order(user=8)
    for _ in range(12):
        await house.run_now()
        clock.advance(31)
    job = await house.get(job)
    assert (job.state, job.due_at, job.remote_id) == (State.REVIEW, None, "remote-1")
    assert (await house.get(other)).state is State.DONE
    assert not await house.worker.step()
    assert await store.check() == []


async def test_what_became_of_such_a_row_outlives_a_full_disk(house, provider, store):
    """Trouble with the disk in the middle of that costs nothing that is known."""

    class Odd:
        """Takes no row with the clip's address, and has no room for the next one either."""

        def __init__(self, jobs):
            self._jobs, self.full = jobs, 3

        def __getattr__(self, name):
            return getattr(self._jobs, name)

        async def save(self, job, why="", **options):
            if job.state is State.RENDERING:
                raise ValueError("cannot be stored")
            if job.state is State.REVIEW and self.full:
                self.full -= 1
                raise full()
            return await self._jobs.save(job, why, **options)

    store.jobs = Odd(store.jobs)
    house = House(store, {"fake": provider}, Presenter(), house.clock, house.data)
    job = await house.order()
    await until_over(house, house.clock, 600, stride=31)
    job = await house.get(job)
    assert (job.state, job.remote_id, job.billed) == (State.REVIEW, "remote-1", "unknown")
    assert len(provider.submitted) == 1


# Trouble of ours.


def full():
    return OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    "trouble", [full(), OSError(errno.EIO, "I/O error"), MemoryError(), OSError(errno.EMFILE, "x")]
)
async def test_what_this_machine_cannot_do_just_now_ends_nothing(
    store, provider, screen, clock, tmp_path, trouble, caplog
):
    made = []

    async def make_room():
        made.append(clock())

    house = House(store, {"fake": provider}, screen, clock, tmp_path, make_room=make_room)
    provider.fetches.extend([trouble] * 1000)
    job = await house.order()
    await until_over(house, clock, 6 * 3600, stride=120)
    held = await house.get(job)
    assert (held.state, held.tries) == (State.FETCHING, 0), "no try, and no end"
    assert "1 clip waits" in await house.worker.trouble()
    assert len([each for each in caplog.records if each.levelname == "ERROR"]) == 1, "said once"
    assert bool(made) == (getattr(trouble, "errno", 0) == errno.ENOSPC), "it asks for room"

    provider.fetches.clear()
    await until_over(house, clock, 600)
    assert (await house.get(job)).state is State.DONE
    assert await house.worker.trouble() is None
    assert screen.delivered == [(job.id, b"clip", False)]


async def test_a_hanging_ffmpeg_degrades_nothing_and_is_shown_to_a_person_in_the_end(
    store, provider, clock, tmp_path
):
    hanging = tmp_path / "ffmpeg"
    hanging.write_text("#!/bin/sh\nexec sleep 60\n")
    hanging.chmod(0o700)
    tries = []

    class Screened(Presenter):
        async def deliver(self, job, clip, *, again):
            tries.append(job.tries)
            if len(tries) <= HANGS:
                await ffmpeg("-i", clip, timeout=0.2, program=hanging)
            return await super().deliver(job, clip, again=again)

    screen = Screened()
    house = House(store, {"fake": provider}, screen, clock, tmp_path)
    job = await house.order()
    await until_over(house, clock, 3000, stride=100)
    job = await house.get(job)
    assert (job.state, set(tries)) == (State.REVIEW, {0})
    again = job.to(State.DELIVERING, now=clock(), due_at=clock(), error=None)
    house.tracker.wake(await store.jobs.save(again, "check again, by a moderator"))
    await house.run()
    assert (await house.get(job)).state is State.DONE
