"""The defaults of people, channels and servers: asked before each new order, shown and changed."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.catalog.model import RESOLUTIONS
from bot.errors import Refusal
from bot.orders.access import decided_by
from bot.orders.defaults import NEW, Layer, Settled, settle, threaded
from bot.orders.quote import CHOOSERS, Quote
from bot.orders.quotes import Quotes
from bot.orders.requester import Requester
from bot.orders.server_rules import Choice, ServerRules
from bot.words.numbers import listed
from bot.words.text import typed
from storage import Brief, Mode, OrderDefaults, Premises, Store

Layers = Sequence[tuple[Layer, OrderDefaults]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a new clip would be where somebody is, and what was chosen there."""

    settled: Settled
    quote: Quote | None  #: None where nobody makes it
    own: OrderDefaults
    channel: OrderDefaults
    threads: bool
    threads_layer: Layer


class Choosing:
    """Fills in defaults, and keeps them. What it says no to is a `Refusal`."""

    def __init__(self, store: Store, rules: ServerRules, quotes: Quotes) -> None:
        self._choices = store.choices
        self._rules = rules
        self._quotes = quotes

    async def layers(
        self, requester: Requester, *, here: Sequence[int], premises: Premises | None = None
    ) -> Layers:
        """The defaults that hold where somebody is, the nearest first; the thread's own come
        before its channel's. What a provider that is off would make is no default.

        *here* is that of `Choice`; *premises* are what holds there, where that was read.
        """
        if premises is not None:
            server, own, channels = premises.terms.server, premises.own, premises.channels
        else:
            server = await self._rules.of(requester.guild_id)
            own, channels = await self._choices.at(
                requester.guild_id, user_id=requester.user_id, channels=here
            )
        usual = OrderDefaults(provider=server.provider, model=server.model)
        found = [(Layer.PERSON, own)]
        found += [(Layer.CHANNEL, channels[each]) for each in here]
        found.append((Layer.SERVER, usual))
        return [
            (layer, each)
            if each.provider not in server.providers_off
            else (layer, replace(each, provider=None, model=None))
            for layer, each in found
        ]

    def settled(
        self,
        brief: Brief,
        layers: Layers,
        *,
        provider: str | None = None,
        model: str | None = None,
        without: Collection[str] = (),
        given: Collection[str] = (),
        new: bool = True,
    ) -> Settled:
        """*brief* with the defaults of *layers*, and who makes it.

        *given* are the inputs that are yet to be fetched. What repeats or changes a clip is not
        *new*: it takes only the channel's or the server's model, as it stands.
        """
        if not new or brief.mode not in NEW:
            models = [
                (layer, OrderDefaults(provider=each.provider, model=each.model))
                for layer, each in layers
                if layer is not Layer.PERSON
            ]
            return settle(brief, provider, model, models, makes=lambda *_: True)

        def makes(tried: Brief, provider: str | None, model: str | None) -> bool:
            return self._quotes.makes(tried, provider, model, without=without, given=given)

        return settle(brief, provider, model, layers, makes=makes)

    async def settle(
        self,
        requester: Requester,
        brief: Brief,
        choice: Choice,
        *,
        given: Collection[str] = (),
        new: bool = True,
        premises: Premises | None = None,
    ) -> tuple[Settled, Choice]:
        """`settled` for somebody where they are, and the *choice* with who makes it."""
        settled = self.settled(
            brief,
            await self.layers(requester, here=choice.here, premises=premises),
            provider=choice.provider,
            model=choice.model,
            without=choice.without,
            given=given,
            new=new,
        )
        return settled, replace(choice, provider=settled.provider, model=settled.model)

    async def outlook(
        self,
        requester: Requester,
        brief: Brief,
        *,
        provider: str | None = None,
        model: str | None = None,
        given: Collection[str] = (),
    ) -> Quote | None:
        """What a new order of *brief* becomes before its inputs are there, and the least that it
        costs; None where nobody makes it."""
        choice = await self._rules.usual(requester)
        choice = replace(choice, provider=provider, model=model)
        settled, choice = await self.settle(requester, brief, choice, given=given)
        return self._quotes.outlook(settled.brief, choice, given=given)

    async def prices(
        self, requester: Requester, mode: Mode, *, given: Collection[str] = ()
    ) -> Callable[[str | None, str | int | None], Quote | None]:
        """What a new order would be with one setting chosen, or with none: asked with its name
        and value. None where nobody makes that."""
        usual = await self._rules.usual(requester)
        layers = await self.layers(requester, here=usual.here)

        def priced(name: str | None, value: str | int | None) -> Quote | None:
            brief = Brief(mode=mode)
            brief = brief if name is None else brief.but(**{name: value})
            settled = self.settled(brief, layers, without=usual.without, given=given)
            choice = replace(usual, provider=settled.provider, model=settled.model)
            return self._quotes.outlook(settled.brief, choice, given=given)

        return priced

    async def show(self, requester: Requester) -> Shown:
        """What a clip from words would be, where each value comes from, and what was chosen."""
        brief, choice = Brief(mode=Mode.TEXT), await self._rules.usual(requester)
        layers = await self.layers(requester, here=choice.here)
        settled = self.settled(brief, layers, without=choice.without)
        maker = replace(choice, provider=settled.provider, model=settled.model)
        own = await self._choices.own(requester.guild_id, requester.user_id)
        home = requester.home_id
        channel = (await self._choices.channels(requester.guild_id, [home]))[home]
        threads, layer = await self.threads(requester.guild_id, home, requester.user_id)
        return Shown(
            settled=settled,
            quote=self._quotes.outlook(settled.brief, maker),
            own=own,
            channel=channel,
            threads=threads,
            threads_layer=layer,
        )

    async def threads(self, guild_id: int, channel_id: int, user_id: int) -> tuple[bool, Layer]:
        """Whether a clip that somebody orders in a channel gets a thread now, and who says so."""
        own, channel, server = await self._choices.threads_at(
            guild_id, user_id=user_id, channel_id=channel_id
        )
        return threaded(own, channel, server=server)

    async def set(
        self, requester: Requester, changes: dict[str, Any], *, channel: bool
    ) -> OrderDefaults:
        """Choose defaults for oneself or, as a moderator, for the *channel*. *changes* are fields
        of `OrderDefaults`; None chooses nothing. Raises `Refusal` for what nobody makes."""
        changes = self._checked(changes)
        if channel:
            by = decided_by(requester)
            chosen = await self._choices.set_channel(by, requester.home_id, changes)
        else:
            guild_id, user_id = requester.guild_id, requester.user_id
            chosen = await self._choices.set_own(guild_id, user_id, changes)
        await self._rules.load()
        return chosen

    def _checked(self, changes: dict[str, Any]) -> dict[str, Any]:
        """*changes*, spelled as they are here. Raises `Refusal` for what nobody makes."""
        changes = dict(changes)
        if changes.get("provider") or changes.get("model"):
            provider, model = self._quotes.spelled(changes.get("provider"), changes.get("model"))
            self._known(provider, model)
            changes |= {"provider": provider, "model": model}
        if (size := changes.get("resolution")) is not None:
            found = {each.casefold(): each for each in RESOLUTIONS}
            changes["resolution"] = found.get(size.strip().casefold(), size)
        for name in ("resolution", "duration"):
            value = changes.get(name)
            known = self.offered(name)
            if value is not None and value not in known:
                said = f"{value} s" if name == "duration" else typed(str(value), 20)
                choose = listed([str(each) for each in known[:25]])
                raise Refusal(f"No model here makes {said}. Choose {choose}.")
        return changes

    def _known(self, provider: str | None, model: str | None) -> None:
        there = [
            each.name
            for maker, each in self._quotes.offers()
            if provider in (None, *CHOOSERS, maker.name)
        ]
        if not there:
            names = listed([*CHOOSERS, *dict.fromkeys(p.name for p, _ in self._quotes.offers())])
            raise Refusal(f"There is no provider {typed(provider or '')} here. Choose {names}.")
        if model is not None and model not in there:
            raise Refusal(
                f"There is no model {typed(model)} here. Choose {listed([*dict.fromkeys(there)])}."
            )

    def offered(self, name: str) -> list[str | int]:
        """Every size or length that some model makes of words, a picture or a sound, sorted."""
        found = {
            value: None
            for mode in (Mode.TEXT, Mode.IMAGE, Mode.AUDIO)
            for value in self._quotes.values(mode, name)
        }
        if name == "resolution":
            return sorted(found, key=lambda each: RESOLUTIONS.get(str(each), 0))
        return sorted(found, key=lambda each: int(each))
