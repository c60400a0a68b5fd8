"""The database's machine dies while clips are ordered, and a replica takes over from it."""

import asyncio
import re
import signal
from collections import Counter

import psycopg
import pytest

from storage import ENDED, look_into
from tests.e2e.test_kill import SMALL, run
from tests.e2e.test_server_store import AWAY, settings
from tests.rig.house import HANGS, until, working
from tests.rig.makers import PLAIN, Maker
from tests.rig.paid import PRICED, ordered
from tests.rig.replica import DATABASE
from tests.rig.taking import answered, is_clip

ORDERS = 4  #: and one before: as many as a person may have under way
PROMISED = re.compile(r"^#\d+ is ordered\.")


async def asked_while_it_dies(mira, servers, **options):
    """An order that is under way, and some while the primary dies and its replica takes over: the
    prompts of those that were taken."""
    first = await answered(await ordered(mira, prompt="before", **options))
    assert "before" in first.message.text
    orders = [
        asyncio.create_task(ordered(mira, prompt=f"fox {number}", **options))
        for number in range(ORDERS)
    ]
    await until(lambda: any(each.done() for each in orders))
    await asyncio.to_thread(servers.fail_over)
    asked = [await answered(await order) for order in orders]
    shown = {
        f"fox {number}"
        for number, each in enumerate(asked)
        if each.message is not None and f"fox {number}" in each.message.text
    }
    # Whoever was told "thinking…" and gets no card is told in private, which of them is not said.
    await until(lambda: len(told(mira)) + len(shown) >= ORDERS)
    return {"before", *shown}


def told(person):
    """The sentences with which orders were answered in place of a card."""
    texts = [each.text for each in person.everything()]
    assert not [each for each in person.everything() if each.loading], "nothing thinks for ever"
    return [each for each in texts if AWAY in each or PROMISED.search(each)]


async def settled(data, url):
    """Whether all that was ordered has ended."""
    async with look_into(data, server=url, beside=True) as store:
        jobs = await store.jobs.newest(limit=100)
    return jobs and all(job.state in ENDED and job.due_at is None for job in jobs)


async def promises_held(mira, data, url, taken):
    """What was answered is there, was made and posted once, and the books add up."""
    async with look_into(data, server=url, beside=True) as store:
        jobs = await store.jobs.newest(limit=100)
        prompts = [job.brief.prompt for job in jobs]
        assert len(set(prompts)) == len(prompts)
        assert taken <= set(prompts)
        promised = {
            each.text.split()[0] for each in mira.everything() if PROMISED.search(each.text)
        }
        assert promised <= {f"#{job.id}" for job in jobs}
        for job in jobs:
            assert job.state == "done", job
            posts = [each for each in mira.everything() if is_clip(each)]
            assert len([each for each in posts if job.brief.prompt in each.text]) == 1, job
        assert await store.restorations.latest() is None, "nothing was lost, so nothing waits"
        assert await store.check(thorough=True) == []


@pytest.mark.long
async def test_paid_clips_are_made_and_posted_once_where_a_replica_takes_over(
    playground, mira, tmp_path, servers
):
    maker, store = Maker("plain", PLAIN, price=PRICED), settings(servers.url)
    async with working(playground, tmp_path, providers={"plain": maker}, **store) as house:
        taken = await asked_while_it_dies(mira, servers)
        await until(lambda: settled(tmp_path, servers.url))
        await ordered(mira, prompt="afterwards")
        await until(lambda: settled(tmp_path, servers.url))
        taken.add("afterwards")
        await promises_held(mira, tmp_path, servers.url, taken)
        [held] = house.store.lease.holdings
        assert held.epoch == 1, "it kept its lease"
    await asyncio.to_thread(servers.bring_back)
    async with working(playground, tmp_path, providers={"plain": maker}, **store):
        await ordered(mira, prompt="once more")
        await until(lambda: settled(tmp_path, servers.url))
        await promises_held(mira, tmp_path, servers.url, taken | {"once more"})
    sent = Counter(brief.prompt for brief in maker.orders)
    assert set(sent.values()) == {1}, "nothing is paid twice"
    assert taken | {"once more"} <= sent.keys()
    with psycopg.connect(servers.primary.url(DATABASE)) as db:
        late = db.execute("SELECT 1 FROM dailies.job WHERE brief LIKE '%once more%'").fetchone()
    assert late is None, "the old primary was left alone"


@pytest.mark.long
async def test_a_bot_in_a_process_goes_on_with_a_promoted_replica_by_itself(
    playground, mira, tmp_path, servers
):
    log, data = tmp_path / "log", tmp_path / "data"
    given = {"DAILIES_STORE": servers.url, "LOCAL_SECONDS": "1"}
    async with run(playground, data, log, **given) as bot:
        await until(lambda: playground.online and mira.commands())
        taken = await asked_while_it_dies(mira, servers, **SMALL)
        await until(lambda: settled(data, servers.url))
        await ordered(mira, prompt="afterwards", **SMALL)
        await until(lambda: settled(data, servers.url))
        await promises_held(mira, data, servers.url, taken | {"afterwards"})
        bot.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(bot.wait(), HANGS) == 0, log.read_text()[-2000:]
    assert "Traceback" not in log.read_text()
    with psycopg.connect(servers.replica.url(DATABASE)) as db:
        assert db.execute("SELECT epoch FROM dailies.lease").fetchall() == [(1,)], "it kept it"
