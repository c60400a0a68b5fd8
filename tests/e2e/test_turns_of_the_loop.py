"""Nothing keeps the event loop: whatever people do, all others are heard in between."""

import asyncio
import json
import signal
from statistics import median

import pytest

from tests.e2e.test_kill import SMALL
from tests.rig.house import until
from tests.rig.processes import process
from tests.rig.taking import RETAKE, clip_of

LONGEST = 5.0  #: milliseconds of CPU that a turn may take,
COLD = 10.0  #: and one that is the first of its kind,
WORK = 0.6  #: where the fixed piece of work that is done beside takes so many


async def everything(mira, ada):
    """What people do in a first hour: clips, a retake, lists, reports, suggestions, settings."""
    asked = await mira.type("/video text", prompt="a red fox", **SMALL)
    await asked.answered
    clip = await clip_of(mira)
    await mira.react(clip, RETAKE)
    await clip_of(mira, 2)
    for _ in range(3):
        await _looked(mira, ada)
    more = [await mira.type("/video text", prompt=f"take {n}", **SMALL) for n in range(4)]
    for each in more:
        await each.answered
    for number in range(3, 7):
        await clip_of(mira, number)


async def _looked(mira, ada):
    for command in ("/video usage", "/video takes", "/video queue", "/video models", "/help"):
        await (await mira.type(command)).answered
    await mira.suggestions("/video text", "model", "l")
    for command in ("/quota report", "/studio setup", "/studio queue"):
        await (await ada.type(command)).answered


@pytest.mark.long
async def test_no_turn_of_the_loop_takes_over_five_milliseconds_of_cpu(playground, tmp_path):
    playground.gateway.starts.rest()
    mira, ada, log = playground.person("mira"), playground.person("ada"), tmp_path / "log"
    environ = {
        "DISCORD_TOKEN": playground.token,
        "DISCORD_API_URL": playground.api_url,
        "DISCORD_GATEWAY_URL": playground.gateway_url,
        "DAILIES_DATA": str(tmp_path / "data"),
        "DAILIES_WEB_PORT": "0",
    }
    report = tmp_path / "turns.json"
    bot = process("-m", "tests.rig.timed_bot", str(report), "run", log=log, environ=environ)
    async with bot as running:
        await until(lambda: playground.online and mira.commands())
        running.send_signal(signal.SIGUSR1)
        await everything(mira, ada)
        running.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(running.wait(), 120) == 0, log.read_text()[-2000:]
    found = json.loads(report.read_text())
    turns, slower = found["turns"], max(1.0, found["work"] / WORK)
    assert sum(map(len, turns.values())) > 2_000, "they were measured"
    assert any("help" in kind for kind in turns)
    usual = {kind: median(each) for kind, each in turns.items()}
    assert {kind: ms for kind, ms in usual.items() if ms > LONGEST * slower} == {}
    longest = {kind: max(each) for kind, each in turns.items()}
    assert {kind: ms for kind, ms in longest.items() if ms > COLD * slower} == {}
