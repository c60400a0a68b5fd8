"""What a server's moderators decided about orders: where, with whom, which words, how dear."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.errors import Private, Refusal
from bot.orders.defaults import threaded
from bot.orders.prompt_rules import PromptRules, TooSlow, Unusable
from bot.words.numbers import listed
from storage import Premises, PromptRule, Server, Store

log = logging.getLogger(__name__)

RULES_MAX = 100  #: rules of one server


class TurnedOff(Refusal):
    """The provider that was asked for is turned off in the server."""


class Asking(Protocol):
    """Where something is asked for, and by whom."""

    @property
    def guild_id(self) -> int: ...
    @property
    def channel_id(self) -> int: ...
    @property
    def parent_id(self) -> int | None: ...
    @property
    def user_id(self) -> int: ...
    @property
    def moderator(self) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Who is to make an order, as far as somebody chose, and what the server says about it."""

    provider: str | None
    model: str | None
    without: frozenset[str]  #: providers that are off in this server
    confirm_above: int | None  #: credits
    here: Sequence[int]  #: see `ServerRules.here`


class ServerRules:
    """Asked before an order is priced. What it says no to is a `Refusal`, and costs nothing."""

    def __init__(self, store: Store) -> None:
        self._policy = store.policy
        self._servers = store.servers
        self._takes = store.takes
        self._choices = store.choices
        self._prompt_rules = PromptRules()
        self._off: dict[int, frozenset[str]] = {}
        self._without_threads: frozenset[int] = frozenset()
        self._channel_threads: Mapping[int, bool] = {}
        self._own_threads: Mapping[tuple[int, int], bool] = {}

    async def load(self) -> None:
        """Learn what is switched off where: at the start, and after each change."""
        self._off = await self._policy.providers_off()
        self._without_threads = await self._policy.without_threads()
        self._channel_threads = await self._choices.threads()
        self._own_threads = await self._choices.own_threads()

    def off(self, guild_id: int) -> frozenset[str]:
        """The providers that are switched off in a server."""
        return self._off.get(guild_id, frozenset())

    def threads(self, guild_id: int, channel_id: int, user_id: int) -> bool:
        """Whether a clip that somebody orders in a channel gets a thread; else it is posted in
        the channel itself. See `Choosing.threads`, which waits for the store."""
        own = self._own_threads.get((guild_id, user_id))
        channel = self._channel_threads.get(channel_id)
        return threaded(own, channel, server=guild_id not in self._without_threads)[0]

    async def of(self, guild_id: int) -> Server:
        """What a server has set."""
        return await self._policy.server(guild_id)

    async def check(
        self,
        requester: Asking,
        prompt: str,
        *,
        provider: str | None,
        model: str | None,
        premises: Premises | None = None,
    ) -> Choice:
        """Refuse an order that may not be made there, or with these words, or by them; else
        what was chosen, in which no default is filled in yet: see `Choosing`.

        *premises* are what holds there, where that was read already.
        """
        if premises is not None:
            server, here = premises.terms.server, premises.here
        else:
            server, here = await self.of(requester.guild_id), await self.here(requester)
        if where := _elsewhere(server, here):
            raise Refusal(f"You can't order clips in this channel. Use {where}.")
        if provider in server.providers_off:
            raise TurnedOff(f"{provider} is turned off in this server. Choose another provider.")
        rules = premises.terms.prompt_rules if premises is not None else None
        await self._read(requester, prompt, rules)
        return _chosen(server, here, provider, model)

    async def elsewhere(self, requester: Asking) -> str:
        """Where orders are taken, as "<#1> or <#2>", if that is not where it is asked; else ""."""
        server = await self.of(requester.guild_id)
        return _elsewhere(server, await self.here(requester))

    async def usual(self, requester: Asking) -> Choice:
        """What holds for an order there of which nobody chose who makes it."""
        here = await self.here(requester)
        return _chosen(await self.of(requester.guild_id), here, None, None)

    async def allows(self, requester: Asking, text: str) -> bool:
        """Whether the word rules of the server allow a text that its requester did not write.

        Nothing is noted. Raises `Refusal` where it cannot be told.
        """
        rules = await self._servers.prompt_rules(requester.guild_id)
        return await self._met(requester, text, rules) is None

    async def here(self, requester: Asking) -> tuple[int, ...]:
        """The thread where it is asked, if it is one, and its channel."""
        return await self._takes.here_of(requester.channel_id, requester.parent_id)

    async def _read(
        self, requester: Asking, prompt: str, rules: Sequence[PromptRule] | None = None
    ) -> None:
        if rules is None:
            rules = await self._servers.prompt_rules(requester.guild_id)
        rule = await self._met(requester, prompt, rules)
        if rule is not None:
            await self._servers.met(
                requester.guild_id,
                user_id=requester.user_id,
                channel_id=requester.channel_id,
                rule=rule,
            )
            raise Private(
                "Your prompt breaks one of this server's word rules. Nothing was ordered, and "
                "you were not charged. Reword it, or ask a moderator if this is a mistake."
            )

    async def _met(
        self, requester: Asking, prompt: str, rules: Sequence[PromptRule]
    ) -> PromptRule | None:
        """The rule that *prompt* meets. Raises `Refusal` where that cannot be told."""
        try:
            return await self._prompt_rules.met(requester.guild_id, rules, prompt)
        except TooSlow as slow:
            log.warning(
                "Prompt rule %s of server %s is too slow: an order was not taken. It is: %s",
                *(slow.rule.id, requester.guild_id, slow.rule.text),
            )
            raise Refusal(
                "This server's word rules took too long to check your prompt, so nothing was "
                "ordered. Try again in a minute."
            ) from None
        except Unusable as unusable:
            log.warning(
                "Prompt rule %s of server %s cannot be used: an order was not taken. It is: %s",
                *(unusable.rule.id, requester.guild_id, unusable.rule.text),
            )
            raise Refusal(
                "This server's word rules couldn't check your prompt, so nothing was ordered. "
                f"Ask a moderator to rewrite the pattern of rule {unusable.rule.id}."
            ) from None


def _elsewhere(server: Server, here: Sequence[int]) -> str:
    """The channels where orders are taken, five at most; "" where *here* is one of them."""
    if not server.channels or not server.channels.isdisjoint(here):
        return ""
    return listed([f"<#{each}>" for each in sorted(server.channels)][:5])


def _chosen(server: Server, here: Sequence[int], provider: str | None, model: str | None) -> Choice:
    """What was chosen, with what its server says about it."""
    return Choice(
        provider=provider,
        model=model,
        without=server.providers_off,
        confirm_above=server.confirm_above,
        here=here,
    )
