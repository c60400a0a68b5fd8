"""Orders anew what came to nothing: the same, with changes, or by another provider."""

from collections.abc import Mapping, Sequence

from bot.errors import Refusal
from bot.files.fetch import Gone
from bot.orders.consent import Consent
from bot.orders.frames import Frames
from bot.orders.orders import Studio
from bot.orders.quote import Quote
from bot.orders.requester import Requester
from storage import LIVE, UNMADE, Brief, Job

_INPUTS: Mapping[str, str] = {
    "image": "image",
    "last_image": "last frame",
    "audio": "sound",
    "video": "clip",
}


class Reorders:
    """Another try of a clip that ended without one. Everything it says no to is a `Refusal`.

    All that is needed is in the row of the job: it works for as long as that is kept.
    """

    def __init__(self, studio: Studio, frames: Frames) -> None:
        self._studio = studio
        self._frames = frames

    def same(self, job: Job) -> Quote | None:
        """What the same costs now, by who was to make it; None where they do not make it now."""
        if job.provider in self._studio.rules.off(job.guild_id):
            return None
        try:
            return self._studio.quotes.best(
                job.brief, provider=job.provider, model=job.model, request=job.request
            )
        except Refusal:
            return None

    def elsewhere(self, job: Job, *, provider: str | None = None) -> Quote | None:
        """What comes nearest to it by another provider, or by *provider*; None without any."""
        return self._studio.quotes.elsewhere(job, provider=provider)

    async def ended(self, id: int, requester: Requester) -> Job:
        """A clip that came to nothing, for who may build on it: they may order it anew."""
        job = await self._studio.access.may_build(id, requester)
        if job.state in LIVE:
            raise Refusal(f"#{id} is in progress.")
        if job.state not in UNMADE:
            raise Refusal(f"#{id} was made after all. `/video show clip:#{id}` shows it.")
        return job

    async def again(self, id: int, requester: Requester, *, seen: int | None) -> tuple[Job, bool]:
        """Order the same once more, for no more than the price that was *seen*.

        Each person can do so once: who presses twice has one clip.
        """
        job = await self.ended(id, requester)
        return await self._order(
            job,
            job.brief,
            (job.provider, job.model),
            request=f"try:{id}:{requester.user_id}",
            requester=requester,
            consent=Consent.to(seen),
        )

    def same_takes(self, lost: Sequence[Job]) -> Quote | None:
        """What as many takes as *lost*, which a batch failed to make, cost now; as `same`."""
        quote = self.same(lost[0]) if lost else None
        return None if quote is None else quote.times(len(lost))

    async def takes_again(
        self, batch: int, requester: Requester, *, seen: int | None
    ) -> tuple[Job, bool]:
        """Order those takes of a batch once more that were not made, as one order; as `again`."""
        jobs = await self._studio.batch(await self._studio.access.may_build(batch, requester))
        lost = [job for job in jobs if job.state in UNMADE]
        if not lost:
            live = any(job.state in LIVE for job in jobs)
            raise Refusal(
                f"The takes of #{batch} are in progress."
                if live
                else f"All takes of #{batch} were made after all."
            )
        first = await self._studio.access.may_build(lost[0].id, requester)
        return await self._order(
            first,
            first.brief.but(seed=_seed_of(lost)),
            (first.provider, first.model),
            request=f"try:batch:{batch}:{requester.user_id}",
            requester=requester,
            consent=Consent.to(seen),
            takes=len(lost),
        )

    async def by_another(
        self, id: int, requester: Requester, *, provider: str, seen: int | None
    ) -> tuple[Job, bool]:
        """Order what comes nearest to it by *provider*; as `again`."""
        job = await self.ended(id, requester)
        quote = self.elsewhere(job, provider=provider)
        if quote is None:
            raise Refusal(f"{provider} doesn't make this clip now. Try again, or edit it.")
        return await self._order(
            job,
            quote.brief,
            (quote.provider.name, quote.model.name),
            request=f"try:{id}:{requester.user_id}:{provider}",
            requester=requester,
            consent=Consent.to(seen),
        )

    async def edited(
        self,
        job: Job,
        changes: Mapping[str, object],
        *,
        request: str,
        requester: Requester,
        seen: int | None,
    ) -> tuple[Job, bool]:
        """Order it with *changes*, fields of its brief; as `again`, for each *request*."""
        return await self._order(
            job,
            job.brief.but(**changes),
            (job.provider, job.model),
            request=request,
            requester=requester,
            consent=Consent.to(seen),
        )

    async def _order(
        self,
        job: Job,
        brief: Brief,
        maker: tuple[str, str],
        *,
        request: str,
        requester: Requester,
        consent: Consent,
        takes: int = 1,
    ) -> tuple[Job, bool]:
        brief = await self._frames.made(brief, requester=requester)
        sources = self._studio.lost(brief)
        provider, model = maker
        try:
            return await self._studio.order(
                brief,
                request=request,
                requester=requester,
                provider=provider,
                model=model,
                sources=sources,
                consent=consent,
                takes=takes,
            )
        except Gone as gone:
            what = " and ".join(_INPUTS[name] for name in sources)
            raise Refusal(
                f"The {what} of #{job.id} is no longer kept, and its link has expired. Order the "
                f"clip again with `/video {brief.mode}` and the file."
            ) from gone


def _seed_of(lost: Sequence[Job]) -> int | None:
    """The seed of the first of *lost*, from which those of the others count on.

    None, which gives them new ones, where counting on would not give each the seed that it had: it
    may be one that a take of the batch was made with.
    """
    seed = lost[0].brief.seed
    if seed is None or [job.brief.seed for job in lost] == [*range(seed, seed + len(lost))]:
        return seed
    return None
