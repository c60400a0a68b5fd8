"""The ComfyUI provider and its servers: what is sent, found again, lost, stopped, and said."""

import asyncio
import json
import logging
import uuid
from dataclasses import replace

import pytest
from aiohttp import web

from bot.errors import Busy, Failure, Refusal, Unclear
from bot.media.decode import decode
from bot.media.probe import sniff
from bot.providers import Stage
from bot.providers._comfyui.outputs import clip_of
from bot.providers._comfyui.placing import named
from bot.providers._comfyui.progress import Watch
from playground.providers._comfyui_world import FAILURES
from playground.providers._server import Answer
from storage import Lora, Mode
from tests.rig.gpus import WEIGHTLESS, WEIGHTLESS_MANIFEST, fleet
from tests.rig.provider_rig import raised


@pytest.fixture
async def two(media, tmp_path):
    async with fleet(media, tmp_path) as found:
        yield found


@pytest.fixture
async def one(media, tmp_path):
    async with fleet(media, tmp_path, names=("gpu1",)) as found:
        yield found


@pytest.fixture
async def slow(media, tmp_path):
    """Servers that sample for a second."""
    async with fleet(media, tmp_path, pace=0.8) as found:
        yield found


def hold(fleet):
    """Let the first clip sample until it is stopped: whoever looks for it finds it."""
    held = []

    def decide(prompt):
        prompt.stalled = not held
        held.append(prompt)

    for server in fleet.servers.values():
        server.decide = decide


async def running(fleet, order, remote_id):
    """Until its server works at it."""
    async with asyncio.timeout(30):
        while (await fleet.provider.poll(order, remote_id)).stage is not Stage.RUNNING:
            await asyncio.sleep(0.02)


# It goes well.


async def test_a_clip_is_made_fetched_and_is_what_was_ordered(one):
    order = one.order(fps=24, duration=2)
    receipt = await one.provider.submit(order)
    prompt_id = named(order.attempt)
    assert receipt.remote_id == f"gpu1/{prompt_id}"
    assert str(uuid.UUID(prompt_id)) == prompt_id
    assert receipt.cost is None, "it costs what was quoted"
    remote_id = await one.followed(order, receipt.remote_id)
    to = one.data / "clip.mp4"
    await one.provider.fetch(order, remote_id, None, to)
    made = await decode(to)
    assert (made.width, made.height, made.picture.frames, made.complete) == (448, 256, 49, True)
    [prompt] = one.servers["gpu1"].runs
    assert prompt.graph["16"]["inputs"]["filename_prefix"] == f"dailies/{prompt_id}"
    assert set(prompt.body) == {"prompt", "prompt_id", "client_id"}, "nobody's name, no editor's"
    assert "mira" not in json.dumps(prompt.body)


async def test_inputs_are_uploaded_once_under_their_hash(one, media):
    given = one.picture(media)
    for _ in range(2):
        order = one.order("ltx-frames", mode=Mode.IMAGE, image=given)
        receipt = await one.provider.submit(order)
        await one.followed(order, receipt.remote_id)
    server = one.servers["gpu1"]
    uploads = [seen for seen in server.seen if seen.route == "upload"]
    assert len(uploads) == 2, "the image, and the blank that stands for no last frame"
    files = server.runs[-1].graph
    assert files["20"]["inputs"]["image"].startswith("dailies/")
    assert (server.folder / "input" / files["20"]["inputs"]["image"]).read_bytes() == (
        media.picture.read_bytes()
    )


@pytest.mark.parametrize(
    "said",
    [
        {"name": "../../x.png", "subfolder": "dailies"},
        {"name": "x.png", "subfolder": "/etc"},
        {"name": "x\n.png", "subfolder": "dailies"},
        {"name": "x" * 300, "subfolder": "dailies"},
        {"name": None, "subfolder": "dailies"},
    ],
)
async def test_the_name_of_an_upload_is_not_believed_unseen(one, media, said):
    one.servers["gpu1"].script("upload", Answer(data={**said, "type": "input"}))
    order = one.order("ltx-frames", mode=Mode.IMAGE, image=one.picture(media))
    busy = await raised(one.provider.submit(order))
    assert isinstance(busy, Busy)
    assert str(busy) == "gpu1 did not take the image."
    assert one.servers["gpu1"].runs == []


