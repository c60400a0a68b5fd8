"""A real ComfyUI, where `COMFYUI_TEST_URL` names one: the same facts, and clips without weights.

    export COMFYUI_TEST_URL=http://127.0.0.1:8188
    .venv/bin/python -m pytest tests/providers/test_comfyui_real.py

It needs no model and no GPU, only nodes of ComfyUI itself. Its queue should be empty.
"""

import asyncio
import os
import uuid

import aiohttp
import pytest

from bot.errors import Busy, Refusal
from bot.media.decode import decode
from bot.providers import Stage
from bot.providers._comfyui.placing import named
from tests.providers.test_comfyui_facts import COMPLETED, ORDERS, QUESTIONS, Line, graph
from tests.rig.gpus import WEIGHTLESS, WEIGHTLESS_MANIFEST, Fleet
from tests.rig.provider_rig import raised

URL = os.environ.get("COMFYUI_TEST_URL", "").rstrip("/")

pytestmark = pytest.mark.skipif(not URL, reason="COMFYUI_TEST_URL names no ComfyUI to try")

#: What depends on nodes that only the loopback server has, or on how new a server is.
NOT_THERE = {"a model file that is not there", "one good output and one bad", "a good one"}
BY_VERSION = {"/api/jobs/unknown/cancel"}


def core(nodes):
    """A graph with nodes of ComfyUI itself alone."""
    kept = {name: each for name, each in nodes.items() if each.get("class_type") != "ProbeSteps"}
    for each in kept.values():
        inputs = each.get("inputs", {})
        inputs |= {given: ["1", 0] for given, value in inputs.items() if value == ["2", 0]}
    return kept


@pytest.fixture
async def line():
    async with aiohttp.ClientSession() as session:
        yield Line(URL, session)


@pytest.fixture
async def real(tmp_path):
    folder = tmp_path / "workflows"
    folder.mkdir()
    (folder / "plain.json").write_text(WEIGHTLESS)
    (folder / "plain.toml").write_text(WEIGHTLESS_MANIFEST)
    found = Fleet({}, tmp_path / "data", folder, COMFYUI_URLS=f"real={URL}")
    yield found
    await found.provider.close()


@pytest.mark.parametrize(
    "order", [each for each in ORDERS if each[0] not in NOT_THERE], ids=lambda order: order[0]
)
async def test_it_answers_orders_as_the_loopback_server_does(line, order):
    _, nodes, status, kind, _ = order
    got, data = await line.order(core(nodes))
    assert got == status, data
    errors = [each for found in data["node_errors"].values() for each in found["errors"]]
    assert (errors or [data["error"]])[0]["type"] == kind


@pytest.mark.parametrize(
    "question",
    [each for each in QUESTIONS if each[1] not in BY_VERSION],
    ids=lambda each: f"{each[0]} {each[1]}",
)
async def test_it_answers_questions_as_the_loopback_server_does(line, question):
    method, path, body, status, said = question
    assert await line.ask(method, path, json=body if method == "POST" else None) == (status, said)


async def test_it_tells_of_a_job_as_the_loopback_server_does(line):
    name = str(uuid.uuid4())
    await line.order(core(graph(color=5, prefix=f"dailies/{name}")), prompt_id=name)
    job = await line.ended(name)
    assert set(COMPLETED) <= set(job)
    assert job["outputs"]["4"]["images"][0]["filename"] == f"{name}_00001_.mp4"


async def test_a_clip_is_made_once_found_again_and_fetched(real):
    order = real.order("plain", seed=7)
    receipt = await real.provider.submit(order)
    again = real.order("plain", seed=7, attempt=order.attempt, again=True)
    assert (await real.provider.submit(again)).remote_id == receipt.remote_id
    stages = []
    await real.followed(order, receipt.remote_id, stages=stages)
    assert stages[-1].stage is Stage.READY
    to = real.data / "clip.mp4"
    await real.provider.fetch(order, receipt.remote_id, None, to)
    made = await decode(to)
    assert (made.width, made.height, made.picture.frames) == (448, 256, 48)
    assert made.complete


async def test_a_clip_that_waits_or_runs_is_stopped(real, line):
    orders = [real.order("plain", seed=each, size="1920x1088", duration=4) for each in (11, 12)]
    receipts = [await real.provider.submit(order) for order in orders]
    async with asyncio.timeout(120):
        for order, receipt in reversed([*zip(orders, receipts, strict=True)]):
            while not await stopped(real.provider.cancel(order, receipt.remote_id)):
                await asyncio.sleep(0.5)
    for order in orders:
        status, job = await line.ask("GET", f"/api/jobs/{named(order.attempt)}")
        assert status == 404 or job["status"] in ("cancelled", "completed")


async def stopped(cancelling):
    """Whether it is sure to be stopped."""
    try:
        await cancelling
    except Busy:
        return False
    return True


async def test_what_it_lacks_is_said(real):
    findings = {each.part: each for each in await real.provider.examine()}
    assert "version" in findings["ComfyUI real"].found
    assert findings["ComfyUI real, plain"].mend == ""
    workflow = real.provider._workflows["plain"]
    workflow.graph.nodes["9"] = {"class_type": "NoSuchNodeAtAll", "inputs": {}}
    refusal = await raised(real.provider.submit(real.order("plain", seed=1)))
    assert isinstance(refusal, Refusal)
    assert "lacks the node NoSuchNodeAtAll" in str(refusal)
