"""kill -9 while a clip is joined to another one here: it is joined once, and posted once."""

import asyncio
import signal

import pytest

from bot.media.probe import probe
from tests.e2e.test_kill import order
from tests.rig.house import unlinked
from tests.rig.processes import process
from tests.rig.proving import one_in
from tests.rig.taking import EXTEND, clip_of, saved


@pytest.mark.parametrize("instant", one_in(3, ["after:delivering", "before:delivering", "posted"]))
async def test_killed_while_an_extension_is_joined(playground, tmp_path, instant):
    mira, log = playground.person("mira"), tmp_path / "log"

    def bot(instant):
        arguments = [playground.api_url, playground.gateway_url, playground.token]
        playground.gateway.starts.rest()  # a killed bot is followed at once
        mortal = ["-m", "tests.rig.mortal_bot", *arguments, str(tmp_path / "data"), instant]
        return process(*mortal, log=log, environ={"MORTAL_JOB": "2", "MORTAL_PLAIN": "1"})

    async with bot(instant) as first:
        await order(playground, mira, duration=1)
        clip = await clip_of(mira, 1)
        await mira.wait_for("Done")
        await mira.react(clip, EXTEND)
        assert await asyncio.wait_for(first.wait(), 180) == -signal.SIGKILL, log.read_text()[-2000:]
    if instant == "posted":
        playground.clock.advance(600)  # the nonce is forgotten
    async with bot("never"):
        longer = await clip_of(mira, 2)
        await mira.wait_for(lambda each: "Done" in each.text and "· #2" in each.text)
        await asyncio.sleep(0.5)
    assert "extends take 1 by 2 s at the end" in unlinked(longer)
    assert "Dailies made it" in longer.text
    assert (await probe(await saved(longer, tmp_path / "longer.mp4"))).frames == 24 + 2 * 24 - 1
    posts = [each for each in mira.everything() if "#2** is ready" in each.text]
    assert len(posts) == 1