async def test_an_input_that_somebody_deleted_there_is_uploaded_again(one, media):
    given = one.picture(media)
    first = one.order("ltx-frames", mode=Mode.IMAGE, image=given)
    await one.followed(first, (await one.provider.submit(first)).remote_id)
    for file in (one.servers["gpu1"].folder / "input" / "dailies").iterdir():
        file.unlink()
    second = one.order("ltx-frames", mode=Mode.IMAGE, image=given)
    await one.followed(second, (await one.provider.submit(second)).remote_id)


async def test_loras_are_taken_from_the_server(one):
    order = one.order(loras=(Lora(path="claymation", scale=0.7),))
    await one.followed(order, (await one.provider.submit(order)).remote_id)
    graph = one.servers["gpu1"].runs[0].graph
    assert graph["dailies-lora-1"]["inputs"]["lora_name"] == "claymation.safetensors"
    unknown = one.order(loras=(Lora(path="oil"),))
    refusal = await raised(one.provider.submit(unknown))
    assert isinstance(refusal, Refusal)
    assert "gpu1 lacks the LoRA oil" in str(refusal)
    found = one.provider.models[0].capabilities[0]
    assert found.lora_names == ("claymation.safetensors", "styles/noir.safetensors")


async def test_a_lora_is_called_by_what_can_be_typed_whatever_its_file_is_called(one):
    files = ["My LoRA v2.safetensors", "styles\\noir@2.safetensors", "old.pt"]
    one.servers["gpu1"].models["loras"] = files
    order = one.order(loras=(Lora(path="My_LoRA_v2", scale=0.5), Lora(path="styles/noir_2")))
    await one.followed(order, (await one.provider.submit(order)).remote_id)
    [model] = [each for each in one.provider.models if each.name == "ltx-text"]
    assert model.capabilities[0].lora_names == (
        "My_LoRA_v2.safetensors",
        "styles/noir_2.safetensors",
    )
    graph = one.servers["gpu1"].runs[0].graph
    names = [graph[f"dailies-lora-{each}"]["inputs"]["lora_name"] for each in (1, 2)]
    assert names == files[:2], "the server's own names"


async def test_sending_is_said_right_before_it_may_count(one):
    said = []

    async def sending():
        said.append(one.servers["gpu1"].world.remaining)

    order = one.order()
    await one.provider.submit(
        type(order)(
            **{name: getattr(order, name) for name in order.__slots__} | {"sending": sending}
        )
    )
    assert said == [0]


async def test_nothing_is_sent_where_the_intention_cannot_be_written_down(one):
    async def sending():
        raise Busy("The disk is full.")

    order = one.order()
    no = await raised(
        one.provider.submit(
            type(order)(
                **{name: getattr(order, name) for name in order.__slots__} | {"sending": sending}
            )
        )
    )
    assert isinstance(no, Busy)
    assert one.servers["gpu1"].runs == []
    assert one.provider._servers["gpu1"].ours == set()


# How far it is.


async def test_before_the_first_clip_it_says_what_it_does_and_no_percentage(slow):
    order = slow.order()
    receipt = await slow.provider.submit(order)
    stages = []
    await slow.followed(order, receipt.remote_id, stages=stages)
    said = {report.says for report in stages}
    assert any(each.startswith("gpu1: sampling ") and " of 8" in each for each in said), said
    assert all(report.fraction is None for report in stages[:-1])


async def test_after_one_it_knows_and_never_goes_back(slow):
    first = slow.order()
    await slow.followed(first, (await slow.provider.submit(first)).remote_id)
    await slow.restart()  # what was measured outlives a restart
    second = slow.order(seed=8)
    receipt = await slow.provider.submit(second)
    assert receipt.remote_id.startswith("gpu1/"), "where the weights are warm"
    stages = []
    await slow.followed(second, receipt.remote_id, stages=stages)
    shares = [report.fraction for report in stages if report.fraction is not None]
    assert len(set(shares)) >= 3
    assert shares == sorted(shares)
    assert any(report.left is not None for report in stages)


