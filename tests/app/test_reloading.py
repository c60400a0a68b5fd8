"""SIGHUP: settings that can be used are used, by the same process; any others change nothing."""

import asyncio
import json
import signal
import socket
import urllib.request
from contextlib import asynccontextmanager

import pytest

from tests.doors.test_wheel import free_port
from tests.e2e.test_kill import SMALL, order
from tests.rig.house import until
from tests.rig.processes import process
from tests.rig.proving import one_in


class Bot:
    """A bot whose settings stand in files, as those of a container do."""

    def __init__(self, playground, folder):
        self.playground, self.folder, self.log = playground, folder, folder / "log"
        self.port = free_port()
        self.set(DISCORD_TOKEN=playground.token, DAILIES_WEB_PORT=self.port)

    def set(self, **values):
        for name, value in values.items():
            (self.folder / name).write_text(str(value))

    @asynccontextmanager
    async def running(self):
        self.playground.gateway.starts.rest()
        environ = {
            "DISCORD_API_URL": self.playground.api_url,
            "DISCORD_GATEWAY_URL": self.playground.gateway_url,
            "DAILIES_DATA": str(self.folder / "data"),
            **{f"{each}_FILE": str(self.folder / each) for each in ("DISCORD_TOKEN", PORT)},
        }
        async with process("-m", "bot", "run", log=self.log, environ=environ) as bot:
            await until(lambda: self.healthy(self.port))
            yield bot

    async def healthy(self, port):
        return await asyncio.to_thread(self._healthy, port)

    def _healthy(self, port):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
                return json.load(answer)["ok"]
        except OSError:
            return False

    def reload(self, bot):
        self.playground.gateway.starts.rest()
        bot.send_signal(signal.SIGHUP)


PORT = "DAILIES_WEB_PORT"
KEPT = "the old ones are kept"


@pytest.fixture
def bot(playground, tmp_path):
    return Bot(playground, tmp_path)


async def test_new_settings_are_used_by_the_same_process_and_nothing_is_lost(bot, mira):
    async with bot.running() as running:
        await order(bot.playground, mira, **SMALL)
        await mira.wait_for(lambda each: bool(each.attachments))
        other = free_port()
        bot.set(DAILIES_WEB_PORT=other)
        bot.reload(running)
        await until(lambda: bot.healthy(other))
        assert not await bot.healthy(bot.port)
        assert running.returncode is None
        await order(bot.playground, mira, **SMALL)
        await mira.wait_for(lambda each: "**#2** is ready" in each.text)
        running.send_signal(signal.SIGTERM)
        assert await running.wait() == 0
    assert "Traceback" not in bot.log.read_text()


async def test_what_cannot_be_used_changes_nothing(bot):
    async with bot.running() as running:
        sessions = bot.log.read_text().count("The settings were read again")
        bot.set(DAILIES_WEB_PORT="eleven")
        bot.reload(running)
        await until(lambda: KEPT in bot.log.read_text())
        assert "DAILIES_WEB_PORT can't be used" in bot.log.read_text()
        assert await bot.healthy(bot.port)
        assert bot.log.read_text().count("The settings were read again") == sessions


@pytest.mark.parametrize("wrong", one_in(2, ["token", "port"]))
async def test_what_fails_once_it_is_tried_is_taken_back(bot, wrong):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        async with bot.running() as running:
            if wrong == "token":
                bot.set(DISCORD_TOKEN="no.such.token")
            else:
                bot.set(DAILIES_WEB_PORT=taken.getsockname()[1])
            bot.reload(running)
            await until(lambda: KEPT in bot.log.read_text())
            await until(lambda: bot.healthy(bot.port))
            assert running.returncode is None
            running.send_signal(signal.SIGTERM)
            assert await running.wait() == 0
    assert "Traceback" not in bot.log.read_text()
