"""`dailies`: what an operator types, and how each command ends."""

import argparse
import asyncio
import json
import logging
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

import aiohttp
import discord
import imageio_ffmpeg

from bot.catalogue import companies, markdown, state
from bot.client import invite_url, point_at
from bot.deployment import (
    FAILED,
    LOCKED,
    OK,
    TOKEN,
    USAGE,
    Exit,
    bucket_of,
    defaults_of,
    deploy,
    stop_signal,
)
from bot.errors import Busy, Failure
from bot.playing import Options, play
from bot.providers import Connection, connect_all
from bot.redaction import Redaction, redact
from bot.settings import BadSetting, Settings, environment, provider_sections
from playground.providers.mishaps import Mishap
from storage import CannotOpen, Locked, Total, open_store

DISCORD = "https://discord.com/api/v10"


async def run(settings: Settings) -> int:
    """`dailies run`: be the bot, until SIGTERM or Ctrl-C."""
    token = settings.discord_token
    if settings.discord_api_url == DISCORD and token is not None:
        _check_token(token.get_secret_value())
    point_at(settings.discord_api_url, settings.discord_gateway_url)
    async with deploy(settings, environ=environment()) as deployment:
        await deployment.run(stop_signal())
    return OK


async def sync(settings: Settings) -> int:
    """`dailies sync`: tell Discord the commands, whether they changed or not."""
    point_at(settings.discord_api_url, settings.discord_gateway_url)
    async with deploy(settings, environ=environment()) as deployment:
        await deployment.login()
        print(f"Discord knows {await deployment.bot.register()} commands now.")
        await deployment.bot.close()
    return OK


async def check(settings: Settings) -> int:
    """`dailies check`: whether every rule of the books holds, in all of history."""
    try:
        async with open_store(settings.dailies_data) as store:
            broken = await store.check(thorough=True)
            files = await store.accounting.needed_files()
    except Locked:
        print("A running Dailies is using the data; it checks the books every minute and says:")
        return health(settings)
    for sentence in broken:
        print(f"✗ {sentence}")
    if not broken:
        print("✓ The books add up.")
    data = settings.dailies_data
    lost = [(number, file) for number, file in files if not (data / file).is_file()]
    for number, file in lost:
        print(f"✗ {file}, which #{number} needs, is not in {data}.")
    if not lost:
        print(f"✓ Every file that a clip needs is there ({len(files):,}).")
    return FAILED if broken or lost else OK


async def doctor(settings: Settings) -> int:
    """`dailies doctor`: look at every part, and say how to mend what is not well."""
    trouble = 0

    def report(part: str, found: str, mend: str = "") -> None:
        nonlocal trouble
        trouble += bool(mend)
        print(f"{'✗' if mend else '✓'} {part}: {found}{f' → {mend}' if mend else ''}")

    total = None
    report("Python", sys.version.split()[0])
    report("ffmpeg", Path(imageio_ffmpeg.get_ffmpeg_exe()).name)
    data = settings.dailies_data
    try:
        async with open_store(data, defaults=defaults_of(settings)) as store:
            free = shutil.disk_usage(data).free / 2**30
            report("data", f"{data}, {free:.0f} GiB free", "make room" if free < 1 else "")
            total = await store.policy.total()
    except Locked:
        report("data", f"{data}, in use by a running Dailies")
    except CannotOpen as error:
        report("data", str(error), "mend or move it")
    report("servers", _served(settings, total))
    sections = provider_sections()
    names = connect_all(
        lambda name: Connection(data=data, toml=sections.get(name, {}), environ=environment()),
        keep_last_resort=settings.dailies_local,
    )
    report("providers", ", ".join(provider.title for provider in names.values()))
    await _look_at_bucket(settings, report)
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


async def _look_at_bucket(settings: Settings, report: Callable[..., None]) -> None:
    """Put a small object into the bucket, get it back and delete it."""
    bucket = bucket_of(settings)
    if bucket is None:
        report("bucket", "none; originals are kept on the disk alone")
        return
    try:
        await bucket.check()
    except Busy as busy:
        mend = {
            Failure.KEY: "check DAILIES_S3_ACCESS_KEY and DAILIES_S3_SECRET_KEY; the keys must be "
            "allowed to put, get and delete",
            Failure.INPUT: "make it, or correct DAILIES_S3_BUCKET",
        }
        report(
            "bucket",
            str(busy),
            mend.get(busy.failure, f"check DAILIES_S3_…: {redact(busy.raw[:300])}"),
        )
        return
    kept = settings.dailies_s3_keep_days
    report("bucket", f"{bucket.name}, originals stay {f'{kept} days' if kept else 'for good'}")


