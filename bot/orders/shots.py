"""Files takes under the names of shots, and says what has come of each shot of a channel."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bot.errors import Refusal
from bot.orders.access import Access
from bot.orders.requester import Requester
from bot.words.text import one_line, typed
from storage import UNMADE, Job, Shot, ShotClip, Store, Take
from storage.shots import folded

PAGE = 10  #: shots on a page of a board
MOST = 500  #: shots of a channel
NAME = 60  #: characters

#: Whether only its members read a thread; raises `Refusal` for one that is gone.
Private = Callable[[int], Awaitable[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """What was filed: under which shot, None for none; *thread_id* is None for a single clip."""

    shot: Shot | None
    before: Shot | None
    thread_id: int | None
    job_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What has come of a shot, as far as who asks may know."""

    shot: Shot
    clips: Sequence[ShotClip]

    @property
    def made(self) -> list[ShotClip]:
        """Its takes: what is made, and not taken down."""
        return [clip for clip in self.clips if clip.made and not clip.hidden]

    @property
    def running(self) -> int:
        """How many clips are under way."""
        return sum(clip.live for clip in self.clips)

    @property
    def approved(self) -> int | None:
        """The clip that counts: the one that was approved last."""
        signed = [(clip.signed_at, clip.hit.id) for clip in self.made if clip.signed_at is not None]
        return max(signed)[1] if signed else None

    @property
    def shown(self) -> int | None:
        """The clip that the shot's link leads to: the approved one, else the newest."""
        newest = max((clip.hit.id for clip in self.made or self.clips), default=None)
        return self.approved or newest


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of a board. *take* is the one that the link leads to."""

    standing: Standing
    take: Take | None
    credits: int  #: what all takes of the shot cost by the ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotBoard:
    """A page of a channel's shots."""

    channel_id: int
    rows: list[Row]
    number: int
    of: int
    shots: int
    approved: int


