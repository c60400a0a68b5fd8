"""Orders anew what came to nothing: the same, with changes, or by another provider."""

from collections.abc import Mapping

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
            )
        except Gone as gone:
            what = " and ".join(_INPUTS[name] for name in sources)
            raise Refusal(
                f"The {what} of #{job.id} is no longer kept, and its link has expired. Order the "
                f"clip again with `/video {brief.mode}` and the file."
            ) from gone
