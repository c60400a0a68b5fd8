"""A bot that is cut off from its database server: it leaves Discord before another takes over."""

import asyncio
import logging

import pytest

from bot.exits import Exit
from storage.postgresql.leases import MARGIN, VALID
from tests.e2e.test_server_store import AWAY, settings
from tests.rig.house import until, working
from tests.rig.paid import ordered, paid_provider
from tests.rig.severed import severed

WHILE = 1.0  #: seconds in which nothing may happen


async def test_cut_off_it_leaves_discord_does_nothing_and_comes_back(
    playground, mira, tmp_path, databases
):
    url, held = databases.of(tmp_path), paid_provider()
    try:
        async with (
            severed(url) as way,
            working(playground, tmp_path, providers={"held": held}, **settings(way.url)) as house,
        ):
            await ordered(mira, prompt="before")
            await until(lambda: len(held.polled) > 1)
            way.freeze()
            await ordered(mira, prompt="hanging")
            assert playground.online, "it may be a moment's trouble"
            playground.clock.advance(VALID - MARGIN)
            await until(lambda: not playground.online)
            assert not house.store.sure
            done = held.submitted.copy(), len(held.polled)
            told = await mira.wait_for(AWAY)
            assert told.ephemeral, "whoever had asked is told, alone"
            await asyncio.sleep(WHILE)
            assert (held.submitted, len(held.polled)) == done
            assert not playground.online
            way.thaw()
            await until(lambda: playground.online and house.store.sure)
            again = await ordered(mira, prompt="afterwards")
            await until(lambda: again.message is not None and "afterwards" in again.message.text)
            await until(lambda: len(held.polled) > done[1])
            prompts = {job.brief.prompt for job in await house.store.jobs.newest()}
            assert prompts == {"before", "afterwards"}
            assert await house.store.check(thorough=True) == []
    finally:
        databases.empty()


async def test_cut_off_until_another_took_over_it_never_comes_back(
    playground, mira, tmp_path, databases, caplog
):
    url, held = databases.of(tmp_path), paid_provider()
    try:
        with caplog.at_level(logging.ERROR), pytest.raises(Exit) as error:
            async with (
                severed(url) as way,
                working(
                    playground, tmp_path, providers={"held": held}, **settings(way.url)
                ) as house,
            ):
                way.freeze()
                playground.clock.advance(VALID - MARGIN)
                await until(lambda: not playground.online)
                with databases.raw(tmp_path) as db:
                    db.execute("UPDATE dailies.lease SET epoch = epoch + 1, holder = 'another'")
                way.thaw()
                await until(house.store.lease.gone.is_set)
                assert not playground.online
        assert "Another Dailies has taken over" in str(error.value)
        assert held.submitted == []
    finally:
        databases.empty()
