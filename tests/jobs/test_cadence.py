"""Asking where a clip may come, and not where it cannot: fewer questions for the same waiting."""

import math
import random
from dataclasses import replace
from itertools import pairwise

import pytest

from bot.jobs.cadence import ENOUGH, WIDEST, pause
from bot.providers import Report, Stage
from storage import State
from tests.rig.doubles import FakeProvider
from tests.rig.worker import House, clock, screen, store

__all__ = ["clock", "screen", "store"]

EVERY = 5.0  #: seconds, as the documents of most companies have it


def durations(chosen, count, typical):
    """Seconds that clips take: about *typical*, and one of twenty much longer."""
    found = []
    for _ in range(count):
        took = typical * math.exp(chosen.gauss(0, 0.25))
        found.append(took * chosen.uniform(2, 5) if chosen.random() < 0.05 else took)
    return found


def asked(first, pause_at, took):
    """When a clip of *took* seconds is asked about, until it is seen."""
    times = [first]
    while times[-1] < took:
        times.append(times[-1] + pause_at(times[-1]))
    return times


def figures(schedules, clips):
    """Questions a clip, and the mean seconds from ready to seen."""
    questions = sum(map(len, schedules)) / len(clips)
    delay = sum(times[-1] - took for times, took in zip(schedules, clips, strict=True)) / len(clips)
    return questions, delay


@pytest.mark.long
@pytest.mark.parametrize("typical", [30.0, 90.0, 240.0])
def test_learnt_pauses_save_a_quarter_of_the_questions_at_equal_delay(typical):
    chosen = random.Random(11)
    history, clips = sorted(durations(chosen, 200, typical)), durations(chosen, 5_000, typical)
    fixed, delay = figures(
        [asked(chosen.uniform(0, EVERY), lambda _: EVERY, took) for took in clips], clips
    )

    def spread(at):
        return pause(history, at, EVERY) * chosen.uniform(1.0, 1.05)

    first = max(EVERY, pause(history, 0.0, EVERY))
    schedules = [asked(first + chosen.uniform(0, EVERY), spread, took) for took in clips]
    learnt, learnt_delay = figures(schedules, clips)
    # A fixed pause that is longer by so much has the same delay, and as many fewer questions.
    assert learnt <= 0.75 * fixed * delay / learnt_delay
    assert learnt <= 0.75 * fixed
    assert learnt_delay <= 1.3 * delay
    apart = [b - a for times in schedules for a, b in pairwise(times)]
    assert min(apart) >= EVERY
    assert max(apart) <= WIDEST * EVERY * 1.05


def test_with_few_clips_or_past_nearly_all_of_them_it_is_what_the_document_says():
    assert pause([60.0] * (ENOUGH - 1), 0.0, EVERY) == EVERY
    assert pause([60.0] * ENOUGH, 0.0, EVERY) == WIDEST * EVERY
    assert pause([60.0] * ENOUGH, 45.0, EVERY) == 15.0  # no clip took less than 60 seconds
    assert pause([60.0] * ENOUGH, 52.0, EVERY) == EVERY
    assert pause([60.0] * ENOUGH, 59.0, EVERY) == EVERY
    assert pause([60.0] * ENOUGH, 61.0, EVERY) == EVERY
    assert pause([60.0] * 99 + [500.0], 100.0, EVERY) == EVERY


class Rendering(FakeProvider):
    """Says that it renders until its time is over, and how far it is if it *tells*."""

    def __init__(self, clock, *, tells=False):
        super().__init__(concurrency=50)
        self._clock, self._tells = clock, tells
        self.limits = replace(self.limits, first_poll=5.0, poll_every=EVERY)
        self.began, self.times, self.takes = None, [], 60.0

    async def poll(self, order, remote_id):
        self.times.append(self._clock())
        if self._clock() - self.began >= self.takes:
            return await super().poll(order, remote_id)
        return Report(stage=Stage.RUNNING, fraction=0.5 if self._tells else None)


async def one_clip(house, provider, clock):
    """When a clip was asked about, in seconds from its start."""
    job = await house.order()
    provider.began, provider.times = clock(), []
    while (await house.get(job)).state is not State.DONE:
        await house.run_now()
        clock.advance(0.25)
    return [at - provider.began for at in provider.times]


@pytest.mark.long
@pytest.mark.parametrize("tells", [False, True])
async def test_a_worker_learns_how_long_its_clips_take(store, screen, clock, tmp_path, tells):
    provider = Rendering(clock, tells=tells)
    house = House(store, {"fake": provider}, screen, clock, tmp_path)
    before = await one_clip(house, provider, clock)
    for _ in range(ENOUGH - 1):
        await one_clip(house, provider, clock)
    after = await one_clip(house, provider, clock)
    if tells:  # people watch how far it is
        assert len(after) >= len(before) - 2
    else:
        assert len(after) <= 0.6 * len(before)
    for times in (before, after):
        assert min(b - a for a, b in pairwise(times)) >= EVERY
    assert after[-1] - provider.takes <= EVERY * 1.1 + 0.25
