"""`dailies playground`: a Discord on loopback with the bot in it, and people to use it."""

import asyncio
import contextlib
import errno
import logging
import os
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from bot.client import point_at
from bot.deployment import FAILED, OK, Deployment, Exit, deploy, stop_signal
from bot.settings import Settings, environment
from bot.stand_in import StandIn
from playground import Playground, open_playground
from playground.providers.mishaps import Mishap, Mishaps
from playground.providers.simulated import simulated
from playground.say import say

PORT = 8765


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was typed behind `dailies playground`."""

    port: int | None = None
    data: Path | None = None
    say: tuple[str, ...] = ()
    out: Path | None = None
    simulated: bool = False
    mishap: Mishap | None = None  #: what goes wrong with the first clip
    names: tuple[str, ...] = ()  #: further names that the page may be asked for by


async def play(settings: Settings, options: Options) -> int:
    """Open the playground; until Ctrl-C, or until what `--say` asked for is there."""
    # The world behind the playground makes a Discord client of its own, without any intents.
    logging.getLogger("discord.state").setLevel(logging.ERROR)
    async with contextlib.AsyncExitStack() as stack:
        data = options.data
        if data is None:
            folder = tempfile.TemporaryDirectory(prefix="dailies-", ignore_cleanup_errors=True)
            data = Path(stack.enter_context(folder))
        port = options.port if options.port is not None else 0 if options.say else PORT
        mishaps = Mishaps() if options.simulated else None
        try:
            place = await stack.enter_async_context(
                open_playground(
                    port,
                    data / "playground",
                    host=settings.dailies_playground_host,
                    names=options.names,
                    mishaps=mishaps,
                )
            )
        except OSError as error:
            raise Exit(_no_port(settings.dailies_playground_host, port, error), FAILED) from error
        point_at(place.api_url, place.gateway_url)
        hosts = frozenset({urlsplit(place.api_url).netloc})
        environ = environment()
        changes = {
            "discord_token": SecretStr(place.token),
            "discord_api_url": place.api_url,
            "dailies_data": data / "dailies",
            "dailies_web_host": "127.0.0.1",
            "dailies_web_port": _free_port(),
        }
        if options.simulated:
            stand_in = StandIn(data / "simulated", loopback=hosts)
            stack.push_async_callback(stand_in.close)
            paid = await stack.enter_async_context(simulated(stand_in, mishaps))
            if mishaps is not None:
                mishaps.ask(options.mishap)
            environ |= paid.environ
            hosts |= paid.hosts
            changes["public_url"] = f"http://127.0.0.1:{changes['dailies_web_port']}"
            changes["dailies_local"] = False  # it is free: nobody would ever choose a company
        deployment = await stack.enter_async_context(
            deploy(
                settings.model_copy(update=changes),
                environ=environ,
                clock=place.clock.now,
                steady=place.clock.now,
                loopback=hosts,
                ready_timeout=0.1,
            )
        )
        return await _with_people(deployment, place, options)


async def _with_people(deployment: Deployment, place: Playground, options: Options) -> int:
    stop = stop_signal()
    bot = asyncio.create_task(deployment.run(stop))
    try:
        if options.say:
            lines = asyncio.create_task(say(place, options.say, out=options.out))
            await asyncio.wait({bot, lines}, return_when=asyncio.FIRST_COMPLETED)
            if not lines.done():
                lines.cancel()
                await bot
                return FAILED
            return await lines
        print(_open(place), flush=True)
        await bot
        return OK
    finally:
        stop.set()
        await asyncio.wait({bot})


def _open(place: Playground) -> str:
    """Where the page is, and for whom."""
    first, *others = place.links
    lines = [f"The playground is open: {first}", *(f"also as {link}" for link in others)]
    if place.doors.key:
        lines.append(
            f"It listens on {place.doors.host}, so other machines may reach it: whoever has this "
            "link can act as anybody in it. Further names are given with --name."
        )
    return "\n".join([*lines, "Ctrl-C closes it."])


def _no_port(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is taken; choose another with --port."
    why = os.strerror(error.errno) if error.errno else "there is no such address"
    return f"DAILIES_PLAYGROUND_HOST={host} cannot be listened on at port {port}: {why}."


def _free_port() -> int:
    """A port that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
