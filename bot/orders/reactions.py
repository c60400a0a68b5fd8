"""What was done about people's reactions: each is acted on once, whenever it is learned of."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from bot.words.text import clean
from storage import ENDED, Job, Reaction, Restoration, Store

Key = tuple[int, int, str]  #: the message, who reacted to it, and the emoji


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A reaction that is acted on now."""

    key: Key
    reaction: Reaction
    explained: str | None  #: what everybody was told when it was refused the time before

    @property
    def request(self) -> str:
        """What identifies its order: the same one twice is one job."""
        return _request(self.key, self.reaction.n)


class ReactionRecord:
    """Which reactions were acted on, and what their people were told."""

    def __init__(self, store: Store, *, clock: Callable[[], float]) -> None:
        self._takes = store.takes
        self._restorations = store.restorations
        self._sharing = store.sharing
        self._clock = clock

    async def begin(self, key: Key) -> Turn | None:
        """The next turn of a reaction; None where it was acted on and stands."""
        known = await self._takes.reaction(*key)
        if known is not None and known.stands:
            return None
        count = known.n if known is not None else 0
        before = await self._takes.asked(_request(key, count))
        if before is None or before.state in ENDED:
            count += 1  # else it is still being made: given back and forth, it is one job
        now = Reaction(n=count, stands=True, at=self._clock())
        return Turn(key=key, reaction=now, explained=known.explained if known else None)

    async def done(self, turn: Turn) -> None:
        """Note that it was acted on."""
        await self._takes.set_reaction(*turn.key, turn.reaction)

    async def refused(self, turn: Turn, *, line: str, answer: str, refused_id: int | None) -> None:
        """Note that it was refused: the *line* that all were told, the *answer* for its person,
        and the refused order, if it may still be made."""
        told = replace(turn.reaction, explained=line, answer=answer, refused_id=refused_id)
        await self._takes.set_reaction(*turn.key, told)

    async def known(self, key: Key) -> None:
        """Note that a reaction stands, without acting on it: that may have been done already."""
        if await self._takes.reaction(*key) is None:
            await self.done(
                Turn(
                    key=key,
                    reaction=Reaction(n=1, stands=True, at=self._clock()),
                    explained=None,
                )
            )

    async def backup(self) -> Restoration | None:
        """The backup that all of this was restored from; what was done after it is not known."""
        return await self._restorations.latest()

    async def read_back(self) -> None:
        """Note that what stood under clips after a backup was restored is known now: all of it,
        so where several processes share the servers none of them can say so."""
        if len(self._sharing.mine) == self._sharing.count:
            await self._restorations.note_read_back()

    async def get(self, key: Key) -> Reaction | None:
        """What was done about a reaction last."""
        return await self._takes.reaction(*key)

    async def standing(self, message_id: int) -> set[tuple[int, str]]:
        """Who reacted to a message with what, as far as it was acted on and stands."""
        return await self._takes.standing(message_id)

    async def ordered(self, key: Key, reaction: Reaction) -> Job | None:
        """The job that a reaction became."""
        return await self._takes.asked(_request(key, reaction.n))

    async def taken_back(self, key: Key, reaction: Reaction) -> None:
        """Note that a reaction stands no more."""
        await self._takes.set_reaction(*key, replace(reaction, stands=False))

    async def words_used(self, job_id: int, user_id: int, words: str, *, since: float) -> bool:
        """Whether somebody has made something of a clip with these words since a time."""
        return await self._takes.words_used(job_id, user_id, clean(words), since=since)


def _request(key: Key, count: int) -> str:
    message_id, user_id, emoji = key
    return f"reaction:{message_id}:{user_id}:{emoji}:{count}"