async def test_a_place_in_the_queue_counts_other_peoples_jobs(slow):
    server = slow.servers["gpu1"]
    for each in range(3):
        server.world.foreign(5, id=f"foreign-{each}")
    for each in range(4):
        slow.servers["gpu2"].world.foreign(5, id=f"foreign-{each}")
    await asyncio.sleep(0.1)
    order = slow.order()
    receipt = await slow.provider.submit(order)
    assert receipt.remote_id.startswith("gpu1/"), "the one with less to do"
    report = await slow.provider.poll(order, receipt.remote_id)
    assert (report.stage, report.says) == (Stage.WAITING, "gpu1: 3 before it in the queue")


async def test_a_deaf_socket_holds_nothing_up(slow):
    for server in slow.servers.values():
        server.vices.deaf = True
    order = slow.order()
    receipt = await slow.provider.submit(order)
    stages = []
    await slow.followed(order, receipt.remote_id, stages=stages)
    assert {report.says for report in stages[:-1]} <= {
        "gpu1: working",
        "gpu1: next in the queue",
    }


async def test_a_socket_that_went_deaf_is_rebuilt(media, tmp_path):
    async with fleet(media, tmp_path, names=("gpu1",), pace=6.0) as slow:
        watched = slow.provider._servers["gpu1"].socket
        watched._silence = 1.5
        order = slow.order()
        receipt = await slow.provider.submit(order)
        await running(slow, order, receipt.remote_id)
        server, [own] = slow.servers["gpu1"], [*slow.servers["gpu1"].world.sockets]
        heard = server.world.sockets.pop(own)  # as where an older connection of ours closes
        async with asyncio.timeout(30):
            while server.world.sockets.get(own) in (None, heard):
                await slow.provider.poll(order, receipt.remote_id)
                await asyncio.sleep(0.05)
            while (report := await slow.provider.poll(order, receipt.remote_id)).says in (
                "gpu1: working",
                "",
            ):
                await asyncio.sleep(0.05)
        assert report.says.startswith("gpu1: sampling")


def test_a_branch_that_is_blocked_ends_nothing():
    watch = Watch()
    state = {"nodes": {"1": {"value": 3, "max": 8, "state": "running"}}}
    watch.hear("progress_state", state, 1.0)
    watch.hear("execution_error", {"exception_type": "ExecutionBlocked"}, 2.0)
    assert watch.took() == {}
    watch.hear("execution_error", {"exception_type": "RuntimeError"}, 3.0)
    assert watch.took() == {"1": 2.0}


def test_frames_of_any_form_are_borne():
    watch = Watch()
    for data in (
        {},
        {"nodes": None},
        {"nodes": {"1": None, "2": {"value": "x", "max": []}, "3": {"value": True, "max": 0}}},
        {"nodes": {"4": {"value": float("nan"), "max": 8, "state": "running"}}},
        {"node": None},
    ):
        for kind in ("progress_state", "execution_cached", "executing", "a custom one"):
            watch.hear(kind, data, 1.0)
    assert watch.took() == dict.fromkeys(watch.took(), 0.0)


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


# Which server.


async def test_a_server_without_a_file_or_node_is_passed_over(two):
    two.servers["gpu1"].models["checkpoints"].clear()
    order = two.order()
    receipt = await two.provider.submit(order)
    assert receipt.remote_id.startswith("gpu2/")
    two.servers["gpu2"].models["checkpoints"].clear()
    await two.restart()
    refusal = await raised(two.provider.submit(two.order()))
    assert isinstance(refusal, Refusal)
    assert refusal.failure is Failure.REFUSED
    assert str(refusal) == (
        "gpu1 lacks the file ltx-imitated.safetensors that this workflow needs. "
        "Its operator has to check it."
    )


async def test_what_a_server_lacks_by_its_own_answer_is_taken_elsewhere(two):
    await two.followed(first := two.order(), (await two.provider.submit(first)).remote_id)
    two.servers["gpu1"].models["checkpoints"].clear()  # since it was asked
    receipt = await two.provider.submit(order := two.order(seed=9))
    assert receipt.remote_id.startswith("gpu2/")
    await two.followed(order, receipt.remote_id)


