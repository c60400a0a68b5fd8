"""Clips as they are: find one, list them, say what is known of one, mark it, take it down."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, StrEnum
from pathlib import Path

from bot.errors import Refusal
from bot.files.cache import ClipCache
from bot.media.join import side_by_side
from bot.media.probe import MediaError
from bot.orders.clip_names import clip_named, name_of
from bot.orders.orders import Studio
from bot.orders.quote import Instead, Quote
from bot.orders.requester import Requester
from storage import ENDED, MADE, Bill, By, Job, Post, Relation, Take

PAGE = 20  #: takes on one page of a list


class Need(Enum):
    """What of a clip must be there for something to be done with it."""

    ROW = "what is known of it"
    CLIP = "that it was made, and not taken down by a moderator"
    FILE = "its file, here or in the bucket, as well"


class Verb(StrEnum):
    """What can be done with a clip, by whatever reaction, button, menu or command."""

    REMOVE = "remove"
    DETAILS = "details"
    APPROVE = "approve"
    FAVOURITE = "favourite"
    VARIATION = "variation"
    RETAKE = "retake"
    EXTEND = "extend"
    HDR = "hdr"
    SEND = "send"
    COMPARE = "compare"
    SHOW = "show"


#: None of them needs its post: where that was deleted, the verb works all the same.
NEEDS: Mapping[Verb, Need] = {
    Verb.REMOVE: Need.ROW,
    Verb.DETAILS: Need.ROW,
    Verb.APPROVE: Need.ROW,
    Verb.FAVOURITE: Need.CLIP,
    Verb.VARIATION: Need.CLIP,
    Verb.RETAKE: Need.FILE,
    Verb.EXTEND: Need.FILE,
    Verb.HDR: Need.FILE,
    Verb.SEND: Need.FILE,
    Verb.COMPARE: Need.FILE,
    Verb.SHOW: Need.FILE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of a list of takes, oldest first; the first page has the newest."""

    takes: list[Take]
    parents: dict[int, Take]  #: what they were made from, by number
    number: int
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedBatch:
    """What was taken down with a sheet."""

    posts: list[Post]  #: the messages that are to be deleted
    jobs: list[Job]  #: the takes that stood nowhere else


