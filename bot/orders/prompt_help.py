"""Help with a prompt: what it lacks, a paragraph with gaps, or one that an endpoint wrote.

Nothing is sent anywhere unless the operator set an endpoint, the person agreed to it, pressed the
button, and today's limits allow it. Whatever comes of that, the local suggestion is there.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from bot.catalog.validate import REQUIRED_INPUTS
from bot.errors import Refusal
from bot.orders.consent import Consent
from bot.orders.inputs import Source
from bot.orders.orders import Studio
from bot.orders.prompt_endpoint import Endpoint, Unhelpful
from bot.orders.quote import Quote
from bot.orders.requester import Requester
from bot.words.prompt_check import Checked, check, gaps, proposal, without_gaps
from bot.words.text import clean, elide, one_line, typed
from storage import Brief, Job, Mode, PromptDraft, Sending

GONE = "This suggestion is no longer kept. Use `/video enhance` again."
WRITTEN = frozenset({Mode.TEXT, Mode.IMAGE, Mode.AUDIO})  #: what a prompt is written for
GAP = 60  #: characters of a gap that are named
PROMPT_MAX = 5000  #: characters, where nobody can make the clip now


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptLimits:
    """How many prompts may be sent to the endpoint in a day."""

    per_person: int = 20
    per_server: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Help:
    """What a person is shown."""

    draft: PromptDraft
    checked: Checked  #: of their own prompt
    quote: Quote | None  #: what the suggestion would cost; None where it is not known
    rewritten_by: str | None = None  #: who wrote the suggestion, if Dailies did not
    note: str = ""  #: why it is not what was asked for, as plain text
    receiver: str | None = None  #: who could rewrite it
    agreed: bool = False  #: to that receiver

    @property
    def ready(self) -> str:
        """The suggestion as it can be used at once: without gaps."""
        return ready(self.draft)


class ConsentNeeded(Exception):
    """Nothing was sent: the person has yet to agree to *receiver*."""

    def __init__(self, receiver: str, model: str) -> None:
        super().__init__(receiver)
        self.receiver = receiver
        self.model = model

    @property
    def mark(self) -> str:
        """What stands on the button that agrees, so that a yes is to that receiver alone."""
        return mark_of(self.receiver)


class PromptHelp:
    """Helps people to write prompts. Everything it says no to is a `Refusal`."""

    def __init__(
        self,
        studio: Studio,
        endpoint: Endpoint | None = None,
        limits: PromptLimits | None = None,
    ) -> None:
        self._studio = studio
        self._store = studio.store.prompt_help
        self._endpoint = endpoint
        self._limits = limits or PromptLimits()

    async def suggest(
        self,
        brief: Brief,
        requester: Requester,
        *,
        provider: str | None = None,
        model: str | None = None,
        links: Mapping[str, str] | None = None,
        gap: bool = False,
    ) -> Help:
        """Check the prompt of *brief*, and suggest a paragraph with gaps. Nothing is sent.

        With *gap* the prompt was to be ordered and has a gap yet: that is said, and the suggestion
        is the prompt as it was typed, of which nothing may be lost.
        *links* are to the picture and the sound that the clip starts from, by the brief's field.
        Raises `Refusal` for a prompt that may not be used there.
        """
        brief = brief.but(prompt=clean(brief.prompt))
        required, links = REQUIRED_INPUTS.get(brief.mode), links or {}
        # That which the mode needs comes first: so they are told from each other again.
        ordered = sorted(links.items(), key=lambda each: each[0] != required)
        link = "\n".join(each for _, each in ordered)
        await self._studio.rules.check(requester, brief.prompt, provider=provider, model=model)
        kept = await self._kept(
            brief,
            requester,
            text=brief.prompt if gap else proposal(brief.prompt),
            provider=provider,
            model=model,
            link=link,
        )
        left = gaps(brief.prompt) if gap else []
        note = _gap_left(f"“{elide(one_line(left[0]), GAP)}”") if left else ""
        return await self._shown(kept, requester, note=note)

    async def keep(self, brief: Brief, requester: Requester, *, link: str = "") -> PromptDraft:
        """Keep what somebody filled into a form, for them to go on with."""
        return await self._kept(brief, requester, text=brief.prompt, link=link)

    async def _kept(
        self,
        brief: Brief,
        requester: Requester,
        *,
        text: str,
        provider: str | None = None,
        model: str | None = None,
        link: str,
    ) -> PromptDraft:
        """Keep a draft that proposes *text*."""
        return await self._store.keep_draft(
            PromptDraft(
                id=0,
                guild_id=requester.guild_id,
                user_id=requester.user_id,
                brief=brief,
                provider=provider,
                model=model,
                link=link,
                proposal=text,
                at=0.0,
            )
        )

    async def rewrite(self, draft_id: int, requester: Requester) -> Help:
        """Have the endpoint rewrite a draft's prompt, and keep that as another draft.

        Raises `ConsentNeeded`; what else goes wrong is a note beside the local suggestion.
        """
        kept = await self.draft(draft_id, requester)
        await self._studio.rules.check(
            requester, kept.brief.prompt, provider=kept.provider, model=kept.model
        )
        endpoint = self._endpoint
        if endpoint is None:
            return await self._shown(kept, requester, note="No endpoint rewrites prompts here now.")
        sending = await self._store.spend(
            guild_id=requester.guild_id,
            user_id=requester.user_id,
            receiver=endpoint.receiver,
            per_person=self._limits.per_person,
            per_server=self._limits.per_server,
        )
        match sending:
            case Sending.ASK:
                raise ConsentNeeded(endpoint.receiver, endpoint.model)
            case Sending.PERSON:
                note = f"You have sent all {self._limits.per_person:,} prompts of today."
                return await self._shown(kept, requester, note=note)
            case Sending.SERVER:
                note = "This server has sent all its prompts of today."
                return await self._shown(kept, requester, note=note)
            case Sending.ALLOWED:
                pass
        quote = await self._quoted(kept, requester)
        most = _most(quote)
        try:
            text = await endpoint.rewrite(kept.brief.prompt, most=most)
            if not await self._studio.rules.allows(requester, text):
                raise Unhelpful("The rewritten prompt broke one of this server's word rules.")
        except Unhelpful as no:
            return await self._shown(kept, requester, note=f"{no} This is Dailies' own suggestion.")
        # What is in brackets there is no gap of ours.
        kept = await self._store.keep_draft(_with(kept, text))
        return await self._shown(kept, requester, rewritten_by=endpoint.receiver)

    async def agree(self, requester: Requester, mark: str) -> None:
        """Note that a person lets the endpoint have the prompts that they ask about.

        *mark* is that of the receiver that they were shown: another one gets no yes.
        """
        if self._endpoint is not None and mark == mark_of(self._endpoint.receiver):
            await self._store.agree(requester.user_id, self._endpoint.receiver)

    async def withdraw(self, requester: Requester) -> None:
        """Send nothing of a person's from now on."""
        await self._store.withdraw(requester.user_id)

    async def draft(self, draft_id: int, requester: Requester) -> PromptDraft:
        """A suggestion that was made to that person. Raises `Refusal` where it is gone."""
        kept = await self._store.draft(
            draft_id, guild_id=requester.guild_id, user_id=requester.user_id
        )
        if kept is None:
            raise Refusal(GONE)
        return kept

    async def price(self, kept: PromptDraft, requester: Requester) -> Quote | None:
        """What a draft's suggestion would cost, as things stand; None where it is not known."""
        await self._studio.rules.check(
            requester, kept.brief.prompt, provider=kept.provider, model=kept.model
        )
        return await self._quoted(kept, requester)

    async def order(
        self,
        kept: PromptDraft,
        text: str,
        *,
        request: str,
        requester: Requester,
        consent: Consent,
        before_long: Callable[[], object] = lambda: None,
    ) -> tuple[Job, bool]:
        """Order the clip of a draft with the prompt *text*. Raises `Refusal`, also for a gap."""
        left = gaps(text)
        if left:
            raise Refusal(_gap_left(typed(left[0], GAP)))
        brief = kept.brief.but(prompt=clean(text))
        return await self._studio.order(
            brief,
            request=request,
            requester=requester,
            provider=kept.provider,
            model=kept.model,
            sources=self._sources(brief, kept.link),
            consent=consent,
            before_long=before_long,
            new=True,
        )

    def _sources(self, brief: Brief, link: str) -> Mapping[str, Source]:
        name = REQUIRED_INPUTS.get(brief.mode)
        if name is not None and getattr(brief, name) is None:
            return {each: Source(url=url) for each, url in _links(brief.mode, link).items()}
        return self._studio.lost(brief)

    async def _shown(
        self,
        kept: PromptDraft,
        requester: Requester,
        *,
        rewritten_by: str | None = None,
        note: str = "",
    ) -> Help:
        receiver = self._endpoint.receiver if self._endpoint is not None else None
        return Help(
            draft=kept,
            checked=check(kept.brief.prompt),
            quote=await self._quoted(kept, requester),
            rewritten_by=rewritten_by,
            note=note,
            receiver=receiver,
            agreed=receiver is not None and await self._store.agreed(kept.user_id, receiver),
        )

    async def _quoted(self, kept: PromptDraft, requester: Requester) -> Quote | None:
        """What the suggestion would cost: never less than what it is ordered for, but for what
        only its picture or sound decides."""
        name = REQUIRED_INPUTS.get(kept.brief.mode)
        given = [each for each in [name] if each is not None]
        choosing = self._studio.choosing
        return await choosing.outlook(
            requester, kept.brief, provider=kept.provider, model=kept.model, given=given
        )


