"""Reels: the approved takes of a channel's shots as one film, with the list of its cuts."""

import asyncio
import math
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bot.errors import Refusal
from bot.files.cache import ClipCache
from bot.machine_trouble import trouble_of
from bot.media.cut_list import Event, begin, edl, timecode
from bot.media.encode import OnProgress
from bot.media.hdr_preview import preview
from bot.media.probe import Clip, MediaError, with_picture
from bot.media.reel import MOST_SECONDS, Piece, Placed, canvas_of, make_reel, placed
from bot.orders.requester import Requester
from bot.orders.shots import Shots, Standing
from bot.words.csv_table import as_csv
from bot.words.numbers import listed
from bot.words.shots import length
from bot.words.text import inert, typed
from storage import MADE, Job, Reel, Store, Take
from storage.reels import TooMany
from storage.shots import folded

MOST_TAKES = 100
WAITING = 5  #: reels of a server that are made or wait for their turn
LONG, MANY = 60.0, 20  #: seconds, and takes, above which a reel is asked about first
HDR = ".zip"  #: frames for grading: their preview stands in for them


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a reel would be."""

    reel: Reel
    seconds: float
    missing: list[str]  #: what is left out since its file is gone: 'sc1/sh2 (#4)'
    unapproved: list[str]  #: the names of shots without an approved take
    private: list[str]  #: of shots that stand in a private thread only
    waiting: int  #: reels of this server before it

    @property
    def asks(self) -> bool:
        """Whether somebody has to say yes first: it is long, or lacks something."""
        return self.seconds > LONG or len(self.reel.cut) > MANY or bool(self.missing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A reel that is made. *first* is the job of its first clip."""

    film: Path
    edl: bytes
    csv: bytes
    seconds: float
    jobs: list[int]  #: whose clips it shows
    left_out: list[str]
    first: Job


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    """One clip of a reel, found and read."""

    shot: str
    take: Take
    clip: Path
    info: Clip


