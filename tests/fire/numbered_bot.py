"""A bot whose commits are numbered, and that may die right before or right after one of them.

Run by `test_kills.py`, as a process. Its one argument is JSON: where Discord, the data and the one
company are, and `kill`, such as ["before", 7]. Each commit adds a byte to the file `tally`.
"""

import asyncio
import json
import os
import signal
import sys
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from pydantic import SecretStr

from bot.app.cli import deploy
from bot.chat.bot import Dailies
from bot.chat.connection import point_at
from bot.jobs.results import Results
from bot.providers import Connection, ltx
from bot.settings import Settings
from storage import open_store
from tests.rig.house import HURRIED


class Numbered:
    """The connection that writes, which counts what is committed with it."""

    def __init__(self, db, tally, kill):
        self._db = db
        self._tally = tally
        self._kill = tuple(kill or ())
        self._number = 0

    def __getattr__(self, name):
        return getattr(self._db, name)

    async def run(self, fn):
        self._number += 1
        number = self._number
        with self._tally.open("ab") as tally:
            tally.write(b".")
        self._die_at("before", number)
        done = await self._db.run(fn)
        self._die_at("after", number)
        return done

    def _die_at(self, side, number):
        if self._kill == (side, number):
            os.kill(os.getpid(), signal.SIGKILL)


async def main(given):
    point_at(given["api"], given["gateway"])
    settings = Settings(
        discord_token=SecretStr(given["token"]),
        discord_api_url=given["api"],
        dailies_data=Path(given["data"]),
        dailies_web_port=0,
    )

    @asynccontextmanager
    async def opened(data, **options):
        async with open_store(data, **options) as store:
            tally = Path(given["tally"])
            store.writer._db = Numbered(store.writer._db, tally, given["kill"])
            yield store

    company = ltx.connect(
        Connection(
            data=settings.dailies_data,
            environ={"LTX_API_KEY": given["key"], "LTX_BASE_URL": given["company"]},
            loopback=frozenset(given["loopback"]),
        )
    )
    company.limits = replace(company.limits, first_poll=0.05, poll_every=0.1)
    async with deploy(
        settings,
        environ={},
        ready_timeout=0.1,
        opened=opened,
        loopback=frozenset(given["loopback"]),
        bot_class=partial(Dailies, gaps=HURRIED),
        results=Results,
        providers={"ltx": company},
    ) as deployment:
        await deployment.run(asyncio.Event())


asyncio.run(main(json.loads(sys.argv[1])))
