"""A process with Dailies loaded already, which forks once for each process that a test starts.

To load Python, discord.py and Dailies takes a second, a hundred times over in the whole suite.
Run as `python -m tests.rig.warm SOCKET` by `tests.rig.processes`; it ends when its standard input
does. A request is JSON with the standard streams beside it. Two lines come back: the process's
id, and once it has ended what it ended with.
"""

import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import types

REQUEST = 1 << 20  #: bytes; a request is one environment and one command


def serve(path: str) -> tuple[list[str], str] | None:
    """Fork for each request. In the fork, returns what it is to do; else None, at the end."""
    import cogs
    import tests.rig.makers  # noqa: F401  # all that a process of a test needs

    for each in cogs.EXTENSIONS:  # what the bot itself loads as it starts
        importlib.import_module(each)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # those who wait for a process reap themselves
    gc.freeze()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
        connection, _ = listener.accept()
        if os.fork():
            connection.close()
            continue
        listener.close()
        return _begin(connection)
    return None


def _begin(connection: socket.socket) -> tuple[list[str], str]:
    """In a fork of its own: start the process and say how it ends. Returns in the process alone."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    message, streams, _, _ = socket.recv_fds(connection, REQUEST, 3)
    wanted = json.loads(message)
    if process := os.fork():
        for stream in (*streams, *range(3)):
            os.close(stream)
        with contextlib.suppress(BrokenPipeError):
            connection.sendall(f"{process}\n".encode())
            code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
            connection.sendall(f"{code}\n".encode())
        os._exit(0)
    connection.close()
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
