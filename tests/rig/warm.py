"""A process with Dailies loaded already, which forks once for each process that a test starts.

To load Python, discord.py and Dailies takes a second, a hundred times over in the whole suite.
Run as `python -m tests.rig.warm SOCKET` by `tests.rig.processes`; it ends when its standard input
does. A request is JSON with the standard streams beside it. Two lines come back: the process's
id, and once it has ended what it ended with.
"""

import asyncio
import contextlib
import gc
import importlib
import json
import os
import pathlib
import pkgutil
import runpy
import select
import signal
import socket
import sys
import tempfile
import types
from typing import Any

REQUEST = 1 << 20  #: bytes; a request is one environment and one command


def serve(path: str) -> tuple[list[str], str] | None:
    """Fork for each request. In the fork, returns what it is to do; else None, at the end."""
    import bot.providers as found
    import cogs
    import tests.rig.makers  # noqa: F401  # all that a process of a test needs

    providers = (f"bot.providers.{each.name}" for each in pkgutil.iter_modules(found.__path__))
    for each in (*cogs.EXTENSIONS, *providers):  # what the bot itself loads as it starts
        importlib.import_module(each)
    asyncio.run(_lived())
    gc.collect()
    gc.freeze()
    running: dict[int, socket.socket] = {}
    ended, ends = socket.socketpair()
    ends.setblocking(False)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(ends.fileno(), warn_on_full_buffer=False)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            readable = select.select([listener, ended, sys.stdin], [], [])[0]
            if sys.stdin in readable:
                return None
            if ended in readable:
                ended.recv(REQUEST)
                _say_ends(running)
            if listener in readable:
                connection, _ = listener.accept()
                message, streams, _, _ = socket.recv_fds(connection, REQUEST, 3)
                if process := os.fork():
                    running[process] = connection
                    for stream in streams:
                        os.close(stream)
                    _say(connection, process)
                    continue
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for each in (ended, ends, connection, *running.values()):
                    each.close()
                return _begun(json.loads(message), streams)


def _say_ends(running: dict[int, socket.socket]) -> None:
    """Tell those who asked for them which of the *running* processes ended, and with what."""
    for process in list(running):
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            with running.pop(process) as connection:
                _say(connection, os.waitstatus_to_exitcode(status))


def _say(connection: socket.socket, number: int) -> None:
    with contextlib.suppress(BrokenPipeError):  # who asked is gone
        connection.sendall(f"{number}\n".encode())


async def _lived() -> None:
    """Make a clip, and ask over HTTP, which loads and caches what a bot's first one does."""
    import httpx

    from playground import open_playground
    from tests.rig.house import PACE, until, working
    from tests.rig.makers import PLAIN, Maker
    from tests.rig.taking import is_clip

    with tempfile.TemporaryDirectory(prefix="warm-") as data:
        async with (
            open_playground(rate_windows=PACE, patient=True) as playground,
            working(playground, pathlib.Path(data), providers={"plain": Maker("plain", PLAIN)}),
        ):
            async with httpx.AsyncClient() as client:
                await client.get(playground.api_url)
            mira = playground.person("mira")
            await mira.type("/video text", prompt="a red fox")
            await until(lambda: any(is_clip(each) for each in mira.everything()))


def _begun(wanted: dict[str, Any], streams: list[int]) -> tuple[list[str], str]:
    """Make this fork the process that is *wanted*; what it runs, and where."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(wanted["cwd"])
    os.environ.clear()
    os.environ.update(wanted["environ"])
    return wanted["arguments"], wanted["cwd"]


def run(arguments: list[str], cwd: str) -> None:
    """What Python does with these *arguments*, which begin with `-m` or `-c`."""
    way, what, *rest = arguments
    sys.path.insert(0, cwd)
    if way == "-m":
        sys.argv = [what, *rest]
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        sys.argv = ["-c", *rest]
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(what, "<string>", "exec"), main.__dict__)


if __name__ == "__main__" and (asked := serve(sys.argv[1])) is not None:
    run(*asked)
