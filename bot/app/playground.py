"""`dailies playground`: a Discord on loopback with the bot in it, and people to use it."""

import asyncio
import contextlib
import errno
import logging
import os
import socket
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from bot.app.compose import deploy
from bot.app.configuration import Configuration
from bot.app.deployment import Deployment, stop_signal
from bot.app.simulated_render import StandIn
from bot.chat.connection import point_at
from bot.exits import FAILED, OK, USAGE, Exit
from bot.setting_words import behind_a_colon
from bot.settings import Settings, typed_path
from playground import Playground, open_playground
from playground.people.say import say
from playground.providers.mishaps import Mishap, Mishaps
from playground.providers.simulated import simulated
from storage import By

PORT = 8765
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was typed behind `dailies playground`."""

    port: int | None = None
    data: Path | None = None
    say: tuple[str, ...] = ()
    out: Path | None = None
    providers: str = "none"  #: none, simulated or real
    mishap: str | None = None  #: what goes wrong with the first clip of an imitated company
    names: tuple[str, ...] = ()  #: further names that the page may be asked for by


async def play(
    configuration: Configuration, options: Options, *, loopback: frozenset[str] = frozenset()
) -> int:
    """Open the playground; until Ctrl-C, or until what `--say` asked for is there.

    *loopback* are hosts of real providers that may be reached over plain http. Raises `Exit`.
    """
    settings = configuration.settings
    if options.providers == "real":
        _only_here(settings, options)
    if options.mishap is not None and options.providers != "simulated":
        raise Exit("--fail only works with --providers simulated.", USAGE)
    # The world behind the playground makes a Discord client of its own, without any intents.
    logging.getLogger("discord.state").setLevel(logging.ERROR)
    data = _folder("--data", options.data)
    options = replace(options, out=_folder("--out", options.out))
    async with contextlib.AsyncExitStack() as stack:
        if data is None:
            folder = tempfile.TemporaryDirectory(prefix="dailies-", ignore_cleanup_errors=True)
            data = Path(stack.enter_context(folder))
        port = options.port if options.port is not None else 0 if options.say else PORT
        mishaps = Mishaps() if options.providers == "simulated" else None
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
        hosts = loopback | {urlsplit(place.api_url).netloc}
        environ = configuration.environ
        changes = {
            "discord_token": SecretStr(place.token),
            "discord_api_url": place.api_url,
            "dailies_data": data / "dailies",
            "dailies_store": None,  # what is played stands in no rows of the real bot's
            "discord_gateway_url": place.gateway_url,
            "dailies_callback_port": 0,
        }
        if "dailies_web_port" not in settings.model_fields_set:
            changes["dailies_web_port"] = 0  # the bot itself may be running beside it
        if options.providers == "simulated":
            stand_in = StandIn(data / "simulated", loopback=hosts)
            stack.push_async_callback(stand_in.close)
            paid = await stack.enter_async_context(simulated(stand_in, mishaps))
            if mishaps is not None and options.mishap is not None:
                mishaps.ask(Mishap(options.mishap))
            environ = {**environ, **paid.environ}
            hosts |= paid.hosts
            changes["dailies_callback_port"] = port = _free_port()
            changes["public_url"] = f"http://127.0.0.1:{port}"
            changes["dailies_local"] = False  # it is free: nobody would ever choose a company
        deployment = await stack.enter_async_context(
            deploy(
                settings.model_copy(update=changes),
                environ=environ,
                sections=configuration.sections,
                clock=place.clock.now,
                steady=place.clock.now,
                loopback=hosts,
                ready_timeout=0.1,
            )
        )
        if options.providers == "real":
            titles = ", ".join(each.title for each in deployment.providers.values())
            print(f"Clips come from {titles}. They charge you for each clip.", flush=True)
        await _choose_channel(deployment, place)
        return await _with_people(deployment, place, options)


def _folder(option: str, given: Path | None) -> Path | None:
    """A directory that was named, made and tried before anything begins. Raises `Exit`."""
    if given is None:
        return None
    try:
        folder = typed_path(given).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except FileExistsError:
        why = "it is not a directory"
    except OSError as error:
        why = os.strerror(error.errno or errno.EIO)
    except ValueError as error:
        why = behind_a_colon(str(error))
    raise Exit(f"{option} {given} can't be used: {why}. Name one that you may write to.", USAGE)


def _only_here(settings: Settings, options: Options) -> None:
    """Refuse to spend money where it could be lost, or spent by others. Raises `Exit`."""
    if options.data is None:
        raise Exit(
            "With --providers real, clips cost money. Keep them: name a directory with --data.",
            USAGE,
        )
    if settings.dailies_playground_host not in LOOPBACK:
        raise Exit(
            "With --providers real, anybody who opens the page spends your money. Set "
            f"DAILIES_PLAYGROUND_HOST to {LOOPBACK[0]}, so that only this machine can open it.",
            USAGE,
        )


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
            f"It listens on {place.doors.host}, so other machines may reach it. Anybody with this "
            "link can act as anybody in it. Add host names with --name."
        )
    return "\n".join([*lines, "Press Ctrl-C to close it."])


def _no_port(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is taken. Choose another one with --port."
    why = os.strerror(error.errno) if error.errno else "there is no such address"
    return f"DAILIES_PLAYGROUND_HOST={host} can't be used at port {port}: {why}."


def _free_port() -> int:
    """A port that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