async def test_a_card_with_too_little_memory_is_passed_over(two):
    two.servers["gpu1"].vram_gb = 12
    receipt = await two.provider.submit(two.order())
    assert receipt.remote_id.startswith("gpu2/")


async def test_a_server_gets_no_more_than_it_is_to_have(media, tmp_path):
    async with fleet(media, tmp_path, pace=30, environ={"COMFYUI_JOBS_PER_SERVER": "1"}) as found:
        assert found.provider.limits.concurrency == 2
        names = {(await found.provider.submit(found.order())).remote_id[:4] for _ in range(2)}
        assert names == {"gpu1", "gpu2"}
        busy = await raised(found.provider.submit(found.order()))
        assert isinstance(busy, Busy)
        assert (busy.failure, str(busy)) == (Failure.RATE, "gpu1 has enough to do for Dailies.")


async def test_many_at_once_are_spread(media, tmp_path):
    async with fleet(media, tmp_path, pace=30, environ={"COMFYUI_JOBS_PER_SERVER": "3"}) as found:
        receipts = await asyncio.gather(
            *(found.provider.submit(found.order(seed=each)) for each in range(6))
        )
        names = sorted(receipt.remote_id.partition("/")[0] for receipt in receipts)
        assert names == ["gpu1"] * 3 + ["gpu2"] * 3


async def test_the_queue_that_is_over_first_is_chosen_and_not_the_shortest(two):
    for name, seconds in (("gpu1", 100.0), ("gpu2", 10.0)):
        two.provider._measured.note(
            name, "ltx-text", seconds=seconds, work=1.0, words="", nodes={}, at=seconds
        )
    for name, others in (("gpu1", 1), ("gpu2", 3)):
        for number in range(others):
            two.servers[name].world.foreign(60, id=f"{name}-{number}")
    receipt = await two.provider.submit(two.order())
    assert receipt.remote_id.startswith("gpu2/"), "30 s, and the other 100 s"


async def test_what_is_on_its_way_to_a_server_counts_also_where_its_weights_are_warm(two):
    order = two.order()
    receipt = await two.provider.submit(order)
    await two.followed(order, receipt.remote_id)
    asked, gate = asyncio.Event(), asyncio.Event()

    async def about_to_be_sent():
        asked.set()
        await gate.wait()

    held = replace(two.order(seed=1), sending=about_to_be_sent)
    first = asyncio.create_task(two.provider.submit(held))
    await asked.wait()
    second = await two.provider.submit(two.order(seed=2))
    gate.set()
    names = {(await first).remote_id.partition("/")[0], second.remote_id.partition("/")[0]}
    assert names == {"gpu1", "gpu2"}


async def test_a_server_that_cannot_be_reached_rests_and_comes_back(two):
    await two.servers["gpu1"].kill()
    receipt = await two.provider.submit(order := two.order())
    assert receipt.remote_id.startswith("gpu2/")
    assert two.provider.healthy
    await two.servers["gpu2"].kill()
    assert isinstance(await raised(two.provider.submit(two.order())), Busy)
    assert not two.provider.healthy
    for server in two.servers.values():
        await server.revive()
    two.ahead += 61
    assert two.provider.healthy
    assert (await two.provider.submit(order)).remote_id.startswith("gpu1/")


# It is stopped.


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


# It fails.


@pytest.mark.parametrize(
    ("how", "failure", "says"),
    [
        (
            "memory",
            Failure.REFUSED,
            "This is too long or too large for the memory of gpu1. Try a shorter or smaller clip.",
        ),
        (
            "ram",
            Failure.REFUSED,
            "This is too long or too large for the memory of gpu1. Try a shorter or smaller clip.",
        ),
        (
            "disk",
            Failure.DOWN,
            "The disk of gpu1 is full. Its operator has to make room there.",
        ),
        (
            "model",
            Failure.REFUSED,
            "A model file on gpu1 is broken or half copied. Its operator has to check it.",
        ),
        (
            "bug",
            Failure.REFUSED,
            (
                "The workflow failed on gpu1 in its step SamplerCustomAdvanced. "
                "The operator's log says why."
            ),
        ),
    ],
)
async def test_a_failure_is_a_sentence_without_paths_or_prompts(one, how, failure, says):
    one.servers["gpu1"].decide = lambda prompt: setattr(prompt, "failure", how)
    order = one.order()
    receipt = await one.provider.submit(order)
    refusal = await raised(one.followed(order, receipt.remote_id))
    assert (refusal.failure, str(refusal), refusal.billed) == (failure, says, False)
    kind, message, _ = FAILURES[how]
    assert kind in refusal.raw, "the operator's log has it"
    assert message.splitlines()[0][:20] in refusal.raw
    assert one.provider._servers["gpu1"].ours == set()


