"""From SIGTERM to the exit: 25 seconds, while a provider holds on to two orders."""

import asyncio
import time

from bot.app.deployment import STOPPING
from playground.providers._server import Answer
from storage import State, look_into
from tests.rig.house import until
from tests.rig.imitated import imitated

SLACK = 2.0  #: seconds for a busy machine


async def test_a_post_that_can_end_does_and_one_that_cannot_is_cut_off(media, tmp_path):
    gates = asyncio.Event(), asyncio.Event()
    async with imitated(media, tmp_path, only=("ltx",)) as place:
        server = place.servers["ltx"]
        server.script("submit", *(Answer(gate=gate, carried_out=True) for gate in gates))
        ends, never = [await place.order("text", prompt="a fox", duration=6) for _ in gates]
        await until(lambda: len(server.seen) == len(gates), 20)
        loop = asyncio.get_running_loop()
        loop.call_later(STOPPING - 5, gates[0].set)
        loop.call_later(STOPPING + 0.2, gates[1].set)  # or the imitated company never ends
        began = time.monotonic()
    assert time.monotonic() - began < STOPPING + SLACK
    async with look_into(tmp_path) as store:
        after = {job.id: (await store.jobs.get(job.id)).state for job in (ends, never)}
    assert after == {ends.id: State.RENDERING, never.id: State.SUBMITTING}
