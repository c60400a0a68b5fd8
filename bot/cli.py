"""`dailies`: puts everything together, and is the only file that knows all of it."""

import argparse
import asyncio
import contextlib
import json
import logging
import shutil
import signal
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import discord
import imageio_ffmpeg
from pydantic import SecretStr

import cogs
from bot.client import Dailies, invite_url, point_at
from bot.fetch import Fetcher
from bot.inputs import Inputs
from bot.providers import CallsBack, Connection, Provider, connect_all
from bot.redaction import Redaction
from bot.settings import BadSetting, Settings, environment, provider_sections
from bot.studio import Studio
from bot.web import Web
from bot.worker import Worker
from storage import CannotOpen, Defaults, Locked, Store, open_store

log = logging.getLogger("dailies")

OK, FAILED, USAGE, LOCKED, TOKEN = 0, 1, 2, 3, 4  # exit codes; 2 is also argparse's own
DISCORD = "https://discord.com/api/v10"
ORDERS_AT_ONCE = 10  #: orders that one person may make at once, within those a minute
QUIET = 60.0  #: seconds without a heartbeat after which the gateway counts as lost


class Exit(Exception):
    """The command ends here. The message is a sentence for the operator."""

    def __init__(self, sentence: str, code: int) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A bot that is put together and not yet connected."""

    settings: Settings
    store: Store
    providers: dict[str, Provider]
    studio: Studio
    bot: Dailies
    worker: Worker

    async def run(self, stop: asyncio.Event) -> None:
        """Connect and work until *stop*; then finish what is under way.

        Raises `Exit` where Discord does not take the token.
        """
        try:
            await self._login()
        except Exit:
            await self.bot.close()
            raise
        worker = asyncio.create_task(self.worker.run(), name="worker")
        connection = asyncio.create_task(self.bot.connect(), name="gateway")
        stopping = asyncio.create_task(stop.wait(), name="stop")
        try:
            done, _ = await asyncio.wait(
                {worker, connection, stopping}, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done - {stopping}:
                await self._explain(task)
        finally:
            await self.worker.stop()
            await asyncio.wait({worker})
            await self.bot.close()
            stopping.cancel()
            await asyncio.wait({connection, stopping})

    async def _login(self) -> None:
        token = self.settings.discord_token
        if token is None:
            raise Exit(
                "DISCORD_TOKEN is not set; set it to your bot's token, or run "
                "`dailies playground`, which needs none.",
                TOKEN,
            )
        try:
            await self.bot.login(token.get_secret_value())
        except discord.LoginFailure as error:
            raise Exit(
                "Discord refuses DISCORD_TOKEN; copy the token anew from your application's "
                "Bot page in Discord's developer portal.",
                TOKEN,
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            where = self.settings.discord_api_url
            raise Exit(
                f"Discord cannot be reached at {where} (DISCORD_API_URL).", FAILED
            ) from error

    async def _explain(self, task: asyncio.Task[Any]) -> None:
        """Why a task that should never end has ended."""
        try:
            await task
        except discord.PrivilegedIntentsRequired as error:
            raise Exit(
                "Discord refuses the intents; Dailies needs no privileged one.", TOKEN
            ) from error
        except discord.ConnectionClosed as error:
            if error.code == 4004:
                raise Exit("Discord's gateway refuses DISCORD_TOKEN.", TOKEN) from error
            raise Exit(f"Discord closed the connection for good ({error.code}).", FAILED) from error
        raise Exit(f"The {task.get_name()} ended by itself.", FAILED)


@asynccontextmanager
async def deploy(
    settings: Settings,
    *,
    environ: dict[str, str],
    clock: Callable[[], float] = time.time,
    loopback: frozenset[str] = frozenset(),
    ready_timeout: float = 2.0,
    providers: dict[str, Provider] | None = None,
    opened: Callable[..., AbstractAsyncContextManager[Store]] = open_store,
    bot_class: type[Dailies] = Dailies,
) -> AsyncGenerator[Deployment]:
    """Everything a bot needs, opened, and closed again in the right order.

    *providers* are those of the settings unless given; *opened* opens the store.
    """
    data = settings.dailies_data
    sections = provider_sections()
    async with opened(data, defaults=defaults_of(settings), wall=clock) as store:

        def connection(name: str) -> Connection:
            return Connection(
                data=data,
                toml=sections.get(name, {}),
                environ=environ,
                public_url=settings.public_url,
                loopback=loopback,
            )

        if providers is None:
            providers = connect_all(connection, keep_last_resort=settings.dailies_local)
        studio = Studio(
            store,
            providers,
            inputs=Inputs(data, Fetcher(loopback=loopback)),
            usd_per_credit=settings.dailies_usd_per_credit,
            clock=clock,
        )
        bot = bot_class(
            studio,
            cogs.EXTENSIONS,
            data=data,
            usd_per_credit=settings.dailies_usd_per_credit,
            clock=clock,
            guild_ready_timeout=ready_timeout,
        )
        worker = Worker(
            store,
            providers,
            bot,
            data=data,
            link=bot.link,
            callback=_callbacks(settings.public_url),
            alternative=studio.alternative,
            usd_per_credit=settings.dailies_usd_per_credit,
            clock=clock,
        )
        studio.employ(worker)
        checks = [_gateway_check(bot), _storage_check(store)]
        web = Web(checks, called_back=worker.called_back, clock=clock)
        try:
            await web.start(settings.dailies_web_host, settings.dailies_web_port)
        except OSError as error:
            raise Exit(
                f"DAILIES_WEB_PORT {settings.dailies_web_port} is taken on "
                f"{settings.dailies_web_host}; choose another.",
                FAILED,
            ) from error
        try:
            yield Deployment(
                settings=settings,
                store=store,
                providers=providers,
                studio=studio,
                bot=bot,
                worker=worker,
            )
        finally:
            await web.stop()
            for provider in providers.values():
                await provider.close()


def defaults_of(settings: Settings) -> Defaults:
    """The limits of a server that has set none."""
    return Defaults(
        amount=settings.dailies_quota,
        budget=settings.dailies_budget,
        jobs_per_user=settings.dailies_jobs_per_user,
        jobs_per_server=settings.dailies_jobs_per_server,
        per_minute=settings.dailies_orders_per_minute,
        burst=ORDERS_AT_ONCE,
        zone=settings.dailies_time_zone,
    )


def _callbacks(public_url: str | None) -> Callable[[Provider, str], str | None]:
    """Where a provider that calls back may do so, about the attempt of that token."""

    def where(provider: Provider, token: str) -> str | None:
        if public_url is None or not isinstance(provider, CallsBack):
            return None
        return f"{public_url.rstrip('/')}/callbacks/{provider.name}/{token}"

    return where


def _gateway_check(bot: Dailies) -> Callable[[], Any]:
    async def check() -> str | None:
        if bot.is_closed() or not bot.is_ready():
            return "not connected to Discord"
        latency = bot.latency
        return None if latency < QUIET else "Discord has not answered for a minute"

    return check


def _storage_check(store: Store) -> Callable[[], Any]:
    async def check() -> str | None:
        try:
            async with asyncio.timeout(5):
                await store.writer.write(lambda db: db.execute("PRAGMA user_version").fetchone())
        except (TimeoutError, OSError):
            return "the database does not answer"
        return None

    return check


# The commands.


async def run(settings: Settings) -> int:
    """`dailies run`: be the bot, until SIGTERM or Ctrl-C."""
    token = settings.discord_token
    if settings.discord_api_url == DISCORD and token is not None:
        _check_token(token.get_secret_value())
    point_at(settings.discord_api_url, settings.discord_gateway_url)
    async with deploy(settings, environ=environment()) as deployment:
        await deployment.run(_stop_signal())
    return OK


async def sync(settings: Settings) -> int:
    """`dailies sync`: tell Discord the commands, whether they changed or not."""
    point_at(settings.discord_api_url, settings.discord_gateway_url)
    async with deploy(settings, environ=environment()) as deployment:
        await deployment._login()  # noqa: SLF001  # the same file
        print(f"Discord knows {await deployment.bot.register()} commands now.")
        await deployment.bot.close()
    return OK


async def playground(settings: Settings, options: argparse.Namespace) -> int:
    """`dailies playground`: a Discord on loopback with the bot in it, and a page to use it."""
    from playground import open_playground
    from playground.say import say

    # The world behind the playground makes a Discord client of its own, without any intents.
    logging.getLogger("discord.state").setLevel(logging.ERROR)

    with contextlib.ExitStack() as stack:
        data = options.data
        if data is None:
            data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dailies-")))
        try:
            opened = open_playground(
                port=0 if options.say and options.port is None else options.port or 8765,
                data=data / "playground",
            )
            async with opened as place:
                point_at(place.api_url, place.gateway_url)
                inside = settings.model_copy(
                    update={
                        "discord_token": SecretStr(place.token),
                        "discord_api_url": place.api_url,
                        "dailies_data": data / "dailies",
                        "dailies_web_port": 0,
                    }
                )
                async with deploy(
                    inside, environ=environment(), clock=place.clock.now, ready_timeout=0.1
                ) as deployment:
                    return await _with_people(deployment, place, options, say)
        except OSError as error:
            raise Exit(
                f"Port {options.port or 8765} is taken; choose another with --port.", FAILED
            ) from error


async def _with_people(
    deployment: Deployment, place: Any, options: argparse.Namespace, say: Any
) -> int:
    stop = _stop_signal()
    bot = asyncio.create_task(deployment.run(stop))
    try:
        if options.say:
            lines = asyncio.create_task(say(place, options.say, out=options.out))
            await asyncio.wait({bot, lines}, return_when=asyncio.FIRST_COMPLETED)
            if not lines.done():
                lines.cancel()
                await bot
                return FAILED
            return int(await lines)
        print(f"The playground is open: {place.page_url}\nCtrl-C closes it.", flush=True)
        await bot
        return OK
    finally:
        stop.set()
        await asyncio.wait({bot})


async def doctor(settings: Settings) -> int:
    """`dailies doctor`: look at every part, and say how to mend what is not well."""
    trouble = 0

    def report(part: str, found: str, mend: str = "") -> None:
        nonlocal trouble
        trouble += bool(mend)
        print(f"{'✗' if mend else '✓'} {part}: {found}{f' → {mend}' if mend else ''}")

    report("Python", sys.version.split()[0])
    report("ffmpeg", Path(imageio_ffmpeg.get_ffmpeg_exe()).name)
    data = settings.dailies_data
    try:
        async with open_store(data):
            free = shutil.disk_usage(data).free / 2**30
            report("data", f"{data}, {free:.0f} GiB free", "make room" if free < 1 else "")
    except Locked:
        report("data", f"{data}, in use by a running Dailies")
    except CannotOpen as error:
        report("data", str(error), "mend or move it")
    sections = provider_sections()
    names = connect_all(
        lambda name: Connection(data=data, toml=sections.get(name, {}), environ=environment()),
        keep_last_resort=settings.dailies_local,
    )
    report("providers", ", ".join(provider.title for provider in names.values()))
    token = settings.discord_token
    if token is None:
        report("Discord", "no token", "set DISCORD_TOKEN, or use `dailies playground`")
        return FAILED
    try:
        if settings.discord_api_url == DISCORD:
            _check_token(token.get_secret_value())
        point_at(settings.discord_api_url, settings.discord_gateway_url)
        client = discord.Client(intents=discord.Intents.none())
        async with client:
            await client.login(token.get_secret_value())
            application = client.application_id or 0
            report("Discord", f"logged in as {client.user}; invite: {invite_url(application)}")
    except (Exit, discord.LoginFailure):
        report("Discord", "the token is refused", "copy it anew into DISCORD_TOKEN")
    except (aiohttp.ClientError, OSError):
        report("Discord", f"not reached at {settings.discord_api_url}", "check the network")
    return FAILED if trouble else OK


def health(settings: Settings) -> int:
    """`dailies health`: ask the running bot whether it is well; for a container's healthcheck."""
    host = settings.dailies_web_host
    host = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104  # compared, not bound
    url = f"http://{host}:{settings.dailies_web_port}/healthz"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # our own address
            body = json.load(answer)
    except urllib.error.HTTPError as error:
        body = json.load(error)
    except OSError:
        print(f"Nothing answers at {url}.")
        return FAILED
    print("well" if body["ok"] else "; ".join(body["trouble"]))
    return OK if body["ok"] else FAILED


