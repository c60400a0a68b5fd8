"""Cards are current without asking too much of Discord: latest wins, finals first, 5 s apart."""

import asyncio
import itertools
from dataclasses import replace

import pytest

from bot.chat.cards import Cards, Pacer
from bot.chat.gaps import GAPS
from bot.progress import Progress
from storage import Brief, Job, State
from tests.rig.doubles import Clock
from tests.rig.house import until

JOB = Job(
    id=1,
    request="interaction:1",
    guild_id=1,
    channel_id=2,
    user_id=3,
    provider="fake",
    model="one",
    brief=Brief(prompt="a fox"),
    price=0,
    created_at=1_700_000_000.0,
    since=1_700_000_000.0,
    state=State.RENDERING,
    remote_id="r",
)


class PacedCards:
    """Cards over an edit that can be held up."""

    def __init__(self, *, fast=True):
        self.clock = Clock()
        self.edits, self.shares = [], []
        self.go = asyncio.Event()
        self.go.set()
        self.cards = Cards(self.edit, fast=lambda _: fast, clock=self.clock, gaps=GAPS)

    async def edit(self, job, glimpse):
        await self.go.wait()
        self.edits.append((job.state, glimpse.fraction))
        self.shares.append(glimpse.guess(self.clock()))

    def at(self, fraction):
        self.cards.show(JOB, Progress(fraction=fraction))


async def settled():
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize("fast", [True, False])
async def test_the_same_stage_is_written_again_after_a_while_and_then_as_it_is(fast):
    paced = PacedCards(fast=fast)
    paced.at(0.1)
    await settled()
    paced.at(0.2)
    paced.at(0.3)
    await settled()
    assert paced.edits == [(State.RENDERING, 0.1)]
    paced.clock.advance(GAPS.card)
    await until(lambda: len(paced.edits) == 2)
    assert paced.edits[1] == (State.RENDERING, 0.3)


async def test_an_estimate_moves_the_card_on_every_five_seconds_until_it_is_used_up():
    """Nobody is asked anything meanwhile: what is known grows with the time alone."""
    paced = PacedCards(fast=False)
    began = paced.clock()
    paced.cards.show(JOB, Progress(began_at=began, ready_at=began + 30))
    for step in range(1, 13):
        await until(lambda step=step: len(paced.shares) >= step or not paced.cards._tasks)
        paced.clock.advance(5)
    shares = paced.shares
    assert shares[0] == 0
    assert all(after > before for before, after in itertools.pairwise(shares)), shares
    assert len(shares) == 7 and shares[-1] == 0.99, "30 seconds, one each five"
    await until(lambda: not paced.cards._tasks)


async def test_a_stop_writes_no_card_that_only_time_has_changed():
    paced = PacedCards()
    paced.cards.show(JOB, Progress(began_at=paced.clock(), ready_at=paced.clock() + 30))
    await until(lambda: paced.edits)
    await paced.cards.settle()
    assert len(paced.edits) == 1


async def test_many_cards_of_a_channel_are_written_as_often_as_discord_takes():
    """Five edits in five seconds, of all cards of a channel that have no token of their own."""
    paced = PacedCards(fast=False)
    jobs = [replace(JOB, id=number, card_channel_id=7) for number in range(1, 11)]
    for job in jobs:
        paced.cards.show(job, Progress(began_at=paced.clock(), ready_at=paced.clock() + 900))
    await until(lambda: len(paced.edits) == 10)
    for _ in range(5):
        paced.clock.advance(10 * GAPS.cards / 5)
        await asyncio.sleep(1.1)
    assert len(paced.edits) <= 20, "ten at once, and each once more in 12.5 seconds"
    paced.clock.advance(1)
    await until(lambda: len(paced.edits) == 20)
    await paced.cards.settle()


async def test_a_new_stage_is_written_at_once():
    paced = PacedCards()
    paced.at(0.1)
    await settled()
    paced.cards.show(replace(JOB, state=State.FETCHING, rev=1), Progress())
    await settled()
    assert [state for state, _ in paced.edits] == [State.RENDERING, State.FETCHING]


async def test_what_waits_behind_a_slow_edit_is_the_latest_only():
    paced = PacedCards()
    paced.go.clear()
    paced.at(0.1)
    await settled()
    for state, rev in ((State.FETCHING, 1), (State.DELIVERING, 2), (State.DONE, 3)):
        paced.cards.show(replace(JOB, state=state, rev=rev), Progress())
    paced.go.set()
    await until(lambda: len(paced.edits) == 2)
    assert [state for state, _ in paced.edits] == [State.RENDERING, State.DONE]


async def test_an_older_state_never_comes_after_a_newer_one():
    paced = PacedCards()
    paced.go.clear()
    paced.at(0.1)
    await settled()
    paced.cards.show(replace(JOB, state=State.DONE, rev=5), Progress())
    paced.cards.show(replace(JOB, rev=4), Progress(fraction=0.9))
    paced.go.set()
    await until(lambda: len(paced.edits) == 2)
    assert paced.edits[1][0] is State.DONE


async def test_after_an_hour_the_same_stage_is_left_alone():
    paced = PacedCards()
    paced.at(0.1)
    await settled()
    paced.clock.advance(3600)
    paced.at(0.9)
    await asyncio.sleep(1.1)
    assert paced.edits == [(State.RENDERING, 0.1)]
    paced.cards.show(replace(JOB, state=State.DONE, rev=1), Progress())
    await until(lambda: paced.edits[-1][0] is State.DONE)


async def test_a_card_that_cannot_be_edited_does_not_stop_the_next():
    paced = PacedCards()
    broken = Cards(lambda *_: 1 / 0, fast=lambda _: True, clock=paced.clock, gaps=GAPS)
    broken.show(JOB, Progress())
    await settled()
    await broken.settle()
    paced.at(0.1)
    await settled()
    assert paced.edits


async def test_finals_go_before_progress():
    pacer, order = Pacer(per_second=50), []

    async def ask(name, urgent):
        await pacer.wait(urgent=urgent)
        order.append(name)

    # All of them ask before the first may go.
    await asyncio.gather(
        *(ask(f"progress {n}", urgent=False) for n in range(5)), ask("final", urgent=True)
    )
    assert order == ["final", *(f"progress {n}" for n in range(5))]


async def test_no_more_go_in_a_second_than_are_allowed():
    pacer, loop = Pacer(per_second=100), asyncio.get_running_loop()
    began = loop.time()
    await asyncio.gather(*(pacer.wait(urgent=False) for _ in range(21)))
    assert loop.time() - began >= 20 / 100 * 0.95