async def test_an_input_that_cannot_be_read_is_the_persons(one, media):
    one.servers["gpu1"].decide = lambda prompt: setattr(prompt, "failure", "input")
    order = one.order("ltx-frames", mode=Mode.IMAGE, image=one.picture(media))
    receipt = await one.provider.submit(order)
    refusal = await raised(one.followed(order, receipt.remote_id))
    assert refusal.failure is Failure.INPUT
    assert "/srv/comfyui" not in str(refusal)


async def test_what_does_fit_is_said(one):
    order = one.order(duration=2)
    await one.followed(order, (await one.provider.submit(order)).remote_id)
    one.servers["gpu1"].decide = lambda prompt: setattr(prompt, "failure", "memory")
    longer = one.order(duration=4)
    refusal = await raised(one.followed(longer, (await one.provider.submit(longer)).remote_id))
    assert str(refusal) == (
        "This is too long or too large for the memory of gpu1; 2 s at 480p fits."
    )


@pytest.mark.parametrize(("how", "times"), [("memory", 2), ("disk", 1)])
async def test_a_server_that_cannot_go_on_rests(one, how, times):
    one.servers["gpu1"].decide = lambda prompt: setattr(prompt, "failure", how)
    for each in range(times):
        assert one.provider.healthy
        order = one.order(seed=each)
        await raised(one.followed(order, (await one.provider.submit(order)).remote_id))
    assert not one.provider.healthy
    assert isinstance(await raised(one.provider.submit(one.order())), Busy)
    one.ahead += 301
    assert one.provider.healthy


async def test_a_clip_that_somebody_stopped_there_says_so(slow):
    slow.servers["gpu1"].decide = lambda prompt: setattr(prompt, "foreign_stop", True)
    order = slow.order()
    receipt = await slow.provider.submit(order)
    refusal = await raised(slow.followed(order, receipt.remote_id))
    assert str(refusal).startswith("Somebody stopped this clip on gpu1 itself")


async def test_an_end_without_a_clip_is_one(one):
    one.servers["gpu1"].decide = lambda prompt: setattr(prompt, "empty", True)
    order = one.order()
    receipt = await one.provider.submit(order)
    refusal = await raised(one.followed(order, receipt.remote_id))
    assert (refusal.failure, refusal.final) == (Failure.BAD_RESULT, True)


async def test_a_clip_whose_file_is_gone_is_given_up(one):
    order = one.order()
    receipt = await one.provider.submit(order)
    await one.followed(order, receipt.remote_id)
    for file in (one.servers["gpu1"].folder / "output" / "dailies").iterdir():
        file.unlink()
    refusal = await raised(
        one.provider.fetch(order, receipt.remote_id, None, one.data / "clip.mp4")
    )
    assert (refusal.failure, refusal.final) == (Failure.BAD_RESULT, True)


async def test_a_graph_of_which_only_a_part_runs_is_stopped(one):
    one.servers["gpu1"].vices.node_errors = True
    order = one.order()
    refusal = await raised(one.provider.submit(order))
    assert isinstance(refusal, Refusal)
    assert "lacks the choice avi" in str(refusal)
    assert one.servers["gpu1"].world.remaining == 0


async def test_a_history_that_comes_late_is_waited_for(one):
    one.servers["gpu1"].vices.late_history = 0.3
    order = one.order()
    receipt = await one.provider.submit(order)
    remote_id = await one.followed(order, receipt.remote_id)
    await one.provider.fetch(order, remote_id, None, one.data / "clip.mp4")


