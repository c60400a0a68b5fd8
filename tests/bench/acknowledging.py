"""A bot in a process of its own that says when it acknowledged what: `acknowledging(kind, …)`.

"ours" is Dailies with a provider that takes every order and is never done; "bare" is a discord.py
bot whose `/video text` answers "ok"; "wire" sends ready-made answers and knows nothing of Discord,
so it shows what the playground itself can do. Until SIGTERM they note, of each answer to an
interaction, when it was handed to the system, and how much CPU time the process had used when
Discord had taken it; and how late a timer of the loop was, again and again.
"""

import asyncio
import json
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp

from playground import Playground
from tests.bench.starting import PLAIN
from tests.rig.processes import ROOT

LAG = 0.005  #: seconds between two looks at the event loop
QUIET = 0.06  #: the share of a core below which a bot has done what it had to
COMMAND = "/video text"

_CALLBACK = re.compile(r"/interactions/(\d+)/[^/]+/callback")


@dataclass(slots=True)
class Notes:
    """What a bot noted. Times are those of `time.monotonic`, which all processes share."""

    sent: dict[int, float] = field(default_factory=dict)  #: when each answer was given
    taken: dict[int, float] = field(default_factory=dict)  #: seconds of CPU until Discord took it
    lags: list[tuple[float, float]] = field(default_factory=list)  #: when; by how many seconds

    def watch(self, trace: aiohttp.TraceConfig) -> aiohttp.TraceConfig:
        """Note the first answer to each interaction, as *trace* tells of requests; *trace*."""

        async def sent(_: object, __: object, about: aiohttp.TraceRequestHeadersSentParams) -> None:
            if (found := _CALLBACK.search(about.url.path)) is not None:
                self.sent.setdefault(int(found[1]), time.monotonic())

        async def taken(_: object, __: object, about: aiohttp.TraceRequestEndParams) -> None:
            if (found := _CALLBACK.search(about.url.path)) is not None:
                self.taken.setdefault(int(found[1]), time.process_time())

        trace.on_request_headers_sent.append(sent)
        trace.on_request_end.append(taken)
        return trace

    async def look(self) -> None:
        """Note for ever how late a timer is."""
        while True:
            due = time.monotonic() + LAG
            await asyncio.sleep(LAG)
            now = time.monotonic()
            self.lags.append((now, now - due))


@dataclass(slots=True)
class Bot:
    """Such a process."""

    pid: int
    notes: Notes = field(default_factory=Notes)  #: what it noted, once it has ended

    @property
    def cpu(self) -> float:
        """Seconds of CPU so far, of all its threads and of no other process."""
        return time.clock_gettime((~self.pid << 3) | 2)  # clock_getcpuclockid(3)

    async def settled(self, within: float = 60.0) -> None:
        """Wait until it has done what followed from its answers."""
        until = time.monotonic() + within
        while time.monotonic() < until:
            before, at = self.cpu, time.monotonic()
            await asyncio.sleep(0.5)
            if self.cpu - before < QUIET * (time.monotonic() - at):
                return


@asynccontextmanager
async def acknowledging(
    kind: str, playground: Playground, gateway: str | None = None
) -> AsyncIterator[Bot]:
    """Such a bot, connected (by *gateway*, if given) and at rest; what it noted is known after."""
    playground.gateway.starts.rest()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:  # /tmp may be memory
        report, log = Path(folder) / "notes.json", Path(folder) / "log"
        where = (playground.api_url, gateway or playground.gateway_url, playground.token)
        with log.open("wb") as out:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", __name__, kind, *where, str(report)),
                cwd=ROOT,
                env=PLAIN,
                stdout=out,
                stderr=out,
            )
        bot = Bot(process.pid)
        try:
            mira = playground.person("mira")
            while not (playground.online and any(c["name"] == "video" for c in mira.commands())):
                assert process.returncode is None, log.read_text()[-2000:]
                await asyncio.sleep(0.01)
            await bot.settled()
            yield bot
            process.send_signal(signal.SIGTERM)
            await process.wait()
            noted = json.loads(report.read_text())
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    while playground.online:
        await asyncio.sleep(0.01)
    for name in ("sent", "taken"):
        getattr(bot.notes, name).update({int(each): at for each, at in noted[name].items()})
    bot.notes.lags += map(tuple, noted["lags"])


# What runs in the process.


