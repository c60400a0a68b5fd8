"""Turns what a person gives (an attachment, a link, an earlier clip) into an input of a job.

Bytes are fetched when the job is ordered and kept under `data/inputs`, because Discord's links
die within a day. What they are is told by their content, never by their name.
"""

import asyncio
import hashlib
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.errors import Busy, Refusal
from bot.fetch import Fetcher
from bot.media import MediaError, last_frame, picture_size, probe, sniff, soundtrack, with_picture
from storage import Input, Job

log = logging.getLogger(__name__)

LARGEST = 200 * 1024 * 1024  #: bytes of any input; a model's own limit is usually smaller
DEADLINE = 90.0  #: seconds that fetching one may take

#: What each field of a brief may be made of.
KINDS: Mapping[str, str] = {
    "image": "image",
    "last_image": "image",
    "audio": "audio",
    "video": "video",
}
_WANTED = {
    "image": "a PNG, JPEG or WebP image",
    "audio": "an MP3, WAV, OGG or M4A sound",
    "video": "an MP4, MOV or MKV video",
}
_SUFFIXES = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "audio/mpeg": ".mp3",
    "audio/wav": ".wav",
    "audio/ogg": ".ogg",
    "audio/mp4": ".m4a",
    "video/mp4": ".mp4",
    "video/quicktime": ".mov",
    "video/x-matroska": ".mkv",
    "video/webm": ".webm",
}
PIXELS = 40_000_000  #: of an image; more is a trap rather than a picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where an input comes from: a link (an attachment has one too), or a clip made here."""

    url: str | None = None
    take: int | None = None


class Inputs:
    """The keeper of inputs."""

    def __init__(self, data: Path, fetcher: Fetcher) -> None:
        self._data = data
        self._fetcher = fetcher

    async def fetched(self, field: str, url: str) -> Input:
        """The input that *url* leads to, for *field* of a brief.

        Raises `Refusal` for what is not such an input, `Busy` where it may work later.
        """
        kind = KINDS[field]
        part = self._folder() / f"{secrets.token_hex(8)}.part"

        def check(head: bytes) -> None:
            found = sniff(head)
            if found is None or not _fits(kind, found):
                raise Refusal(f"That is not {_WANTED[kind]}.")

        try:
            await self._fetcher.download(
                url, part, max_bytes=LARGEST, check=check, deadline=DEADLINE
            )
            return await self.kept(field, part, url=url)
        finally:
            part.unlink(missing_ok=True)

    async def of_take(self, field: str, job: Job) -> Input:
        """The clip of *job*, its last frame, or its sound, as *field* wants it."""
        if job.file is None or not (self._data / job.file).exists():
            raise Refusal(f"#{job.id} has no clip that is kept here.")
        clip = self._data / job.file
        kind = KINDS[field]
        try:
            if kind == "video":
                made = await with_picture(clip)
                return Input(
                    file=job.file,
                    type="video/mp4",
                    size=made.size,
                    width=made.width,
                    height=made.height,
                    seconds=made.seconds,
                    fps=float(made.fps),
                    frames=made.frames,
                    take=job.id,
                )
            suffix = ".png" if kind == "image" else ".m4a"
            part = self._folder() / f"{secrets.token_hex(8)}{suffix}"
            try:
                await (last_frame if kind == "image" else soundtrack)(clip, part)
                return await self.kept(field, part, take=job.id)
            finally:
                part.unlink(missing_ok=True)
        except MediaError as error:
            raise Refusal(f"#{job.id} cannot be used here: {error}") from error

    async def kept(
        self, field: str, part: Path, *, url: str | None = None, take: int | None = None
    ) -> Input:
        """Name the file by its content, so that the same input is kept once."""
        kind = KINDS[field]
        found = sniff(part)
        if found is None or not _fits(kind, found):
            raise Refusal(f"That is not {_WANTED[kind]}.")
        digest = await asyncio.to_thread(_digest, part)
        kept = self._folder() / f"{digest}{_SUFFIXES.get(found, '')}"
        width = height = seconds = fps = frames = None
        try:
            if kind == "image":
                pixels = picture_size(part)
                if pixels is None:
                    raise Refusal(f"That is not {_WANTED[kind]} that can be read.")
                width, height = pixels
                if width * height > PIXELS:
                    raise Refusal(f"The image is over {PIXELS // 1_000_000} megapixels.")
            else:
                made = await probe(part)
                if not made.complete:
                    log.info("An input is incomplete: %s", made.trouble)
                    raise Refusal("This file is damaged, or its end is missing.")
                seconds = made.seconds
                if kind == "video":
                    clip = made.moving
                    width, height, fps, frames = (
                        clip.width,
                        clip.height,
                        float(clip.fps),
                        clip.frames,
                    )
        except MediaError as error:
            log.info("An input cannot be read: %s", error.reason)
            if error.ours:
                raise Busy(str(error), raw=error.reason) from error
            raise Refusal(str(error), raw=error.reason) from error
        size = part.stat().st_size
        try:
            part.replace(kept)
        except OSError as error:
            raise Busy("The input could not be kept: the disk cannot be written to.") from error
        return Input(
            file=str(kept.relative_to(self._data)),
            type=found,
            size=size,
            width=width,
            height=height,
            seconds=seconds,
            fps=fps,
            frames=frames,
            url=url,
            take=take,
        )

    def _folder(self) -> Path:
        folder = self._data / "inputs"
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def _fits(kind: str, found: str) -> bool:
    # A sound may come in the same box as a video: M4A is MP4, and Ogg holds both.
    return found in _SUFFIXES and (
        found.startswith(f"{kind}/") or (kind == "audio" and found == "video/mp4")
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