async def test_an_input_over_the_servers_limit_is_refused_before_it_is_sent(one, media):
    one.servers["gpu1"].vices.upload_limit = 100
    order = one.order("ltx-frames", mode=Mode.IMAGE, image=one.picture(media))
    refusal = await raised(one.provider.submit(order))
    assert refusal.failure is Failure.INPUT
    assert "gpu1 takes up to" in str(refusal)
    assert [seen for seen in one.servers["gpu1"].seen if seen.route == "upload"] == []


async def test_an_input_goes_to_the_server_that_takes_it(two, media):
    two.servers["gpu1"].vices.upload_limit = 100
    order = two.order("ltx-frames", mode=Mode.IMAGE, image=two.picture(media))
    assert (await two.provider.submit(order)).remote_id.startswith("gpu2/")
    assert two.provider._servers["gpu1"].ours == set()


async def test_an_upload_that_a_proxy_finds_too_large_is_refused(one, media):
    one.servers["gpu1"].script("upload", Answer(status=413, body=b"too large"))
    order = one.order("ltx-frames", mode=Mode.IMAGE, image=one.picture(media))
    assert (await raised(one.provider.submit(order))).failure is Failure.INPUT


async def test_a_worker_that_died_is_told_to_the_operator(one, caplog):
    one.servers["gpu1"].vices.deaf = True
    one.servers["gpu1"].decide = lambda prompt: setattr(prompt, "stalled", True)
    order = one.order()
    receipt = await one.provider.submit(order)
    await running(one, order, receipt.remote_id)
    one.ahead += 601
    with caplog.at_level(logging.ERROR):
        for _ in range(2):
            report = await one.provider.poll(order, receipt.remote_id)
    assert report.says == "gpu1: no sign of work for a while"
    assert len([each for each in caplog.records if "its worker may be dead" in each.message]) == 1


# Nobody else's, and nothing else.


def job(**outputs):
    return {"status": "completed", "outputs": outputs}


def file(filename="an-id_00001_.mp4", subfolder="dailies", type="output"):
    return {"filename": filename, "subfolder": subfolder, "type": type}


@pytest.mark.parametrize(
    "odd",
    [
        file(type="input"),
        file(type="temp"),
        file("../an-id.mp4"),
        file("an-id/../../x.mp4"),
        file("an-id\\..\\x.mp4"),
        file("an-id_00001_.png"),
        file("another_00001_.mp4"),
        file("an-id" + "a" * 260 + ".mp4"),
        file("an-id\0.mp4"),
        file(subfolder="../dailies"),
        file(subfolder=""),
        file(subfolder=None),
        "an-id_00001_.mp4",
        None,
    ],
)
def test_a_name_that_is_not_ours_is_no_clip(odd):
    assert clip_of(job(**{"16": {"images": [odd]}}), node="16", prompt_id="an-id") is None


def test_only_the_manifests_node_counts_whatever_others_show():
    shown = {
        "3": {"images": [file("an-id-upload.mp4", type="input")], "animated": [True]},
        "16": {"gifs": [file("an-id_00002_.mp4", subfolder="dailies\\")]},
    }
    assert clip_of(job(**shown), node="16", prompt_id="an-id").filename == "an-id_00002_.mp4"
    assert clip_of(job(**shown), node="3", prompt_id="an-id") is None


async def test_a_password_is_needed_on_every_route_and_goes_to_its_own_server(media, tmp_path):
    said = json.dumps({"gpu1": {"Authorization": "Bearer secret-one"}})
    async with fleet(media, tmp_path, environ={"COMFYUI_HEADERS": said}) as found:
        found.servers["gpu1"].vices.password = "Bearer secret-one"
        order = found.order()
        receipt = await found.provider.submit(order)
        assert receipt.remote_id.startswith("gpu1/")
        await found.followed(order, receipt.remote_id)
        assert found.servers["gpu1"].world.sockets, "the socket has it, too"
        for seen in found.servers["gpu2"].seen:
            assert "Authorization" not in seen.headers
        for server in found.servers.values():
            for seen in server.seen:
                assert not {"Origin", "Cookie", "Referer"} & set(seen.headers)
        found.servers["gpu1"].vices.password = "another"
        await found.servers["gpu2"].kill()
        busy = await raised(found.provider.submit(found.order(seed=3)))
        assert isinstance(busy, Busy)
        findings = await found.provider.examine()
        assert "doesn't let Dailies in" in findings[0].found
        assert "secret" not in f"{busy} {busy.raw} {findings}"
        await found.servers["gpu2"].revive()


