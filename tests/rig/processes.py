"""The processes that tests start, and which of them were left behind.

They are forked from one that has Dailies loaded (`tests.rig.warm`), which is what makes them cheap;
in all else they are processes of their own.
"""

import asyncio
import atexit
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.rig.house import HANGS

ROOT = Path(__file__).parent.parent.parent
_warm: tuple[subprocess.Popen, str] | None = None


def _server() -> str:
    """The socket of this process's own warm one, which is started when first asked for."""
    global _warm
    if _warm is None or _warm[0].poll() is not None:
        folder = tempfile.mkdtemp(prefix="warm-")
        path = f"{folder}/socket"
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.rig.warm", path],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout.readline() == b"ready\n", "the warm process did not start"
        _warm = process, path
        atexit.register(_end, process, path)
    return _warm[1]


def _end(process, path):
    process.stdin.close()
    process.wait()
    Path(path).unlink(missing_ok=True)
    Path(path).parent.rmdir()


def _asked(arguments, *, cwd, environ, out, err):
    """A process that begins, as the connection on which its id and its end are said."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(_server())
    request = {"arguments": arguments, "cwd": str(cwd), "environ": environ}
    with Path(os.devnull).open() as nothing:
        streams = [each.fileno() for each in (nothing, out, err)]
        socket.send_fds(connection, [json.dumps(request).encode()], streams)
    return connection


def finished(*arguments, cwd, environ, timeout=HANGS):
    """A process that has ended, with what it printed."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        connection = _asked(arguments, cwd=cwd, environ=environ, out=out, err=err)
        connection.settimeout(timeout)
        with connection, connection.makefile() as said:
            pid = int(said.readline())
            try:
                code = int(said.readline())
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise
        texts = []
        for each in (out, err):
            each.seek(0)
            texts.append(each.read().decode())
    return subprocess.CompletedProcess(arguments, code, *texts)


class Process:
    """One that runs. *returncode* is what it ended with, or minus the signal that killed it."""

    def __init__(self, pid, said):
        self.pid = pid
        self.returncode: int | None = None
        self._ended = asyncio.ensure_future(self._end(said))

    async def _end(self, said):
        self.returncode = int(await said.readline())
        return self.returncode

    def send_signal(self, number):
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):  # it has ended, and we are yet to hear it
                os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    async def wait(self):
        return await asyncio.shield(self._ended)


def _plain():
    """Our environment without what only tests know: Dailies refuses settings it does not know."""
    return {name: value for name, value in os.environ.items() if not name.startswith("DAILIES_")}


@contextlib.asynccontextmanager
async def process(*arguments, log, environ=None, stop=signal.SIGKILL):
    """A process that is ended with the test whatever happens. It writes into *log*."""
    with log.open("ab") as out:
        connection = _asked(
            arguments, cwd=ROOT, environ={**_plain(), **(environ or {})}, out=out, err=out
        )
    said, writer = await asyncio.open_unix_connection(sock=connection)
    started = Process(int(await said.readline()), said)
    try:
        yield started
    finally:
        started.send_signal(stop)
        await started.wait()
        writer.close()


def own_children() -> set[int]:
    """The processes that this one started, zombies among them, but for the warm one."""
    mine = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == os.getpid():
            mine.add(int(stat.parent.name))
    return mine - {_warm[0].pid if _warm else 0}
