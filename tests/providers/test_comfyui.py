"""What a ComfyUI server is sent, what it makes of it, and how far it says it is."""

import asyncio
import json
import uuid

import pytest

from bot.errors import Busy, Refusal
from bot.media.decode import decode
from bot.providers import Stage
from bot.providers._comfyui.placing import named
from bot.providers._comfyui.progress import Watch
from playground.providers._server import Answer
from storage import Lora, Mode
from tests.rig.fleets import one, running, slow
from tests.rig.gpus import fleet
from tests.rig.provider_rig import raised

__all__ = ["one", "slow"]


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
