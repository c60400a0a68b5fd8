"""A bot that is killed while a GPU makes its clip: one render, one post, whenever that was."""

import asyncio
import signal

import pytest

from playground import open_playground
from tests.e2e.test_kill import INSTANTS, exactly_one_clip, order, run
from tests.rig.gpus import environ_of, gpus, small_workflows
from tests.rig.processes import process
from tests.rig.proving import PROVING

USUAL = ("before:rendering",)  #: the server has it, and the row does not say so
TRIED = INSTANTS if PROVING else USUAL


@pytest.mark.prove
async def test_a_bot_that_is_killed_renders_nothing_twice(media, tmp_path, proof):
    for number, instant in enumerate(TRIED):
        async with open_playground() as playground:
            await _killed(playground, media, tmp_path / str(number), instant)
    proof.tried(len(TRIED), "kills of a bot whose clip a GPU makes", usual=len(USUAL))


async def _killed(playground, media, folder, instant):
    folder.mkdir()
    log, data, mira = folder / "log", str(folder / "data"), playground.person("mira")
    workflows = small_workflows(folder / "workflows")
    async with gpus(media, folder / "gpus") as servers:
        environ = environ_of(servers, workflows)
        arguments = [playground.api_url, playground.gateway_url, playground.token, data, instant]
        mortal = ["-m", "tests.rig.mortal_bot", *arguments]
        async with process(*mortal, log=log, environ=environ) as bot:
            await order(playground, mira, provider="comfyui", model="ltx-text", duration=2)
            ended = await asyncio.wait_for(bot.wait(), 180)
            assert ended == -signal.SIGKILL, log.read_text()[-2000:]
        if instant == "posted":
            playground.clock.advance(600)  # Discord has forgotten the nonce
        async with run(playground, data, log, **environ):
            await exactly_one_clip(playground, mira, log)
        assert sum(len(server.runs) for server in servers.values()) == 1, instant
