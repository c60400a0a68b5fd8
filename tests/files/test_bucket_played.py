"""The whole bot with a bucket: what people see of it, and the operator."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from bot.app.cli import health as health_command
from bot.app.configuration import Configuration
from bot.app.doctor import doctor
from bot.files.cache import DAY, FRESH, GIB
from bot.settings import Settings
from storage import State
from tests.e2e.test_kill import SMALL, exactly_one_clip, order, run
from tests.files.test_bucket import read
from tests.rig import s3 as imitation
from tests.rig.house import until, working
from tests.rig.makers import NATIVE, Maker
from tests.rig.paid import fetched, pressed
from tests.rig.processes import ROOT, process
from tests.rig.taking import clip_of, done, first_clip


@pytest.fixture
async def s3():
    async with imitation.s3() as server:
        yield server


@pytest.fixture
def able():
    return Maker("able", NATIVE)


@pytest.fixture
async def house(playground, tmp_path, able, s3):
    async with working(
        playground,
        tmp_path,
        providers={"able": able},
        loopback=frozenset({urlsplit(playground.api_url).netloc}),
        dailies_disk_gb=1 / GIB,
        **s3.settings(),
    ) as deployment:
        yield deployment


async def copied(house, number):
    """The copy of a clip, once it is in the bucket."""
    return await until(lambda: house.store.files.copy_of(f"takes/{number}.mp4"))


async def make_room(house, playground, tmp_path, *numbers):
    """All these clips leave the disk."""
    for number in numbers:
        await done(house, number)
        await copied(house, number)
    playground.clock.advance(2 * FRESH)
    assert await house.cache.tidy() == len(numbers)
    assert not [path for path in (tmp_path / "takes").iterdir() if path.suffix == ".mp4"]


@pytest.mark.long
async def test_a_clip_that_made_room_is_shown_sent_compared_and_built_on(
    playground, mira, house, able, tmp_path, s3
):
    clip = await first_clip(mira)
    await (await mira.type("/video text", prompt="another")).answered
    await clip_of(mira, 2)
    await make_room(house, playground, tmp_path, 1, 2)

    asked = await mira.type("/video show", clip="1")
    await asked.answered
    shown = await until(lambda: (m := asked.message) and m.attachments and m)
    original = s3.objects[f"studio/{(await copied(house, 1)).key}"]
    assert (await fetched(shown.attachments[0])) == original
    await make_room(house, playground, tmp_path, 1)

    await (await mira.type("/video show", clip="2", public=True)).answered
    await mira.wait_for(lambda each: "**#2** · take" in each.text and bool(each.attachments))
    await make_room(house, playground, tmp_path, 2)

    asked = await mira.type("/video compare", a="1", b="2")
    await asked.answered
    await until(lambda: (m := asked.message) and len(m.attachments) == 3)
    await make_room(house, playground, tmp_path, 1, 2)

    await mira.react(clip, "✉️")
    private = mira.go_to_dm()
    await mira.wait_for(lambda each: each.channel_id == private and bool(each.attachments))
    await make_room(house, playground, tmp_path, 1)

    await mira.react(clip, "🔁")
    await clip_of(mira, 3)
    assert able.orders[-1].video.file == "takes/1.mp4"
    await make_room(house, playground, tmp_path, 1, 3)
    await mira.react(clip, "⏩")
    await clip_of(mira, 4)


@pytest.mark.long
async def test_the_link_to_an_original_is_ours_and_opens(
    playground, mira, able, tmp_path, s3, media
):
    content = media.clip.read_bytes() + (11 * 2**20).to_bytes(4, "big") + b"free"
    able.made = tmp_path / "large.mp4"
    able.made.write_bytes(content + os.urandom(11 * 2**20 - 8))
    async with working(playground, tmp_path, providers={"able": able}, **s3.settings()) as house:
        await first_clip(mira)
        await copied(house, 1)
        asked = await mira.type("/video show", clip="1", quality="original")
        await asked.answered
        shown = await until(lambda: (m := asked.message) and "[the original](" in m.text and m)
        link = re.search(r"\[the original\]\((\S+)\) until <t:(\d+):f>", shown.text)
        assert link[1].startswith(f"{s3.endpoint}/originals/studio/takes/1-")
        assert int(link[2]) == pytest.approx(playground.clock.now() + 7 * DAY, abs=60)
        assert await read(link[1]) == (200, able.made.read_bytes())


@pytest.mark.long
async def test_what_only_a_link_can_deliver_waits_for_the_bucket(
    playground, mira, able, tmp_path, s3, media
):
    """Neither does it fit, nor can it be made smaller, nor does its provider give a link."""
    able.made = tmp_path / "broken.mp4"
    able.made.write_bytes(media.clip.read_bytes()[:40] + os.urandom(11 * 2**20))
    able.limits = replace(able.limits, keeps_for=0)
    s3.held = asyncio.Event()
    async with working(playground, tmp_path, providers={"able": able}, **s3.settings()) as house:
        await (await mira.type("/video text", prompt="a fox")).answered
        await until(lambda: s3.puts())
        assert (await house.store.jobs.get(1)).state is State.DELIVERING
        s3.held.set()
        await copied(house, 1)
        playground.clock.advance(60)
        message = await mira.wait_for(lambda each: "**#1** is ready" in each.text)
        link = re.search(r"\[the original\]\((\S+)\)", message.text)[1]
        assert await read(link) == (200, able.made.read_bytes())


async def test_what_lies_in_a_bucket_that_is_down_is_said_and_told_of(
    playground, mira, house, tmp_path, s3
):
    await first_clip(mira)
    await make_room(house, playground, tmp_path, 1)
    s3.down = True
    asked = await mira.type("/video show", clip="1")
    await asked.answered
    shown = await until(lambda: (m := asked.message) and "a red fox" in m.text and m)
    assert "The file of #1 is in the bucket, which can't be reached right now" in shown.text
    asked = await mira.type("/video show", clip="1", public=True)
    await asked.answered
    await until(lambda: (m := asked.message) and "can't be reached right now" in m.text)


async def test_a_bucket_that_is_down_delays_nobody_and_is_filled_later(
    playground, mira, house, tmp_path, s3, capsys
):
    s3.down = True
    await first_clip(mira)
    await done(house, 1)
    await until(lambda: house.bucket_sync.trouble)
    status, body = await read(f"http://127.0.0.1:{house.web.port}/healthz")
    health = json.loads(body)
    assert (status, health["ok"]) == (200, True), "the bot is well without it"
    assert health["remarks"] == ["The bucket “originals/studio” can't be reached."]
    assert await asyncio.to_thread(health_command, "127.0.0.1", house.web.port) == 0
    assert capsys.readouterr().out == f"well; {health['remarks'][0]}\n"
    playground.clock.advance(2 * FRESH)
    assert await house.cache.tidy() == 0
    s3.down = False
    await copied(house, 1)
    await make_room(house, playground, tmp_path, 1)


@pytest.mark.long
async def test_delete_mine_leaves_nothing_on_the_disk_or_in_the_bucket(
    playground, mira, house, tmp_path, s3, media
):
    await (await mira.type("/video image", prompt="a fox", image=media.picture)).answered
    await clip_of(mira)
    await (await mira.type("/video text", prompt="another")).answered
    await clip_of(mira, 2)
    for number in (1, 2):
        await done(house, number)
        await copied(house, number)
    await until(lambda: len(s3.named()) == 3)
    asked = await mira.type("/video compare", a="1", b="2")
    await asked.answered
    await until(lambda: (m := asked.message) and len(m.attachments) == 3)
    asked = await mira.type("/video privacy")
    await asked.answered
    sure = await pressed(mira, await until(lambda: asked.message), "Delete mine…")
    await pressed(mira, sure.message, "Delete it all")
    await mira.wait_for("2 clips erased")
    left = [path for each in ("takes", "inputs") for path in (tmp_path / each).rglob("*")]
    assert left == []
    await until(lambda: s3.named() == [])


@pytest.mark.long
async def test_killed_between_the_copy_and_its_note_nothing_is_sent_twice(
    playground, mira, tmp_path, s3
):
    environ = {name.upper(): str(value) for name, value in s3.settings().items()}
    log, data = tmp_path / "log", tmp_path / "data"
    mortal = ["-m", "tests.rig.mortal_bot", playground.api_url, playground.gateway_url]
    mortal += [playground.token, str(data), "copied"]
    async with process(*mortal, log=log, environ=environ) as bot:
        await order(playground, mira, **SMALL)
        assert await asyncio.wait_for(bot.wait(), 180) == -signal.SIGKILL, log.read_text()[-2000:]
    [before] = s3.named()
    sent = len(s3.puts())
    async with run(playground, data, log, **environ):
        await exactly_one_clip(playground, mira, log)
        await until(lambda: s3.calls[-1] == ("HEAD", before))
    assert s3.named() == [before]
    assert len(s3.puts()) == sent


# What the operator types.


@pytest.mark.long
def test_doctor_looks_at_the_bucket(tmp_path):
    script = "import asyncio; from tests.files.test_bucket_played import look; asyncio.run(look())"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "DAILIES_DATA": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    well, refused = [line for line in done.stdout.splitlines() if "bucket:" in line]
    assert well == "✓ bucket: originals/studio, originals stay forever"
    assert refused.startswith("✗ bucket: The bucket “originals/studio” refuses the keys")
    assert "check DAILIES_S3_ACCESS_KEY" in refused


async def look():
    """Both, in a process of its own."""
    async with imitation.s3() as server:
        for changes in ({}, {"secret_key": "wrong"}):
            settings = Settings.load(**server.settings(**changes))
            await doctor(Configuration(settings=settings, environ={}, sections={}))
        assert server.objects == {}
