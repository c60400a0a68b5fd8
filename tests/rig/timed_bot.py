"""`dailies run`, which says how much CPU time each turn of its event loop took.

Arguments: where to write, and the command. From SIGUSR1 on, each turn (the time for which one
callback or one step of a task keeps the loop) is measured in CPU time of that thread, so that a
busy machine makes none longer. A core that others use too is slower all the same: so now and then
a fixed piece of work is done and measured, too. At the end JSON is written: `work`, the median of
milliseconds which that piece took, and `turns`, the milliseconds of each turn by its kind.
"""

import asyncio
import json
import re
import signal
import sys
import time
from collections import defaultdict
from pathlib import Path
from statistics import median

WORK_EVERY = 50  #: turns


def work():
    """Milliseconds of CPU that a fixed piece of work takes just now."""
    began = time.thread_time()
    sum(number * number for number in range(10_000))
    return 1000 * (time.thread_time() - began)


class Turns:
    """Measures the turns of the loop of this thread."""

    def __init__(self):
        self.took, self.count, self.work = defaultdict(list), 0, [work()]

    def begin(self):
        """Measure from now on."""
        inner, cpu = asyncio.events.Handle._run, time.thread_time

        def run(handle):
            kind, began = _kind(handle), cpu()
            inner(handle)
            self.took[kind].append(1000 * (cpu() - began))
            self.count += 1
            if self.count % WORK_EVERY == 0:
                self.work.append(work())

        asyncio.events.Handle._run = run


def _kind(handle):
    """What a turn runs: a task by its name and coroutine and the command typed, or the function."""
    callback = handle._callback
    task = getattr(callback, "__self__", None)
    if not isinstance(task, asyncio.Task):
        return getattr(callback, "__qualname__", repr(type(callback)))
    coroutine = task.get_coro()
    frame = getattr(coroutine, "cr_frame", None)
    asked = frame.f_locals.get("interaction") if frame is not None else None
    named = _command(asked.data) if asked is not None and asked.data else ""
    what = getattr(coroutine, "__qualname__", type(coroutine).__name__)
    return f"{re.sub(r'[0-9]+', '', task.get_name())} {what} {named}".strip()


def _command(data):
    """ "video text", and "model" behind it where that is being typed."""
    names = [str(data.get("name", "a button"))]
    for option in data.get("options", ()):
        if option["type"] <= 2:
            names.append(_command(option))
        elif option.get("focused"):
            names.append(f"{option['name']}?")
    return " ".join(names)


def main():
    to, *command = sys.argv[1:]
    turns = Turns()
    signal.signal(signal.SIGUSR1, lambda *_: turns.begin())
    from bot.app.cli import main as dailies

    try:
        dailies(command)
    finally:
        Path(to).write_text(json.dumps({"work": median(turns.work), "turns": turns.took}))


if __name__ == "__main__":
    main()
