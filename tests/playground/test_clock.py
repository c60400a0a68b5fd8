"""The playground's clock: what was turned has passed, what the machine held up has not."""

import asyncio
import time

from playground.discord.clock import STEP, Clock


async def test_a_countdown_leaves_out_what_held_up_the_event_loop():
    clock, rung = Clock(), []
    clock.count_down(6 * STEP, lambda: rung.append(clock.now()), unless=lambda: False)
    began = clock.now()
    await asyncio.sleep(STEP / 2)
    time.sleep(10 * STEP)  # noqa: ASYNC251  # a machine that is busy with something else
    await asyncio.sleep(2 * STEP)
    assert rung == [], "it was held up for longer than the whole countdown"
    while not rung:
        await asyncio.sleep(STEP / 4)
    assert rung[0] - began >= 15 * STEP


async def test_a_countdown_ends_when_its_time_is_turned_and_not_when_it_is_not_wanted():
    clock, rung = Clock(), []
    clock.count_down(3.0, lambda: rung.append("due"), unless=lambda: False)
    clock.count_down(3.0, lambda: rung.append("unwanted"), unless=lambda: True)
    await asyncio.sleep(0)
    clock.advance(2.9)
    assert rung == []
    clock.advance(0.2)
    assert rung == ["due"]
