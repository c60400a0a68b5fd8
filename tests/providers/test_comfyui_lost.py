"""What a ComfyUI server lost, or may have, is found again or made once more, and never twice."""

import asyncio
import os
import time

import pytest

from bot.errors import Busy, Failure, Refusal, Unclear
from bot.media.probe import sniff
from bot.providers import Stage
from bot.providers._comfyui.placing import named
from playground.providers._server import Answer
from tests.rig.fleets import hold, one, running, slow, two
from tests.rig.house import until
from tests.rig.provider_rig import raised

__all__ = ["one", "slow", "two"]


# It is found again.


async def test_an_order_whose_reply_was_lost_is_found_and_not_rendered_again(two):
    order = two.order()
    two.servers["gpu1"].script("submit", Answer(carried_out=True, dropped=True))
    error = await raised(two.provider.submit(order))
    assert isinstance(error, Unclear)
    again = two.order(attempt=order.attempt, again=True)
    receipt = await two.provider.submit(again)
    assert receipt.remote_id == f"gpu1/{named(order.attempt)}"
    await two.followed(again, receipt.remote_id)
    assert sum(len(server.runs) for server in two.servers.values()) == 1


async def test_an_order_that_never_arrived_is_sent_again(two):
    order = two.order()
    two.servers["gpu1"].script("submit", Answer(dropped=True, status=500))
    assert isinstance(await raised(two.provider.submit(order)), Unclear)
    again = two.order(attempt=order.attempt, again=True)
    receipt = await two.provider.submit(again)
    await two.followed(again, receipt.remote_id)
    assert sum(len(server.runs) for server in two.servers.values()) == 1


async def test_a_server_that_may_have_it_is_waited_for_and_not_for_ever(two):
    order = two.order()
    two.servers["gpu1"].script("submit", Answer(carried_out=True, dropped=True))
    await raised(two.provider.submit(order))
    await two.servers["gpu1"].kill()
    again = two.order(attempt=order.attempt, again=True)
    assert isinstance(await raised(two.provider.submit(again)), Unclear)
    two.ahead += 200
    assert isinstance(await raised(two.provider.submit(again)), Unclear)
    two.ahead += 200
    receipt = await two.provider.submit(again)
    assert receipt.remote_id.startswith("gpu2/")
    await two.followed(again, receipt.remote_id)
    await two.servers["gpu1"].revive()


@pytest.mark.parametrize("status", [500, 502, 429])
async def test_an_answer_that_no_document_has_is_looked_behind(two, status):
    order = two.order()
    two.servers["gpu1"].script("submit", Answer(carried_out=True, status=status, body=b"<html>"))
    receipt = await two.provider.submit(order)
    assert receipt.remote_id.startswith("gpu1/"), "it has it all the same"
    other = two.order(seed=9)
    two.servers["gpu1"].script("submit", Answer(status=status, body=b"<html>"))
    two.servers["gpu2"].script("submit", Answer(status=status, body=b"<html>"))
    busy = await raised(two.provider.submit(other))
    assert isinstance(busy, Busy)
    two.ahead += 400
    receipt = await two.provider.submit(other)
    await two.followed(other, receipt.remote_id)
    assert sum(len(server.runs) for server in two.servers.values()) == 2


async def test_a_new_process_goes_on_where_the_old_one_was(slow):
    order = slow.order()
    receipt = await slow.provider.submit(order)
    await slow.restart()
    stages = []
    await slow.followed(order, receipt.remote_id, stages=stages)
    assert any("sampling" in report.says for report in stages), "a client of the same name is told"
    assert sum(len(server.runs) for server in slow.servers.values()) == 1


# A server loses it.


async def test_a_server_that_is_gone_once_a_clip_is_ready_takes_nothing_with_it(one):
    order, to = one.order(), one.data / "clip.mp4"
    receipt = await one.provider.submit(order)
    await one.followed(order, receipt.remote_id)
    await one.servers["gpu1"].kill()
    await one.restart()
    assert (await one.provider.poll(order, receipt.remote_id)).stage is Stage.READY
    await one.provider.fetch(order, receipt.remote_id, None, to)
    assert sniff(to) == "video/mp4"
    assert not list(one.data.glob("comfyui/*.clip*"))