async def ours(notes: Notes, api: str, gateway: str, token: str, data: Path) -> None:
    """Dailies, with limits that are all looked at and never reached."""
    from pydantic import SecretStr

    from bot.app.cli import deploy
    from bot.chat.bot import Dailies
    from bot.chat.connection import point_at
    from bot.settings import Settings
    from tests.rig.doubles import FakeProvider, model
    from tests.rig.paid import PRICED

    point_at(api, gateway)
    provider = FakeProvider("render", models=(model(price=PRICED),), concurrency=10_000)
    # Whoever ordered is answered before there is anything to ask.
    provider.limits = replace(provider.limits, first_poll=3600.0, per_minute=10**6)
    settings = Settings(
        discord_token=SecretStr(token),
        discord_api_url=api,
        discord_gateway_url=gateway,
        dailies_data=data,
        dailies_web_port=0,
        dailies_log_level="ERROR",
        dailies_quota=10**9,
        dailies_budget=10**9,
        dailies_jobs_per_user=1000,
        dailies_jobs_per_server=10_000,
        dailies_orders_per_minute=10**6,
        dailies_orders_at_once=1000,
    )

    def watched(*arguments: Any, http_trace: aiohttp.TraceConfig, **options: Any) -> Dailies:
        return Dailies(*arguments, http_trace=notes.watch(http_trace), **options)

    async with deploy(
        settings, environ={}, providers={"render": provider}, bot_class=watched
    ) as deployment:
        await deployment.run(asyncio.Event())


async def bare(notes: Notes, api: str, gateway: str, token: str, _: Path) -> None:
    """A bot that answers "ok"."""
    import discord
    from discord import app_commands
    from discord.ext import commands

    from bot.chat.connection import point_at

    point_at(api, gateway)

    class Video(commands.GroupCog, name="video"):
        @app_commands.command(description="Answer")
        async def text(self, interaction: discord.Interaction, prompt: str) -> None:
            await interaction.response.send_message("ok")

    class Bare(commands.Bot):
        async def setup_hook(self) -> None:
            await self.add_cog(Video())
            await self.tree.sync()

    intents = discord.Intents(guilds=True, guild_messages=True, guild_reactions=True)
    async with Bare(
        "!", intents=intents, http_trace=notes.watch(aiohttp.TraceConfig()), max_messages=None
    ) as bot:
        await bot.start(token)


async def wire(notes: Notes, api: str, gateway: str, token: str, _: Path) -> None:
    """Answers alone: one text for each interaction, over as many connections as are wanted."""
    answer = {"type": 4, "data": {"content": "ok"}}
    option = {"type": 3, "name": "prompt", "description": "Words", "required": True}
    text = {"type": 1, "name": "text", "description": "Answer", "options": [option]}
    command = {"name": "video", "description": "Clips", "options": [text]}
    identify = {"token": token, "intents": 1, "properties": {}}
    connector, trace = aiohttp.TCPConnector(limit=0), notes.watch(aiohttp.TraceConfig())
    async with (
        aiohttp.ClientSession(connector=connector, trace_configs=[trace]) as session,
        session.ws_connect(gateway) as socket,
        asyncio.TaskGroup() as tasks,
    ):
        await socket.send_json({"op": 2, "d": identify})

        async def post(to: dict[str, Any]) -> None:
            url = f"{api}/interactions/{to['id']}/{to['token']}/callback"
            async with session.post(url, json=answer) as said:
                await said.read()

        async for message in socket:
            event = json.loads(message.data)
            if event.get("t") == "READY":
                app = event["d"]["application"]["id"]
                headers = {"Authorization": f"Bot {token}"}
                url = f"{api}/applications/{app}/commands"
                async with session.put(url, json=[command], headers=headers) as said:
                    said.raise_for_status()
            elif event.get("t") == "INTERACTION_CREATE":
                tasks.create_task(post(event["d"]))


async def main() -> None:
    """Run the bot that the arguments name, until SIGTERM."""
    kind, api, gateway, token, report = sys.argv[1:]
    notes = Notes()

    def end() -> None:
        Path(report).write_text(json.dumps(asdict(notes)))
        os._exit(0)  # what it holds is thrown away with its directory

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end)
    looking = asyncio.create_task(notes.look())
    kinds = {"ours": ours, "bare": bare, "wire": wire}
    await kinds[kind](notes, api, gateway, token, Path(report).parent / "data")
    looking.cancel()


if __name__ == "__main__":
    asyncio.run(main())
