"""kill -9 at every stage: after a restart exactly one clip is posted, and nothing is lost."""

import asyncio
import random
import signal

import pytest

from playground import open_playground
from tests.rig.house import PACE, until
from tests.rig.processes import process
from tests.rig.proving import SEED, scaled
from tests.rig.taking import is_clip

INSTANTS = [
    *(
        f"{side}:{state}"
        for state in ("submitting", "rendering", "fetching", "delivering", "done")
        for side in ("before", "after")
    ),
    "posted",
]
#: The others are killed at by `make long`, and any instant by `tests/fire/test_kills.py`.
USUAL = ("after:submitting", "posted")


def run(playground, data, log, **more):
    """`dailies run` in this playground."""
    playground.gateway.starts.rest()  # a killed bot is followed at once
    environ = {
        "DISCORD_TOKEN": playground.token,
        "DISCORD_API_URL": playground.api_url,
        "DISCORD_GATEWAY_URL": playground.gateway_url,
        "DAILIES_DATA": str(data),
        "DAILIES_WEB_PORT": "0",
        **more,
    }
    return process("-m", "bot", "run", log=log, environ=environ)


async def order(playground, mira, **options):
    await until(lambda: playground.online and mira.commands())
    asked = await mira.type("/video text", prompt="a red fox", **options)
    await asked.answered


async def exactly_one_clip(playground, mira, log, *, after=1.0):
    """One clip is there, and no second one comes."""
    try:
        await mira.wait_for(lambda each: bool(each.attachments))
        await mira.wait_for(lambda each: "Done" in each.text)
    except TimeoutError:
        pytest.fail(log.read_text()[-4000:])
    await asyncio.sleep(after)
    clips = [each for each in mira.everything() if is_clip(each)]
    assert len(clips) == 1
    assert len([each for each in mira.everything() if each.mentions]) == 1


SMALL = {"duration": 2, "resolution": "480p"}
CLIPS, KILLS = scaled(1, 25), 4  #: while each is made


@pytest.mark.parametrize(
    "instant",
    [
        instant if instant in USUAL else pytest.param(instant, marks=pytest.mark.long)
        for instant in INSTANTS
    ],
)
async def test_killed_at_a_named_instant(playground, tmp_path, instant):
    mira, log = playground.person("mira"), tmp_path / "log"
    arguments = [playground.api_url, playground.gateway_url, playground.token]
    mortal = ["-m", "tests.rig.mortal_bot", *arguments, str(tmp_path / "data"), instant]
    async with process(*mortal, log=log) as bot:
        await order(playground, mira, **SMALL)
        assert await asyncio.wait_for(bot.wait(), 180) == -signal.SIGKILL, log.read_text()[-2000:]
    if instant == "posted":
        playground.clock.advance(600)  # Discord has forgotten the nonce: history is all there is
    async with run(playground, tmp_path / "data", log):
        await exactly_one_clip(playground, mira, log)


@pytest.mark.long
@pytest.mark.prove
async def test_killed_again_and_again_at_any_time(tmp_path, proof):
    dice = random.Random(SEED)
    for number in range(CLIPS):
        async with open_playground(rate_windows=PACE, patient=True) as playground:
            await _killed_while_it_makes_one(playground, tmp_path / str(number), dice)
    proof.tried(CLIPS * KILLS, "kills at a random moment", usual=KILLS, independent=True)


async def _killed_while_it_makes_one(playground, folder, dice):
    folder.mkdir()
    mira, log = playground.person("mira"), folder / "log"
    ordered = False
    for _ in range(KILLS):
        async with run(playground, folder / "data", log, LOCAL_SECONDS="2"):
            if not ordered:
                await order(playground, mira, **SMALL)
                ordered = True
            else:
                await until(lambda: playground.online)
            await asyncio.sleep(dice.uniform(0.0, 1.5))
    async with run(playground, folder / "data", log):
        await exactly_one_clip(playground, mira, log)


async def test_sigterm_ends_cleanly_and_the_clip_comes_after_the_restart(playground, tmp_path):
    mira, log = playground.person("mira"), tmp_path / "log"
    async with run(playground, tmp_path / "data", log, LOCAL_SECONDS="5") as bot:
        await order(playground, mira, **SMALL)
        await mira.wait_for("Rendering")
        bot.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(bot.wait(), 180) == 0, log.read_text()[-2000:]
    assert "Traceback" not in log.read_text()
    async with run(playground, tmp_path / "data", log):
        await exactly_one_clip(playground, mira, log)


async def test_a_second_instance_leaves_with_a_sentence(playground, tmp_path):
    log, second = tmp_path / "log", tmp_path / "second"
    async with run(playground, tmp_path / "data", log):
        await until(lambda: playground.online)
        async with run(playground, tmp_path / "data", second) as bot:
            assert await asyncio.wait_for(bot.wait(), 180) == 3
    [line] = second.read_text().splitlines()
    assert line.startswith("Another Dailies (pid ")
    assert "DAILIES_DATA" in line
