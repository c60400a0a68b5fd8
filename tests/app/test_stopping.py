"""A stop: the gateway first, then what people wait for, then the rest; and nobody sees a crash."""

import asyncio
import gc
import logging
import signal
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest
from discord.gateway import KeepAliveHandler

from bot.app import deployment as deploying
from bot.chat.answers_first import CROWD
from tests.e2e.test_kill import SMALL, order, run
from tests.rig.house import HANGS, until, working
from tests.rig.paid import paid_provider

MANY = 30
READY_AFTER = 5.0  #: seconds, far more than a stop takes here


def crashes(caplog):
    return [
        record
        for record in caplog.records
        if record.levelno >= logging.ERROR or record.exc_info is not None
    ]


async def test_a_stop_in_a_burst_answers_everybody_whom_it_heard(playground, tmp_path, caplog):
    people = [playground.person(name) for name in ("mira", "jonas", "ada")] * (MANY // 3)
    limits = {"dailies_quota": 10**6, "dailies_budget": 10**6}
    pace = {"dailies_jobs_per_user": 100, "dailies_orders_at_once": 100}
    async with working(playground, tmp_path, providers={"held": paid_provider()}, **limits, **pace):
        await until(lambda: people[0].commands())
        asked = [await each.type("/video text", prompt="a red fox") for each in people]
        await until(lambda: any(each.message for each in asked))
    # The house is closed. Whoever had been heard has an answer; no job is left without its card.
    assert crashes(caplog) == []
    answered = [each for each in asked if each.message is not None]
    assert answered
    async with working(playground, tmp_path, providers={"held": paid_provider()}) as house:
        jobs = await house.store.jobs.live()
        # Where 25 s are too few for a stop, some are left with "thinking": their card comes now.
        shown = [each.message for each in answered]
        taken = [each for each in shown if each.loading or "will cost" in each.text]
        assert len(jobs) == len(taken)
        rows = [await house.store.jobs.get(job.id) for job in jobs]
        assert all(row.card_id is not None for row in rows)


async def test_whoever_was_told_thinking_in_a_crowd_is_told_at_a_stop(playground, tmp_path, caplog):
    people = [playground.person(name) for name in ("mira", "jonas", "ada")] * 2
    with ExitStack() as crowd:
        async with working(playground, tmp_path, providers={"held": paid_provider()}) as house:
            await until(lambda: people[0].commands())
            answers = house.bot.presenter._answers
            answers._at_most = HANGS  # however slow the machine: no order has begun
            for _ in range(CROWD):
                crowd.enter_context(answers.awaited())
            asked = [await each.type("/video text", prompt="a red fox") for each in people]
            for each in asked:
                await each.answered
            assert all(each.message.loading for each in asked)
        told = [each for person in people[:3] for each in person.everything()]
        assert [each.text for each in told if each.loading] == []
        again = [each for each in told if each.text.startswith("Dailies is restarting, so this")]
        assert len(again) == len(people)
        assert all(each.ephemeral for each in again), "the channel is spared of it"
    assert crashes(caplog) == []
    async with working(playground, tmp_path, providers={"held": paid_provider()}) as house:
        assert await house.store.jobs.newest() == [], "nothing was ordered"
        await (await people[0].type("/video text", prompt="a red fox")).answered
        await until(house.store.jobs.newest)


def heartbeats():
    """The threads that keep sessions of this loop alive."""
    loop = asyncio.get_running_loop()
    threads = [each for each in threading.enumerate() if isinstance(each, KeepAliveHandler)]
    return [each for each in threads if each.ws.loop is loop]


async def test_a_session_that_was_given_up_while_it_began_leaves_no_thread(playground, tmp_path):
    async with working(playground, tmp_path, providers={"held": paid_provider()}) as house:
        await playground.gateway.invalidate()  # so that it begins another one, after a pause
        await until(lambda: [each for each in heartbeats() if each.ws is not house.bot.ws])
    assert heartbeats() == []


@pytest.mark.long
async def test_a_session_that_begins_at_the_stop_tells_the_closed_bot_nothing(
    playground, tmp_path, caplog
):
    async with working(playground, tmp_path, providers={"held": paid_provider()}) as house:
        session = house.bot._connection
        session.guild_ready_timeout = READY_AFTER  # so long after it begins it is to be ready
        begun = asyncio.Event()

        async def on_connect():
            begun.set()

        house.bot.add_listener(on_connect)
        await playground.gateway.invalidate()
        await begun.wait()
    assert session._ready_task is not None, "it was about to say so"
    await until(lambda: session._ready_task is None)
    gc.collect()  # what nobody waited for is told then
    assert crashes(caplog) == []


async def test_the_gateway_is_closed_before_a_handler_is_waited_for(playground, tmp_path):
    seen = []

    async def slow(bot):
        await until(lambda: not playground.online)
        await asyncio.sleep(0.1)
        seen.append(bot.is_closed())  # it answers over the connection that this closes

    async with working(playground, tmp_path, providers={"held": paid_provider()}) as house:
        handler = asyncio.create_task(slow(house.bot), name="CommandTree-invoker")
        await asyncio.sleep(0)
    await handler
    assert seen == [False]


async def test_whoever_does_not_end_is_cut_off_before_the_storage_closes(
    playground, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(deploying, "STOPPING", deploying.CLOSING + 0.2)
    ends = []

    async def endless(store):
        try:
            await asyncio.Event().wait()
        finally:
            ends.append(await store.jobs.live())  # still open

    async with working(playground, tmp_path, providers={"held": paid_provider()}) as house:
        handler = asyncio.create_task(endless(house.store), name="discord-ui-view-dispatch-x")
        await asyncio.sleep(0)
    assert handler.done()
    assert ends == [[]]
    assert crashes(caplog) == []


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
async def test_each_signal_stops_alike_and_loses_nothing(playground, tmp_path, by):
    mira, log = playground.person("mira"), tmp_path / "log"
    async with run(playground, tmp_path / "data", log, LOCAL_SECONDS="60") as bot:
        await order(playground, mira, **SMALL)
        await mira.wait_for("Rendering")
        bot.send_signal(by)
        assert await asyncio.wait_for(bot.wait(), 120) == 0, log.read_text()[-2000:]
    assert "Traceback" not in log.read_text()


def test_the_stop_fits_into_what_compose_allows():
    text = (Path(__file__).parent.parent.parent / "compose.yaml").read_text()
    assert f"stop_grace_period: {deploying.STOPPING + 5:.0f}s" in text
