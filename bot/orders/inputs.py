"""Turns what a person gives (an attachment, a link, an earlier clip) into an input of a job.

Bytes are fetched when the job is ordered and kept under `data/inputs`, because Discord's links
die within a day. What they are is told by their content, never by their name. What an order that
was not taken had fetched goes at once.
"""

import asyncio
import hashlib
import itertools
import logging
import secrets
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from weakref import WeakValueDictionary

from bot.catalog.formats import FORMATS, type_word, types, wanted
from bot.errors import Busy, Refusal
from bot.files.fetch import Fetcher
from bot.media.decode import Clip, decode
from bot.media.probe import MediaError, last_frame, picture_size, sniff, soundtrack, with_picture
from storage import DiskTrouble, Input, Job

log = logging.getLogger(__name__)

LARGEST = 200 * 1024 * 1024  #: bytes of any input; a model's own limit is usually smaller
DEADLINE = 90.0  #: seconds that fetching one may take
AT_ONCE = 4  #: people whose inputs are fetched at the same time; each has one at a time
TURN = 60.0  #: seconds that somebody waits for their turn

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
    file: str | None = None  #: what it has to be; None: whatever is there


async def _all_are(_names: Collection[str]) -> set[str]:
    """Every file is named by a job: none goes."""
    return set()


