"""Health: what is alive, what is ready, and what a human reads, by really using each part."""

import asyncio
import json

import aiohttp
import pytest

from bot.app import health
from bot.app.background import Background
from bot.app.probes import gateway_check, progress_check, room_check, turning_check
from bot.chat.heartbeat import heartbeat
from bot.files.cache import ClipCache
from tests.rig.house import until, working
from tests.rig.paid import ordered, paid_provider
from tests.rig.worker import clock, provider, screen, store  # noqa: F401  # fixtures
from tests.rig.worker import house as small  # noqa: F401  # a fixture


async def asked(deployment, path):
    """The status and the body of an answer."""
    url = f"http://127.0.0.1:{deployment.web.port}{path}"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, json.loads(await answer.text())


async def test_a_bot_that_works_is_alive_ready_and_well(paid_house, mira):
    await ordered(mira)
    for path in ("/livez", "/readyz", "/healthz"):
        status, body = await asked(paid_house, path)
        assert (status, body["ok"], body["trouble"]) == (200, True, []), path
    figures = body["figures"]
    assert figures["last_event_age_seconds"] < 60
    assert figures["heartbeat_age_seconds"] < 60
    assert figures["worker_idle_seconds"] < 60
    assert figures["disk_free_bytes"] > 0


async def test_discord_that_answers_no_heartbeat_is_not_ready_and_no_reason_to_restart(
    playground, tmp_path
):
    playground.gateway.heartbeat = 2.0
    async with working(playground, tmp_path, providers={"held": paid_provider()}) as deployment:
        look = gateway_check(deployment.bot, quiet=1.0)
        beat = await until(lambda: heartbeat(deployment.bot))
        assert beat.every == pytest.approx(2.0)
        await until(lambda: heartbeat(deployment.bot).latency < 60)
        assert await look() is None
        playground.gateway.acknowledges = False

        async def silent():
            said = await look()
            return said is not None and "has not answered a heartbeat for" in said

        await until(silent)
        assert deployment.bot.is_ready(), "discord.py itself believes that all is well"
        assert (await asked(deployment, "/livez"))[0] == 200
        playground.gateway.acknowledges = True


async def test_before_it_is_connected_it_is_alive_and_not_ready(playground, tmp_path):
    from bot.app.compose import deploy
    from tests.rig.house import settings_for

    settings = settings_for(playground, tmp_path / "data")
    async with deploy(settings, environ={}, providers={"held": paid_provider()}) as deployment:
        assert (await asked(deployment, "/livez"))[0] == 200
        status, body = await asked(deployment, "/readyz")
        assert (status, body["trouble"]) == (503, ["not connected to Discord"])


async def test_a_disk_that_is_nearly_full_takes_no_orders(store, tmp_path):  # noqa: F811
    free = 5 * 2**30
    cache = ClipCache(store, data=tmp_path, days=0, room=0, spare=2, free=lambda _: free)
    look = room_check(cache)
    assert await look() is None
    free = 2**30
    assert await look() == "less than 2 GiB free on the disk, so no orders are taken"


async def test_a_worker_that_does_not_come_round_is_behind(small, clock):  # noqa: F811
    await small.order()
    look = progress_check(small.worker)
    assert await look() is None
    clock.advance(600)
    await small.order()
    await small.run_now()
    clock.advance(600)
    assert "the worker is" in await look()
    await small.run(steps=20)
    assert await look() is None


async def test_a_worker_that_goes_round_is_not_stuck(small):  # noqa: F811
    look = turning_check(small.worker)
    assert small.worker.idle() is None, "it does not run yet"
    task = asyncio.create_task(small.worker.run())
    await until(lambda: small.worker.idle() is not None)
    assert await look() is None
    await small.worker.stop()
    await task


async def test_a_task_that_ended_by_itself_is_a_reason_to_restart(caplog):
    async def broken():
        raise LookupError("a bug")

    background = Background()
    background.begin(asyncio.Event().wait(), name="clip cache")
    background.begin(broken(), name="bucket sync")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert await background.trouble() == "stopped unexpectedly: bucket sync"
    assert "LookupError: a bug" in caplog.text
    await background.end(within=5)
    assert await background.trouble() == "stopped unexpectedly: bucket sync", "a stop is no trouble"


@pytest.mark.parametrize(("live", "code", "said"), [(True, 0, "well"), (False, 1, "not connected")])
async def test_dailies_health_asks_for_what_its_reader_needs(
    playground, tmp_path, monkeypatch, capsys, live, code, said
):
    """A container that Discord is away for is not to be restarted; a human is told all of it."""
    from bot.app.compose import deploy
    from tests.rig.house import settings_for

    settings = settings_for(playground, tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    async with deploy(settings, environ={}, providers={"held": paid_provider()}) as deployment:
        monkeypatch.setenv("DAILIES_WEB_PORT", str(deployment.web.port))
        assert await asyncio.to_thread(health.main, *health.address(), live=live) == code
    assert said in capsys.readouterr().out