class Takes:
    """What there is of clips. Everything it says no to is a `Refusal`."""

    def __init__(
        self,
        studio: Studio,
        *,
        data: Path,
        cache: ClipCache,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._studio = studio
        self._cache = cache
        self._takes = studio.store.takes
        self._policy = studio.store.policy
        self._servers = studio.store.servers
        self._data = data
        self._clock = clock

    # Looking.

    async def find(self, id: int, *, guild_id: int) -> Take:
        """The take with this number of a server."""
        take = await self._takes.get(id, guild_id=guild_id) if 0 < id < 2**63 else None
        if take is None:
            raise Refusal(f"There is no clip #{id} here.")
        return take

    async def finished(self, id: int, *, requester: Requester) -> Job:
        """A clip of this server whose file is there to be worked with, by who may know of it."""
        return await self.ready(id, Verb.SHOW, requester=requester)

    async def ready(self, id: int, verb: Verb, *, requester: Requester) -> Job:
        """A clip of this server that has what *verb* needs, for who may know of it.

        Raises `Refusal` for any other.
        """
        take = await self.find(id, guild_id=requester.guild_id)
        job = take.job
        if not await self._studio.access.may_see(job, requester):
            raise Refusal(f"There is no clip #{id} here.")
        need = NEEDS[verb]
        if need is Need.ROW:
            return job
        if job.state not in MADE or job.file is None:
            raise Refusal(f"#{id} has no clip yet. Try again once it does.")
        if take.hidden_by is not None and not self._may_revive(take, requester):
            if take.hidden_by != job.user_id:
                raise Refusal(f"A moderator deleted #{id}.")
            if verb is not Verb.FAVOURITE:  # one's own list is one's own
                raise Refusal(f"The person who ordered #{id} deleted it.")
        if need is Need.FILE and not await self._cache.has(job.file):
            sentence = f"The file of #{id} is no longer kept. 🎲 makes it again."
            raise Instead(sentence, self._made_again(job))
        return job

    def _made_again(self, job: Job) -> list[Quote]:
        """What making a clip again means, whose file is gone; empty where nobody makes it."""
        same = job.brief.but(seed=None, parent=job.id, relation=Relation.VARIATION)
        provider, model, request = job.provider, job.model, f"again:{job.id}"
        with suppress(Refusal):
            return [self._studio.quotes.best(same, provider=provider, model=model, request=request)]
        return []

    async def named(self, name: str, *, requester: Requester) -> int:
        """The number of the clip that somebody names where they are: see `clip_named`."""
        return await clip_named(name, requester=requester, takes=self._takes)

    async def name(self, job: Job, *, requester: Requester) -> str:
        """What a clip is called where somebody is: 'take 2 (#9)' or '#9'."""
        take = await self.find(job.id, guild_id=requester.guild_id)
        return name_of(take, place_id=requester.channel_id)

    async def latest(self, requester: Requester) -> Job:
        """What somebody ordered last in a server, whatever became of it."""
        job = await self._takes.latest(guild_id=requester.guild_id, user_id=requester.user_id)
        if job is None:
            raise Refusal("You haven't ordered anything here yet. `/video text` makes a clip.")
        return job

    async def near(self, requester: Requester, *, limit: int) -> list[Take]:
        """The takes of this thread, newest first, then one's own latest clips elsewhere."""
        mine, here = await asyncio.gather(
            self._takes.of_person(
                guild_id=requester.guild_id, user_id=requester.user_id, limit=limit
            ),
            self._takes.of_thread(requester.channel_id, limit=limit),
        )
        known = {take.job.id: take for take in [*reversed(here), *reversed(mine)]}
        return list(known.values())

    async def page(self, number: int, *, requester: Requester, favourites: bool = False) -> Page:
        """A page of this thread's takes, or of one's own favourites in the server; the last page
        where there are fewer."""
        if favourites:
            none = "You have no favorites yet. ⭐ marks one."
            count = await self._takes.count_favourites(
                guild_id=requester.guild_id, user_id=requester.user_id
            )
        else:
            none = "There are no takes here yet."
            count = (await self._takes.tally(requester.channel_id)).jobs
        if not count:
            raise Refusal(none)
        pages = -(-count // PAGE)
        number = min(number, pages)
        skip = (number - 1) * PAGE
        if favourites:
            marked = await self._takes.favourites(
                guild_id=requester.guild_id, user_id=requester.user_id, limit=PAGE, skip=skip
            )
            takes = [
                take for take in marked if await self._studio.access.may_see(take.job, requester)
            ]
        else:
            takes = await self._takes.of_thread(requester.channel_id, limit=PAGE, skip=skip)
        parents = await self._takes.parents(takes, guild_id=requester.guild_id)
        return Page(takes=takes, parents=parents, number=number, of=pages)

    async def bill(self, job: Job) -> Bill | None:
        """What the ledger says that a clip cost; None where nothing was ever held for it."""
        return await self._policy.bill(job.id)

    async def kin(self, job: Job) -> tuple[Take | None, list[Take]]:
        """What a clip was made from, if anything, and what was made from it."""
        parent = None
        if job.brief.parent is not None:
            parent = await self._takes.get(job.brief.parent, guild_id=job.guild_id)
        return parent, await self._takes.children(job.id)

    async def to_compare(self, job: Job) -> int:
        """The number of the clip that *job*'s is compared with: the one it was made from, else
        the take before it."""
        other = job.brief.parent
        if other is None:
            other = await self._takes.beside(job.id, thread_id=job.thread_id or 0)
        if other is None:
            raise Refusal(f"There is no other take to compare #{job.id} with yet.")
        return other

    # Marks and files.

    async def compare(self, first: Job, second: Job) -> Path:
        """Both clips side by side, in one file."""
        for job in (first, second):
            await self._cache.at_hand(job.file or "")
        to = self._data / "takes" / f"{first.id}.with.{second.id}.mp4"
        if not to.exists():
            try:
                await side_by_side(self._file(first), self._file(second), to)
            except MediaError as error:
                raise Refusal(f"These can't be compared. {error}") from error
        return to

    async def favourite(self, job: Job, user_id: int, *, on: bool) -> int:
        """Mark a take, or no longer; how many people do."""
        return await self._takes.favourite(job.id, user_id, at=self._clock() if on else None)

    async def unmark(self, job_id: int, verb: Verb, *, requester: Requester) -> Take | None:
        """Take one's own favourite or approval back, whatever one may do by now."""
        mark = self._takes.favourite if verb is Verb.FAVOURITE else self._takes.sign_off
        await mark(job_id, requester.user_id, at=None)
        return await self._takes.get(job_id, guild_id=requester.guild_id)

    async def toggle_favourite(self, job: Job, user_id: int) -> bool:
        """Mark a take, or no longer where it is marked; whether it is now."""
        on = not await self._takes.is_favourite(job.id, user_id)
        await self.favourite(job, user_id, on=on)
        return on

    async def sign_off(self, job: Job, requester: Requester, *, on: bool) -> int:
        """Approve a take, for those whom the server made reviewers, and moderators."""
        reviewers = (await self._policy.server(requester.guild_id)).reviewers
        if not requester.moderator and reviewers not in requester.roles:
            if reviewers is None:
                raise Refusal("Only moderators can approve takes here.")
            raise Refusal(f"Only <@&{reviewers}> and moderators can approve takes here.")
        return await self._takes.sign_off(
            job.id, requester.user_id, at=self._clock() if on else None
        )

    async def remove(self, id: int, *, requester: Requester) -> Take:
        """Take a clip down, or stop it, for its person or a moderator; the take as it was before.

        The file stays until its time: `/video show` brings it back. What was deleted already stays
        deleted by the same person, except that a moderator may delete what its person deleted.
        """
        take = await self.find(id, guild_id=requester.guild_id)
        if take.job.state not in ENDED and take.post is None:
            await self._studio.cancel(id, requester=requester)
            return take
        if take.job.user_id != requester.user_id and not requester.moderator:
            raise Refusal(f"Only <@{take.job.user_id}> or a moderator can delete #{id}.")
        if not _stays_deleted(take, requester):
            by = _on_record(take.job, requester)
            await self._servers.take_down(by, take.job, hidden_by=requester.user_id)
        return take

    async def remove_batch(self, batch: int, *, requester: Requester) -> RemovedBatch | None:
        """Take the sheet of a batch down, with the takes that stand nowhere else; for its person or
        a moderator. None where some of it is under way: it is not taken down, but stopped."""
        first = (await self.find(batch, guild_id=requester.guild_id)).job
        if first.user_id != requester.user_id and not requester.moderator:
            raise Refusal(f"Only <@{first.user_id}> or a moderator can delete #{batch}.")
        sheet = await self._studio.store.batches.sheet(batch)
        if sheet is None or sheet.message_id is None:
            return None
        posts: dict[int, Post] = {}
        removed: list[Take] = []
        for take in await self._takes.several(sheet.takes, guild_id=requester.guild_id):
            shown = await self._takes.posts_of(take.job.id)
            posts |= {post.message_id: post for post in shown if post.batch is not None}
            if all(post.batch is not None for post in shown):
                removed.append(take)
        await self._servers.take_down_all(
            _on_record(first, requester),
            [take.job for take in removed if not _stays_deleted(take, requester)],
            hidden_by=requester.user_id,
        )
        return RemovedBatch(posts=list(posts.values()), jobs=[take.job for take in removed])

    async def revive(self, id: int, *, requester: Requester) -> Job:
        """A clip to be posted again, also after it was taken down."""
        job = await self.finished(id, requester=requester)
        take = await self.find(id, guild_id=requester.guild_id)
        if take.hidden_by is not None:
            by = None
            if {take.hidden_by, requester.user_id} != {job.user_id}:
                by = By(guild_id=requester.guild_id, actor_id=requester.user_id)
            await self._servers.take_down(by, job, hidden_by=None)
        return job

    @staticmethod
    def _may_revive(take: Take, requester: Requester) -> bool:
        """Whether a deleted clip is still there for *requester*: for moderators each one is, for
        everybody else only their own that they deleted themselves."""
        return requester.moderator or take.hidden_by == take.job.user_id == requester.user_id

    def _file(self, job: Job) -> Path:
        return self._data / (job.file or "")


def _stays_deleted(take: Take, requester: Requester) -> bool:
    """Whether a take was deleted in a name that *requester* does not replace by their own: that
    name says who may bring it back."""
    return take.hidden_by is not None and (
        take.hidden_by != take.job.user_id or not requester.moderator
    )


def _on_record(job: Job, requester: Requester) -> By | None:
    """Who deletes a clip, for the record; None for one's own, which is nobody's business."""
    if job.user_id == requester.user_id:
        return None
    return By(guild_id=requester.guild_id, actor_id=requester.user_id)