class Shots:
    """The shots of channels. Everything it says no to is a `Refusal`."""

    def __init__(self, store: Store, access: Access) -> None:
        self._shots = store.shots
        self._takes = store.takes
        self._jobs = store.jobs
        self._access = access

    async def file(
        self, name: str, *, requester: Requester, clip: int | None, private: Private
    ) -> Filed:
        """File this thread, or the one of a *clip*, under a shot; with an empty name, under none.

        A clip that stands in no thread is filed alone. Refuses who may not build on all of it.
        """
        wanted = named(name)
        if clip is not None:
            job = await self._access.may_build(clip, requester)
            thread = await self._takes.thread(job.thread_id) if job.thread_id else None
            if thread is None or thread.parent_id is None:
                return await self._file_clip(wanted, job, requester)
            thread_id, home_id = thread.id, thread.parent_id
        elif requester.parent_id is not None:
            thread_id, home_id = requester.channel_id, requester.parent_id
        else:
            raise Refusal("Use this in a thread, or say which clip: `clip:#42`.")
        jobs = await self._jobs.in_thread(thread_id)
        if not jobs:
            raise Refusal("This thread has no takes yet. Make one first.")
        for job in [each for each in jobs if each.state not in UNMADE] or jobs:
            await self._access.may_change(job, requester)
        before = await self._shots.filed_as(thread_id=thread_id, job_id=None)
        self._ask(wanted, before, "This thread")
        await self._ask_for_room(wanted, home_id)
        shot = await self._shots.file_thread(
            wanted,
            thread_id,
            guild_id=requester.guild_id,
            channel_id=home_id,
            private=await private(thread_id),
        )
        return Filed(shot=shot, before=before, thread_id=thread_id, job_id=None)

    async def _file_clip(self, wanted: str, job: Job, requester: Requester) -> Filed:
        home_id = job.card_channel_id or job.channel_id
        before = await self._shots.filed_as(thread_id=None, job_id=job.id)
        self._ask(wanted, before, f"#{job.id}")
        await self._ask_for_room(wanted, home_id)
        shot = await self._shots.file_clip(
            wanted, job.id, guild_id=requester.guild_id, channel_id=home_id
        )
        return Filed(shot=shot, before=before, thread_id=None, job_id=job.id)

    @staticmethod
    def _ask(wanted: str, before: Shot | None, what: str) -> None:
        if not wanted and before is None:
            raise Refusal(f"{what} is not filed under a shot. `name:sc12/sh3` files it.")

    async def _ask_for_room(self, wanted: str, home_id: int) -> None:
        there = await self._shots.of_channel(home_id)
        known = {folded(shot.name) for shot in there}
        if wanted and folded(wanted) not in known and len(there) >= MOST:
            raise Refusal(f"This channel has {MOST} shots, which is the limit.")

    async def here(self, requester: Requester, *, signed: bool = True) -> list[Standing]:
        """The shots of this channel that who asks may know of, in natural order.

        A thread that only its members read is there for them, within it, and for moderators.
        Without *signed* it is not looked up which takes are approved.
        """
        return self._standings(await self._all(requester, signed=signed), requester)

    async def here_and_public(self, requester: Requester) -> tuple[list[Standing], list[Standing]]:
        """As `here`; and those of them that may stand in what is posted here for everybody, with
        the clips that may: of a private thread within it alone."""
        everything = await self._all(requester)
        mine = self._standings(everything, requester)
        return mine, self._standings(everything, requester, public=True)

    async def _all(self, requester: Requester, *, signed: bool = True) -> list[Standing]:
        by_shot: dict[int, list[ShotClip]] = {}
        for clip in await self._shots.clips(requester.home_id, signed=signed):
            by_shot.setdefault(clip.shot_id, []).append(clip)
        shots = await self._shots.of_channel(requester.home_id)
        return [Standing(shot=shot, clips=by_shot.get(shot.id, [])) for shot in shots]

    @staticmethod
    def _standings(
        everything: Sequence[Standing], requester: Requester, *, public: bool = False
    ) -> list[Standing]:
        """*everything* without clips that may not be named, and shots that have no others."""
        found = []
        for each in everything:
            clips = [clip for clip in each.clips if _seen(clip, requester, public=public)]
            if clips:
                found.append(Standing(shot=each.shot, clips=clips))
        return found

    async def names(self, requester: Requester) -> list[str]:
        """The names of this channel's shots, in natural order."""
        return [each.shot.name for each in await self.here(requester, signed=False)]

    async def scenes(self, requester: Requester) -> list[str]:
        """The scenes of this channel's shots, in natural order."""
        there = await self.here(requester, signed=False)
        scenes = {folded(each.shot.scene): each.shot.scene for each in there}
        return [scene for scene in scenes.values() if scene]

    async def board(self, number: int, *, requester: Requester) -> ShotBoard:
        """A page of this channel's shots; the last one where there are fewer."""
        there = await self.here(requester)
        if not there:
            raise Refusal("No shots here yet. `/video shot name:sc1/sh1` in a thread files one.")
        pages = -(-len(there) // PAGE)
        number = max(1, min(number, pages))
        listed = there[(number - 1) * PAGE : number * PAGE]
        shown = [each.shown for each in listed]
        takes = {
            take.job.id: take
            for take in await self._takes.several(
                [each for each in shown if each is not None], guild_id=requester.guild_id
            )
        }
        costs = await self._shots.costs([clip.hit.id for each in listed for clip in each.clips])
        rows = [
            Row(
                standing=each,
                take=takes.get(each.shown or 0),
                credits=sum(costs.get(clip.hit.id, 0) for clip in each.clips),
            )
            for each in listed
        ]
        return ShotBoard(
            channel_id=requester.home_id,
            rows=rows,
            number=number,
            of=pages,
            shots=len(there),
            approved=sum(each.approved is not None for each in there),
        )


def named(name: str) -> str:
    """A shot's name as it was typed, without what nobody sees; "" for none.

    Raises `Refusal` for one that is too long or has nothing to read.
    """
    said = "/".join(part.strip() for part in one_line(name).split("/")).strip("/")
    if not said and not name.strip():
        return ""
    if not any(each.isalnum() for each in said):
        raise Refusal("A shot's name needs a letter or a number, such as sc12/sh3.")
    if len(said) > NAME:
        raise Refusal(f"{typed(said)} is too long. A shot's name has at most {NAME} characters.")
    return said


def _seen(clip: ShotClip, requester: Requester, *, public: bool) -> bool:
    """Whether a clip may be named: who is in a channel reads its threads but the private ones."""
    if not clip.private or clip.hit.thread_id == requester.channel_id:
        return True
    own = clip.hit.user_id == requester.user_id
    return not public and (requester.moderator or own)
