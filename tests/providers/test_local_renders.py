"""Nothing is left of a render of our own that was not wanted, and nothing wanted is lost."""

import asyncio
import os
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bot.errors import Busy, Failure, Refusal
from bot.media import probe
from bot.media.ffmpeg import ffmpeg
from bot.providers import Connection, Order, Stage
from bot.providers.local import Local, connect
from bot.settings import BadSetting
from storage import Brief, Input, Mode
from tests.rig.house import until
from tests.rig.local_clips import SMALL, finished, local, order, photo, ready
from tests.rig.processes import own_children

__all__ = ["local"]


# What goes on while it renders


@pytest.mark.long
async def test_progress_is_told_and_only_grows(local):
    reports = await finished(local, order(SMALL.but(duration=4)))
    assert reports[0].stage is Stage.WAITING
    shares = [report.fraction for report in reports if report.fraction is not None]
    assert shares == sorted(shares) and len({*shares}) > 3
    assert all(0 <= share <= 1 for share in shares)


async def test_the_same_attempt_twice_is_one_render(local, tmp_path):
    wanted = order()
    receipts = [await local.submit(wanted) for _ in range(3)]
    assert {receipt.remote_id for receipt in receipts} == {"attempt-1"}
    await ready(local, wanted, "attempt-1")
    made = (tmp_path / "local/attempt-1/clip.mp4").stat().st_mtime_ns
    await local.submit(wanted)
    assert (await local.poll(wanted, "attempt-1")).stage is Stage.READY
    assert (tmp_path / "local/attempt-1/clip.mp4").stat().st_mtime_ns == made


@pytest.mark.long
async def test_no_more_are_rendered_at_once_than_the_limit_says(local):
    orders = [order(attempt=f"attempt-{n}") for n in range(4)]
    for each in orders:
        await local.submit(each)
    most = 0
    async with asyncio.timeout(120):
        while True:
            reports = [await local.poll(each, each.attempt) for each in orders]
            running = sum(report.stage is Stage.RUNNING for report in reports)
            most = max(most, running)
            if all(report.stage is Stage.READY for report in reports):
                break
            await asyncio.sleep(0.02)
    assert most == local.limits.concurrency


@pytest.mark.long
async def test_the_event_loop_hardly_notices_a_render(local):
    wanted = order(SMALL.but(resolution="720p", prompt="word " * 1000))
    await local.submit(wanted)
    # What this thread computes at a stretch: other processes' turns are not in it.
    worst = 0.0
    async with asyncio.timeout(120):
        while (await local.poll(wanted, wanted.attempt)).stage is not Stage.READY:
            before = time.thread_time()
            await asyncio.sleep(0.005)
            worst = max(worst, time.thread_time() - before)
    assert worst < 0.5


async def running(provider: Local, wanted: Order) -> None:
    """Wait until its ffmpeg is at work."""
    async with asyncio.timeout(120):
        while True:
            report = await provider.poll(wanted, wanted.attempt)
            assert report.stage is not Stage.READY, "it was too quick to be stopped"
            if report.fraction:
                return
            await asyncio.sleep(0.01)


LONG = SMALL.but(duration=20, fps=50, sound=False)


async def test_a_cancelled_render_leaves_no_process_and_no_file(local, tmp_path):
    wanted = order(LONG)
    await local.submit(wanted)
    await running(local, wanted)
    assert own_children()
    await local.cancel(wanted, wanted.attempt)
    assert not own_children()
    assert not list((tmp_path / "local").iterdir())


@pytest.mark.long
async def test_a_render_that_waits_can_be_cancelled_and_others_go_on(local):
    first, second, third = (order(LONG, f"attempt-{n}") for n in range(3))
    for each in (first, second, third):
        await local.submit(each)
    await running(local, first)
    assert (await local.poll(third, third.attempt)).stage is Stage.WAITING
    await local.cancel(third, third.attempt)
    assert (await local.poll(first, first.attempt)).stage is Stage.RUNNING


@pytest.mark.long
async def test_cancelling_what_is_finished_or_unknown_is_harmless(local):
    wanted = order()
    await finished(local, wanted)
    await local.cancel(wanted, wanted.attempt)
    await local.cancel(wanted, wanted.attempt)
    with pytest.raises(Refusal, match="canceled"):
        await local.poll(wanted, wanted.attempt)
    assert not own_children(), "being asked about it does not begin it again"
    with pytest.raises(Refusal, match="canceled"):
        await local.fetch(wanted, wanted.attempt, None, Path("/tmp/never.mp4"))


