"""What a brief becomes, by whom and for how much: nothing is asked, read or written for it."""

import hashlib
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from bot.catalog.complete import complete, outline
from bot.catalog.model import Capability, Model, Unfit
from bot.catalog.price import in_credits, least_usd, usd
from bot.errors import Refusal
from bot.orders.inputs import Source
from bot.orders.quote import CHOOSERS, FASTEST, Asked, Quote, Unmakeable
from bot.orders.server_rules import Choice
from bot.progress import Progress
from bot.providers import Provider
from bot.words.numbers import listed
from bot.words.text import clean, typed
from storage import Brief, Job, Mode


class Tracking(Protocol):
    """What is known of jobs beyond their rows. The worker keeps it."""

    def glimpse(self, job: Job) -> Progress:
        """What is known of *job* beyond its row."""
        ...

    def typical(self, provider: str, model: str) -> float | None:
        """Seconds that a clip of this model typically took here; None before there were some."""
        ...


class Quotes:
    """Every model of every provider here, and what each asks for a clip."""

    def __init__(
        self,
        providers: Mapping[str, Provider],
        *,
        tracker: Tracking,
        off: Callable[[int], Collection[str]],
        usd_per_credit: Decimal,
    ) -> None:
        """*off* says which providers are switched off in a server."""
        self._providers = providers
        self._tracker = tracker
        self._off = off
        self._usd_per_credit = usd_per_credit

    def best(
        self,
        brief: Brief,
        *,
        provider: str | None = None,
        model: str | None = None,
        request: str,
        without: Collection[str] = (),
    ) -> Quote:
        """What *brief* becomes and costs; *request* decides the seed where nobody chose one.

        Without a provider, or with a word of `CHOOSERS`: among those that can make it as it was
        asked and are well, the cheapest, then the fastest by what was seen here; or the other
        way round. *without* are providers that may not.
        """
        try:
            return self._best(
                brief, *self.spelled(provider, model), request=request, without=without
            )
        except Refusal as no:
            raise Unmakeable(no, Asked(brief=brief, provider=provider, model=model)) from no

    def _best(
        self,
        brief: Brief,
        provider: str | None,
        model: str | None,
        *,
        request: str,
        without: Collection[str],
    ) -> Quote:
        brief = brief.but(prompt=clean(brief.prompt))
        seed = int.from_bytes(hashlib.sha256(request.encode()).digest()[:4], "big") >> 1
        quotes: list[Quote] = []
        unfit: list[Unfit] = []
        for candidate, choice, capability in self._candidates(brief.mode, provider, model, without):
            try:
                completed = complete(choice, brief, seed=seed, who=_who(candidate, choice, model))
            except Unfit as error:
                unfit.append(error)
                continue
            quotes.append(self._quoted(candidate, choice, capability, completed))
        if not quotes:
            raise _most_telling(unfit)
        return self._choose(quotes, provider)

    def takes(
        self,
        brief: Brief,
        *,
        provider: str | None,
        model: str | None,
        requests: Sequence[str],
        without: Collection[str],
    ) -> list[Quote]:
        """The best for each of *requests*, which differ in their seeds.

        The seed that somebody chose, or that the first request decides, is the first one's. The
        others count on from it, or back where the model has no higher one; where it has no lower
        one either, each is decided by its own request.
        """
        found: list[Quote] = []
        for number, request in enumerate(requests):
            seed = found[0].brief.seed if found else brief.seed
            seeds = [seed]
            if found and seed is not None:
                seeds = [seed + number, seed - number, None]
            tried: list[Unfit] = []
            for each in seeds:
                try:
                    quote = self.best(
                        brief.but(seed=each),
                        provider=provider,
                        model=model,
                        request=request,
                        without=without,
                    )
                except Unfit as unfit:
                    tried.append(unfit)
                else:
                    found.append(quote)
                    break
            else:
                raise tried[0]
        return found

    def alternative(self, job: Job, *, without: Collection[str]) -> Quote | None:
        """Who else may make *job*, for no more than its price; None where nobody can.

        What the other model does not have is left out or brought to the nearest it makes.
        """
        if job.chooser is None:
            return None
        quotes = []
        for candidate, choice, capability in self._matching(job.brief.mode, None, None):
            if candidate.name in without or not candidate.healthy or choice.retired:
                continue
            if candidate.name in self._off(job.guild_id):
                continue
            brief = _nearest(choice, job.brief, seed=job.id)
            if brief is not None:
                quote = self._quoted(candidate, choice, capability, brief)
                if quote.price <= job.price:
                    quotes.append(quote)
        return self._choose(quotes, job.chooser) if quotes else None

    def elsewhere(self, job: Job, *, provider: str | None = None) -> Quote | None:
        """What comes nearest to *job* by another provider that is well, or by *provider*.

        What makes up for a part of another clip keeps its length. None where nobody makes it.
        """
        quotes, plan = [], job.brief.plan
        for candidate, choice, capability in self._matching(job.brief.mode, provider, None):
            well = provider is not None or (candidate.healthy and not choice.retired)
            off = candidate.name in self._off(job.guild_id)
            if candidate.name == job.provider or off or not well:
                continue
            brief = _nearest(choice, job.brief, seed=job.id)
            if brief is not None and (plan is None or brief.duration == job.brief.duration):
                quotes.append(self._quoted(candidate, choice, capability, brief))
        return self._choose(quotes, job.chooser) if quotes else None

    def _quoted(
        self, provider: Provider, model: Model, capability: Capability, brief: Brief
    ) -> Quote:
        dollars = usd(capability, brief)
        price = in_credits(dollars, self._usd_per_credit)
        return Quote(provider=provider, model=model, brief=brief, usd=dollars, price=price)

    def _choose(self, quotes: Sequence[Quote], chooser: str | None) -> Quote:
        lasting = [quote for quote in quotes if not quote.model.retired] or quotes
        well = [quote for quote in lasting if quote.provider.healthy] or lasting

        def rank(quote: Quote) -> tuple[float, float]:
            seconds = self._tracker.typical(quote.provider.name, quote.model.name)
            cost, time_taken = float(quote.usd), math.inf if seconds is None else seconds
            return (time_taken, cost) if chooser == FASTEST else (cost, time_taken)

        return min(well, key=rank)

    def outlined(
        self, brief: Brief, choice: Choice, sources: Mapping[str, Source]
    ) -> tuple[Mapping[str, int], int]:
        """The bytes that each input may have, and the credits that the order costs at least.

        Raises `Unmakeable` where nobody can make it, whatever the inputs are.
        """
        try:
            return self._outlined(brief, choice, sources)
        except Refusal as no:
            asked = Asked(
                brief=brief, provider=choice.provider, model=choice.model, sources=sources
            )
            raise Unmakeable(no, asked) from no

    def _outlined(
        self, brief: Brief, choice: Choice, sources: Mapping[str, Source]
    ) -> tuple[Mapping[str, int], int]:
        brief = brief.but(prompt=clean(brief.prompt))
        most: dict[str, int] = {}
        prices, unfit = [], []
        for provider, model, capability in self._candidates(
            brief.mode, choice.provider, choice.model, choice.without
        ):
            try:
                who = _who(provider, model, choice.model)
                outlined = outline(model, brief, given=sources, who=who)
            except Unfit as error:
                unfit.append(error)
                continue
            dollars = least_usd(capability, outlined)
            prices.append(in_credits(dollars, self._usd_per_credit))
            for name in sources:
                most[name] = max(most.get(name, 0), capability.inputs[name].max_bytes)
        if not prices:
            raise _most_telling(unfit)
        return most, min(prices)

    def offers(self, mode: Mode | None = None) -> list[tuple[Provider, Model]]:
        """Every model of every provider here, those that do *mode*."""
        return [
            (provider, model)
            for provider in self._providers.values()
            for model in provider.models
            if mode is None or model.capability(mode) is not None
        ]

    def values(
        self, mode: Mode, name: str, *, provider: str | None = None, model: str | None = None
    ) -> list[str | int]:
        """What may be chosen for *name* (resolution, aspect, fps, duration, camera, loras)."""
        found: dict[str | int, None] = {}
        for _, _, capability in self._matching(mode, provider, model):
            values: Sequence[str | int]
            match name:
                case "camera":
                    values = capability.camera
                case "loras":
                    values = capability.lora_names or ()
                case _:
                    values = capability.values(name)
            found.update(dict.fromkeys(values))
        return list(found)

    def outlook(self, brief: Brief, choice: Choice, *, given: Collection[str] = ()) -> Quote | None:
        """What *brief* becomes before its inputs are there, and the least that it costs.

        *given* are the inputs that it will have. None where nobody makes it.
        """
        brief = brief.but(prompt=brief.prompt or "-")
        provider, model = self.spelled(choice.provider, choice.model)
        try:
            return self.least(brief, provider, model, without=choice.without, given=given)
        except Refusal:  # no such provider or model: that is said when it is ordered
            return None

    def makes(
        self,
        brief: Brief,
        provider: str | None,
        model: str | None,
        *,
        without: Collection[str],
        given: Collection[str] = (),
    ) -> bool:
        """Whether *brief* can be made, as far as that is known before its inputs, *given*, are
        there; what its prompt lacks is not judged."""
        brief = brief.but(prompt=clean(brief.prompt) or "-")
        try:
            if given:
                provider, model = self.spelled(provider, model)
                self.least(brief, provider, model, without=without, given=given)
            else:
                self.best(brief, provider=provider, model=model, request="-", without=without)
        except Refusal:
            return False
        return True

    def least(
        self,
        brief: Brief,
        provider: str | None,
        model: str | None,
        *,
        without: Collection[str],
        given: Collection[str],
        larger_than: int = 0,
    ) -> Quote:
        """What *brief* becomes before its inputs are there, *given*, and the least that it costs.

        Only by models that take inputs of more than *larger_than* bytes. Raises `Refusal` where
        nobody makes it.
        """
        quotes: list[Quote] = []
        unfit = [Unfit("No model here takes such a large file.")]
        for candidate, choice, capability in self._candidates(brief.mode, provider, model, without):
            try:
                outlined = outline(choice, brief, given=given)
            except Unfit as error:
                unfit.append(error)
                continue
            if all(capability.inputs[name].max_bytes > larger_than for name in given):
                dollars = least_usd(capability, outlined)
                price = in_credits(dollars, self._usd_per_credit)
                quotes.append(
                    Quote(
                        provider=candidate, model=choice, brief=outlined, usd=dollars, price=price
                    )
                )
        if not quotes:
            raise unfit[-1]
        return self._choose(quotes, provider)

    def _candidates(
        self, mode: Mode, provider: str | None, model: str | None, without: Collection[str]
    ) -> list[tuple[Provider, Model, Capability]]:
        """Whoever may make this; a name that is not there is refused with those that are."""
        if provider not in (None, *CHOOSERS) and provider not in self._providers:
            names = listed([*CHOOSERS, *self._providers])
            raise Refusal(f"There is no provider {typed(provider)} here. Choose {names}.")
        matching = self._matching(mode, provider, model)
        candidates = [each for each in matching if each[0].name not in without]
        if candidates:
            return candidates
        if matching:
            raise Refusal("Every provider that can make this is turned off in this server.")
        offered = [
            (each, choice)
            for each, choice in self.offers()
            if provider in (None, *CHOOSERS, each.name) and model in (None, choice.name)
        ]
        if offered:  # the model exists and does not do this: `complete` says what it does
            for _, choice in offered:
                complete(choice, Brief(mode=mode, prompt="-"), seed=0)
        names = listed([choice.name for each, choice in self.offers(mode)] or ["none"])
        raise Refusal(f"There is no model {typed(model or '')} for this. Choose {names}.")

    def spelled(self, provider: str | None, model: str | None) -> tuple[str | None, str | None]:
        """The names of a provider and a model as they are spelled here, whatever their case."""
        providers = {each.casefold(): each for each in (*CHOOSERS, *self._providers)}
        models = {each.name.casefold(): each.name for _, each in self.offers()}
        if provider is not None:
            provider = providers.get(provider.strip().casefold(), provider)
        if model is not None:
            model = models.get(model.strip().casefold(), model)
        return provider, model

    def _matching(
        self, mode: Mode, provider: str | None, model: str | None
    ) -> list[tuple[Provider, Model, Capability]]:
        return [
            (each, choice, capability)
            for each, choice in self.offers(mode)
            if provider in (None, *CHOOSERS, each.name)
            and model in (None, choice.name)
            and (capability := choice.capability(mode)) is not None
        ]

    def cancels(self, job: Job) -> bool:
        """Whether the provider of *job* can stop a clip that it has begun."""
        provider = self._providers.get(job.provider)
        return provider is not None and provider.cancels

    def title(self, job: Job) -> str:
        """How the provider of *job* writes itself."""
        provider = self._providers.get(job.provider)
        return provider.title if provider else job.provider


def _who(provider: Provider, model: Model, chosen: str | None) -> str:
    """Whom a sentence names: the model where somebody chose one, else its provider."""
    return model.name if chosen is not None else provider.title


def _most_telling(unfit: Sequence[Unfit]) -> Unfit:
    """Of why each model cannot make it, the one to say: it could nearly, and says what it can."""
    return next((each for each in unfit if each.nearest is not None), unfit[0])


def _nearest(model: Model, brief: Brief, *, seed: int) -> Brief | None:
    """The brief of *model* that comes nearest to *brief*, which was complete for another model."""
    for _ in range(10):  # each refusal names one thing that has to give way
        try:
            return complete(model, brief, seed=seed)
        except Unfit as unfit:
            if unfit.nearest is None:
                return None
            brief = unfit.nearest
    return None