def _served(settings: Settings, total: Total | None) -> str:
    """Who may order, and how much in all."""
    only = len(settings.dailies_servers)
    who = f"the {only} of DAILIES_SERVERS" if only else "every one that invites the bot"
    if settings.dailies_budget_all is None:
        return f"{who}, each with a budget of its own (DAILIES_BUDGET_ALL sets one for all)"
    spent = f", {total.used:,} used" if total is not None else ""
    each = settings.dailies_budget_all_period
    return f"{who}; {settings.dailies_budget_all:,} credits a {each} in all{spent}"


def providers(settings: Settings, *, as_markdown: bool) -> int:
    """`dailies providers`: which are connected here, or all that any of them can make."""
    data = settings.dailies_data
    if as_markdown:
        print(markdown(companies(data)))
        return OK
    sections, environ = provider_sections(), environment()
    lines, well = state(
        lambda name: Connection(data=data, toml=sections.get(name, {}), environ=environ)
    )
    print("\n".join(lines))
    return OK if well else USAGE


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
    said = body["trouble"] or ["well"]
    print("; ".join([*said, *body.get("remarks", [])]))
    return OK if body["ok"] else FAILED


def _check_token(token: str) -> None:
    """Refuse what cannot be a bot's token without asking Discord: three parts, the first an id."""
    if len(token.split(".")) != 3 or not token.isascii() or any(c.isspace() for c in token):
        raise Exit(
            "DISCORD_TOKEN is not a bot token: it has three parts with dots between them; copy it "
            "from your application's Bot page in Discord's developer portal.",
            TOKEN,
        )


def parser() -> argparse.ArgumentParser:
    """What can be typed behind `dailies`."""
    words = argparse.ArgumentParser(prog="dailies", description=__doc__)
    commands = words.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("run", help="be the bot on Discord")
    playground = commands.add_parser("playground", help="a Discord on this machine; needs no token")
    playground.add_argument("--port", type=int, help="the page's port (8765)")
    playground.add_argument(
        "--data", type=Path, metavar="DIR", help="keep everything in this directory"
    )
    playground.add_argument(
        "--say", action="append", metavar="COMMAND", help="type this as a person, without a page"
    )
    playground.add_argument(
        "--name",
        action="append",
        metavar="NAME",
        help="the page may be asked for by this name, besides those of this machine",
    )
    playground.add_argument("--out", type=Path, metavar="DIR", help="save the clips of --say here")
    play_with = ("none", "simulated")
    playground.add_argument(
        "--providers",
        choices=play_with,
        default="none",
        help="with all four companies, imitated on this machine",
    )
    playground.add_argument(
        "--fail",
        type=Mishap,
        choices=[*Mishap],
        metavar=f"{{{','.join(Mishap)}}}",
        help="what goes wrong with the first clip of an imitated company",
    )
    commands.add_parser("sync", help="tell Discord the commands")
    commands.add_parser("doctor", help="look at every part of this deployment")
    commands.add_parser("check", help="make sure that the books add up")
    catalogue = commands.add_parser("providers", help="who makes clips, and who is connected")
    catalogue.add_argument(
        "--markdown", action="store_true", help="all that any of them can make, as tables"
    )
    commands.add_parser("health", help="ask the running bot whether it is well")
    return words


def _played(options: argparse.Namespace) -> Options:
    """What was typed behind `playground`; nothing, where `dailies` alone was typed."""
    if options.command is None:
        return Options()
    return Options(
        port=options.port,
        data=options.data,
        say=tuple(options.say or ()),
        out=options.out,
        simulated=options.providers == "simulated",
        names=tuple(options.name or ()),
        mishap=options.fail,
    )


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
                code = asyncio.run(play(settings, _played(options)))
            case "sync":
                code = asyncio.run(sync(settings))
            case "check":
                code = asyncio.run(check(settings))
            case "doctor":
                code = asyncio.run(doctor(settings))
            case "providers":
                code = providers(settings, as_markdown=options.markdown)
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
