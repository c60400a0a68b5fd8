"""Listens to one server, so that people see how far their clips are. Nothing else depends on it.

A server forgets a client whose older connection closes after its newer one, and then tells the
newer nothing, for ever: so the old one is closed before the next is opened, and silence while one
of our jobs runs is taken for deafness.
"""

import asyncio
import contextvars
import json
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import aiohttp

from bot.backoff import backoff

from .client import Client
from .progress import Watch

__all__ = ["Socket"]

log = logging.getLogger(__name__)

MOMENT = 1.0  #: seconds that an order waits for us to listen: a clip may begin at once
SILENCE = 20.0  #: seconds without a word while a job of ours runs, after which we connect anew
HELLO = {"type": "feature_flags", "data": {"supports_preview_metadata": True}}


class Socket:
    """One connection at a time, while there are jobs of ours on the server."""

    def __init__(
        self,
        client: Client,
        client_id: Callable[[], str],
        *,
        clock: Callable[[], float],
        silence: float = SILENCE,
    ) -> None:
        self._client = client
        self._silence = silence
        self._client_id = client_id
        self._clock = clock
        self._watches: dict[str, Watch] = {}
        self._running: set[str] = set()
        self._connected = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def watch(self, prompt_id: str, *, running: bool = False) -> Watch:
        """What is heard of the job; from now on, if it was not listened for."""
        if running:
            self._running.add(prompt_id)
        found = self._watches.setdefault(prompt_id, Watch())
        if self._task is None or self._task.done():
            # It listens for all jobs: what it logs is not about the one that it began with.
            name = f"listen to {self._client.name}"
            self._task = asyncio.create_task(
                self._listen(), name=name, context=contextvars.Context()
            )
        return found

    async def listening(self, prompt_id: str) -> None:
        """Listen for a job that is about to be sent; wait for that no longer than a moment."""
        self.watch(prompt_id)
        with suppress(TimeoutError):
            async with asyncio.timeout(MOMENT):
                await self._connected.wait()

    def forget(self, prompt_id: str) -> Watch | None:
        """It has ended: what was heard of it."""
        self._running.discard(prompt_id)
        return self._watches.pop(prompt_id, None)

    async def close(self) -> None:
        """Listen no more."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _listen(self) -> None:
        failed = 0
        while self._watches:
            try:
                async with self._client.listen(self._client_id()) as socket:
                    await socket.send_str(json.dumps(HELLO))
                    self._connected.set()
                    heard = await self._hear(socket)
                failed = 0 if heard else failed + 1
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
                failed += 1
                log.debug("%s cannot be listened to: %s", self._client.name, type(error).__name__)
            finally:
                self._connected.clear()
            await asyncio.sleep(backoff(failed, first=0.5, most=60.0))

    async def _hear(self, socket: aiohttp.ClientWebSocketResponse) -> bool:
        """Until it closes, is deaf, or there is nobody to listen for; whether anything was heard
        of our jobs. What others' jobs do is told, too, and is no sign that ours would be."""
        loop = asyncio.get_running_loop()
        heard, until = False, loop.time() + self._silence
        while True:
            try:
                message = await socket.receive(timeout=max(until - loop.time(), 0.01))
            except TimeoutError:
                if self._running or not self._watches:
                    return heard
                until = loop.time() + self._silence
                continue
            match message.type:
                case aiohttp.WSMsgType.TEXT:
                    if self._take(message.data):
                        heard, until = True, loop.time() + self._silence
                case aiohttp.WSMsgType.BINARY:  # previews
                    continue
                case _:
                    return heard

    def _take(self, text: str) -> bool:
        try:
            frame = json.loads(text)
        except (ValueError, RecursionError):
            return False
        if not isinstance(frame, Mapping) or not isinstance(frame.get("data"), Mapping):
            return False
        data: Mapping[str, Any] = frame["data"]
        watch = self._watches.get(str(data.get("prompt_id", "")))
        if watch is None:
            return False
        watch.hear(str(frame.get("type")), data, self._clock())
        return True
