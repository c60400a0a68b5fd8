"""`dailies`: what an operator types, and how each command ends.

What only one of the commands needs is loaded by that one.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bot import __version__
from bot.app import logs
from bot.app.compose import deploy
from bot.app.configuration import Configuration, configured, playground_configured
from bot.app.health import main as health
from bot.app.running import reach, run
from bot.exits import FAILED, LOCKED, OK, USAGE, Exit
from bot.machine_trouble import trouble_of
from bot.settings import BadSetting, Settings
from storage import CannotOpen, DiskTrouble, Locked

#: Providers' settings don't matter to these.
OFFLINE = {"check", "health", "job", "providers", "backup", "restore", "move"}
PLAYED = ("none", "simulated", "real")
MISHAPS = ("fail", "stall", "refuse", "lose", "unclear")  #: those of the playground


async def sync(settings: Settings) -> int:
    """`dailies sync`: tell Discord the commands, whether they changed or not.

    The commands need no data, and a running Dailies may be using them: they are put together over
    an empty directory.
    """
    reach(settings)
    with tempfile.TemporaryDirectory(prefix="dailies-sync-") as folder:
        nowhere = {
            "dailies_data": Path(folder),
            "dailies_web_port": 0,
            "dailies_s3_bucket": None,
            "dailies_store": None,
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


def providers(configuration: Configuration, *, as_markdown: bool) -> int:
    """`dailies providers`: which are connected here, or all that any of them can make."""
    from bot.app.catalogue import companies, markdown, state

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
    settings = configuration.settings
    logs.begin(
        settings.dailies_log_level,
        log_format=settings.dailies_log_format,
        quiet=bool(options.say),
    )
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


def _clip_number(text: str) -> int:
    """The number of a clip, as people see it: 42 or #42."""
    digits = text.removeprefix("#")
    if not (digits.isascii() and digits.isdigit() and 0 < int(digits) < 2**63):
        raise argparse.ArgumentTypeError(f"{text} is no clip's number. Write one such as 42.")
    return int(digits)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 2**16):
        raise argparse.ArgumentTypeError(f"{text} is no port. Write a number from 0 to 65535.")
    return int(text)


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
    playground.add_argument("--port", type=_port, help="the page's port (default: 8765)")
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
    examining = commands.add_parser("doctor", help="check every part of this deployment")
    examining.add_argument("--json", action="store_true", help="print what was found as JSON")
    commands.add_parser("check", help="check that the accounts add up")
    _add_backups(commands)
    moving = commands.add_parser("move", help="move the database to a PostgreSQL server")
    moving.add_argument(
        "--to",
        metavar="URL",
        help="postgresql://user:password@host/database (default: DAILIES_STORE, which keeps the "
        "password out of the list of processes)",
    )
    job = commands.add_parser("job", help="show everything about one clip")
    job.add_argument(
        "number", type=_clip_number, metavar="NUMBER", help="the clip's number, as in #42"
    )
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
    well = commands.add_parser("health", help="check whether the running bot is healthy")
    well.add_argument(
        "--live",
        action="store_true",
        help="only check what a restart can fix",
    )
    return words


def _add_backups(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    copying = commands.add_parser("backup", help="back up the database, beside a running bot")
    copying.add_argument(
        "target",
        nargs="?",
        metavar="TARGET",
        help="a directory, or s3://BUCKET/FOLDER (default: DAILIES_BACKUP_TO)",
    )
    copying.add_argument(
        "--verify", action="store_true", help="then restore it elsewhere, and check the accounts"
    )
    copying.add_argument("--list", action="store_true", help="list the backups that are there")
    restoring = commands.add_parser("restore", help="put a backup into the data directory")
    restoring.add_argument(
        "source",
        nargs="?",
        metavar="SOURCE",
        help="a backup, or a directory or s3://BUCKET/FOLDER of which the newest is taken "
        "(default: DAILIES_BACKUP_TO)",
    )
    restoring.add_argument(
        "--replace", action="store_true", help="move a database that is there aside"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 well, 2 a setting, 3 the data is in use, 4 the token."""
    words = parser()
    options = words.parse_args(arguments)
    if options.command is None:
        words.print_help(sys.stderr)
        sys.exit(USAGE)
    try:
        code = _done(options)
        if sys.stdout is not None:  # as it is where somebody closed it
            sys.stdout.flush()
    except BrokenPipeError:  # `dailies job 42 | head`: who reads has read enough
        _write_no_more()
        code = OK
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
    except (OSError, MemoryError) as error:
        trouble = trouble_of(error)
        if trouble is None:
            raise
        _write_no_more()  # what was printed may be what the disk has no room for
        print(trouble, file=sys.stderr)
        code = FAILED
    except KeyboardInterrupt:
        code = OK
    sys.exit(code)


def _write_no_more() -> None:
    """Let go of what is printed and was not written: the end would try once more."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _done(options: argparse.Namespace) -> int:
    """Do what was typed; the exit code."""
    if options.command == "playground":
        return asyncio.run(play(options))
    configuration = configured(providers=options.command not in OFFLINE)
    settings = configuration.settings
    logs.begin(settings.dailies_log_level, log_format=settings.dailies_log_format)
    match options.command:
        case "health":
            return health(settings.dailies_web_host, settings.dailies_web_port, live=options.live)
        case "run":
            return asyncio.run(run(configuration, _read_again))
        case "sync":
            return asyncio.run(sync(settings))
        case "backup" | "restore":
            from bot.app import backup_commands

            if options.command == "restore":
                return asyncio.run(
                    backup_commands.restore(settings, options.source, over=options.replace)
                )
            return asyncio.run(
                backup_commands.backup(
                    settings, options.target, verify=options.verify, list_them=options.list
                )
            )
        case "move":
            from bot.app.moving import move

            return move(settings, options.to)
        case "job":
            from bot.app.job_report import report

            return asyncio.run(report(settings, options.number))
        case "check" | "doctor":
            from bot.app import doctor

            asked = doctor.check(settings) if options.command == "check" else None
            return asyncio.run(asked or doctor.doctor(configuration, as_json=options.json))
        case "workflows":
            from bot.app.workflows import bring_in, look

            if options.deed == "check":
                return asyncio.run(look(configuration))
            return bring_in(configuration, options.file, name=options.name, force=options.force)
        case _:
            return providers(configuration, as_markdown=options.markdown)


def _read_again() -> Configuration:
    """The settings as they are now, for `dailies run`. Raises `BadSetting`."""
    configuration = configured()
    settings = configuration.settings
    logs.begin(settings.dailies_log_level, log_format=settings.dailies_log_format)
    return configuration
