"""What follows an answer waits while many wait for theirs, and not for long."""

import asyncio
from dataclasses import replace

import pytest

from bot.chat.answers_first import CROWD, FEW, AnswersFirst
from bot.errors import Busy
from playground import open_playground
from playground.discord.trouble import LATE
from tests.rig.house import HANGS, until, working


async def test_what_follows_waits_until_few_wait_for_an_answer():
    answers = AnswersFirst(few=1)
    first, second = answers.awaited(), answers.awaited()
    first.__enter__()
    await answers.given()  # one is no crowd
    second.__enter__()
    following = asyncio.create_task(answers.given())
    await asyncio.sleep(0.01)
    assert not following.done()
    first.__exit__(None, None, None)
    await following
    second.__exit__(None, None, None)


async def test_it_does_not_wait_for_long():
    answers = AnswersFirst(few=0, at_most=0.01)
    with answers.awaited():
        await answers.given()


async def test_nothing_that_waited_begins_at_a_stop_nor_what_comes_after_it():
    answers, begun = AnswersFirst(few=0, at_most=HANGS), []

    async def work(number):
        begun.append(number)

    async def refused(number):
        with pytest.raises(Busy, match="nothing was charged"):
            await answers.before(work(number))

    with answers.awaited():
        first = asyncio.create_task(refused(1))
        await asyncio.sleep(0.01)
        assert not first.done()
        answers.stop()
        await first
        with answers.awaited():
            await asyncio.wait_for(refused(2), HANGS / 2)
    assert begun == []


async def test_so_many_are_a_crowd_until_one_is_answered():
    answers = AnswersFirst(crowd=2)
    with answers.awaited():
        assert not answers.crowded
        with answers.awaited():
            assert answers.crowded
        assert not answers.crowded


def answers_in(playground):
    return [call for call in playground.requests if call.path.endswith("/callback")]


@pytest.mark.long
async def test_whoever_comes_in_a_crowd_is_told_to_wait_and_gets_one_clip(tmp_path):
    many = CROWD + 28
    async with open_playground(rate_limits=False, patient=True) as playground:
        crowd = [playground.add_person(f"person{number}") for number in range(many)]
        roomy = {"dailies_jobs_per_server": 1000, "dailies_budget": 10**6}
        async with working(playground, tmp_path, **roomy) as bot:
            here = asyncio.Event()
            held = replace(LATE, lasts=0.0, until=here)
            playground.trouble("POST", "/callback$", held, times=CROWD)
            asked = [await each.type("/video text", prompt="a red fox") for each in crowd]
            await until(lambda: len(answers_in(playground)) == many)
            here.set()
            for each in asked:
                await each.answered

            async def all_have_cards():
                jobs = await bot.store.jobs.newest(limit=many + 1)
                return jobs if len(jobs) == many and all(each.card_id for each in jobs) else None

            jobs = await until(all_have_cards)
            assert sorted(job.user_id for job in jobs) == sorted(each.id for each in crowd)
            people = {each.id: each for each in crowd}
            cards = {job.user_id: people[job.user_id].message(job.card_id) for job in jobs}
            assert all(f"#{job.id}" in cards[job.user_id].text for job in jobs)
            await until(lambda: not any(each.message and each.message.loading for each in asked))
            # A machine that takes seconds for this has missed the time in which Discord hears some.
            missed = [each for each in asked if each.message is None]
        edited = [call for call in playground.requests if call.path.endswith("/@original")]
        assert len(edited) >= many - CROWD - len(missed), "these were told to wait first"


async def test_nearly_all_who_order_at_once_are_answered_before_the_first_thread(tmp_path):
    async with open_playground(rate_limits=False) as playground:
        crowd = [playground.add_person(f"person{number}") for number in range(40)]
        roomy = {"dailies_jobs_per_server": 1000, "dailies_budget": 10**6}
        async with working(playground, tmp_path, **roomy):
            for each in crowd:
                await each.type("/video text", prompt="a red fox")

            def asked(end):
                paths = [f"{call.method} {call.path}" for call in playground.requests]
                return [at for at, path in enumerate(paths) if path.endswith(end)]

            await until(lambda: len(asked("/threads")) == len(crowd))
            assert len(asked("/callback")) == len(crowd)
            before = [at for at in asked("/callback") if at < min(asked("/threads"))]
            assert len(before) >= len(crowd) - FEW
