"""A process that stands by: another one is the bot, and this one takes over when that ends."""

import asyncio
import logging
from contextlib import suppress

from bot import __version__
from bot.app.metrics.families import StandbyFamilies
from bot.app.metrics.registry import encoded, process_registry
from bot.app.web import Web, open_port
from bot.settings import Settings

log = logging.getLogger(__name__)

WHOLE = "0"  #: the part that is the whole bot
STOOD_BY = 1.0  #: seconds between two looks whether the other process is gone


class StoodDown(Exception):
    """The process was asked to end, or to change, while another one was the bot."""


class Standby:
    """What this process does while another one is the bot: it waits, and says so over HTTP.

    It is alive and well, and not ready: no traffic is for it.
    """

    def __init__(self, settings: Settings, stop: asyncio.Event) -> None:
        """*stop* is set when the process is to end, or to change."""
        self._settings = settings
        self._stop = stop
        self._web: Web | None = None
        self._other: str | None = None
        self._registry = process_registry()
        self._families = StandbyFamilies(self._registry)
        self._families.build.info({"version": __version__})

    @property
    def port(self) -> int:
        """Where it answers; 0 where it doesn't."""
        return 0 if self._web is None else self._web.port

    async def wait(self, other: str) -> None:
        """Wait a moment for *other*. Raises `StoodDown` where we are to end, or to change, and
        `Exit` where our port is taken."""
        if other != self._other:
            log.info("Standing by for %s. This process takes over if that ends.", other)
            self._other = other
        if self._web is None:
            await self._listen()
        with suppress(TimeoutError):
            async with asyncio.timeout(STOOD_BY):
                await self._stop.wait()
        if self._stop.is_set():
            raise StoodDown

    async def over(self) -> None:
        """Stop answering: this process is the bot, or ends."""
        if self._web is not None:
            await self._web.close()
            self._web = None

    async def _listen(self) -> None:
        settings = self._settings
        token = settings.dailies_metrics_token
        self._web = Web(
            [],
            ready=[self._says],
            remarks=[self._says],
            metrics=self._metrics,
            metrics_token=None if token is None else token.get_secret_value(),
            called_back=_nobody,
        )
        await open_port(
            self._web.start,
            "DAILIES_WEB_PORT",
            settings.dailies_web_host,
            settings.dailies_web_port,
        )
        log.info("What this process is doing is said on port %s", self.port)

    async def _metrics(self, accept: str) -> tuple[bytes, str]:
        """This process, and that it is not the bot: what a bot exports is nobody's then."""
        self._families.lease_held.labels(WHOLE).set(0)
        self._families.lease_holder.clear()
        self._families.lease_holder.labels(WHOLE, self._other or "").set(1)
        return encoded(self._registry, accept)

    async def _says(self) -> str | None:
        return f"standing by for {self._other}"


async def _nobody(_token: str, _body: bytes) -> None:
    """The port for providers' callbacks is not open meanwhile."""
