"""What may be made of a finished clip: retake, extend, vary, HDR, the same again.

A provider that can do it does it. Where it cannot, the piece is made from a frame of the clip and
put together here: the order then carries a `Plan`, which the worker follows once it has the piece.
At the start that piece is played backwards, which is the last resort.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from bot.catalog.model import Model, Unfit
from bot.errors import Refusal
from bot.orders.consent import TYPED, Consent
from bot.orders.frames import Frames
from bot.orders.inputs import Source
from bot.orders.orders import Studio
from bot.orders.presets import CHOICES, Presets
from bot.orders.quote import CHOOSERS, Instead, Quote
from bot.orders.requester import Requester
from bot.orders.takes import Takes
from bot.words.clips import added
from bot.words.numbers import listed
from bot.words.text import clean, number
from storage import (
    Brief,
    Input,
    Job,
    Mode,
    Plan,
    Preset,
    Relation,
)

SHORTEST = 0.5  #: seconds of a part that can be made again here
READ = 500  #: clips whose length and size are remembered


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What of a clip is made again: from *start* to *end* in seconds, None for its edges."""

    start: float | None = None
    end: float | None = None
    replace: str | None = None  #: "picture", "sound" or "both"

    @property
    def whole(self) -> bool:
        return self.start is None and self.end is None and self.replace in (None, "both")


@dataclass(frozen=True, slots=True, kw_only=True)
class Default:
    """What a reaction does with a clip, which asks for nothing else."""

    words: str  #: 'retake it all, new seed'
    price: int | None = None  #: credits; None where it cannot be done


