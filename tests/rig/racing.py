"""Two hundred orders at once over the wire, of which a limit of one lets exactly one through.

Real orders, typed into a Discord on loopback, through discord.py, to SQLite: two rounds each, and a
hundred in `make prove`.
"""

import asyncio
import contextlib
import functools
from dataclasses import replace

from playground import open_playground
from storage import State
from tests.rig.house import until, working
from tests.rig.paid import paid_provider, said
from tests.rig.proving import scaled

USUAL = 2  #: rounds of each of the five races in `make test`: ten in all
ROUNDS = scaled(USUAL, 100)
ORDERS = 200


async def race(folder, proof, command, options, too_late):
    """Let *command*, with *options*, set the limit; who is refused hears *too_late*."""
    async with (
        open_playground(rate_limits=False, patient=True) as playground,
        working(
            playground,
            folder,
            providers={"held": paid_provider()},
            dailies_jobs_per_user=1000,
            dailies_orders_per_minute=60_000,
            dailies_orders_at_once=1000,
            dailies_quota=100_000,
            dailies_budget=100_000,
        ) as house,
    ):
        ada, mira = playground.person("ada"), playground.person("mira")
        await said(ada, command, **options)
        for number in range(1, ROUNDS + 1):
            # What is believed here is who is let through, not how soon: time stands until all are
            # answered. Who is not, on a busy machine, was too late for Discord.
            with playground.clock.stopped(), contextlib.suppress(TimeoutError):
                asked = await asyncio.gather(
                    *(mira.type("/video text", prompt=f"fox {each}") for each in range(ORDERS))
                )
                await until(functools.partial(_answered, asked), 60)
            await until(functools.partial(_answered, asked), 300)
            await until(lambda: not _deciding(), 900)
            told = [message for one in asked if (message := one.message) is not None]
            cards = [message for message in told if not message.ephemeral]
            # A busy machine answers some "thinking…" first; each was decided all the same.
            assert len(cards) <= 1
            assert all(too_late in message.text for message in told if message not in cards)
            [newest, *_] = await house.store.jobs.newest(limit=1)
            assert newest.id == number, "exactly one a round"
            await _make_room(house, newest, mira, playground)
        assert len(await house.store.jobs.newest(limit=1000)) == ROUNDS
        assert await house.store.check(thorough=True) == []
    proof.tried(ROUNDS, f"rounds of {ORDERS} orders at once", usual=USUAL, independent=True)


def _answered(asked):
    return all(one.state != "waiting" for one in asked)


def _deciding():
    """Commands that the bot is still at, as discord.py calls their tasks."""
    return [task for task in asyncio.all_tasks() if task.get_name() == "CommandTree-invoker"]


async def _make_room(house, job, mira, playground):
    """Let the next round begin with nothing used and nothing under way."""
    await house.store.writer.write(lambda db: db.execute("DELETE FROM pace"))
    while (job := await house.store.jobs.get(job.id)).state is not State.RENDERING:
        await asyncio.sleep(0.01)
    stopped = job.to(State.CANCELLED, now=playground.clock.now(), cancelled_by=mira.id)
    await house.store.jobs.save(replace(stopped, billed="no"))