def _check_token(token: str) -> None:
    """Refuse what cannot be a bot's token without asking Discord: three parts, the first an id."""
    if len(token.split(".")) != 3 or not token.isascii() or any(c.isspace() for c in token):
        raise Exit(
            "DISCORD_TOKEN is not a bot token: it has three parts with dots between them; copy it "
            "from your application's Bot page in Discord's developer portal.",
            TOKEN,
        )


def _stop_signal() -> asyncio.Event:
    """Set when the process is asked to end: `docker stop`, Ctrl-C."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    return stop


def parser() -> argparse.ArgumentParser:
    """What can be typed behind `dailies`."""
    words = argparse.ArgumentParser(prog="dailies", description=__doc__)
    commands = words.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("run", help="be the bot on Discord")
    play = commands.add_parser("playground", help="a Discord on this machine; needs no token")
    play.add_argument("--port", type=int, help="the page's port (8765)")
    play.add_argument("--data", type=Path, metavar="DIR", help="keep everything in this directory")
    play.add_argument(
        "--say", action="append", metavar="COMMAND", help="type this as a person, without a page"
    )
    play.add_argument("--out", type=Path, metavar="DIR", help="save the clips of --say here")
    commands.add_parser("sync", help="tell Discord the commands")
    commands.add_parser("doctor", help="look at every part of this deployment")
    commands.add_parser("health", help="ask the running bot whether it is well")
    return words


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 well, 2 a setting, 3 the data is in use, 4 the token."""
    options = parser().parse_args(arguments)
    try:
        settings = Settings.load()
        _log(settings.dailies_log_level, quiet=bool(getattr(options, "say", None)))
        command = options.command or ("run" if settings.discord_token else "playground")
        match command:
            case "run":
                code = asyncio.run(run(settings))
            case "playground":
                if options.command is None:
                    options = parser().parse_args(["playground"])
                code = asyncio.run(playground(settings, options))
            case "sync":
                code = asyncio.run(sync(settings))
            case "doctor":
                code = asyncio.run(doctor(settings))
            case _:
                code = health(settings)
    except Exit as error:
        print(error, file=sys.stderr)
        code = error.code
    except Locked as error:
        print(error, file=sys.stderr)
        code = LOCKED
    except (BadSetting, CannotOpen) as error:
        print(error, file=sys.stderr)
        code = USAGE
    except KeyboardInterrupt:
        code = OK
    sys.stdout.flush()
    sys.exit(code)


def _log(level: str, *, quiet: bool) -> None:
    handler = logging.StreamHandler()
    handler.addFilter(Redaction())
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # there is no voice here
    logging.basicConfig(level="WARNING" if quiet else level, handlers=[handler], force=True)
    for chatty in ("httpx", "httpcore", "aiohttp.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    if level != "DEBUG":
        for name in ("discord", "discord.gateway", "discord.client"):
            logging.getLogger(name).setLevel(logging.WARNING)


if __name__ == "__main__":
    main()
