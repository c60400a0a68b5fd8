"""Brings finished clips here while their servers still have them."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from bot.errors import Busy, Trouble
from bot.machine_trouble import trouble_of
from bot.media.decode import decode
from bot.media.probe import MediaError

from .outputs import Output
from .server import DEAD, Server

__all__ = ["Downloads"]

log = logging.getLogger(__name__)

SOON = 2.0  #: seconds that a question about a clip waits for it to arrive
KEPT = 7 * 24 * 3600.0  #: seconds after which a clip that nobody took is deleted


class Downloads:
    """The clips in *folder*, each from when its server says that it is done until it is taken.

    *clock* is in seconds; *wall* is Unix time.
    """

    def __init__(
        self, folder: Path, *, clock: Callable[[], float], wall: Callable[[], float]
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._wall = wall
        self._coming: dict[str, asyncio.Task[bool]] = {}
        self._withheld: dict[str, float] = {}  # jobs: since when their clip can't be downloaded

    def file(self, prompt_id: str) -> Path:
        """Where the clip of a job is once it is here."""
        return self._folder / f"{prompt_id}.clip"

    def has(self, prompt_id: str) -> bool:
        """Whether it is here, and nothing comes any more."""
        task = self._coming.get(prompt_id)
        return (task is None or task.done()) and self.file(prompt_id).exists()

    async def bring(self, server: Server, prompt_id: str, clip: Output) -> bool:
        """Whether its server has handed it out. False: it is on its way.

        A server that says it is done and does not hand it out is waited for; after that it counts
        as handed out all the same, and is asked for as long as it is kept. Raises `Busy`.
        """
        if self.has(prompt_id):
            self.forget(prompt_id)
            return True
        task = self._coming.get(prompt_id)
        if task is None:
            task = asyncio.create_task(
                server.client.download(clip.params, self.file(prompt_id)),
                name=f"download {prompt_id}",
            )
            self._coming[prompt_id] = task
        await asyncio.wait({task}, timeout=SOON)
        if not task.done():
            return False
        del self._coming[prompt_id]
        try:
            task.result()
        except Trouble:
            raise
        except Busy:
            since = self._withheld.setdefault(prompt_id, self._clock())
            if self._clock() - since < DEAD:
                raise
        self.forget(prompt_id)
        return True

    def forget(self, prompt_id: str) -> None:
        """It is here, or its server need not be waited for."""
        self._coming.pop(prompt_id, None)
        self._withheld.pop(prompt_id, None)

    async def bring_kept(self, server: Server, prompt_id: str, names: Iterable[Output]) -> bool:
        """Whether the clip is here: a server that was started anew may have it by one of *names*.

        What a killed server had begun to write is no clip. Raises `Busy`.
        """
        if self.has(prompt_id):
            return True
        part = self.file(prompt_id).with_suffix(".try")
        for output in names:
            try:
                if not await server.client.download(output.params, part):
                    continue
                made = await decode(part)
                if made.picture is not None and made.complete:
                    part.replace(self.file(prompt_id))
                    return True
            except MediaError as error:
                if error.ours:  # it is there, and may be whole
                    raise trouble_of(error) or error from error
                log.info("%s kept half of %s: %s", server.name, output.filename, error)
            finally:
                part.unlink(missing_ok=True)
        return False

    async def drop(self, prompt_id: str) -> None:
        """Nobody wants it any more."""
        if (task := self._coming.get(prompt_id)) is not None:
            await _ended(task)
        self.forget(prompt_id)
        self.file(prompt_id).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Delete clips, and halves of them, that nobody came for: their orders were given up or
        deleted, or Dailies was killed meanwhile."""
        old = self._wall() - KEPT
        for kind in ("*.clip", "*.clip.part", "*.try", "*.try.part"):
            for file in self._folder.glob(kind):
                if file.stat().st_mtime < old:
                    file.unlink(missing_ok=True)

    async def close(self) -> None:
        """Stop what is under way; it is begun anew by whoever asks next."""
        for task in self._coming.values():
            await _ended(task)
        self._coming.clear()


async def _ended(task: asyncio.Task[bool]) -> None:
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        with suppress(Exception):
            task.result()  # nobody waits for it any more
