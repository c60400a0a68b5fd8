"""`dailies playground`: a Discord on loopback with the bot in it, and people to use it."""

import asyncio
import contextlib
import logging
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
from playground.providers.simulated import simulated
from playground.say import say
from storage import By

PORT = 8765


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was typed behind `dailies playground`."""

    port: int | None = None
    data: Path | None = None
    say: tuple[str, ...] = ()
    out: Path | None = None
    simulated: bool = False


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
        try:
            place = await stack.enter_async_context(
                open_playground(port, data / "playground", host=settings.dailies_playground_host)
            )
        except OSError as error:
            raise Exit(f"Port {port} is taken; choose another with --port.", FAILED) from error
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
            paid = await stack.enter_async_context(simulated(stand_in))
            environ |= paid.environ
            hosts |= paid.hosts
            changes["public_url"] = f"http://127.0.0.1:{changes['dailies_web_port']}"
            changes["dailies_local"] = True
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
        await _choose_channel(deployment, place)
        return await _with_people(deployment, place, options)


async def _choose_channel(deployment: Deployment, place: Playground) -> None:
    """Have moderators asked in #moderators, unless somebody chose otherwise before."""
    policy, guild_id = deployment.store.policy, place.guild.id
    if (await policy.server(guild_id)).moderators is None:
        by = By(guild_id=guild_id, actor_id=place.person("ada").id, why="set by the playground")
        channel = place.channel("moderators")
        await deployment.store.moderation.set_server(by, moderators=channel.id)


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
        print(f"The playground is open: {place.page_url}\nCtrl-C closes it.", flush=True)
        await bot
        return OK
    finally:
        stop.set()
        await asyncio.wait({bot})


def _free_port() -> int:
    """A port that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
