"""`dailies run`: be the bot until it is told to stop, and take new settings when it is told to."""

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bot.app.compose import deploy
from bot.app.configuration import Configuration
from bot.app.standby import Standby, StoodDown
from bot.chat.connection import point_at
from bot.chat.login import check_token
from bot.exits import OK, Exit
from bot.settings import BadSetting, Settings
from storage import CannotOpen, DiskTrouble

log = logging.getLogger(__name__)

KEPT = "The new settings can't be used, so the old ones are kept. %s"


class Reloads:
    """What SIGHUP asks for: the settings are read anew, and the bot goes on with them.

    Those that cannot be used change nothing. *read* reads them, and raises `BadSetting`.
    """

    def __init__(self, current: Configuration, read: Callable[[], Configuration]) -> None:
        self._read = read
        self.current = current
        self.next: Configuration | None = None  #: what to go on with; None: nothing was asked
        self._before: Configuration | None = None  # what to go back to
        self._stop = asyncio.Event()

    def begin(self) -> asyncio.Event:
        """Go on with the current settings; set when they are to change."""
        self.next, self._stop = None, asyncio.Event()
        return self._stop

    def ask(self) -> None:
        """Read the settings; if they can be used, have the bot go on with them."""
        try:
            found = self._read()
        except BadSetting as error:
            log.error(KEPT, error)  # noqa: TRY400  # the operator's slip, not ours
            return
        log.info("The settings were read again; they are used once what is being sent is finished")
        self.next = found
        self._stop.set()

    def change(self) -> bool:
        """Take what was asked for; whether there was something."""
        if self.next is None:
            return False
        self._before, self.current = self.current, self.next
        return True

    def proven(self) -> None:
        """The current settings work: there is no way back."""
        self._before = None

    def go_back(self, why: Exception) -> bool:
        """Go back to the settings before; False if the current ones have worked."""
        if self._before is None:
            return False
        log.error(KEPT, why)
        self.current, self._before = self._before, None
        return True


async def run(configuration: Configuration, read: Callable[[], Configuration]) -> int:
    """Be the bot, until SIGTERM, Ctrl-C, or the end of its terminal.

    SIGHUP has the settings read anew by *read*: see `Reloads`. Raises `Exit`, `CannotOpen` or
    `DiskTrouble` where the bot cannot be started.
    """
    reloads = Reloads(configuration, read)
    with _signals(reloads) as stopping:
        while True:
            changed = reloads.begin()
            try:
                await _until(reloads, stopping, changed)
            except (Exit, CannotOpen, DiskTrouble) as error:
                if stopping.is_set() or not reloads.go_back(error):
                    raise
                continue
            if stopping.is_set() or not reloads.change():
                return OK


async def _until(reloads: Reloads, stopping: asyncio.Event, changed: asyncio.Event) -> None:
    """Be the bot with the current settings, until one of the events."""
    settings = reloads.current.settings
    reach(settings)
    stop = asyncio.Event()
    waiting = [
        asyncio.create_task(each.wait(), name="stop or change") for each in (stopping, changed)
    ]
    for each in waiting:
        each.add_done_callback(lambda _: stop.set())
    # What takes over elsewhere needs the clips that the other one has made.
    standby = Standby(settings, stop) if settings.dailies_s3_bucket else None
    try:
        async with deploy(
            settings,
            environ=reloads.current.environ,
            sections=reloads.current.sections,
            standby=standby,
        ) as deployment:
            deployment.bot.events.connected.listen(reloads.proven)
            with collecting_what_is_new():
                await deployment.run(stop)
    except StoodDown:
        log.info("Stopped while standing by")
    finally:
        if standby is not None:
            await standby.over()
        for each in waiting:
            each.cancel()


@contextmanager
def collecting_what_is_new() -> Iterator[None]:
    """Keep the garbage collector from what is there by now, which stays: mostly what was loaded.

    Each time that it looks at all of that, the loop stands still for 50 ms.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def _signals(reloads: Reloads) -> Iterator[asyncio.Event]:
    """Set when the process is asked to end. SIGHUP reloads, or says that our terminal closes."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    terminal = sys.stdin is not None and sys.stdin.isatty()
    given = {
        signal.SIGTERM: stop.set,
        signal.SIGINT: stop.set,
        signal.SIGHUP: stop.set if terminal else reloads.ask,
    }
    for number, then in given.items():
        loop.add_signal_handler(number, then)
    try:
        yield stop
    finally:
        for number in given:
            loop.remove_signal_handler(number)


def reach(settings: Settings) -> None:
    """Make discord.py speak to the Discord of the settings. Raises `Exit` for a wrong token."""
    token = settings.discord_token
    check_token(
        token.get_secret_value() if token is not None else None, api_url=settings.discord_api_url
    )
    point_at(settings.discord_api_url, settings.discord_gateway_url)
