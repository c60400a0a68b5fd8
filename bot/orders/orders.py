"""What a person may ask for: quote, order, cancel, show, queue. Cogs are its only callers."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Protocol, assert_never

from bot.errors import Busy, Refusal
from bot.events import Events
from bot.files.fetch import TooLargeFile
from bot.log_context import hide
from bot.orders.access import Access
from bot.orders.choosing import Choosing
from bot.orders.consent import TYPED, Consent
from bot.orders.defaults import Settled
from bot.orders.drafts import built_on_by, draft_of, drafts_of, given_in
from bot.orders.finding import Finding
from bot.orders.inputs import KINDS, LARGEST, Inputs, Source
from bot.orders.posts import Posts
from bot.orders.quote import AUTO, CHOOSERS, Asked, Limited, Quote, Unmakeable, summed
from bot.orders.quotes import Quotes, Tracking
from bot.orders.requester import Requester
from bot.orders.server_rules import Choice, ServerRules, TurnedOff
from bot.orders.threads import Threads
from bot.progress import Progress
from bot.providers import Provider
from storage import (
    AT_WORK,
    COURSE,
    ENDED,
    LIVE,
    Admitted,
    Brief,
    By,
    Changed,
    IllegalMove,
    Job,
    Limit,
    Mode,
    Premises,
    Refused,
    Relation,
    Stale,
    State,
    Store,
    Terms,
    Whose,
)

HALTED = (
    "Orders are paused: this bot's accounts don't add up. Its operator was told. "
    "You were not charged."
)

CHANGES = 5  #: times that the rules may change while an order is checked, before it is refused

LONG = 2.0  #: seconds after which what is known of a person is asked again


class Disk(Protocol):
    """Where the files of clips and inputs are."""

    def check(self) -> None:
        """Refuse new work when there is hardly room for it."""
        ...

    async def at_hand(self, file: str) -> object:
        """Bring a file back that made room, or refuse; a file that is used stays."""
        ...


class _Moved(Exception):
    """What an order was checked by does not hold any more: it is checked again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Checked:
    """An order that may be made, as things stood when it was checked."""

    choice: Choice
    settled: Settled  #: with the defaults that hold there
    terms: Terms
    sights: Mapping[int, bool | None]  #: which channels its person was found to read


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
        events: Events,
        tracker: Tracking,
        disk: Disk,
        inputs: Inputs | None = None,
        usd_per_credit: Decimal = Decimal("0.01"),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.store = store
        self.rules = ServerRules(store)
        self.posts = Posts(store)
        self.access = Access(store)
        self.finding = Finding(store, self.access)
        self.quotes = Quotes(
            providers, tracker=tracker, off=self.rules.off, usd_per_credit=usd_per_credit
        )
        self.choosing = Choosing(store, self.rules, self.quotes)
        self.threads = Threads(store, clock=clock)
        self.halted = False  #: no orders are taken: the books do not add up
        self._events = events
        self._tracker = tracker
        self._disk = disk
        self._jobs = store.jobs
        self._policy = store.policy
        self._inputs = inputs
        self._usd_per_credit = usd_per_credit
        self._clock = clock
        self.providers = providers

    async def order(
        self,
        brief: Brief,
        *,
        request: str,
        requester: Requester,
        provider: str | None = None,
        model: str | None = None,
        sources: Mapping[str, Source] | None = None,
        consent: Consent = TYPED,
        before_long: Callable[[], object] = lambda: None,
        takes: int = 1,
        new: bool = False,
    ) -> tuple[Job, bool]:
        """Promise a clip: once this returns, the job ends in a message, whatever happens.

        Of several *takes*, which differ in their seeds, all are ordered or none: they are a batch,
        and the job is its first one.

        *request* identifies what asked for it; the same request twice is the same job, and
        the second value says whether it is new. *sources* are the inputs, by the brief's field.
        A *new* order takes defaults where nothing was chosen; another one repeats or changes a
        clip, or is ordered as it was shown. *consent* is what the person said yes to.
        *before_long* is called when all that says no at once has not, and what follows may take
        long. Raises `ConfirmationNeeded` for a price that has yet to be said yes to.
        """
        hide(brief.prompt)
        sources, built_on = sources or {}, built_on_by(brief, sources or {})
        premises = await self._premises(request, requester, built_on)
        if premises.known is not None:
            return premises.known, False
        if takes > 1 and brief.mode is Mode.HDR:
            raise Refusal("An HDR version has no seed, so several would all be the same.")
        self._open()
        chosen = self.quotes.spelled(provider, model)
        paced = False
        try:
            async with AsyncExitStack() as holding:
                if sources:
                    # What is cheap and can say no comes before anything is fetched.
                    checked = await self._check(
                        brief, requester, chosen, premises, sources, new=new
                    )
                    paced, most = await self._attempt(
                        checked.settled.brief, requester, request, checked.choice, sources, takes
                    )
                    before_long()
                    held = await self._holding(requester, sources, holding)
                    try:
                        brief = await self.with_inputs(
                            brief, sources, requester=requester, most=most, held=held
                        )
                    except TooLargeFile as no:
                        asked = Asked(
                            brief=brief,
                            provider=checked.choice.provider,
                            model=checked.choice.model,
                            sources=sources,
                            larger_than=no.max_bytes,
                        )
                        raise Unmakeable(no, asked) from no
                draft = draft_of(
                    brief, requester=requester, request=request, provider=provider, at=self._clock()
                )
                return await self._commit(
                    draft,
                    requester,
                    chosen,
                    premises=premises if not sources else None,
                    built_on=built_on,
                    consent=consent,
                    paced=paced,
                    long=bool(sources),
                    takes=takes,
                    new=new,
                )
        except Unmakeable as no:  # what works instead is as many takes
            no.asked = replace(no.asked, takes=takes)
            raise

    async def _holding(
        self, requester: Requester, sources: Mapping[str, Source], holding: AsyncExitStack
    ) -> set[str] | None:
        if self._inputs is None:
            return None
        fetches = any(each.url is not None for each in sources.values())
        return await holding.enter_async_context(
            self._inputs.order(requester.user_id, fetches=fetches)
        )

    def _open(self) -> None:
        """Refuse every order while none can be taken."""
        if self.halted:
            raise Refusal(HALTED)
        self._disk.check()

    async def _premises(
        self, request: str, requester: Requester, built_on: Sequence[int]
    ) -> Premises:
        """What the order is checked by, as it is now."""
        return await self.store.premises(
            request,
            guild_id=requester.guild_id,
            channel_id=requester.channel_id,
            parent_id=requester.parent_id,
            user_id=requester.user_id,
            built_on=built_on,
        )

    async def _check(
        self,
        brief: Brief,
        requester: Requester,
        chosen: tuple[str | None, str | None],
        premises: Premises,
        sources: Mapping[str, Source] | None = None,
        *,
        new: bool,
    ) -> _Checked:
        """Refuse an order that a rule of the server, or of whose clip it is, forbids."""
        sights: dict[int, bool | None] = {}

        def sees(channel_id: int) -> bool | None:
            sights[channel_id] = seen = requester.sees(channel_id)
            return seen

        terms = premises.terms
        looking = replace(requester, sees=sees)
        provider, model = chosen
        try:
            choice = await self.rules.check(
                looking, brief.prompt, provider=provider, model=model, premises=premises
            )
        except TurnedOff as off:
            asked = Asked(brief=brief, provider=provider, model=model, sources=sources or {})
            raise Unmakeable(off, asked) from off
        for take in terms.built_on:
            await self.access.may_build(take, looking)
        settled, choice = await self.choosing.settle(
            requester, brief, choice, given=sources or (), new=new, premises=premises
        )
        return _Checked(choice=choice, settled=settled, terms=terms, sights=sights)

    async def _attempt(
        self,
        brief: Brief,
        requester: Requester,
        request: str,
        choice: Choice,
        sources: Mapping[str, Source],
        takes: int,
    ) -> tuple[bool, Mapping[str, int]]:
        """Refuse what a limit or every model refuses, whatever the inputs turn out to be.

        Whether the try was counted against the pace, and how many bytes of each may be fetched.
        """
        most, least = self.quotes.outlined(brief, choice, sources)
        counts = any(each.url is not None for each in sources.values())
        draft = draft_of(
            brief,
            requester=requester,
            request=request,
            provider=None,
            at=self._clock(),
            price=least,
        )
        answer = await self._policy.attempt(
            draft, roles=requester.roles, counts=counts, clips=takes
        )
        if isinstance(answer, Refused):
            raise await self._limited(answer, requester, None, least * takes)
        return counts, most

    async def _commit(
        self,
        draft: Job,
        requester: Requester,
        chosen: tuple[str | None, str | None],
        *,
        premises: Premises | None,
        built_on: Sequence[int],
        consent: Consent,
        paced: bool,
        long: bool,
        takes: int,
        new: bool,
    ) -> tuple[Job, bool]:
        """Take the order if every rule and limit allows it in the very transaction.

        Rules are asked before it, and that they still hold is asked in it; where they do not,
        they are asked again. *premises* are what holds, where that was read a moment ago.
        """
        for _ in range(CHANGES):
            began = time.monotonic()
            premises = premises or await self._premises(draft.request, requester, built_on)
            checked = await self._check(draft.brief, requester, chosen, premises, new=new)
            premises = None
            choice = checked.choice
            drafts = drafts_of(draft, takes)
            quotes = self.quotes.takes(
                checked.settled.brief,
                provider=choice.provider,
                model=choice.model,
                requests=[each.request for each in drafts],
                without=choice.without,
            )
            quote = summed(quotes)
            above, credit = choice.confirm_above, self._usd_per_credit
            consent.judge(quote, above=above, usd_per_credit=credit, note=checked.settled.note)
            for given in given_in(quote.brief):
                await self._disk.at_hand(given.file)
            if long or time.monotonic() - began > LONG:
                before, requester = requester, await requester.as_of_now()
                if requester != before:  # by now they may do more, or less
                    continue
            chooser = (choice.provider or AUTO) if choice.provider in (None, *CHOOSERS) else None
            jobs = [
                replace(
                    each,
                    provider=quoted.provider.name,
                    model=quoted.model.name,
                    brief=quoted.brief,
                    price=quoted.price,
                    chooser=chooser,
                    note=checked.settled.note or None,
                )
                for each, quoted in zip(drafts, quotes, strict=True)
            ]
            try:
                answer = await self._policy.admit(
                    *jobs,
                    roles=requester.roles,
                    terms=checked.terms,
                    paced=paced,
                    turn=lambda: self._still(checked, requester),  # noqa: B023  # called before the next
                )
            except _Moved:
                continue
            match answer:
                case Changed():
                    continue
                case Admitted(job=taken, created=created, standing=standing):
                    if standing is not None:
                        self._events.money_moved.emit(requester.guild_id, standing)
                    return taken, created
                case Refused() as refused:
                    raise await self._limited(refused, requester, quote, quote.price)
        raise Busy("This server's rules are changing right now. Nothing was ordered. Try again.")

    def _still(self, checked: _Checked, requester: Requester) -> None:
        """What no row knows, asked when the transaction begins."""
        self._open()
        for channel_id, seen in checked.sights.items():
            if requester.sees(channel_id) != seen:
                raise _Moved

    async def _limited(
        self, refused: Refused, requester: Requester, quote: Quote | None, price: int
    ) -> Limited:
        if refused.limit is Limit.BUDGET:
            self._events.budget_refused.emit(requester.guild_id)
        more = await self._next_end(requester, refused) if refused.limit is Limit.JOBS else ""
        return Limited(refused, quote, least=price, more=more)

    async def _next_end(self, requester: Requester, refused: Refused) -> str:
        """Which clip makes room for another one, and when, as far as that is known."""
        jobs = await self._jobs.of(
            guild_id=requester.guild_id,
            user_id=None if refused.whose is Whose.SERVER else requester.user_id,
            states=AT_WORK,
            limit=None,
            oldest_first=True,
        )
        if not jobs:
            return ""

        def ends(job: Job) -> tuple[float, int, int]:
            ready_at = self.glimpse(job).ready_at
            return math.inf if ready_at is None else ready_at, -COURSE.index(job.state), job.id

        job = min(jobs, key=ends)
        which = f"#{job.id}" if await self.access.may_see(job, requester) else "The next one"
        glimpse = self.glimpse(job)
        ready_at = glimpse.ready_at
        if ready_at is None or glimpse.slow:
            return f"{which} is closest to done."
        return f"{which} should be ready about <t:{int(ready_at)}:R>."

    async def with_inputs(
        self,
        brief: Brief,
        sources: Mapping[str, Source],
        *,
        requester: Requester,
        most: Mapping[str, int] | None = None,
        held: set[str] | None = None,
    ) -> Brief:
        """*brief* with its inputs fetched, checked by their content, and kept.

        *most* is how many bytes each may have; the order that has *held* holds them.
        """
        for name, source in sources.items():
            if self._inputs is None:
                raise Refusal("This bot takes no files here.")
            if source.take is not None:
                job = await self.access.show(source.take, requester=requester)
                if job.file is not None:
                    await self._disk.at_hand(job.file)
                given = await self._inputs.of_take(name, job, held=held)
                if brief.parent is None:
                    relation = _RELATIONS.get(brief.mode, Relation.FROM)
                    brief = brief.but(parent=job.id, relation=relation)
            else:
                self._open()
                given = await self._inputs.fetched(
                    name,
                    source.url or "",
                    max_bytes=(most or {}).get(name, LARGEST),
                    held=held,
                    file=source.file,
                )
            brief = brief.but(**{name: given})
        return brief

    def lost(self, brief: Brief) -> dict[str, Source]:
        """Where those inputs of *brief* come from that are not here any more."""
        found = {}
        for name in KINDS:
            given = getattr(brief, name)
            if given is None or self._inputs is None or self._inputs.has(given.file):
                continue
            if given.url is not None:
                found[name] = Source(url=given.url, file=given.file)
            elif given.take is not None and brief.plan is None:
                found[name] = Source(take=given.take)
        return found

    def halt(self, *, on: bool) -> None:
        """Take no orders while the books do not add up."""
        self.halted = on

    def glimpse(self, job: Job) -> Progress:
        """What is known of *job* beyond its row."""
        return self._tracker.glimpse(job)

    async def placed(
        self, job: Job, *, card_channel_id: int, card_id: int, thread_id: int | None
    ) -> Job:
        """Note which message shows *job*, and the thread it lives in."""
        return await self._jobs.set_places(
            job.id, card_channel_id=card_channel_id, card_id=card_id, thread_id=thread_id
        )

    async def cancel(self, id: int, *, requester: Requester) -> Job:
        """Stop a job, for the person who ordered it or a moderator."""
        job = await self.access.show(id, requester=requester)
        if job.user_id != requester.user_id and not requester.moderator:
            raise Refusal(f"Only <@{job.user_id}> or a moderator can cancel #{id}.")
        now = self._clock()
        match job.state:
            case State.QUEUED:
                change = job.to(State.CANCELLED, now=now, cancelled_by=requester.user_id)
            case State.RENDERING if self.quotes.cancels(job):
                change = replace(job, cancelled_by=requester.user_id, due_at=now)
            case State.SUBMITTING:
                raise Refusal(f"#{id} is being sent to the provider. Try again in a few seconds.")
            case State.RENDERING:
                raise Refusal(
                    f"{self.quotes.title(job)} can't stop a clip once it starts. "
                    f"#{id} will be posted when it is ready."
                )
            case State.FETCHING | State.DELIVERING:
                raise Refusal(f"#{id} is already made. It is being posted now.")
            case State.UNCLEAR | State.REVIEW:
                raise Refusal(f"#{id} is on hold until a moderator decides.")
            case State.DONE | State.UNDELIVERED:
                raise Refusal(f"#{id} has already ended.")
            case State.FAILED | State.CANCELLED | State.EXPIRED | State.CLOSED:
                raise Refusal(f"#{id} has already ended.")
            case _:
                assert_never(job.state)
        by = None  # what people do with their own is nobody's business
        if job.user_id != requester.user_id:
            by = By(guild_id=requester.guild_id, actor_id=requester.user_id)
        try:
            saved = await self.store.servers.move(by, "cancel", change, "canceled by hand")
        except (Stale, IllegalMove):
            raise Refusal(f"#{id} just changed. Check its card and try again.") from None
        return saved

    async def cancel_batch(self, batch: int, *, requester: Requester) -> list[Job]:
        """Stop all of a batch that can be stopped; the jobs that are. Else raises the `Refusal`
        of the first that is not.

        Those in the queue first: what stops at its provider makes room there for the next one.
        """
        stopped: list[Job] = []
        refusals: list[Refusal] = []
        jobs = await self.store.batches.of(batch)
        for job in sorted(jobs, key=lambda each: each.state is not State.QUEUED):
            if job.state in ENDED or job.cancelled_by is not None:
                continue
            try:
                stopped.append(await self.cancel(job.id, requester=requester))
            except Refusal as refusal:
                refusals.append(refusal)
        if not stopped and refusals:
            raise refusals[0]
        return stopped

    async def batch(self, job: Job) -> list[Job]:
        """The jobs that one order made with *job*, in order; itself alone where it made no more."""
        return [job] if job.batch is None else await self.store.batches.of(job.batch)

    async def job(self, id: int, *, guild_id: int | None = None) -> Job | None:
        """The job with this number, of a server if given, whoever asks."""
        return await self._jobs.get(id, guild_id=guild_id)

    async def stoppable(self, requester: Requester, *, limit: int) -> list[Job]:
        """What somebody has under way in a server, newest first."""
        return await self._jobs.of(
            guild_id=requester.guild_id, user_id=requester.user_id, states=LIVE, limit=limit
        )

    async def unfinished(self, guild_id: int) -> list[Job]:
        """The jobs of a server about which something is left to be done."""
        return await self._jobs.unfinished(guild_id)

    async def queue(self, *, requester: Requester, limit: int | None = 25) -> list[Job]:
        """What is under way in this server, as far as who asks may see it, oldest first; of all
        that the first *limit* (None: all)."""
        found: list[Job] = []
        jobs = await self._jobs.of(
            guild_id=requester.guild_id, states=LIVE, limit=None, oldest_first=True
        )
        for job in jobs:
            if len(found) == limit:
                break
            if await self.access.may_see(job, requester):
                found.append(job)
        return found

    async def latest(self, *, guild_id: int, user_id: int, limit: int = 25) -> list[Job]:
        """A person's latest jobs, newest first."""
        return await self._jobs.of(guild_id=guild_id, user_id=user_id, limit=limit)
