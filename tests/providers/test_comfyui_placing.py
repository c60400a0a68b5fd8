"""Each clip goes to the ComfyUI server that can make it and is free first; the doctor sees all."""

import asyncio
import json
from dataclasses import replace

import pytest

from bot.errors import Busy, Failure, Refusal
from bot.providers._comfyui.addresses import Address
from bot.providers._comfyui.client import Client
from bot.providers._comfyui.trust import trusting
from tests.rig.fleets import two
from tests.rig.gpus import WEIGHTLESS, WEIGHTLESS_MANIFEST, fleet
from tests.rig.provider_rig import raised

__all__ = ["two"]


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
    assert findings["ComfyUI gpu1"].found == "gpu1 can't be reached: connection refused"
    assert "--listen" in findings["ComfyUI gpu1"].mend
    await two.servers["gpu1"].revive()


async def hang_up(_, writer):
    writer.close()


async def talk_nonsense(_, writer):
    writer.write(b"nonsense\r\n\r\n")
    writer.close()


#: What a port may do in a ComfyUI's place, and what the doctor says of it.
NO_SERVERS = {
    "nobody there": (None, "connection refused"),
    "hangs up": (hang_up, "it closed the connection"),
    "no HTTP": (talk_nonsense, "its answer is no HTTP"),
}


@pytest.mark.parametrize(("does", "why"), NO_SERVERS.values(), ids=NO_SERVERS)
async def test_the_doctor_says_in_words_why_a_server_cannot_be_reached(does, why):
    listening = await asyncio.start_server(does or hang_up, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    if does is None:
        listening.close()
        await listening.wait_closed()
    client = Client(Address(name="gpu1", base=f"http://127.0.0.1:{port}"), trusting(None))
    try:
        busy = await raised(client.ask("GET", "/system_stats"))
        assert (str(busy), busy.raw) == ("gpu1 can't be reached.", why)
    finally:
        await client.close()
        listening.close()


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
