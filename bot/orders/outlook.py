"""What somebody could order where they are, for how much; or why they can't, and who can help."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from bot.orders.orders import HALTED, Studio
from bot.orders.quote import Quote
from bot.orders.requester import Requester
from bot.words.limits import said
from storage import Brief, Job, Limit, Mode

#: Limits that end by themselves, and soon: whoever meets one may order here.
PASSING = frozenset({Limit.PACE, Limit.JOBS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What a clip from words would be. *no* says why it may not be ordered; "" where it may."""

    quote: Quote | None  #: None where nobody makes such clips
    no: str
    moderator: bool  #: whether a moderator can change that

    def line(self, usd_per_credit: Decimal) -> str:
        """'6 s · 1080p · ltx-2-fast: 36 credits (≈ $0.36)'; "" where nobody makes such clips."""
        if self.quote is None:
            return ""
        return self.quote.line(usd_per_credit)


class Outlooks:
    """Says what somebody could order, and holds nothing for it."""

    def __init__(self, studio: Studio, *, clock: Callable[[], float]) -> None:
        self._studio = studio
        self._policy = studio.store.policy
        self._clock = clock

    async def of(self, requester: Requester) -> Outlook:
        """What a clip from words would be where somebody is, and whether they may order it."""
        rules = self._studio.rules
        quote = await self._studio.choosing.outlook(requester, Brief(mode=Mode.TEXT))
        if where := await rules.elsewhere(requester):
            no = f"You can't order clips in this channel. Use {where}."
            return Outlook(quote=quote, no=no, moderator=False)
        if self._studio.halted:
            return Outlook(quote=quote, no=HALTED, moderator=False)
        price = quote.price if quote is not None else 0
        answer = await self._policy.outlook(self._draft(requester, price), roles=requester.roles)
        if answer is None or answer.limit in PASSING:
            return Outlook(quote=quote, no="", moderator=False)
        helps = answer.limit not in {Limit.ALL, Limit.CLOSED}
        return Outlook(quote=quote, no=said(answer, price), moderator=helps)

    def _draft(self, requester: Requester, price: int) -> Job:
        now = self._clock()
        return Job(
            id=0,
            request="",
            guild_id=requester.guild_id,
            channel_id=requester.channel_id,
            user_id=requester.user_id,
            provider="",
            model="",
            brief=Brief(mode=Mode.TEXT),
            price=price,
            created_at=now,
            since=now,
        )
