"""A start, against that of a bare discord.py bot in the same playground: loading, ready, idle.

Both are processes of their own that log in, register their commands and connect. What counts is
CPU time until the gateway greets them, and the memory that they have then.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from playground import Playground, open_playground
from tests.bench.table import Row, text

BARE = "a bare discord.py bot"
IDLE = 1.0  #: seconds after it is ready, before its memory is read

_BOT = """
import os, discord
from discord.ext import commands
discord.http.Route.BASE = os.environ["DISCORD_API_URL"]
discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = __import__("yarl").URL(
    os.environ["DISCORD_GATEWAY_URL"])
class Bare(commands.Bot):
    async def setup_hook(self):
        @self.tree.command(name="ok", description="Answer")
        async def ok(interaction: discord.Interaction):
            await interaction.response.send_message("ok")
        await self.tree.sync()
Bare("!", intents=discord.Intents.none()).run(os.environ["DISCORD_TOKEN"], log_handler=None)
"""
_LOADED = "import time; {}; print(time.process_time())"


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What one start took."""

    load: float  #: seconds of CPU to load everything
    ready: float  #: seconds of CPU until it is ready
    memory: float  #: MB then


#: Our environment without what an installation has not: what is loaded stays compiled there.
PLAIN = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("DAILIES_", "PYTHONDONTWRITE"))
}


def _load(what: str) -> float:
    command = [sys.executable, "-c", _LOADED.format(what)]
    run = subprocess.run(command, check=True, capture_output=True, text=True, env=PLAIN)
    return float(run.stdout)


async def _started(playground: Playground, load: str, *arguments: str, idle: float) -> Start:
    playground.gateway.starts.rest()
    with tempfile.TemporaryDirectory() as folder:
        environ = PLAIN | {
            "DISCORD_TOKEN": playground.token,
            "DISCORD_API_URL": playground.api_url,
            "DISCORD_GATEWAY_URL": playground.gateway_url,
            "DAILIES_DATA": folder,
            "DAILIES_WEB_PORT": "0",
            "DAILIES_LOG_LEVEL": "ERROR",
        }
        bot = await asyncio.create_subprocess_exec(sys.executable, *arguments, env=environ)
        try:
            while not playground.online:
                assert bot.returncode is None, "it ended by itself"
                await asyncio.sleep(0.01)
            ready = _cpu(bot.pid)
            await asyncio.sleep(idle)
            memory = _resident(bot.pid)
        finally:
            bot.kill()
            await bot.wait()
    while playground.online:
        await asyncio.sleep(0.01)
    return Start(load=_load(load), ready=ready, memory=memory)


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


async def _measured(turns: int, idle: float) -> list[tuple[Start, Start]]:
    """Starts of ours and of the bare bot, which take turns."""
    found = []
    for _ in range(turns):
        async with open_playground() as playground:
            ours = await _started(playground, "import bot.app.cli", "-m", "bot", "run", idle=idle)
            bare = await _started(
                playground, "from discord.ext import commands", "-c", _BOT, idle=idle
            )
            found.append((ours, bare))
    return found


def rows(*, turns: int = 3, idle: float = IDLE) -> list[Row]:
    """The rows of the table."""
    _load("import bot.app.cli, discord.ext.commands")  # so that all of it is compiled
    found = asyncio.run(_measured(turns, idle))
    result = []
    for field, name, unit in (
        ("load", "loading, CPU", "s"),
        ("ready", "start to ready, CPU", "s"),
        ("memory", "idle memory", "MB"),
    ):
        digits = 2 if unit == "s" else 0
        sides = [(getattr(ours, field), getattr(bare, field)) for ours, bare in found]
        mine, its = (sorted(each)[turns // 2] for each in zip(*sides, strict=True))
        result.append(
            Row(
                name=name,
                against=BARE,
                figures=tuple(one / other for one, other in sides),
                goal=1.5,
                at_least=False,
                note=f"{mine:.{digits}f} against {its:.{digits}f} {unit}",
            )
        )
    return result


def main() -> None:
    """Print the rows."""
    print(text(rows()), end="")
