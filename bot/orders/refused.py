"""What may still become of an order that was refused: less, a moderator's help, a second yes."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bot.catalog.model import RESOLUTIONS, Capability
from bot.errors import Refusal
from bot.orders.access import require_moderator
from bot.orders.consent import Consent
from bot.orders.frames import Frames
from bot.orders.inputs import Source
from bot.orders.orders import Studio
from bot.orders.quote import Asked, ConfirmationNeeded, Instead, Limited, Quote, Unmakeable
from bot.orders.requester import Requester
from bot.orders.ways import Ways
from storage import Brief, By, Grant, Job, Limit, Mode, Offer, RefusedOrder

ANSWERED = "Another moderator already answered this."
TRIED = 200  #: shorter and smaller clips that are priced to find one that fits


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What a moderator's answer to a refused order did."""

    order: RefusedOrder
    grant: Grant | None  #: None where it was denied, or the budget was opened


class Refusals:
    """Keeps refused orders, and what people do about them."""

    def __init__(self, studio: Studio, frames: Frames) -> None:
        self._studio = studio
        self._frames = frames
        self._ways = Ways(studio.quotes)
        self._servers = studio.store.servers
        self._policy = studio.store.policy
        self._moderation = studio.store.moderation

    async def keep(self, error: Refusal, requester: Requester) -> RefusedOrder | None:
        """Keep an order about which a moderator, or its person, can still do something.

        None where nobody can.
        """
        server = await self._policy.server(requester.guild_id)
        fits: Sequence[Offer] = ()
        match error:
            case Unmakeable(asked=asked):
                ways = self._ways.out_of(error, off=server.providers_off)
                why, wanted = "unfit", _asked(asked)
                fits = [_offer(each.times(asked.takes), wanted) for each in ways]
            case Instead(ways=quotes) if quotes:
                fits = [_offer(each) for each in quotes]
                why, wanted = "unfit", fits[0]
            case ConfirmationNeeded(quote=quote) if quote is not None:
                why, wanted = "confirm", _offer(quote)
            case Limited(quote=quote, refused=refused) if quote is not None:
                if refused.limit not in {Limit.QUOTA, Limit.BUDGET}:
                    return None
                why, wanted = str(refused.limit), _offer(quote)
                fitting = self._fitting(quote, refused.would_fit, server.providers_off)
                fits = [] if fitting is None else [_offer(fitting)]
            case _:
                return None
        if why == "unfit" and not fits:
            return None
        return await self._servers.keep_refused(
            RefusedOrder(
                id=0,
                guild_id=requester.guild_id,
                channel_id=requester.channel_id,
                user_id=requester.user_id,
                why=why,
                wanted=wanted,
                fits=tuple(fits),
                at=0.0,
            )
        )

    async def order(
        self, refused_id: int, requester: Requester, *, way: int | None
    ) -> tuple[Job, bool]:
        """Order what was refused, or with *way* what works instead, by its place; once each."""
        refused = await self.mine(refused_id, requester)
        if way is not None and way >= len(refused.fits):
            raise Refusal("No smaller clip would have fit.")
        offer = refused.wanted if way is None else refused.fits[way]
        which = "all" if way is None else "less" if way == 0 else f"less{way}"
        # What it had fetched went when it was refused.
        sources = {**self._studio.lost(offer.brief), **_sources(offer)}
        return await self._studio.order(
            await self._frames.made(offer.brief, requester=requester),
            request=f"refused:{refused_id}:{which}",
            requester=requester,
            provider=offer.provider,
            model=offer.model,
            sources=sources,
            consent=Consent.to(offer.price),  # what stands on the button
            takes=offer.takes,
        )

    async def get(self, refused_id: int, *, guild_id: int) -> RefusedOrder | None:
        """A refused order of a server; None where it is kept no more."""
        return await self._servers.refused(refused_id, guild_id=guild_id)

    async def mine(self, refused_id: int, requester: Requester) -> RefusedOrder:
        """A refused order of the person who asks; nobody else's."""
        refused = await self.get(refused_id, guild_id=requester.guild_id)
        if refused is None or refused.user_id != requester.user_id:
            raise Refusal("That order has expired. Type it again.")
        return refused

    async def asked(self, refused: RefusedOrder) -> bool:
        """Note that the moderators were asked. False if they were before."""
        return await self._servers.ask(refused.id, guild_id=refused.guild_id)

    async def grant(self, requester: Requester, refused_id: int, clips: int) -> Answered:
        """Give its person credits for so many such clips; past the budget, open the budget."""
        require_moderator(requester)
        refused = await self._open(refused_id, requester)
        by = By(guild_id=requester.guild_id, actor_id=requester.user_id, why=f"asked for {clips}")
        grant = None
        if refused.why == "budget":
            answered = await self._moderation.open_asked(by, refused_id)
        else:
            amount = clips * max(1, refused.wanted.price)
            grant = await self._moderation.grant_asked(by, refused_id, refused.user_id, amount)
            answered = grant is not None
        if not answered:
            raise Refusal(ANSWERED)
        return Answered(order=replace(refused, answer="granted"), grant=grant)

    async def deny(self, requester: Requester, refused_id: int) -> Answered:
        """Say no, on record."""
        require_moderator(requester)
        refused = await self._open(refused_id, requester)
        by = By(guild_id=requester.guild_id, actor_id=requester.user_id)
        price = refused.wanted.price
        if not await self._moderation.deny_asked(by, refused_id, refused.user_id, price):
            raise Refusal(ANSWERED)
        return Answered(order=replace(refused, answer="denied"), grant=None)

    async def _open(self, refused_id: int, requester: Requester) -> RefusedOrder:
        refused = await self.get(refused_id, guild_id=requester.guild_id)
        if refused is None:
            raise Refusal("That request has expired.")
        return refused

    def _fitting(self, quote: Quote, credits: int, off: frozenset[str]) -> Quote | None:
        """What is most like *quote*'s and costs no more than *credits*: of several takes, fewer."""
        each = quote.price // quote.takes
        if quote.takes > 1 and 0 < each <= credits:
            takes = min(quote.takes - 1, credits // each)
            return replace(
                quote, takes=takes, price=takes * each, usd=quote.usd * takes / quote.takes
            )
        if quote.brief.plan is not None or quote.brief.mode is Mode.RETAKE:
            return None  # a shorter part would not fill the place it is made for
        offers = [
            (provider, model, capability)
            for provider, model in self._studio.quotes.offers(quote.brief.mode)
            if provider.name not in off
            and (capability := model.capability(quote.brief.mode)) is not None
        ]
        # Its own model first: what changes least is most like it.
        offers.sort(key=lambda each: (each[0] is not quote.provider, each[1] is not quote.model))
        for provider, model, capability in offers:
            own = provider is quote.provider and model is quote.model
            brief = quote.brief if own else _loose(quote.brief)
            found = []
            for smaller in itertools.islice(_smaller(brief, capability), TRIED):
                try:
                    priced = self._studio.quotes.best(
                        smaller, provider=provider.name, model=model.name, request="fits"
                    )
                except Refusal:
                    continue
                if priced.price <= credits:
                    found.append(priced)
            if found:
                return max(found, key=lambda each: (each.price, each.brief.duration or 0))
        return None


def _smaller(brief: Brief, capability: Capability) -> Iterator[Brief]:
    """*brief* at every length and size up to its own."""
    lengths = sorted(
        (each for each in capability.values("duration") if _within(each, brief.duration)),
        key=int,
        reverse=True,
    )
    sizes = sorted(
        (
            each
            for each in capability.values("resolution")
            if brief.resolution is None
            or RESOLUTIONS.get(str(each), 0) <= RESOLUTIONS.get(brief.resolution, 0)
        ),
        key=lambda each: RESOLUTIONS.get(str(each), 0),
        reverse=True,
    )
    choices: list[list[str | int | None]] = [[*sizes] or [None], [*lengths] or [None]]
    for size, length in itertools.product(*choices):
        yield brief.but(
            duration=brief.duration if length is None else int(length),
            resolution=brief.resolution if size is None else str(size),
        )


def _within(length: object, most: int | None) -> bool:
    return most is None or int(str(length)) <= most


def _loose(brief: Brief) -> Brief:
    """*brief* without what only its own model was asked for."""
    return brief.but(fps=None, seed=None, camera=None, loras=(), routing=None, sound=None)


def _offer(quote: Quote, asked: Offer | None = None) -> Offer:
    """*quote* as it is kept, with the sources of what was *asked*, which are yet to be fetched."""
    brief, sources = quote.brief, asked.sources if asked is not None else {}
    return Offer(
        provider=quote.provider.name,
        model=quote.model.name,
        brief=brief,
        price=quote.price,
        takes=quote.takes,
        sources=sources,
    )


def _asked(asked: Asked) -> Offer:
    """What was asked for, which has no price: nobody makes it."""
    sources = {
        name: source.take if source.take is not None else source.url or ""
        for name, source in asked.sources.items()
    }
    return Offer(
        provider=asked.provider or "",
        model=asked.model or "",
        brief=asked.brief,
        price=0,
        takes=asked.takes,
        sources=sources,
    )


def _sources(offer: Offer) -> dict[str, Source]:
    """The inputs of *offer* that are yet to be fetched."""
    return {
        name: Source(take=each) if isinstance(each, int) else Source(url=each)
        for name, each in offer.sources.items()
    }
