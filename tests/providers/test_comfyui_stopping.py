"""A clip is stopped wherever a ComfyUI server has it, and nobody else's is."""

import asyncio

import pytest

from bot.errors import Busy
from bot.providers._comfyui.placing import named
from playground.providers._server import Answer
from tests.rig.fleets import hold, running, slow
from tests.rig.provider_rig import raised

__all__ = ["slow"]


@pytest.mark.parametrize("atomic", [True, False], ids=["newer", "older"])
async def test_a_clip_is_stopped_wherever_it_is(slow, atomic):
    hold(slow)
    server = slow.servers["gpu1"]
    await slow.servers["gpu2"].kill()
    server.vices.atomic_cancel = atomic
    orders = [slow.order(seed=each) for each in range(2)]
    receipts = [await slow.provider.submit(order) for order in orders]
    await running(slow, orders[0], receipts[0].remote_id)
    await slow.provider.cancel(orders[1], receipts[1].remote_id)
    assert server.world.queue == []
    async with asyncio.timeout(30):
        while True:
            try:
                await slow.provider.cancel(orders[0], receipts[0].remote_id)
                break
            except Busy as busy:
                assert str(busy) == "gpu1 is stopping it."
                await asyncio.sleep(0.02)
    assert server.world.history[named(orders[0].attempt)].status == "cancelled"
    await slow.servers["gpu2"].revive()


@pytest.mark.parametrize("atomic", [True, False], ids=["newer", "older"])
async def test_nobody_elses_clip_is_stopped(slow, atomic):
    server = slow.servers["gpu1"]
    server.vices.atomic_cancel = atomic
    await slow.servers["gpu2"].kill()
    foreign = server.world.foreign(0.5, id="foreign")
    await asyncio.sleep(0.05)
    order = slow.order()
    receipt = await slow.provider.submit(order)
    await slow.provider.cancel(order, receipt.remote_id)
    async with asyncio.timeout(30):
        while foreign.status != "completed":
            await asyncio.sleep(0.02)
    assert [prompt.id for prompt in server.runs] == ["foreign"]
    await slow.servers["gpu2"].revive()


async def test_stopping_takes_as_long_as_the_node_that_runs(slow):
    hold(slow)
    slow.servers["gpu1"].vices.late_interrupt = 0.4
    order = slow.order()
    receipt = await slow.provider.submit(order)
    await running(slow, order, receipt.remote_id)
    with pytest.raises(Busy, match="gpu1 is stopping it"):
        await slow.provider.cancel(order, receipt.remote_id)


async def test_a_server_that_does_not_answer_is_not_waited_for_long(slow):
    order = slow.order()
    receipt = await slow.provider.submit(order)
    await slow.servers["gpu1"].kill()
    with pytest.raises(Busy):
        await slow.provider.cancel(order, receipt.remote_id)
    slow.ahead += 121
    await slow.provider.cancel(order, receipt.remote_id)
    await slow.servers["gpu1"].revive()


async def test_what_may_be_elsewhere_is_stopped_there_and_kept_here(slow):
    order = slow.order()
    slow.servers["gpu1"].script("submit", Answer(carried_out=True, dropped=True))
    await raised(slow.provider.submit(order))
    cut = slow.servers["gpu1"]
    cut.world.running.stalled = True
    cut.answers = lambda _seen: Answer(status=502, body=b"")
    again = slow.order(attempt=order.attempt, again=True)
    await raised(slow.provider.submit(again))
    slow.ahead += 301
    receipt = await slow.provider.submit(again)
    assert receipt.remote_id.startswith("gpu2/")
    cut.answers = lambda _seen: None
    for server in slow.provider._servers.values():
        await slow.provider._following.tidy(server)
    await slow.followed(again, receipt.remote_id)
    async with asyncio.timeout(30):
        while cut.world.running is not None:
            await asyncio.sleep(0.02)
    assert cut.world.history[named(order.attempt)].status == "cancelled"
