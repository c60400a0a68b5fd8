"""Copies of clips that are posted instead of them: smaller ones, playable ones, previews of HDR."""

import asyncio
import logging
from pathlib import Path
from weakref import WeakValueDictionary

from bot.errors import Refusal
from bot.machine_trouble import trouble_of
from bot.media.fit import fit
from bot.media.hdr_preview import preview
from bot.media.playable import playable
from bot.media.probe import MediaError

log = logging.getLogger(__name__)


class Renditions:
    """Makes each copy once, beside its clip; who asks for the same meanwhile waits for it."""

    def __init__(self) -> None:
        self._making: WeakValueDictionary[Path, asyncio.Lock] = WeakValueDictionary()

    async def fitting(self, clip: Path, limit: int) -> Path:
        """*clip*, or an encode of it of at most *limit* bytes; else raises `Refusal`."""
        try:
            too_large = clip.stat().st_size > limit  # what is made smaller plays
            shown = clip if too_large else await self.playable(clip)
            return shown if shown.stat().st_size <= limit else await self.smaller(clip, limit)
        except MediaError as error:
            if (trouble := trouble_of(error)) is not None:
                raise trouble from error
            raise Refusal(f"It can't be made small enough. {error}") from error

    async def playable(self, clip: Path, *, original: bool = False) -> Path:
        """*clip*, or the copy of it that is posted: it plays in Discord, without foreign words.

        The *original* is never encoded anew. Our file of it stays as it came in any case.
        """
        to = clip.with_name(f"{clip.stem}.{'bare' if original else 'play'}.mp4")
        async with self._making.setdefault(to, asyncio.Lock()):
            if to.exists():
                return to
            try:
                return await playable(clip, to, encoded=not original)
            except MediaError as error:
                log.warning("%s is posted as it is: %s", clip.name, error.reason)
                if (trouble := trouble_of(error)) is not None:
                    raise trouble from error
                return clip

    async def smaller(self, clip: Path, limit: int) -> Path:
        """An encode of *clip* of at most *limit* bytes. Raises `MediaError`."""
        to = clip.with_name(f"{clip.stem}.{limit}.mp4")
        async with self._making.setdefault(to, asyncio.Lock()):
            if not to.exists():
                await fit(clip, to, limit)
        return to

    async def preview(self, frames: Path, limit: int, *, name: str, fps: float) -> Path | None:
        """A clip to look at of HDR's frames, made once; None where there can be none."""
        to = frames.with_name(f"{name}.preview.mp4")
        try:
            if not to.exists():
                await preview(frames, to, fps=fps)
            return await self.fitting(to, limit)
        except (MediaError, Refusal) as error:
            if (trouble := trouble_of(error)) is not None:
                raise trouble from error
            log.info("%s has no preview: %s", frames.name, error)
            return None