async def test_a_clip_that_its_server_does_not_hand_out_is_not_called_ready_at_once(two):
    order, to = two.order(), two.data / "clip.mp4"
    server = two.servers["gpu1"]
    receipt = await two.provider.submit(order)
    await until(lambda: server.world.history)
    server.answers = lambda seen: (
        Answer(status=503, body=b"") if "/view" in str(seen.path) else None
    )
    assert isinstance(await raised(two.provider.poll(order, receipt.remote_id)), Busy)
    two.ahead += 301
    report = await two.provider.poll(order, receipt.remote_id)
    assert (report.stage, report.remote_id) == (Stage.READY, None), "it says that it has it"
    assert isinstance(await raised(two.provider.fetch(order, receipt.remote_id, None, to)), Busy)
    server.answers = lambda _seen: None
    await two.provider.fetch(order, receipt.remote_id, None, to)
    assert sum(len(server.runs) for server in two.servers.values()) == 1


async def on_its_way(one):
    """An order whose clip comes slowly, its id there, and what lets the rest of it come."""
    order, server, gate = one.order(), one.servers["gpu1"], asyncio.Event()
    receipt = await one.provider.submit(order)
    await until(lambda: server.world.history)
    server.answers = lambda seen: Answer(gate=gate) if "/view" in str(seen.path) else None
    report = await one.provider.poll(order, receipt.remote_id)
    assert (report.stage, report.says) == (Stage.RUNNING, "gpu1: sending the clip")
    return order, receipt.remote_id, gate


async def test_a_clip_that_comes_slowly_is_said_to_be_on_its_way(one):
    order, remote_id, gate = await on_its_way(one)
    gate.set()
    await one.followed(order, remote_id)
    await one.provider.fetch(order, remote_id, None, one.data / "clip.mp4")
    assert sniff(one.data / "clip.mp4") == "video/mp4"
    assert len([each for each in one.servers["gpu1"].seen if "/view" in each.path]) == 1


async def test_a_clip_that_came_before_its_server_went_is_ready(one):
    order, remote_id, gate = await on_its_way(one)
    gate.set()
    await until(lambda: list((one.data / "comfyui").glob("*.clip")))
    await one.servers["gpu1"].kill()
    assert (await one.followed(order, remote_id)) == remote_id
    await one.provider.fetch(order, remote_id, None, one.data / "clip.mp4")
    assert sniff(one.data / "clip.mp4") == "video/mp4"


async def test_a_clip_that_is_cancelled_on_its_way_is_not_kept(one):
    order, remote_id, gate = await on_its_way(one)
    await one.provider.cancel(order, remote_id)
    gate.set()
    await asyncio.sleep(0.2)
    assert not list((one.data / "comfyui").glob("*.clip*"))


async def test_a_finished_clip_of_a_server_that_stays_away_is_made_by_the_other(two):
    order, to = two.order(), two.data / "clip.mp4"
    receipt = await two.provider.submit(order)
    await until(lambda: two.servers["gpu1"].world.history)
    await two.servers["gpu1"].kill()
    assert isinstance(await raised(two.provider.poll(order, receipt.remote_id)), Busy)
    two.ahead += 301
    report = await two.provider.poll(order, receipt.remote_id)
    assert report.remote_id == f"gpu2/{named(order.attempt, again=True)}"
    await two.followed(order, report.remote_id)
    await two.provider.fetch(order, report.remote_id, None, to)


async def test_a_clip_that_nobody_came_for_is_deleted_after_a_week(one):
    folder = one.data / "comfyui"
    folder.mkdir(parents=True, exist_ok=True)
    for name, days in [("old.clip", 8), ("old.clip.part", 8), ("new.clip", 6), ("old.json", 8)]:
        (folder / name).write_bytes(b"x")
        os.utime(folder / name, (time.time() - days * 86400,) * 2)
    watching = asyncio.create_task(one.provider.watch())
    await until(lambda: not (folder / "old.clip.part").exists())
    watching.cancel()
    left = sorted(file.name for file in folder.iterdir())
    assert [name for name in left if name.startswith(("old", "new"))] == ["new.clip", "old.json"]


async def test_a_finished_clip_is_found_by_its_name_after_a_restart(one):
    order = one.order()
    receipt = await one.provider.submit(order)
    await one.followed(order, receipt.remote_id)
    await one.servers["gpu1"].kill()
    await one.servers["gpu1"].revive()
    report = await one.provider.poll(order, receipt.remote_id)
    assert report.stage is Stage.READY
    await one.provider.fetch(order, receipt.remote_id, None, one.data / "clip.mp4")
    assert sniff(one.data / "clip.mp4") == "video/mp4"
    assert len(one.servers["gpu1"].runs) == 1