class Inputs:
    """The keeper of inputs. *unnamed* tells which files no job names."""

    def __init__(
        self,
        data: Path,
        fetcher: Fetcher,
        *,
        unnamed: Callable[[Collection[str]], Awaitable[set[str]]] = _all_are,
    ) -> None:
        self._data = data
        self._fetcher = fetcher
        self._unnamed = unnamed
        self._turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._fetching = asyncio.Semaphore(AT_ONCE)
        self._held: Counter[str] = Counter()  # by how many orders under way
        self._held_last: dict[str, int] = {}  # files are named by content: two may hold one
        self._moments = itertools.count()

    @asynccontextmanager
    async def order(self, user_id: int, *, fetches: bool) -> AsyncGenerator[set[str]]:
        """An order of somebody's, which may take its turn to fetch: the files that it holds.

        At its end they go, unless a job names them, or another order holds them.
        """
        held: set[str] = set()
        try:
            async with AsyncExitStack() as turn:
                if fetches:
                    await self._turn(user_id, turn)
                yield held
        finally:
            if held:
                await asyncio.shield(self._let_go(held))

    async def _turn(self, user_id: int, turn: AsyncExitStack) -> None:
        try:
            async with asyncio.timeout(TURN):
                mine = self._turns.setdefault(user_id, asyncio.Lock())
                await turn.enter_async_context(mine)
                await turn.enter_async_context(self._fetching)
        except TimeoutError:
            raise Busy(
                "Other files are still loading, so nothing was ordered. Try again in a minute."
            ) from None

    def has(self, file: str) -> bool:
        """Whether a file is on the disk."""
        return (self._data / file).exists()

    def _hold(self, file: str, held: set[str] | None) -> None:
        if held is not None and file not in held:
            held.add(file)
            self._held[file] += 1
            self._held_last[file] = next(self._moments)

    async def _let_go(self, held: Collection[str]) -> None:
        """Delete what no order under way holds any more, and no job names."""
        for file in held:
            self._held[file] -= 1
        last = {file: self._held_last.get(file) for file in held if not self._held[file]}
        try:
            gone = await self._unnamed(last)
        except DiskTrouble as trouble:
            log.warning("What a refused order had fetched stays a while: %s", trouble)
            gone = set()
        for file in last:
            # Whoever took it meanwhile, and perhaps ordered with it, sees to it themselves.
            if self._held[file] or self._held_last.get(file) != last[file]:
                continue
            del self._held[file], self._held_last[file]
            if file in gone:
                (self._data / file).unlink(missing_ok=True)

    async def fetched(
        self,
        field: str,
        url: str,
        *,
        max_bytes: int = LARGEST,
        held: set[str] | None = None,
        file: str | None = None,
    ) -> Input:
        """The input that *url* leads to, for *field* of a brief; with *file*, exactly that one.

        The order that has *held* holds it from now on. Raises `Refusal` for what is not such an
        input, or is larger than *max_bytes*, `Busy` where it may work later.
        """
        kind = KINDS[field]
        part = self._folder() / f"{secrets.token_hex(8)}.part"

        def check(head: bytes) -> None:
            _check_kind(kind, sniff(head))

        try:
            await self._fetcher.download(
                url, part, max_bytes=min(max_bytes, LARGEST), check=check, deadline=DEADLINE
            )
            found = await self.kept(field, part, url=url, held=held)
        except OSError as error:
            raise Busy("This bot can't write to its disk right now.", raw=str(error)) from error
        finally:
            part.unlink(missing_ok=True)
        if file is not None and found.file != file:
            raise Refusal(
                "The link now leads to a different file. Order again with the file you want."
            )
        return found

    async def of_take(self, field: str, job: Job, *, held: set[str] | None = None) -> Input:
        """The clip of *job*, its last frame, or its sound, as *field* wants it."""
        if job.file is None or not (self._data / job.file).exists():
            raise Refusal(f"The file of #{job.id} is no longer kept.")
        clip = self._data / job.file
        kind = KINDS[field]
        try:
            if kind == "video":
                made = await with_picture(clip)
                return replace(_moving(made, "video/mp4"), file=job.file, take=job.id)
            suffix = ".png" if kind == "image" else ".m4a"
            part = self._folder() / f"{secrets.token_hex(8)}{suffix}"
            try:
                await (last_frame if kind == "image" else soundtrack)(clip, part)
                return await self.kept(field, part, take=job.id, held=held)
            finally:
                part.unlink(missing_ok=True)
        except MediaError as error:
            raise Refusal(f"#{job.id} can't be used here. {error}") from error

    async def kept(
        self,
        field: str,
        part: Path,
        *,
        url: str | None = None,
        take: int | None = None,
        held: set[str] | None = None,
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
        file = str(kept.relative_to(self._data))
        self._hold(file, held)
        try:
            part.replace(kept)
        except OSError as error:
            raise Busy("Your file couldn't be saved: this bot can't write to its disk.") from error
        return replace(made, file=file, url=url, take=take)

    async def _pictured(self, kind: str, part: Path) -> Input:
        """What the picture at *part* is, once it stands upright."""
        pixels = picture_size(part)
        if pixels is None:
            raise Refusal(f"This file can't be read. Use {_a(wanted(kind))}.")
        if pixels[0] * pixels[1] > PIXELS:
            raise Refusal(f"Your image is over {PIXELS // 1_000_000} megapixels.")
        from bot.media.pictures import stand_upright  # Pillow: not before there is a picture

        await asyncio.to_thread(stand_upright, part)
        found = await asyncio.to_thread(sniff, part)
        assert found is not None, "it was one of them before it was turned"
        width, height = picture_size(part) or pixels
        return Input(file="", type=found, size=part.stat().st_size, width=width, height=height)

    async def _decoded(self, kind: str, part: Path) -> Input:
        """What the clip or sound at *part* is; a sound comes out of the box of a clip."""
        made = await decode(part)
        if not made.complete:
            raise MediaError("This file is damaged or cut off.", stderr=made.trouble)
        found = await asyncio.to_thread(sniff, part)
        if kind == "video":
            # An M4A by its label, and a clip by its content.
            return _moving(made.moving, "video/mp4" if found == "audio/mp4" else found or "")
        if made.sound is None:
            raise MediaError("This file has no sound.")
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


def _moving(clip: Clip, mime: str) -> Input:
    """*clip*, of the type *mime*, as an input that has no file yet."""
    return Input(
        file="",
        type=mime,
        size=clip.size,
        width=clip.width,
        height=clip.height,
        seconds=clip.seconds,
        fps=float(clip.fps),
        frames=clip.frames,
    )


def _check_kind(kind: str, found: str | None) -> None:
    """Refuse by its name what cannot be an input of this *kind*, whatever is in it."""
    holds = FORMATS.get(found or "")
    # A box for sounds may hold a clip, and one for clips a sound alone: MP4 and Ogg are both.
    if holds is None or (holds.kind == "image") != (kind == "image"):
        named = "This file can't be read" if found is None else f"This is {_file(type_word(found))}"
        raise Refusal(f"{named}. Use {_a(wanted(kind))}.")


def _file(type: str) -> str:
    """'an MP4 file', 'a web page'."""
    return type if type.startswith("a ") else _a(f"{type} file")


def _a(words: str) -> str:
    return f"an {words}" if words[0] in "AEIOM" else f"a {words}"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