class Edits:
    """Quotes what is made of a take, and orders it. Everything it says no to is a `Refusal`."""

    def __init__(
        self,
        studio: Studio,
        takes: Takes,
        *,
        frames: Frames,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._studio = studio
        self._takes = takes
        self._frames = frames
        self.presets = Presets(studio, clock=clock)
        self._read: OrderedDict[int, Input] = OrderedDict()

    async def may_change(self, job: Job, requester: Requester) -> None:
        """Refuse who may not retake or extend other people's clips in this server."""
        await self._studio.access.may_change(job, requester)

    # Quotes: what would be made, by whom, for how much.

    async def retake(
        self,
        job: Job,
        *,
        request: str,
        requester: Requester,
        part: Part,
        prompt: str | None = None,
        provider: str | None = None,
    ) -> Quote:
        """What making *part* of a clip again means. A new prompt is optional.

        Without a *provider*: the clip's own, else whoever can.
        """
        clip = await self.clip(job, requester)
        start, end = _range(job, part, clip.seconds or 0.0)
        again = job.brief.prompt if prompt is None else clean(prompt)
        brief = Brief(
            mode=Mode.RETAKE,
            prompt=again,
            video=clip,
            start=start,
            duration=None if part.end is None else math.ceil(end - start - 0.01),
            replace=part.replace,
            parent=job.id,
            relation=Relation.RETAKE,
        )

        async def here(provider: str | None, model: str | None) -> Quote:
            if part.whole:
                same = job.brief.but(
                    prompt=again, seed=None, parent=job.id, relation=Relation.RETAKE
                )
                return self._nearest(same, provider, model, request)
            plan = Plan(
                place="part",
                clip=clip,
                start=start,
                seconds=end - start,
                replace=part.replace or "both",
            )
            return await self._from_frame(job, plan, again, end - start, (provider, model), request)

        return await self._best_way(brief, job, here, request, provider)

    async def extend(
        self,
        job: Job,
        *,
        request: str,
        requester: Requester,
        seconds: int | None = None,
        direction: str | None = None,
        prompt: str | None = None,
        provider: str | None = None,
    ) -> Quote:
        """What making a clip longer means, by the provider's own default unless told.

        Without a *provider*: the clip's own, else whoever can. At its start whoever can comes
        before what is done here, which is played backwards there.
        """
        clip = await self.clip(job, requester)
        again = job.brief.prompt if prompt is None else clean(prompt)
        if direction not in (None, "end", "start"):
            raise Refusal("A clip can only be extended at its end or its start.")
        if seconds is not None and seconds < 1:
            raise Refusal("An extension must be at least 1 s long.")
        brief = Brief(
            mode=Mode.EXTEND,
            prompt=again,
            video=clip,
            duration=seconds,
            direction=direction,
            parent=job.id,
            relation=Relation.EXTEND,
        )

        async def here(provider: str | None, model: str | None) -> Quote:
            plan = Plan(place=direction or "end", clip=clip)
            return await self._from_frame(
                job, plan, again, seconds, (provider, model), request, relation=Relation.EXTEND
            )

        last = direction == "start"
        return await self._best_way(brief, job, here, request, provider, here_last=last)

    async def variation(self, job: Job, *, request: str) -> Quote:
        """Price the request of *job* with another seed."""
        same = job.brief.but(seed=None, parent=job.id, relation=Relation.VARIATION)
        return self._nearest(same, *self._makers(job), request)

    async def hdr(self, job: Job, *, request: str, requester: Requester) -> Quote:
        """A wider dynamic range, by whoever can give it."""
        clip = await self.clip(job, requester)
        brief = Brief(mode=Mode.HDR, video=clip, parent=job.id, relation=Relation.HDR)
        refusals = []
        for provider in (job.provider, None):
            if provider is None or provider in self._studio.providers:
                try:
                    return self._studio.quotes.best(brief, provider=provider, request=request)
                except Refusal as refusal:
                    refusals.append(refusal)
        raise refusals[-1]

    async def again(
        self,
        job: Job,
        *,
        request: str,
        requester: Requester,
        changes: dict[str, object],
        preset: Preset | None = None,
        provider: str | None = None,
        model: str | None = None,
    ) -> Quote:
        """What was done for *job*, once more with *changes*, or with a preset's settings.

        What was made from another clip is made from it again. Where another *provider* or
        *model* is asked for, what nobody chose anew becomes the nearest that it makes.
        """
        brief = job.brief.but(seed=None)
        fixed = brief.plan is not None and brief.plan.place == "part"
        if fixed and "duration" in changes:
            raise Refusal(
                f"#{job.id} retook a part of another clip, so its length is fixed. "
                "To change the part, press **Retake…** on that clip."
            )
        moved = provider is not None or model is not None
        if not moved:
            provider, model = self._makers(job)
        if preset is not None:
            if not moved:
                provider, model = preset.provider, preset.model
            kept = {name: getattr(preset.brief, name) for name in CHOICES}
            for name in ("replace", "direction", *(["duration"] if fixed else [])):
                kept[name] = getattr(brief, name)
            brief = brief.but(**kept)
        brief = brief.but(**changes)
        if not moved:
            return self._studio.quotes.best(brief, provider=provider, model=model, request=request)
        named = None if provider in CHOOSERS else provider
        if brief.mode in (Mode.EXTEND, Mode.RETAKE) and not self._offers(brief.mode, named):
            return await self._done_here(
                brief, requester=requester, provider=provider, request=request
            )
        return self._nearest(brief, provider, model, request, keep=changes)

    async def batch_price(self, job: Job, takes: int) -> int | None:
        """Credits that so many new takes of *job* cost; None where it cannot be made again."""
        requester = Requester(guild_id=job.guild_id, channel_id=job.channel_id, user_id=job.user_id)
        request = f"defaults:{job.id}"
        try:
            quote = await self.again(job, request=request, requester=requester, changes={})
        except Refusal:
            return None
        return takes * quote.price

    async def _done_here(
        self, brief: Brief, *, requester: Requester, provider: str | None, request: str
    ) -> Quote:
        """An extension or retake by a *provider* that makes none by itself."""
        of = brief.video.take if brief.video is not None else None
        if of is None:
            raise Refusal(f"{self._named(provider)} can't extend or retake clips.")
        job = await self._takes.finished(of, requester=requester)
        return await self.change(
            job, brief, requester=requester, provider=provider, request=request
        )

    async def change(
        self, job: Job, brief: Brief, *, requester: Requester, provider: str | None, request: str
    ) -> Quote:
        """What an extension or retake of *job*'s clip means that *brief* asks for."""
        prompt = brief.prompt or None
        if brief.mode is Mode.EXTEND:
            return await self.extend(
                job,
                request=request,
                requester=requester,
                seconds=brief.duration,
                direction=brief.direction,
                prompt=prompt,
                provider=provider,
            )
        end = (brief.start or 0.0) + brief.duration if brief.duration else None
        part = Part(start=brief.start, end=end, replace=brief.replace)
        return await self.retake(
            job, request=request, requester=requester, part=part, prompt=prompt, provider=provider
        )

    def only_here(self, mode: Mode, provider: str | None, direction: str | None = None) -> bool:
        """Whether nobody, or not this *provider*, does extensions or retakes by itself."""
        does = [model.capability(mode) for model in self._offers(mode, provider)]
        return not any(
            each is not None and (direction is None or direction in (each.directions or ("end",)))
            for each in does
        )

    async def order(
        self,
        quote: Quote,
        *,
        request: str,
        requester: Requester,
        consent: Consent = TYPED,
        takes: int = 1,
    ) -> tuple[Job, bool]:
        """Order what was quoted, so many *takes* of it; the person who acts pays.

        *consent* is what they said yes to. Raises `ConfirmationNeeded`.
        """
        return await self._studio.order(
            await self._frames.made(quote.brief, requester=requester),
            request=request,
            requester=requester,
            provider=quote.provider.name,
            model=quote.model.name,
            consent=consent,
            takes=takes,
        )

    async def defaults(self, job: Job) -> tuple[Default, Default]:
        """What the reactions for a retake and an extension would do with a clip."""
        requester = Requester(guild_id=job.guild_id, channel_id=job.channel_id, user_id=job.user_id)
        request = f"defaults:{job.id}"
        retake, extend = Default(words="retake all of it"), Default(words="extend it")
        with suppress(Refusal):  # what cannot be done is said when it is asked for
            quote = await self.retake(job, request=request, requester=requester, part=Part())
            seed = ", new seed" if quote.brief.seed is not None else ""
            words = f"retake {_retaken(quote.brief)}{seed}"
            retake = Default(words=words, price=quote.price)
        with suppress(Refusal):
            quote = await self.extend(job, request=request, requester=requester)
            words = f"add {quote.brief.duration} s at the end"
            extend = Default(words=words, price=quote.price)
        return retake, extend

    # Who makes it.

    async def _best_way(
        self,
        brief: Brief,
        job: Job,
        here: Callable[[str | None, str | None], Awaitable[Quote]],
        request: str,
        asked: str | None,
        *,
        here_last: bool = False,
    ) -> Quote:
        """The clip's own provider if it can, then done here with it, then anybody.

        With *here_last* nothing is done here while anybody can.
        """
        own, model = self._makers(job)
        refusals: list[Refusal] = []
        who = [*dict.fromkeys((own, None))] if asked is None else [asked]
        ways = [(native, provider) for provider in who for native in (True, False)]
        for native, provider in sorted(ways, key=lambda way: here_last and not way[0]):
            if native and not self._offers(brief.mode, provider):
                continue
            try:
                if native:
                    return self._studio.quotes.best(brief, provider=provider, request=request)
                return await here(provider, model if provider == own else None)
            except Refusal as refusal:
                refusals.append(refusal)
                nearest = native and isinstance(refusal, Unfit) and refusal.nearest
                if nearest and provider is not None:
                    raise  # it can, with another choice, and says which
        raise refusals[0]

    async def _from_frame(
        self,
        job: Job,
        plan: Plan,
        prompt: str,
        seconds: float | None,
        maker: tuple[str | None, str | None],
        request: str,
        *,
        relation: Relation = Relation.RETAKE,
    ) -> Quote:
        """A piece that begins with a frame of the clip, for a plan to put where it belongs."""
        provider, model = maker
        if not self._offers(Mode.IMAGE, provider):
            raise Refusal(f"{self._named(provider)} can't do this, or start from a frame.")
        does = {each.name for each in self._offers(Mode.IMAGE, provider)}
        model = model if model in does else None
        lengths = [
            int(each)
            for each in self._studio.quotes.values(
                Mode.IMAGE, "duration", provider=provider, model=model
            )
        ]
        duration = None
        if seconds is not None and lengths:
            duration = min((each for each in lengths if each >= seconds - 0.01), default=None)
            if duration is None or (plan.place != "part" and duration != seconds):
                ways = []
                if plan.place != "part":  # another length would not fill its place
                    for near in sorted(set(lengths), key=lambda each: abs(each - seconds))[:2]:
                        with suppress(Refusal):
                            ways.append(
                                await self._from_frame(
                                    job, plan, prompt, near, maker, request, relation=relation
                                )
                            )
                raise Instead(
                    f"{self._named(provider)} only makes parts of {listed(sorted(lengths))} s.",
                    ways,
                )
        brief = Brief(
            mode=Mode.IMAGE,
            prompt=prompt,
            resolution=job.brief.resolution,
            aspect=job.brief.aspect,
            fps=job.brief.fps,
            # What is played backwards is not heard, and sound may cost more.
            sound=job.brief.sound if plan.place != "start" else False,
            duration=duration,
            image=self._frames.of(job, plan),
            parent=job.id,
            relation=relation,
            plan=plan,
        )
        return self._nearest(brief, provider, model, request)

    def _nearest(
        self,
        brief: Brief,
        provider: str | None,
        model: str | None,
        request: str,
        *,
        keep: Mapping[str, object] | None = None,
    ) -> Quote:
        """A quote for *brief*, or for what comes nearest to it. What is in *keep* stays; without
        it, the length does."""
        fixed = keep if keep is not None else {"duration": brief.duration}
        for _ in range(10):  # each refusal names one thing that has to give way
            try:
                return self._studio.quotes.best(
                    brief, provider=provider, model=model, request=request
                )
            except Unfit as unfit:
                near = unfit.nearest
                if near is None or any(
                    value is not None and getattr(near, name) != value
                    for name, value in fixed.items()
                ):
                    raise
                brief = near
        raise Refusal("No provider here can make this clip the same way again.")

    def _offers(self, mode: Mode, provider: str | None) -> Sequence[Model]:
        return [
            model
            for each, model in self._studio.quotes.offers(mode)
            if provider is None or each.name == provider
        ]

    def _makers(self, job: Job) -> tuple[str | None, str | None]:
        """Who made a clip, if it is still here and still offers that model."""
        provider = self._studio.providers.get(job.provider)
        if provider is None:
            return None, None
        known = any(model.name == job.model for model in provider.models)
        return provider.name, job.model if known else None

    def _named(self, provider: str | None) -> str:
        found = self._studio.providers.get(provider or "")
        return found.title if found is not None else "No provider here"

    # Small things.

    async def clip(self, job: Job, requester: Requester) -> Input:
        """A take as an input: how long it is, how large. It never changes, so it is read once."""
        if job.id in self._read:
            return self._read[job.id]
        brief = await self._studio.with_inputs(
            Brief(mode=Mode.RETAKE), {"video": Source(take=job.id)}, requester=requester
        )
        assert brief.video is not None
        self._read[job.id] = brief.video
        if len(self._read) > READ:
            self._read.popitem(last=False)
        return brief.video


def made_part(brief: Brief, seconds: float | None) -> tuple[float, float | None]:
    """From where to where a clip of *seconds* was made by *brief*; the rest was there before."""
    plan, whole = brief.plan, seconds or 0.0
    if plan is not None and plan.place == "part":
        return plan.start, plan.start + plan.seconds if plan.seconds else seconds
    before = plan.clip if plan is not None else brief.video if brief.mode is Mode.EXTEND else None
    if before is None or not before.seconds or before.seconds > whole - SHORTEST:
        return 0.0, seconds
    if (plan.place if plan is not None else brief.direction) == "start":
        return 0.0, round(whole - before.seconds, 2)
    return before.seconds, seconds


def _range(job: Job, part: Part, seconds: float) -> tuple[float, float]:
    """The part in seconds, within the clip."""
    start = part.start or 0.0
    end = seconds if part.end is None else part.end
    if not 0 <= start < seconds:
        raise Refusal(f"#{job.id} is {number(round(seconds, 1))} s long. Start before its end.")
    if end > seconds + 0.1:
        raise Refusal(
            f"#{job.id} is {number(round(seconds, 1))} s long. The part can't end after that."
        )
    if end - start < SHORTEST:
        raise Refusal(f"A part must be at least {SHORTEST:g} s long, and end after it starts.")
    return start, min(end, seconds)


def _retaken(brief: Brief) -> str:
    """What of a clip *brief* makes again."""
    plan = brief.plan
    if plan is not None and plan.place == "part":
        return f"the part at {number(plan.start)}–{number(plan.start + (plan.seconds or 0))} s"
    if brief.duration and (plan is not None or brief.mode is Mode.EXTEND):
        return added(brief)
    return "all of it"