class Reels:
    """Plans reels and makes them. Everything it says no to is a `Refusal`."""

    def __init__(
        self,
        store: Store,
        shots: Shots,
        *,
        data: Path,
        cache: ClipCache,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._reels = store.reels
        self._sharing = store.sharing
        self._takes = store.takes
        self._costs = store.shots.costs
        self._shots = shots
        self._cache = cache
        self._data = data
        self._clock = clock

    # Asking for one.

    async def plan(
        self,
        request: str,
        *,
        requester: Requester,
        scene: str | None = None,
        first: str | None = None,
        last: str | None = None,
        slate: bool = False,
    ) -> Plan:
        """What a reel of this channel would be: all of it, a *scene*, or *first* to *last*."""
        everything, public = await self._shots.here_and_public(requester)
        wanted = _chosen(everything, scene, first, last)
        open_to_all = {each.shot.id: each for each in public}
        there = [open_to_all[each.shot.id] for each in wanted if each.shot.id in open_to_all]
        approved = [(each, each.approved) for each in there if each.approved is not None]
        ids = [number for _, number in approved if number is not None]
        takes = {
            take.job.id: take
            for take in await self._takes.several(ids, guild_id=requester.guild_id)
        }
        cut, missing, seconds = [], [], 0.0
        for each, number in approved:
            take = takes.get(number or 0)
            if take is None:
                continue
            if take.job.file is None or not await self._cache.has(take.job.file):
                missing.append(f"{each.shot.name} (#{take.job.id})")
                continue
            cut.append((each.shot.name, take.job.id))
            seconds += _length(take)
        _ask_about(cut, missing, seconds)
        reel = await self._reels.ask(
            request,
            cut,
            guild_id=requester.guild_id,
            channel_id=requester.channel_id,
            user_id=requester.user_id,
            slate=slate,
            at=self._clock(),
        )
        before = [each for each in await self._reels.begun() if each.guild_id == reel.guild_id]
        return Plan(
            reel=reel,
            seconds=seconds,
            missing=missing,
            unapproved=[each.shot.name for each in there if each.approved is None],
            private=[each.shot.name for each in wanted if each.shot.id not in open_to_all],
            waiting=len(before),
        )

    async def begin(self, reel_id: int, *, requester: Requester) -> Reel:
        """Have a reel that was planned wait for its turn."""
        self._cache.check()
        guild_id, user_id = requester.guild_id, requester.user_id
        try:
            reel = await self._reels.begin(
                reel_id, guild_id=guild_id, user_id=user_id, most=WAITING
            )
        except TooMany:
            raise Refusal(f"{WAITING} reels of this server are waiting. Try again later.") from None
        if reel is None:
            raise Refusal("That reel is out of date. Use `/video reel` again.")
        return reel

    # Where each is.

    async def begun(self) -> list[Reel]:
        """The reels that somebody waits for, those that asked first before the others."""
        return [each for each in await self._reels.begun() if self._sharing.has(each.guild_id)]

    async def carded(self, reel: Reel, message_id: int) -> Reel:
        """Note the message that says how far a reel is."""
        await self._reels.has_card(reel.id, message_id)
        return replace(reel, card_id=message_id)

    async def take_up(self, reel_id: int) -> Reel | None:
        """Note that a reel is begun, or begun again; None where it was dropped."""
        return await self._reels.make(reel_id)

    async def again(self, reel_id: int) -> None:
        """Have a reel wait: what went wrong was no fault of its own, and counts as no try."""
        await self._reels.again(reel_id)

    async def about_to_post(self, reel_id: int, made: Made) -> bool:
        """Note that a reel may be posted from now on; False where it was dropped, or a clip that
        it shows was deleted."""
        return await self._reels.post(reel_id, made.jobs)

    async def over(self, reel_id: int) -> None:
        """Forget a reel and its files."""
        await self._reels.over(reel_id)
        await self.clear(reel_id)

    async def link(self, reel: Reel) -> tuple[str, float] | None:
        """A link to a reel that no message can carry, and until when; None without a bucket."""
        return await self._cache.lend(f"reels/{_film_name(reel)}")

    # Making one.

    async def make(self, reel: Reel, *, progress: OnProgress) -> Made:
        """Make a reel; safe to repeat. What is gone by now is left out, and named.

        Raises `Refusal` where nothing is left of it or it cannot be made, `Busy` where it may work
        later.
        """
        folder = self._data / "reels"
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        film = folder / _film_name(reel)
        cuts, left_out = [], []
        for shot, number in reel.cut:
            cut = await self._cut(reel, shot, number)
            if cut is None:
                left_out.append(f"{shot} (#{number})")
            else:
                cuts.append(cut)
        if not cuts:
            raise Refusal("None of the reel's clips is there any more.")
        infos = [each.info for each in cuts]
        pieces = [Piece(clip=each.clip, words=each.shot if reel.slate else "") for each in cuts]

        async def between() -> None:
            self._cache.check()

        try:
            await make_reel(pieces, infos, film, between=between, progress=progress)
        except MediaError as error:
            if (trouble := trouble_of(error)) is not None:
                raise trouble from error
            raise Refusal(f"The reel can't be made. {error}") from error
        places, fps = placed(infos, canvas_of(infos)), canvas_of(infos).fps
        events = [
            Event(
                shot=each.shot,
                clip=each.take.job.id,
                file=_file_name(each.take.job),
                first=place.first,
                count=place.count,
                sound=place.sound,
                prompt=each.take.job.brief.prompt,
            )
            for each, place in zip(cuts, places, strict=True)
        ]
        costs = await self._costs([each.take.job.id for each in cuts])
        return Made(
            film=film,
            edl=edl(f"Reel {reel.id}", events, fps),
            csv=_table(cuts, places, fps, costs),
            seconds=(places[-1].first + places[-1].count) / fps,
            jobs=[each.take.job.id for each in cuts],
            left_out=left_out,
            first=cuts[0].take.job,
        )

    async def _cut(self, reel: Reel, shot: str, number: int) -> _Cut | None:
        """A clip of a reel with its file; None where it is gone, taken down or cannot be read."""
        take = await self._takes.get(number, guild_id=reel.guild_id)
        if take is None or take.hidden_by is not None or take.job.state not in MADE:
            return None
        if take.job.file is None:
            return None
        try:
            clip = await self._cache.at_hand(take.job.file)
            if clip.suffix == HDR:
                clip = await self._shown(take.job, clip, reel)
            return _Cut(shot=shot, take=take, clip=clip, info=await with_picture(clip))
        except Refusal:
            return None
        except MediaError as error:
            if (trouble := trouble_of(error)) is not None:
                raise trouble from error
            return None

    async def _shown(self, job: Job, frames: Path, reel: Reel) -> Path:
        """A clip for ordinary screens, of frames for grading."""
        to = self._data / "reels" / f"{reel.id}.hdr-{job.id}.mp4"
        video = job.brief.video
        fps = video.fps if video is not None and video.fps else 24.0
        if not await asyncio.to_thread(to.exists):
            await preview(frames, to, fps=fps)
        return to

    async def clear(self, reel_id: int | None = None) -> None:
        """Delete the files of a reel; without one, those of all reels that nobody waits for."""
        known = {each.id for each in await self._reels.begun()}
        await asyncio.to_thread(_clear, self._data / "reels", reel_id, known)


def _clear(folder: Path, reel_id: int | None, known: set[int]) -> None:
    for path in folder.glob("*" if reel_id is None else f"{reel_id}.*"):
        number = path.name.partition(".")[0]
        if reel_id is None and number.isdigit() and int(number) in known:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _chosen(
    there: Sequence[Standing], scene: str | None, first: str | None, last: str | None
) -> list[Standing]:
    """The shots of a *scene*, from *first* to *last*, those included."""
    if not there:
        raise Refusal("No shots here yet. `/video shot name:sc1/sh1` in a thread files one.")
    names = [folded(each.shot.name) for each in there]

    def place(name: str | None, default: int) -> int:
        if not name:
            return default
        if folded(name.strip()) not in names:
            raise Refusal(f"There is no shot {typed(name)} here.")
        return names.index(folded(name.strip()))

    begins, ends = place(first, 0), place(last, len(there) - 1)
    if begins > ends:
        raise Refusal(f"{typed(first or '')} comes after {typed(last or '')}.")
    wanted = list(there[begins : ends + 1])
    if scene:
        of = folded(scene.strip())
        wanted = [each for each in wanted if f"{folded(each.shot.scene)}/".startswith(f"{of}/")]
        if not wanted:
            raise Refusal(f"There is no scene {typed(scene)} here.")
    return wanted


def _ask_about(cut: Sequence[tuple[str, int]], missing: Sequence[str], seconds: float) -> None:
    """Refuse a reel of nothing, and one that is too long."""
    if not cut and missing:
        names = listed([inert(each) for each in missing[:10]], last="and")
        raise Refusal(f"The files of the approved takes are no longer kept: {names}.")
    if not cut:
        raise Refusal("No shot here has an approved take yet. React ✅ to a take to approve it.")
    less = "Choose a scene, or from which shot to which."
    if len(cut) > MOST_TAKES:
        raise Refusal(f"That is {len(cut)} takes. A reel can have {MOST_TAKES}. {less}")
    if seconds > MOST_SECONDS:
        most = MOST_SECONDS // 60
        raise Refusal(
            f"That is {length(math.ceil(seconds))} long. A reel can be {most} minutes. {less}"
        )


def _length(take: Take) -> float:
    """How long a clip is: as it was measured, else as it was ordered."""
    video = take.job.brief.video
    ordered = take.job.brief.duration or (video.seconds if video is not None else None)
    return take.seconds if take.seconds is not None else float(ordered or 0)


def _film_name(reel: Reel) -> str:
    """With the server's number: what is lent of it goes with the data of its members."""
    return f"{reel.id}.{reel.guild_id}.mp4"


def _file_name(job: Job) -> str:
    return f"dailies-{job.id}{'.zip' if (job.file or '').endswith(HDR) else '.mp4'}"


def _table(
    cuts: Sequence[_Cut], places: Sequence[Placed], fps: float, costs: dict[int, int]
) -> bytes:
    """The cut as a table: a row a clip."""
    start, rows = begin(fps), []
    for number, (cut, place) in enumerate(zip(cuts, places, strict=True), start=1):
        job, at = cut.take.job, start + place.first
        scene, _, shot = cut.shot.rpartition("/")
        rows.append(
            {
                "event": number,
                "scene": scene,
                "shot": shot,
                "take": cut.take.number,
                "clip": job.id,
                "file": _file_name(job),
                "source in": timecode(0, fps),
                "source out": timecode(place.count, fps),
                "record in": timecode(at, fps),
                "record out": timecode(at + place.count, fps),
                "frames": place.count,
                "fps": f"{fps:.3f}".rstrip("0").rstrip("."),
                "sound": "yes" if place.sound else "no",
                "credits": costs.get(job.id, 0),
                "provider": job.provider,
                "model": job.model,
                "prompt": job.brief.prompt,
            }
        )
    return as_csv(rows)
