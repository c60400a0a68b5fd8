"""Turns what a person gives (an attachment, a link, an earlier clip) into an input of a job.

Bytes are fetched when the job is ordered and kept under `data/inputs`, because Discord's links
die within a day. What they are is told by their content, never by their name.
"""

import asyncio
import hashlib
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bot.decoding import decode
from bot.errors import Busy, Refusal
from bot.fetch import Fetcher
from bot.formats import FORMATS, type_word, types, wanted
from bot.media import MediaError, last_frame, picture_size, sniff, soundtrack, with_picture
from bot.pictures import stand_upright
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
            _check_kind(kind, sniff(head))

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
        """Name the file by its content, so that the same input is kept once.

        What it is, its content says. A picture is stood upright; of a clip that is given as a
        sound, or a sound in a box of another kind, the sound is kept.

        Raises `Refusal` for what is not such an input, `Busy` where it may work later.
        """
        kind = KINDS[field]
        found = await asyncio.to_thread(sniff, part)
        _check_kind(kind, found)
        try:
            made = await (self._pictured if kind == "image" else self._decoded)(kind, part)
        except MediaError as error:
            log.info("An input cannot be read: %s", error.reason)
            if error.ours:
                raise Busy(str(error), raw=error.reason) from error
            raise Refusal(str(error), raw=error.reason) from error
        digest = await asyncio.to_thread(_digest, part)
        kept = self._folder() / f"{digest}{FORMATS[made.type].suffix}"
        try:
            part.replace(kept)
        except OSError as error:
            raise Busy("The input could not be kept: the disk cannot be written to.") from error
        return replace(made, file=str(kept.relative_to(self._data)), url=url, take=take)

    async def _pictured(self, kind: str, part: Path) -> Input:
        """What the picture at *part* is, once it stands upright."""
        pixels = picture_size(part)
        if pixels is None:
            raise Refusal(f"That is not {_a(wanted(kind))} that can be read.")
        if pixels[0] * pixels[1] > PIXELS:
            raise Refusal(f"The image is over {PIXELS // 1_000_000} megapixels.")
        await asyncio.to_thread(stand_upright, part)
        found = await asyncio.to_thread(sniff, part)
        assert found is not None, "it was one of them before it was turned"
        width, height = picture_size(part) or pixels
        return Input(file="", type=found, size=part.stat().st_size, width=width, height=height)

    async def _decoded(self, kind: str, part: Path) -> Input:
        """What the clip or sound at *part* is; a sound comes out of the box of a clip."""
        made = await decode(part)
        if not made.complete:
            raise MediaError("This file is damaged, or its end is missing.", stderr=made.trouble)
        found = await asyncio.to_thread(sniff, part)
        if kind == "video":
            clip = made.moving
            return Input(
                file="",
                # An M4A by its label, and a clip by its content.
                type="video/mp4" if found == "audio/mp4" else found or "",
                size=made.size,
                width=clip.width,
                height=clip.height,
                seconds=clip.seconds,
                fps=float(clip.fps),
                frames=clip.frames,
            )
        if made.sound is None:
            raise MediaError("There is no sound in this file.")
        if found == "video/mp4" and not made.has_picture and made.sound.codec == "aac":
            found = "audio/mp4"  # recorders of phones label it as any MP4
        if made.has_picture or found not in types("audio"):
            sound = part.with_name(f"{part.name}.m4a")
            try:
                await soundtrack(part, sound)
                sound.replace(part)
            finally:
                sound.unlink(missing_ok=True)
            found, made = "audio/mp4", await decode(part)
        assert found is not None, "it was decoded as what it is"
        return Input(file="", type=found, size=made.size, seconds=made.seconds)

    def _folder(self) -> Path:
        folder = self._data / "inputs"
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def _check_kind(kind: str, found: str | None) -> None:
    """Refuse by its name what cannot be an input of this *kind*, whatever is in it."""
    holds = FORMATS.get(found or "")
    # A box for sounds may hold a clip, and one for clips a sound alone: MP4 and Ogg are both.
    if holds is None or (holds.kind == "image") != (kind == "image"):
        named = "That cannot be read" if found is None else f"That is {type_word(found)}"
        raise Refusal(f"{named}. Give {_a(wanted(kind))}.")


def _a(words: str) -> str:
    return f"an {words}" if words[0] in "AEIOM" else f"a {words}"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
