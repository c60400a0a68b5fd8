"""`dailies`: what an operator types, and how each command ends."""

import argparse
import asyncio
import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import discord

from bot import __version__
from bot.app.catalogue import companies, markdown, state
from bot.app.compose import deploy
from bot.app.configuration import Configuration, configured, playground_configured
from bot.app.deployment import stop_signal
from bot.app.doctor import check, doctor
from bot.app.health import main as health
from bot.app.job_report import report
from bot.app.log_words import Spoken
from bot.app.workflows import bring_in, look
from bot.chat.connection import point_at
from bot.chat.login import check_token
from bot.exits import FAILED, LOCKED, OK, USAGE, Exit
from bot.log_redaction import Redaction
from bot.settings import BadSetting, Settings
from storage import CannotOpen, DiskTrouble, Locked

PLAYED = ("none", "simulated", "real")
MISHAPS = (
    "fail",
    "stall",
    "refuse",
    "lose",
    "unclear",
)  #: those of the playground


async def run(configuration: Configuration) -> int:
    """`dailies run`: be the bot, until SIGTERM, SIGHUP or Ctrl-C."""
    settings = configuration.settings
    _reach(settings)
    async with deploy(
        settings, environ=configuration.environ, sections=configuration.sections
    ) as deployment:
        await deployment.run(stop_signal())
    return OK


async def sync(settings: Settings) -> int:
    """`dailies sync`: tell Discord the commands, whether they changed or not.

    The commands need no data, and a running Dailies may be using them: they are put together over
    an empty directory.
    """
    _reach(settings)
    with tempfile.TemporaryDirectory(prefix="dailies-sync-") as folder:
        nowhere = {
            "dailies_data": Path(folder),
            "dailies_web_port": 0,
            "dailies_s3_bucket": None,
            "public_url": None,
        }
        async with deploy(
            settings.model_copy(update=nowhere), environ={}, providers={}
        ) as deployment:
            try:
                await deployment.login()
                print(f"Discord knows {await deployment.register()} commands now.")
            finally:
                await deployment.bot.close()
    return OK


def _reach(settings: Settings) -> None:
    """Make discord.py speak to the Discord of the settings. Raises `Exit` for a wrong token."""
    token = settings.discord_token
    check_token(
        token.get_secret_value() if token is not None else None, api_url=settings.discord_api_url
    )
    point_at(settings.discord_api_url, settings.discord_gateway_url)


def providers(configuration: Configuration, *, as_markdown: bool) -> int:
    """`dailies providers`: which are connected here, or all that any of them can make."""
    if as_markdown:
        print(markdown(companies(configuration.settings.dailies_data)))
        return OK
    lines, well = state(configuration.connection)
    print("\n".join(lines))
    return OK if well else USAGE


async def play(options: argparse.Namespace) -> int:
    """`dailies playground`: what it needs is loaded only where it is asked for."""
    try:
        from bot.app.playground import Options, play
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "simcord":
            raise
        raise Exit(
            "The playground needs the package simcord. Install Dailies with everything it "
            "requires: pip install .",
            FAILED,
        ) from None
    configuration = playground_configured(real=options.providers == "real")
    _log(configuration.settings.dailies_log_level, quiet=bool(options.say))
    return await play(
        configuration,
        Options(
            port=options.port,
            data=options.data,
            say=tuple(options.say or ()),
            out=options.out,
            names=tuple(options.name or ()),
            providers=options.providers,
            mishap=options.fail,
        ),
    )


