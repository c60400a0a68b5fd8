"""What a person may ask for: quote, order, cancel, show, queue. Cogs are its only callers."""

import hashlib
import math
import time
import unicodedata
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Protocol

from bot.errors import Refusal
from bot.houserules import HouseRules
from bot.inputs import Inputs, Source
from bot.limits import said
from bot.models import Capability, Model, Unfit, complete, in_credits, listed, usd
from bot.providers import Provider
from bot.screen import Glimpse
from storage import (
    Admitted,
    Brief,
    By,
    ChangedBy,
    IllegalMove,
    Incident,
    Job,
    Limit,
    Mode,
    Refused,
    Relation,
    Stale,
    Standing,
    State,
    Store,
    Whose,
)

AUTO, CHEAPEST, FASTEST = "auto", "cheapest", "fastest"
CHOOSERS = (AUTO, CHEAPEST, FASTEST)  #: what may be said instead of a provider's name
HALTED = (
    "No orders are taken at the moment: the books of this bot do not add up. "
    "Its operator has been told; nothing was charged."
)
SEARCHED = 1000  #: jobs under way among which those that a person may see are looked for
LIVE = frozenset(
    {
        State.QUEUED,
        State.SUBMITTING,
        State.UNCLEAR,
        State.RENDERING,
        State.FETCHING,
        State.DELIVERING,
        State.REVIEW,
    }
)


def _unknown(_channel_id: int) -> bool | None:
    return None


PARKED = frozenset({State.UNCLEAR, State.REVIEW})  #: these wait for a person, not for a provider
#: The states of a clip under way, the later the nearer to its end.
_ALONG = [State.QUEUED, State.SUBMITTING, State.RENDERING, State.FETCHING, State.DELIVERING]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What would be made, by whom, for how much."""

    provider: Provider
    model: Model
    brief: Brief
    usd: Decimal
    price: int  #: credits


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where something is asked for, and by whom."""

    guild_id: int
    channel_id: int
    user_id: int
    parent_id: int | None = None  #: the channel that a thread belongs to
    roles: frozenset[int] = frozenset()  #: the person's, for what they may spend
    moderator: bool = False  #: whether they may manage the server
    #: Whether the person may read a channel; None where Discord has not told us of it.
    sees: Callable[[int], bool | None] = field(default=_unknown, repr=False, compare=False)

    @property
    def home_id(self) -> int:
        """The channel, also from within one of its threads."""
        return self.channel_id if self.parent_id is None else self.parent_id


class Limited(Refusal):
    """A limit says no. *refused* is which, *quote* what was asked for."""

    def __init__(self, refused: Refused, quote: Quote, *, more: str = "") -> None:
        super().__init__(f"{said(refused, quote.price)} {more}".strip())
        self.refused = refused
        self.quote = quote


class Costly(Refusal):
    """The server wants a second yes to an order as dear as *quote*."""

    def __init__(self, quote: Quote, above: int) -> None:
        super().__init__(
            f"This clip costs {quote.price:,} credits; above {above:,} this server asks once more."
        )
        self.quote = quote


class Asks(Costly):
    """An order that wants a second yes, for the reason that *sentence* gives."""

    def __init__(self, quote: Quote, sentence: str) -> None:
        Refusal.__init__(self, sentence)
        self.quote = quote


class Crew(Protocol):
    """Whoever moves the jobs: the worker."""

    def wake(self, job: Job) -> None:
        """Look at *job* now: it is new, or a person changed it."""
        ...

    def glimpse(self, job: Job) -> Glimpse:
        """What is known of *job* beyond its row."""
        ...

    def typical(self, provider: str, model: str) -> float | None:
        """Seconds that a clip of this model typically took here; None before there were some."""
        ...


#: How a clip that is made from another one comes from it.
_RELATIONS = {
    Mode.EXTEND: Relation.EXTEND,
    Mode.RETAKE: Relation.RETAKE,
    Mode.HDR: Relation.HDR,
}