@pytest.mark.long
async def test_after_a_restart_an_unfinished_clip_is_made_again(tmp_path):
    wanted = order(LONG.but(duration=4))
    before = Local(tmp_path / "local")
    await before.submit(wanted)
    await running(before, wanted)
    await before.close()
    assert not own_children()
    after = Local(tmp_path / "local")
    reports = await ready(after, wanted, wanted.attempt)
    assert reports[0].stage is Stage.WAITING
    await after.fetch(wanted, wanted.attempt, None, tmp_path / "clip.mp4")
    assert (await probe.probe(tmp_path / "clip.mp4")).frames == 200
    await after.close()


@pytest.mark.long
async def test_after_a_restart_a_finished_clip_is_still_there(tmp_path):
    wanted = order()
    before = Local(tmp_path / "local")
    await finished(before, wanted)
    await before.close()
    after = Local(tmp_path / "local")
    assert (await after.poll(wanted, wanted.attempt)).stage is Stage.READY
    await after.close()


BOT = """
import asyncio, sys
from pathlib import Path
from bot.providers import Order
from bot.providers.local import MODEL, Local
from storage import Brief
async def main():
    brief = Brief(prompt="x", resolution="480p", aspect="16:9", duration=20, fps=50, seed=7)
    order = Order(job=1, attempt="attempt-1", model=MODEL, brief=brief, path=None, link=None)
    local = Local(Path(sys.argv[1]))
    await local.submit(order)
    while not (await local.poll(order, "attempt-1")).fraction:
        await asyncio.sleep(0.01)
    print("rendering", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.mark.long
async def test_a_killed_bot_takes_its_renders_with_it_and_loses_nothing(tmp_path):
    bot = await asyncio.create_subprocess_exec(
        sys.executable, "-c", BOT, tmp_path / "local", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert await asyncio.wait_for(bot.stdout.readline(), 120) == b"rendering\n"
        [child] = children_of(bot.pid)
        bot.kill()
        await bot.wait()
    finally:
        if bot.returncode is None:
            bot.kill()
            await bot.wait()
    async with asyncio.timeout(120):
        while Path(f"/proc/{child}/stat").exists():
            await asyncio.sleep(0.01)
    left = list((tmp_path / "local/attempt-1").glob("room-*"))
    assert left, "a killed bot cannot tidy up"
    local = Local(tmp_path / "local")
    wanted = order()
    await ready(local, wanted, "attempt-1")
    names = {path.name for path in (tmp_path / "local/attempt-1").iterdir()}
    assert names == {"clip.mp4", "order.json"}
    await local.close()


def children_of(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def test_a_render_gives_way_to_everything_else(local):
    wanted = order(LONG)
    await local.submit(wanted)
    await running(local, wanted)
    assert {os.getpriority(os.PRIO_PROCESS, pid) for pid in own_children()} == {19}


# What cannot be rendered


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 200])
async def test_a_damaged_picture_is_refused_in_a_sentence(local, tmp_path, content):
    (tmp_path / "p.png").write_bytes(content)
    given = Input(
        file=str(tmp_path / "p.png"), type="image/png", size=len(content), width=9, height=9
    )
    refusal = await refused(local, order(SMALL.but(mode=Mode.IMAGE, image=given)))
    assert refusal.failure is Failure.INPUT
    assert str(refusal).endswith(".")


async def test_a_missing_or_damaged_clip_is_refused_in_a_sentence(local, tmp_path):
    (tmp_path / "bad.mp4").write_bytes(b"\0\0\0\x20ftypisom" + b"\0" * 500)
    for number, name in enumerate(("bad.mp4", "none.mp4")):
        given = Input(
            file=str(tmp_path / name),
            type="video/mp4",
            size=1,
            width=64,
            height=36,
            seconds=2,
            fps=24,
        )
        brief = Brief(mode=Mode.EXTEND, video=given, duration=2)
        refusal = await refused(local, order(brief, f"attempt-{number}"))
        assert refusal.failure is Failure.INPUT


async def test_a_disk_that_takes_nothing_is_said_to_the_operator(tmp_path):
    (tmp_path / "local").write_text("a file where a directory should be")
    local = Local(tmp_path / "local" / "below")
    refusal = await refused(local, order())
    assert refusal.failure is Failure.DOWN and refusal.raw
    assert str(tmp_path) not in str(refusal)
    await local.close()


async def refused(provider: Local, wanted: Order) -> Refusal:
    await provider.submit(wanted)
    async with asyncio.timeout(120):
        while True:
            try:
                report = await provider.poll(wanted, wanted.attempt)
            except Refusal as refusal:
                with pytest.raises(Refusal):  # asked again, it says the same
                    await provider.poll(wanted, wanted.attempt)
                return refusal
            assert report.stage is not Stage.READY
            await asyncio.sleep(0.01)


# Settings, and the disk


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000_000.0

    def __call__(self) -> float:
        return self.now


async def test_a_slowed_render_shows_its_time_as_progress(tmp_path):
    clock = Clock()
    local = Local(tmp_path / "local", pace=3600, steady=clock)
    wanted = order()
    await local.submit(wanted)
    async with asyncio.timeout(120):
        while (await local.poll(wanted, wanted.attempt)).stage is Stage.WAITING:
            await asyncio.sleep(0.01)
    clock.now += 360
    async with asyncio.timeout(120):
        while (await local.poll(wanted, wanted.attempt)).fraction != pytest.approx(0.1):
            await asyncio.sleep(0.01)
    assert not list((tmp_path / "local/attempt-1").glob("clip.mp4"))
    await local.close()


@pytest.mark.long
async def test_the_environment_can_slow_renders_down(tmp_path):
    local = connect(Connection(data=tmp_path, environ={"LOCAL_SECONDS": "2.5"}))
    wanted = order()
    loop = asyncio.get_running_loop()
    before = loop.time()
    await finished(local, wanted)
    assert loop.time() - before >= 2.5
    await local.close()


@pytest.mark.parametrize("said", ["soon", "-1", "nan", "inf", "1e999"])
async def test_a_pace_that_is_no_number_of_seconds_is_refused(tmp_path, said):
    with pytest.raises(BadSetting, match="LOCAL_SECONDS"):
        connect(Connection(data=tmp_path, environ={"LOCAL_SECONDS": said}))


async def test_clips_that_nobody_fetched_are_thrown_away_in_the_end(tmp_path):
    clock = Clock()
    local = Local(tmp_path / "local", clock=clock)
    for name, age in (("old", 25 * 3600), ("new", 23 * 3600)):
        (tmp_path / "local" / name).mkdir(parents=True)
        os.utime(tmp_path / "local" / name, (clock.now - age,) * 2)
    await local.submit(order())
    assert {path.name for path in (tmp_path / "local").iterdir()} >= {"new"}
    assert not (tmp_path / "local" / "old").exists()
    await local.close()


@pytest.mark.long
async def test_a_clip_that_is_gone_is_rendered_again(local, tmp_path):
    wanted, to = order(), tmp_path / "clip.mp4"
    await finished(local, wanted)
    shutil.rmtree(tmp_path / "local")

    async def fetched():
        try:
            await local.fetch(wanted, wanted.attempt, None, to)
        except Busy as busy:
            assert busy.retry_after == local.limits.poll_every
        return to.exists()

    assert not await fetched()
    await until(fetched)
    assert (await probe.probe(to)).frames == 48


@pytest.mark.long
async def test_fetching_twice_gives_the_clip_twice(local, tmp_path):
    wanted = order()
    await finished(local, wanted)
    for _ in range(2):
        (tmp_path / "clip.mp4").write_text("something old")
        await local.fetch(wanted, wanted.attempt, None, tmp_path / "clip.mp4")
        assert (await probe.probe(tmp_path / "clip.mp4")).frames == 48
    assert {path.name for path in tmp_path.iterdir()} == {"clip.mp4", "local"}


async def test_an_attempt_cannot_name_another_directory(local):
    with pytest.raises(AssertionError):
        await local.submit(replace(order(), attempt="../x"))


async def test_an_error_that_nobody_foresaw_fails_free_and_is_logged(tmp_path, caplog):
    def lost(given: Input) -> Path:
        raise LookupError(f"{given.file} is in no book")

    provider = Local(tmp_path / "local")
    brief = SMALL.but(mode=Mode.IMAGE, image=photo(tmp_path / "p.png"))
    refusal = await refused(provider, replace(order(brief), path=lost))
    assert (refusal.failure, refusal.billed) == (Failure.DOWN, False)
    assert "couldn't be rendered" in str(refusal) and "in no book" in refusal.raw
    assert "LookupError" in caplog.text
    await provider.close()


async def test_a_sentence_without_ffmpegs_words_still_reaches_the_log(tmp_path, caplog):
    path = tmp_path / "still.mp4"
    await ffmpeg("-f", "lavfi", "-i", "sine=d=1", "-c:a", "aac", path, timeout=120)
    figures = {"width": 64, "height": 36, "seconds": 1.0, "fps": 24.0}
    given = Input(file=str(path), type="video/mp4", size=1, **figures)
    provider = Local(tmp_path / "local")
    refusal = await refused(provider, order(Brief(mode=Mode.EXTEND, video=given, duration=2)))
    assert "no video" in str(refusal) and "no video" in refusal.raw
    await provider.close()