def kept_links(kept: PromptDraft) -> Mapping[str, str]:
    """The links of a draft, by the brief's field."""
    return _links(kept.brief.mode, kept.link)


def _links(mode: Mode, link: str) -> Mapping[str, str]:
    """What is in *link*: to what the mode needs, and perhaps to a picture beside it."""
    name = REQUIRED_INPUTS.get(mode)
    if name is None:
        return {}
    return dict(zip((name, "image"), (each.strip() for each in link.split("\n")), strict=False))


def ready(kept: PromptDraft) -> str:
    """The suggestion of a draft as it can be used at once: without gaps."""
    return without_gaps(kept.proposal)


def mark_of(receiver: str) -> str:
    """A short name of *receiver*, for a button."""
    return hashlib.sha256(receiver.encode()).hexdigest()[:12]


def _gap_left(gap: str) -> str:
    """The sentence about a gap that is still there."""
    return f"Your prompt still has a gap: {gap}. Write something there, or delete it."


def _most(quote: Quote | None) -> int:
    """The longest prompt that the model of *quote* takes."""
    capability = quote.model.capability(quote.brief.mode) if quote is not None else None
    return capability.prompt_max if capability is not None else PROMPT_MAX


def _with(kept: PromptDraft, text: str) -> PromptDraft:
    """*kept* with the suggestion *text*, in which nothing looks like a gap."""
    return replace(kept, proposal=one_line(text).replace("[", "(").replace("]", ")"))