async def test_no_redirect_is_followed(two):
    for server in two.servers.values():
        server.answers = lambda _seen: Answer(
            status=302, body=b"", headers={"Location": "http://127.0.0.1:1/"}
        )
    assert isinstance(await raised(two.provider.submit(two.order())), Busy)


async def test_nor_is_one_of_the_socket(media, tmp_path):
    seen = []

    async def elsewhere(request):
        seen.append(request.headers)
        return web.Response()

    async def away(_):
        return web.Response(status=302, headers={"Location": f"http://127.0.0.1:{port}/ws"})

    runner = web.AppRunner(web.Application())
    runner.app.router.add_get("/ws", elsewhere)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    async with fleet(media, tmp_path, names=("gpu1",)) as found:
        found.servers["gpu1"]._socket = away
        await found.servers["gpu1"].kill()
        await found.servers["gpu1"].revive()
        order = found.order()
        await found.followed(order, (await found.provider.submit(order)).remote_id)
    await runner.cleanup()
    assert seen == []


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


async def test_no_proxy_of_the_environment_is_used(one, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    await one.provider.submit(one.order())


async def test_the_doctor_sees_each_server_and_what_it_lacks(two):
    two.servers["gpu2"].models["checkpoints"].clear()
    findings = {each.part: each for each in await two.provider.examine()}
    assert findings["ComfyUI gpu1"].found == (
        "version 0.38.1, cuda:0 NVIDIA GeForce RTX 4090 : native, 24 GB, uploads up to 105 MB"
    )
    assert findings["ComfyUI gpu1, ltx-text"].mend == ""
    lacks = findings["ComfyUI gpu2, ltx-text"]
    assert (lacks.found, bool(lacks.mend)) == ("lacks the file ltx-imitated.safetensors", True)
    await two.servers["gpu1"].kill()
    await two.restart()
    findings = {each.part: each for each in await two.provider.examine()}
    assert "gpu1 can't be reached" in findings["ComfyUI gpu1"].found
    assert "--listen" in findings["ComfyUI gpu1"].mend
    await two.servers["gpu1"].revive()


async def test_a_file_that_a_graph_always_loads_has_to_be_there(media, tmp_path):
    """A voice, or a clip that steers, is nobody's input: its operator puts it there."""
    nodes = json.loads(WEIGHTLESS)
    for node, file in (("6", "moves.mp4"), ("7", "kept/moves.mp4"), ("8", "x/a.mp4 [output]")):
        nodes[node] = {"class_type": "LoadVideo", "inputs": {"file": file}}
    also = {"fixed.json": json.dumps(nodes), "fixed.toml": WEIGHTLESS_MANIFEST}
    async with fleet(media, tmp_path, names=("gpu1",), also=also) as found:
        [lacks] = [each for each in await found.provider.examine() if "fixed" in each.part]
        assert lacks.found == "lacks the file moves.mp4", "what lies in folders is not listed"
        refused = await raised(found.provider.submit(found.order("fixed")))
        assert str(refused).startswith("gpu1 lacks the file moves.mp4 that this workflow needs.")
        (found.servers["gpu1"].folder / "input" / "moves.mp4").write_bytes(b"")
        await found.restart()
        [there] = [each for each in await found.provider.examine() if "fixed" in each.part]
        assert there.mend == ""


async def test_without_workflows_it_exists_and_the_doctor_says_how_to_get_one(media, tmp_path):
    async with fleet(
        media, tmp_path, environ={"COMFYUI_WORKFLOWS": str(tmp_path / "nothing")}
    ) as found:
        assert found.provider.models == []
        [*_, last] = await found.provider.examine()
        assert "dailies workflows import" in last.mend
