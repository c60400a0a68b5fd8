"""A bot that is killed while a GPU makes its clip, alone or together with the GPU: one clip is
rendered to its end, and one is posted, whenever that was."""

import asyncio
import signal

import pytest

from playground import open_playground
from tests.e2e.test_kill import INSTANTS, exactly_one_clip, order, run
from tests.rig.gpus import environ_of, gpus, small_workflows
from tests.rig.house import PACE
from tests.rig.processes import process
from tests.rig.proving import PROVING

USUAL = ("before:rendering",)  #: the server has it, and the row does not say so
TOGETHER = ("before:fetching",)  #: the server has finished it, and will know only the file


@pytest.mark.prove
async def test_a_bot_that_is_killed_renders_nothing_twice(media, tmp_path, proof):
    tried = INSTANTS if PROVING else USUAL
    for number, instant in enumerate(tried):
        async with open_playground(rate_windows=PACE, patient=True) as playground:
            runs = await _killed(playground, media, tmp_path / str(number), instant)
        assert len(runs) == 1, instant
    proof.tried(len(tried), "kills of a bot whose clip a GPU makes", usual=len(USUAL))


@pytest.mark.long
@pytest.mark.prove
async def test_a_bot_and_its_gpus_that_are_killed_together_lose_no_clip(media, tmp_path, proof):
    """As when the power fails: the servers keep their files and forget the rest."""
    tried = INSTANTS if PROVING else TOGETHER
    for number, instant in enumerate(tried):
        async with open_playground(rate_windows=PACE, patient=True) as playground:
            folder = tmp_path / str(number)
            runs = await _killed(playground, media, folder, instant, gpus_too=True)
        finished = [each for each in runs if each.status == "completed"]
        assert (len(finished), len(runs) <= 2) == (1, True), (instant, runs)
    proof.tried(len(tried), "kills of a bot and its GPUs together", usual=len(TOGETHER))


async def _killed(playground, media, folder, instant, *, gpus_too=False):
    """What the servers ran for the one clip that was posted."""
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
        for server in servers.values() if gpus_too else ():
            await server.kill()
            await server.revive()
        if instant == "posted":
            playground.clock.advance(600)  # Discord has forgotten the nonce
        async with run(playground, data, log, **environ):
            await exactly_one_clip(playground, mira, log)
        return [each for server in servers.values() for each in server.runs]
