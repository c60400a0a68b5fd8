"""A failure of a ComfyUI server is a sentence for the person, and costs nobody a second clip."""

import logging

import pytest

from bot.errors import Busy, Failure, Refusal
from playground.providers._comfyui_world import FAILURES
from playground.providers._server import Answer
from storage import Mode
from tests.rig.fleets import one, running, slow, two
from tests.rig.house import until
from tests.rig.provider_rig import raised

__all__ = ["one", "slow", "two"]


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
    await until(lambda: one.servers["gpu1"].world.history)
    for file in (one.servers["gpu1"].folder / "output" / "dailies").iterdir():
        file.unlink()
    await one.followed(order, receipt.remote_id)
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