class Studio:
    """Takes orders, and takes them back. Everything it says no to is a `Refusal`."""

    def __init__(
        self,
        store: Store,
        providers: Mapping[str, Provider],
        *,
        inputs: Inputs | None = None,
        usd_per_credit: Decimal = Decimal("0.01"),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.store = store
        self.rules = HouseRules(store)
        self.has_room: Callable[[], None] = lambda: None  #: refuses when the disk is nearly full
        #: Brings a file back that made room, or refuses; a file that is used stays.
        self.at_hand: Callable[[str], Awaitable[object]] = _there
        self.halted = False  #: no orders are taken: the books do not add up
        #: Called with a server and where it stands, after each order that was taken.
        self.on_money: Callable[[int, Standing], None] = lambda _guild, _standing: None
        #: Called with a server after each order that its budget refused.
        self.on_spent: Callable[[int], None] = lambda _guild: None
        #: Called with a job that cost more than its price, and with how much more, until it is
        #: true that those whom it concerns know.
        self.on_overrun: Callable[[Job, int], Awaitable[bool]] = _nobody_told
        #: Told of what moderators have to know of a clip; False where they could not be told yet.
        self.on_incident: Callable[[Incident], Awaitable[bool]] = _nobody_heard
        self._jobs = store.jobs
        self._policy = store.policy
        self._inputs = inputs
        self._usd_per_credit = usd_per_credit
        self._crew: Crew | None = None
        self._clock = clock
        self.providers = providers

    def quote(
        self,
        wish: Brief,
        *,
        provider: str | None = None,
        model: str | None = None,
        request: str,
        without: Collection[str] = (),
    ) -> Quote:
        """What *wish* becomes and costs; *request* decides the seed where nobody chose one.

        Without a provider, or with a word of `CHOOSERS`: among those that can make it as it was
        asked and are well, the cheapest, then the fastest by what was seen here; or the other
        way round. *without* are providers that may not.
        """
        wish = wish.but(prompt=clean(wish.prompt))
        seed = int.from_bytes(hashlib.sha256(request.encode()).digest()[:4], "big") >> 1
        quotes: list[Quote] = []
        unfit: list[Unfit] = []
        for candidate, choice, capability in self._candidates(wish.mode, provider, model, without):
            try:
                brief = complete(choice, wish, seed=seed)
            except Unfit as error:
                unfit.append(error)
                continue
            quotes.append(self._quoted(candidate, choice, capability, brief))
        if not quotes:
            # The one that could nearly make it says best what is possible.
            raise next((each for each in unfit if each.nearest is not None), unfit[0])
        return self._best(quotes, provider)

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
            if candidate.name in self.rules.off(job.guild_id):
                continue
            brief = _nearest(choice, job.brief, seed=job.id)
            if brief is not None:
                quote = self._quoted(candidate, choice, capability, brief)
                if quote.price <= job.price:
                    quotes.append(quote)
        return self._best(quotes, job.chooser) if quotes else None

    def _quoted(
        self, provider: Provider, model: Model, capability: Capability, brief: Brief
    ) -> Quote:
        dollars = usd(capability, brief)
        price = in_credits(dollars, self._usd_per_credit)
        return Quote(provider=provider, model=model, brief=brief, usd=dollars, price=price)

    def _best(self, quotes: Sequence[Quote], chooser: str | None) -> Quote:
        lasting = [quote for quote in quotes if not quote.model.retired] or quotes
        well = [quote for quote in lasting if quote.provider.healthy] or lasting

        def rank(quote: Quote) -> tuple[float, float]:
            seconds = (
                self._crew.typical(quote.provider.name, quote.model.name) if self._crew else None
            )
            cost, time_taken = float(quote.usd), math.inf if seconds is None else seconds
            return (time_taken, cost) if chooser == FASTEST else (cost, time_taken)

        return min(well, key=rank)

    async def order(
        self,
        wish: Brief,
        *,
        request: str,
        place: Place,
        provider: str | None = None,
        model: str | None = None,
        sources: Mapping[str, Source] | None = None,
        confirmed: bool = False,
    ) -> tuple[Job, bool]:
        """Promise a clip: once this returns, the job ends in a message, whatever happens.

        *request* identifies what asked for it; the same request twice is the same job, and
        the second value says whether it is new. *sources* are the inputs, by the brief's field.
        *confirmed* says that the person knows the price, however high.
        """
        if self.halted:
            raise Refusal(HALTED)
        self.has_room()
        who = await self.rules.check(place, wish.prompt, provider=provider, model=model)
        provider, model = who.provider, who.model
        for take in _built_on(wish, sources or {}):
            await self.may_build(take, place)
        wish = await self.with_inputs(wish, sources or {}, place=place)
        quote = self.quote(
            wish, provider=provider, model=model, request=request, without=who.without
        )
        if who.confirm_above is not None and quote.price > who.confirm_above and not confirmed:
            raise Costly(quote, who.confirm_above)
        for file in _starts_from(quote.brief):
            await self.at_hand(file)
        now = self._clock()
        draft = Job(
            id=0,
            request=request,
            guild_id=place.guild_id,
            channel_id=place.channel_id,
            user_id=place.user_id,
            provider=quote.provider.name,
            model=quote.model.name,
            brief=quote.brief,
            price=quote.price,
            chooser=(provider or AUTO) if provider in (None, *CHOOSERS) else None,
            created_at=now,
            since=now,
            due_at=now,
        )
        match await self._policy.admit(draft, roles=place.roles):
            case Admitted(job=job, created=created, standing=standing):
                if standing is not None:
                    self.on_money(place.guild_id, standing)
                return job, created
            case Refused() as refused:
                if refused.limit is Limit.BUDGET:
                    self.on_spent(place.guild_id)
                more = ""
                if refused.limit is Limit.JOBS:
                    more = await self._next_end(place, refused)
                raise Limited(refused, quote, more=more)

    async def _next_end(self, place: Place, refused: Refused) -> str:
        """Which clip makes room for another one, and when, as far as that is known."""
        jobs = await self._jobs.of(
            guild_id=place.guild_id,
            user_id=None if refused.whose is Whose.SERVER else place.user_id,
            states=LIVE - PARKED,
            limit=SEARCHED,
            oldest_first=True,
        )
        if not jobs:
            return ""

        def ends(job: Job) -> tuple[float, int, int]:
            ready_at = self.glimpse(job).ready_at
            return math.inf if ready_at is None else ready_at, -_ALONG.index(job.state), job.id

        job = min(jobs, key=ends)
        which = f"#{job.id}" if await self.may_see(job, place) else "The first"
        glimpse = self.glimpse(job)
        ready_at = glimpse.ready_at
        if ready_at is None or glimpse.slow:
            return f"{which} is the furthest along."
        return f"{which} should be ready <t:{int(ready_at)}:R> (an estimate)."

    async def with_inputs(
        self, wish: Brief, sources: Mapping[str, Source], *, place: Place
    ) -> Brief:
        """*wish* with its inputs fetched, checked by their content, and kept."""
        for name, source in sources.items():
            if self._inputs is None:
                raise Refusal("Inputs are not taken here.")
            if source.take is not None:
                job = await self.show(source.take, place=place)
                if job.file is not None:
                    await self.at_hand(job.file)
                given = await self._inputs.of_take(name, job)
                if wish.parent is None:
                    relation = _RELATIONS.get(wish.mode, Relation.FROM)
                    wish = wish.but(parent=job.id, relation=relation)
            else:
                given = await self._inputs.fetched(name, source.url or "")
            wish = wish.but(**{name: given})
        return wish

    def employ(self, crew: "Crew") -> None:
        """Let *crew* know of every change from now on."""
        self._crew = crew

    def begin(self, job: Job) -> None:
        """Let the crew have *job*: its card stands, so what happens to it can be seen."""
        if self._crew is not None:
            self._crew.wake(job)

    def glimpse(self, job: Job) -> Glimpse:
        """What the crew knows of *job* beyond its row."""
        return self._crew.glimpse(job) if self._crew is not None else Glimpse()

    async def placed(
        self, job: Job, *, card_channel_id: int, card_id: int, thread_id: int | None
    ) -> Job:
        """Note which message shows *job*, and the thread it lives in."""
        await self._jobs.set_places(
            job.id, card_channel_id=card_channel_id, card_id=card_id, thread_id=thread_id
        )
        return replace(job, card_channel_id=card_channel_id, card_id=card_id, thread_id=thread_id)

    async def cancel(self, id: int, *, place: Place) -> Job:
        """Stop a job, for the person who ordered it or a moderator."""
        job = await self.show(id, place=place)
        if job.user_id != place.user_id and not place.moderator:
            raise Refusal(f"Only <@{job.user_id}> or a moderator can cancel #{id}.")
        now = self._clock()
        match job.state:
            case State.QUEUED:
                change = job.to(State.CANCELLED, now=now, cancelled_by=place.user_id)
            case State.RENDERING if self._cancels(job):
                change = replace(job, cancelled_by=place.user_id, due_at=now)
            case State.SUBMITTING:
                raise Refusal(
                    f"#{id} is just being sent to the provider; try again in a few seconds."
                )
            case State.RENDERING:
                raise Refusal(
                    f"{self.title(job)} cannot stop a clip it has begun; "
                    f"#{id} will be posted when it is ready."
                )
            case State.FETCHING | State.DELIVERING:
                raise Refusal(f"#{id} is already finished; it is being posted.")
            case State.UNCLEAR | State.REVIEW:
                raise Refusal(f"#{id} waits for a moderator to decide what becomes of it.")
            case _:
                raise Refusal(f"#{id} has ended already.")
        by = None  # what people do with their own is nobody's business
        if job.user_id != place.user_id:
            by = By(guild_id=place.guild_id, actor_id=place.user_id)
        try:
            saved = await self.store.servers.move(by, "cancel", change, "cancelled by hand")
        except (Stale, IllegalMove):
            raise Refusal(f"#{id} moved on just now; look at its card and try again.") from None
        self.begin(saved)
        return saved

    async def show(self, id: int, *, place: Place) -> Job:
        """The job with this number, if who asks may know of it: to others it is not there."""
        job = await self._jobs.get(id, guild_id=place.guild_id)
        if job is None or not await self.may_see(job, place):
            raise Refusal(f"There is no clip #{id} here.")
        return job

    async def queue(self, *, place: Place, limit: int = 25) -> list[Job]:
        """What is under way in this server, as far as who asks may see it, oldest first."""
        found: list[Job] = []
        jobs = await self._jobs.of(
            guild_id=place.guild_id, states=LIVE, limit=SEARCHED, oldest_first=True
        )
        for job in jobs:
            if len(found) < limit and await self.may_see(job, place):
                found.append(job)
        return found

    async def may_see(self, job: Job, place: Place) -> bool:
        """Whether who asks may read where *job* was ordered, or where its clip was posted.

        One's own clips, and what is in the thread or channel where one asks, are always seen;
        moderators see all.
        """
        if place.moderator or job.user_id == place.user_id:
            return True
        asked_in = {place.channel_id}
        if not asked_in.isdisjoint({job.channel_id, job.thread_id, job.card_channel_id}):
            return True
        if await self._sees(place, job.channel_id):
            return True
        for post in await self.store.takes.posts_of(job.id):
            if post.channel_id == place.channel_id or await self._sees(place, post.channel_id):
                return True
        return False

    async def _sees(self, place: Place, channel_id: int) -> bool:
        known = place.sees(channel_id)
        if known is None:  # perhaps a thread that was archived before we connected
            thread = await self.store.takes.thread(channel_id)
            if thread is not None and thread.parent_id is not None:
                known = place.sees(thread.parent_id)
        return known is True

    async def may_build(self, id: int, place: Place) -> Job:
        """The clip with this number, for somebody who may make something new of it.

        Raises `Refusal` for one that they may not know of, that a moderator took down, or that
        this server lets only others build on.
        """
        take = await self.store.takes.get(id, guild_id=place.guild_id)
        if take is None or not await self.may_see(take.job, place):
            raise Refusal(f"There is no clip #{id} here.")
        by_moderator = take.hidden_by is not None and take.hidden_by != take.job.user_id
        if by_moderator and not place.moderator:
            raise Refusal(f"#{id} was taken down by a moderator.")
        await self.may_change(take.job, place)
        return take.job

    async def may_change(self, job: Job, place: Place) -> None:
        """Refuse who may not retake or extend other people's clips in this server."""
        if job.user_id == place.user_id or place.moderator:
            return
        match (await self._policy.server(place.guild_id)).changed_by:
            case ChangedBy.REQUESTER:
                raise Refusal(
                    f"In this server only <@{job.user_id}> and moderators may build on #{job.id}."
                )
            case ChangedBy.MODERATORS:
                raise Refusal("In this server only moderators may build on other people's clips.")
            case _:
                return

    async def latest(self, *, guild_id: int, user_id: int, limit: int = 25) -> list[Job]:
        """A person's latest jobs, newest first."""
        return await self._jobs.of(guild_id=guild_id, user_id=user_id, limit=limit)

    def offers(self, mode: Mode | None = None) -> list[tuple[Provider, Model]]:
        """Every model of every provider here, those that do *mode*."""
        return [
            (provider, model)
            for provider in self.providers.values()
            for model in provider.models
            if mode is None or model.capability(mode) is not None
        ]

    def values(
        self, mode: Mode, name: str, *, provider: str | None = None, model: str | None = None
    ) -> list[str | int]:
        """What may be chosen for *name* (resolution, aspect, fps, duration, camera)."""
        found: dict[str | int, None] = {}
        for _, _, capability in self._matching(mode, provider, model):
            values = capability.camera if name == "camera" else capability.values(name)
            found.update(dict.fromkeys(values))
        return list(found)

    def _candidates(
        self, mode: Mode, provider: str | None, model: str | None, without: Collection[str]
    ) -> list[tuple[Provider, Model, Capability]]:
        """Whoever may make this; a name that is not there is refused with those that are."""
        if provider not in (None, *CHOOSERS) and provider not in self.providers:
            names = listed([*CHOOSERS, *self.providers])
            raise Refusal(f"There is no provider “{provider[:40]}” here; choose {names}.")
        matching = self._matching(mode, provider, model)
        candidates = [each for each in matching if each[0].name not in without]
        if candidates:
            return candidates
        if matching:
            raise Refusal("Whoever could make this is switched off in this server.")
        offered = [
            (each, choice)
            for each, choice in self.offers()
            if provider in (None, *CHOOSERS, each.name) and model in (None, choice.name)
        ]
        if offered:  # the model exists and does not do this: `complete` says what it does
            for _, choice in offered:
                complete(choice, Brief(mode=mode, prompt="-"), seed=0)
        names = listed([choice.name for each, choice in self.offers(mode)] or ["none"])
        raise Refusal(f"There is no model “{(model or '')[:40]}” for this here; choose {names}.")

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

    def _cancels(self, job: Job) -> bool:
        provider = self.providers.get(job.provider)
        return provider is not None and provider.cancels

    def title(self, job: Job) -> str:
        """How the provider of *job* writes itself."""
        provider = self.providers.get(job.provider)
        return provider.title if provider else job.provider


async def _there(_file: str) -> None:
    """Every file is on the disk."""


def _starts_from(brief: Brief) -> list[str]:
    """The files that a brief names."""
    given = (brief.image, brief.last_image, brief.audio, brief.video)
    whole = brief.plan.clip if brief.plan is not None else None
    return [each.file for each in (*given, whole) if each is not None]


def _nearest(model: Model, wish: Brief, *, seed: int) -> Brief | None:
    """The brief of *model* that comes nearest to *wish*, which was complete for another model."""
    for _ in range(10):  # each refusal names one thing that has to give way
        try:
            return complete(model, wish, seed=seed)
        except Unfit as unfit:
            if unfit.nearest is None:
                return None
            wish = unfit.nearest
    return None


def _built_on(wish: Brief, sources: Mapping[str, Source]) -> list[int]:
    """The takes that a wish makes something new of."""
    given = (wish.image, wish.last_image, wish.audio, wish.video)
    whole = wish.plan.clip if wish.plan is not None else None
    takes = [each.take for each in (*given, whole, *sources.values()) if each is not None]
    return [*dict.fromkeys(each for each in (wish.parent, *takes) if each is not None)]


def clean(prompt: str) -> str:
    """*prompt* without what can only do harm: control and direction-changing characters,
    lone surrogates, and blank edges. Line breaks stay."""
    text = prompt.replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(
        character
        for character in text
        if character in "\n\t" or unicodedata.category(character) not in {"Cc", "Cs", "Co", "Cn"}
        if character not in _DIRECTIONS
    )
    # A prompt of only invisible characters is an empty prompt.
    visible = any(
        unicodedata.category(each) not in {"Cf", "Zs", "Zl", "Zp"} for each in kept.strip()
    )
    return _calm(kept.strip()) if visible else ""


_DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_MARKS_IN_A_ROW = 4  #: no script needs more combining marks on one letter than Thai and Hebrew do


def _calm(text: str) -> str:
    """*text* without towers of combining marks, which would cover the lines around them."""
    calm: list[str] = []
    marks = 0
    for character in _composed(text):
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= _MARKS_IN_A_ROW:
            calm.append(character)
    return "".join(calm)


def _composed(text: str) -> Iterable[str]:
    return unicodedata.normalize("NFC", text)


async def _nobody_heard(_incident: Incident) -> bool:
    return True  # the log has it


async def _nobody_told(_job: Job, _amount: int) -> bool:
    return True  # the log has it
