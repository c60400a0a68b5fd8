"""A bot that is killed by SIGKILL at one named instant. Run by `test_kill.py`, as a process.

Arguments: the playground's API, its gateway, the token, the data directory, and the instant:
`before:<state>` or `after:<state>` of the commit that moves a job there, `posted`, between
Discord's answer to a result and our save of it, or `copied`, between the end of a copy to the
bucket and our save of that.

With MORTAL_JOB in the environment only that job kills it; with MORTAL_PLAIN its one provider
makes tiny clips, and extends none. Settings of ComfyUI in it are its own.
"""

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import SecretStr

from bot.app.cli import deploy
from bot.chat.bot import Dailies
from bot.chat.connection import point_at
from bot.settings import Settings
from storage import Files, Jobs, open_store
from tests.rig.makers import Maker

API, GATEWAY, TOKEN, DATA, INSTANT = sys.argv[1:]


def die(job=None):
    if job is not None and job.id != int(os.environ.get("MORTAL_JOB", job.id)):
        return
    os.kill(os.getpid(), signal.SIGKILL)


class MortalJobs(Jobs):
    async def save(self, job, why="", **options):
        if f"before:{job.state}" == INSTANT:
            die(job)
        saved = await super().save(job, why, **options)
        if f"after:{job.state}" == INSTANT:
            die(job)
        return saved


class MortalFiles(Files):
    async def finish(self, copy, *, at):
        if INSTANT == "copied":
            die()
        return await super().finish(copy, at=at)


class MortalPresenter:
    """The bot's own, until a clip is posted."""

    def __init__(self, own):
        self._own = own

    def __getattr__(self, name):
        return getattr(self._own, name)

    async def deliver(self, job, clip, *, again):
        message = await self._own.deliver(job, clip, again=again)
        if INSTANT == "posted":
            die(job)
        return message


class MortalBot(Dailies):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.presenter = MortalPresenter(self.presenter)


@asynccontextmanager
async def opened(data, **options):
    async with open_store(data, **options) as store:
        known = {"clock": store.clock, "defaults": store.defaults}
        store.jobs = MortalJobs(store.writer, **known)
        store.files = MortalFiles(store.writer, **known)
        yield store


async def main():
    point_at(API, GATEWAY)
    settings = Settings(
        discord_token=SecretStr(TOKEN),
        discord_api_url=API,
        dailies_data=Path(DATA),
        dailies_web_port=0,
    )
    async with deploy(
        settings,
        environ={name: each for name, each in os.environ.items() if name.startswith("COMFYUI_")},
        ready_timeout=0.1,
        opened=opened,
        bot_class=MortalBot,
        providers={"plain": Maker("plain")} if "MORTAL_PLAIN" in os.environ else None,
    ) as deployment:
        await deployment.run(asyncio.Event())


asyncio.run(main())