def parser() -> argparse.ArgumentParser:
    """What can be typed behind `dailies`."""
    words = argparse.ArgumentParser(
        prog="dailies", description="A Discord bot for teams that make video with LTX-2."
    )
    words.add_argument("--version", action="version", version=f"dailies {__version__}")
    commands = words.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("run", help="run the bot on Discord")
    playground = commands.add_parser(
        "playground", help="run a Discord on this machine (no token needed)"
    )
    playground.add_argument("--port", type=int, help="the page's port (default: 8765)")
    playground.add_argument(
        "--data", type=Path, metavar="DIR", help="keep everything in this directory"
    )
    playground.add_argument(
        "--say", action="append", metavar="COMMAND", help="type this command without opening a page"
    )
    playground.add_argument(
        "--name",
        action="append",
        metavar="NAME",
        help="another host name for the page",
    )
    playground.add_argument("--out", type=Path, metavar="DIR", help="save the clips of --say here")
    playground.add_argument(
        "--providers",
        choices=PLAYED,
        default="none",
        help="none: make clips on this machine. simulated: imitate four providers and two GPUs. "
        "real: use the providers you have keys for, who charge you for each clip",
    )
    playground.add_argument(
        "--fail",
        choices=MISHAPS,
        help="what goes wrong with the first clip of a simulated provider",
    )
    commands.add_parser("sync", help="register the commands with Discord")
    commands.add_parser("doctor", help="check every part of this deployment")
    commands.add_parser("check", help="check that the accounts add up")
    job = commands.add_parser("job", help="show everything about one clip")
    job.add_argument("number", type=int, metavar="NUMBER", help="the clip's number, as in #42")
    catalogue = commands.add_parser("providers", help="show which providers are connected")
    catalogue.add_argument(
        "--markdown", action="store_true", help="list all that they can make, as tables"
    )
    workflows = commands.add_parser(
        "workflows", help="manage the workflows of your own ComfyUI servers"
    )
    deeds = workflows.add_subparsers(dest="deed", metavar="DEED", required=True)
    bring = deeds.add_parser("import", help="add a workflow that ComfyUI exported as API")
    bring.add_argument("file", type=Path, metavar="FILE", help="the exported .json")
    bring.add_argument("--name", help="what people call it (default: the file's name)")
    bring.add_argument("--force", action="store_true", help="overwrite one with the same name")
    deeds.add_parser("check", help="check what each server lacks for each workflow")
    commands.add_parser("health", help="check whether the running bot is healthy")
    return words


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 well, 2 a setting, 3 the data is in use, 4 the token."""
    words = parser()
    options = words.parse_args(arguments)
    if options.command is None:
        words.print_help(sys.stderr)
        sys.exit(USAGE)
    try:
        code = _done(options)
    except Exit as error:
        print(error, file=sys.stderr)
        code = error.code
    except Locked as error:
        print(error, file=sys.stderr)
        code = LOCKED
    except (BadSetting, CannotOpen) as error:
        print(error, file=sys.stderr)
        code = USAGE
    except DiskTrouble as error:
        print(error, file=sys.stderr)
        code = FAILED
    except KeyboardInterrupt:
        code = OK
    sys.stdout.flush()
    sys.exit(code)


def _done(options: argparse.Namespace) -> int:
    """Do what was typed; the exit code."""
    if options.command == "health":
        return health()
    if options.command == "playground":
        return asyncio.run(play(options))
    configuration = configured(providers=options.command not in {"check", "job", "providers"})
    settings = configuration.settings
    _log(settings.dailies_log_level, quiet=False)
    match options.command:
        case "run":
            return asyncio.run(run(configuration))
        case "sync":
            return asyncio.run(sync(settings))
        case "check":
            return asyncio.run(check(settings))
        case "job":
            return asyncio.run(report(settings, options.number))
        case "doctor":
            return asyncio.run(doctor(configuration))
        case "workflows" if options.deed == "check":
            return asyncio.run(look(configuration))
        case "workflows":
            return bring_in(configuration, options.file, name=options.name, force=options.force)
        case _:
            return providers(configuration, as_markdown=options.markdown)


def _log(level: str, *, quiet: bool) -> None:
    handler = logging.StreamHandler()
    handler.addFilter(Spoken())
    handler.addFilter(Redaction())
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # there is no voice here
    logging.basicConfig(level="WARNING" if quiet else level, handlers=[handler], force=True)
    for chatty in ("httpx", "httpcore", "aiohttp.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    if level != "DEBUG":
        for name in ("discord", "discord.gateway", "discord.client"):
            logging.getLogger(name).setLevel(logging.WARNING)
