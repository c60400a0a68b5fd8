"""Finds clips for somebody: their own, or those that have some words, a page at a time."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from bot.errors import Refusal
from bot.orders.access import Access
from bot.orders.requester import Requester
from bot.words.text import clean
from storage import LIVE, MADE, NEWEST, UNMADE, Found, State, Store, Take, Wanted
from storage.finding import COST

PAGE = 10  #: clips on a page
AT_ONCE = 200  #: clips that are looked at in one read
#: Clips that fit and that one may not see, and reads, after which a page says that there may be
#: more: a page costs no more than this, whatever there is. Words cost `storage.finding.COST`.
LOOKED, READS = 2000, 30

#: What a list of one's own clips can be narrowed down to.
STATES: Mapping[str, frozenset[State]] = {
    "made": MADE,
    "in progress": LIVE - MADE,
    "not made": UNMADE,
}

Look = Callable[[int, bool, int, float], Awaitable[Found]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A page of clips that were found, the newest first.

    *newer* and *older* are the clips from which the pages before and behind this one begin; None
    where there is no such page.
    """

    takes: list[Take]
    newer: int | None
    older: int | None

    @property
    def whole(self) -> bool:
        """Whether as many clips are here as a page has, or there are no more that way."""
        return len(self.takes) == PAGE or self.older is None


class Finding:
    """Lists of clips that hold only what who asks may know of."""

    def __init__(self, store: Store, access: Access) -> None:
        self._takes = store.takes
        self._access = access

    async def mine(
        self, wanted: Wanted, *, requester: Requester, edge: int = NEWEST, newer: bool = False
    ) -> Listing:
        """A page of one's own clips in this server, older (or *newer*) than the clip *edge*.

        Raises `Refusal` where there is none at all.
        """
        narrow = wanted.favourites or wanted.channel_id is not None

        async def look(edge: int, newer: bool, limit: int, cost: float) -> Found:
            return await self._takes.of_one(
                wanted,
                guild_id=requester.guild_id,
                user_id=requester.user_id,
                edge=edge,
                newer=newer,
                limit=AT_ONCE if narrow else limit,
            )

        if wanted == Wanted():
            none = "You haven't ordered anything here yet. `/video text` makes a clip."
        else:
            none = "None of your clips here fits. Leave an option out."
        return await self._listing(look, requester, edge=edge, newer=newer, none=none)

    async def with_words(
        self, words: str, *, requester: Requester, edge: int = NEWEST, newer: bool = False
    ) -> Listing:
        """A page of the clips of this server that have each of the *words*; otherwise as `mine`.

        Raises `Refusal` also where *words* holds no word.
        """
        if not any(each.isalnum() for each in words):
            raise Refusal("Type a word of the prompt, or the name of a shot.")

        async def look(edge: int, newer: bool, limit: int, cost: float) -> Found:
            return await self._takes.with_words(
                words, guild_id=requester.guild_id, edge=edge, newer=newer, limit=AT_ONCE, cost=cost
            )

        none = "No clip that you can see has all these words. Try fewer."
        return await self._listing(look, requester, edge=edge, newer=newer, none=none)

    async def _listing(
        self, look: Look, requester: Requester, *, edge: int, newer: bool, none: str
    ) -> Listing:
        ids, beyond = await self._gathered(look, requester, edge, newer=newer)
        if newer and beyond is None and len(ids) < PAGE:
            return await self._listing(look, requester, edge=NEWEST, newer=False, none=none)
        first = edge == NEWEST and not newer
        if first and not ids and beyond is None:
            raise Refusal(none)
        takes = await self._takes.several(ids, guild_id=requester.guild_id)
        # Who had their data deleted meanwhile is nobody's any more.
        takes = [take for take in reversed(takes) if take.job.user_id]
        if newer:
            behind = min(ids, default=edge + 1)
            return Listing(takes=takes, newer=beyond, older=behind)
        before = None if first else max(ids, default=edge - 1)
        return Listing(takes=takes, newer=before, older=beyond)

    async def _gathered(
        self, look: Look, requester: Requester, edge: int, *, newer: bool
    ) -> tuple[list[int], int | None]:
        """A page of clips that who asks may know of, and the clip to look on from, if any."""
        ids: list[int] = []
        looked, cost, at = 0, 0.0, edge
        for _ in range(READS):
            found = await look(at, newer, PAGE + 1, cost)
            seen = await self._access.seen(found.hits, requester)
            ids += [hit.id for hit in found.hits if hit.id in seen]
            if len(ids) > PAGE:
                return ids[:PAGE], ids[PAGE - 1]
            if found.edge is None:
                return ids, None
            at = found.edge
            looked += len(found.hits)
            cost = found.cost
            if looked >= LOOKED or cost >= COST:
                break
        return ids, at


def words_of(typed: str) -> str:
    """What was typed, on one line and without what only a changed client sends."""
    return " ".join(clean(typed).split())