async def test_half_a_file_of_a_killed_server_is_no_clip(one):
    server = one.servers["gpu1"]
    server.vices.truncated = True
    order = one.order()
    receipt = await one.provider.submit(order)
    async with asyncio.timeout(30):
        while not server.world.history:
            await asyncio.sleep(0.02)
    await server.kill()
    server.vices.truncated = False
    await server.revive()
    assert isinstance(await raised(one.provider.poll(order, receipt.remote_id)), Busy)
    one.ahead += 15
    report = await one.provider.poll(order, receipt.remote_id)
    assert report.remote_id == f"gpu1/{named(order.attempt, again=True)}"
    await one.followed(order, report.remote_id)
    assert len(server.runs) == 2


async def test_a_clip_that_a_server_forgot_is_made_once_more_and_no_more(slow):
    hold(slow)
    order = slow.order()
    receipt = await slow.provider.submit(order)
    await running(slow, order, receipt.remote_id)
    first = slow.servers["gpu1"]
    await first.kill()
    await first.revive()
    assert isinstance(await raised(slow.provider.poll(order, receipt.remote_id)), Busy)
    slow.ahead += 70
    report = await slow.provider.poll(order, receipt.remote_id)
    assert report.remote_id.endswith(named(order.attempt, again=True))
    assert "stopped in the middle" in report.note
    await running(slow, order, report.remote_id)
    second = slow.servers[report.remote_id.partition("/")[0]]
    await second.kill()
    await second.revive()
    await raised(slow.provider.poll(order, report.remote_id))
    slow.ahead += 70
    refusal = await raised(slow.provider.poll(order, report.remote_id))
    assert isinstance(refusal, Refusal)
    assert (refusal.failure, refusal.billed) == (Failure.LOST, False)
    assert sum(len(server.runs) for server in slow.servers.values()) == 2


async def test_the_second_try_outlives_a_restart_of_ours(slow):
    hold(slow)
    order = slow.order()
    receipt = await slow.provider.submit(order)
    await running(slow, order, receipt.remote_id)
    await slow.servers["gpu1"].kill()
    await slow.servers["gpu1"].revive()
    await raised(slow.provider.poll(order, receipt.remote_id))
    slow.ahead += 70
    report = await slow.provider.poll(order, receipt.remote_id)
    await slow.restart()  # and the row still has the old name
    await raised(slow.provider.poll(order, receipt.remote_id))
    slow.ahead += 70
    found = await slow.provider.poll(order, receipt.remote_id)
    assert found.remote_id == report.remote_id
    await slow.followed(order, found.remote_id)
    assert sum(len(server.runs) for server in slow.servers.values()) == 2


async def test_a_server_that_stays_away_gives_its_clip_to_the_other(slow):
    hold(slow)
    order = slow.order()
    receipt = await slow.provider.submit(order)
    await running(slow, order, receipt.remote_id)
    await slow.servers["gpu1"].kill()
    busy = await raised(slow.provider.poll(order, receipt.remote_id))
    assert isinstance(busy, Busy)
    assert "gpu1 can't be reached" in str(busy)
    slow.ahead += 301
    report = await slow.provider.poll(order, receipt.remote_id)
    assert report.remote_id.startswith("gpu2/")
    assert report.note == "gpu1 stopped in the middle of it, so it was started again on gpu2."
    await slow.followed(order, report.remote_id)
    await slow.servers["gpu1"].revive()


async def test_a_server_that_was_only_cut_off_stops_what_is_made_elsewhere_by_now(slow):
    hold(slow)
    order = slow.order()
    receipt = await slow.provider.submit(order)
    await running(slow, order, receipt.remote_id)
    cut = slow.servers["gpu1"]
    cut.world.running.stalled = True
    cut.answers = lambda _seen: Answer(status=502, body=b"")
    await raised(slow.provider.poll(order, receipt.remote_id))
    slow.ahead += 301
    report = await slow.provider.poll(order, receipt.remote_id)
    assert report.remote_id.startswith("gpu2/")
    cut.answers = lambda _seen: None
    await slow.provider._following.tidy(slow.provider._servers["gpu1"])
    async with asyncio.timeout(30):
        while cut.world.running is not None:
            await asyncio.sleep(0.02)
    assert cut.world.history[named(order.attempt)].status == "cancelled"
    await slow.followed(order, report.remote_id)
