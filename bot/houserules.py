"""What a server's moderators decided about orders: where, with whom, which words, how dear."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import re2

from bot.errors import Private, Refusal
from bot.models import listed
from storage import PromptRule, Store, Terms

WORD_MAX = 100  #: characters of a word or phrase
PATTERN_MAX = 200  #: characters of a pattern
RULES_MAX = 100  #: rules of one server
MEMORY = 8 << 20  #: bytes that a compiled pattern may take; RE2 refuses what needs more

re2.set_fallback_notification(re2.FALLBACK_EXCEPTION)  # never Python's own `re`, which may hang


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
    """Who is to make an order, once the server's defaults are filled in."""

    provider: str | None
    model: str | None
    without: frozenset[str]  #: providers that are off in this server
    confirm_above: int | None  #: credits


class HouseRules:
    """Asked before an order is priced. What it says no to is a `Refusal`, and costs nothing."""

    def __init__(self, store: Store) -> None:
        self._policy = store.policy
        self._servers = store.servers
        self._takes = store.takes
        self._off: dict[int, frozenset[str]] = {}

    async def load(self) -> None:
        """Learn what is switched off where: at the start, and after each change."""
        self._off = await self._policy.providers_off()

    def off(self, guild_id: int) -> frozenset[str]:
        """The providers that are switched off in a server."""
        return self._off.get(guild_id, frozenset())

    async def check(
        self,
        place: Asking,
        prompt: str,
        *,
        provider: str | None,
        model: str | None,
        terms: Terms | None = None,
    ) -> Choice:
        """Refuse an order that may not be made there, or with these words, or by them; else
        who makes it: what was chosen, or the channel's default, or the server's.

        *terms* are what holds in the server, where that was read already.
        """
        server = terms.server if terms is not None else await self._policy.server(place.guild_id)
        here = await self._channels(place)
        if server.channels and server.channels.isdisjoint(here):
            where = listed([f"<#{each}>" for each in sorted(server.channels)][:10])
            raise Refusal(f"Clips are not ordered in this channel; use {where}.")
        if provider in server.providers_off:
            raise Refusal(f"{provider} is switched off in this server; choose another provider.")
        rules = terms.prompt_rules if terms is not None else None
        await self._read(place, prompt, rules)
        if provider is None and model is None:
            usual = (server.provider, server.model)
            own = (server.channel_models.get(each) for each in here)
            provider, model = next((each for each in own if each is not None), usual)
            if provider in server.providers_off:
                provider, model = None, None
        return Choice(
            provider=provider,
            model=model,
            without=server.providers_off,
            confirm_above=server.confirm_above,
        )

    async def _channels(self, place: Asking) -> list[int]:
        """The thread where it is asked, if it is one, and its channel: what holds for a channel
        holds in its threads. Discord forgets to tell of threads that were archived; we noted
        where ours are."""
        parent = place.parent_id
        if parent is None:
            known = await self._takes.thread(place.channel_id)
            parent = known.parent_id if known is not None else None
        return [each for each in (place.channel_id, parent) if each is not None]

    async def _read(
        self, place: Asking, prompt: str, rules: Sequence[PromptRule] | None = None
    ) -> None:
        if rules is None:
            rules = await self._servers.prompt_rules(place.guild_id)
        if not rules:
            return
        text = plain(prompt)
        for rule in rules:
            if meets(rule, text):
                await self._servers.met(
                    place.guild_id, user_id=place.user_id, channel_id=place.channel_id, rule=rule
                )
                raise Private(
                    "This prompt meets one of this server's rules about words, so it was not "
                    "ordered and cost nothing; write it another way, or ask a moderator if you "
                    "think that is a mistake."
                )


def accepted(kind: str, text: str) -> str:
    """*text* as a rule keeps it. Raises `Refusal` for what cannot be one."""
    text = " ".join(text.split()) if kind == "word" else text.strip()
    most = WORD_MAX if kind == "word" else PATTERN_MAX
    if not 1 <= len(text) <= most:
        raise Refusal(f"A {kind} has 1 to {most} characters.")
    if kind == "pattern":
        try:
            found = _compiled(text).search("")
        except re2.error as error:
            raise Refusal(f"This pattern cannot be used: {error}.") from None
        if found:
            raise Refusal("This pattern fits every prompt, even an empty one.")
    return text


def meets(rule: PromptRule, text: str) -> bool:
    """Whether *text*, made `plain`, holds what *rule* forbids. Takes time linear in *text*."""
    if rule.kind == "pattern":
        return _compiled(rule.text).search(text) is not None
    word = plain(rule.text)
    return any(_alone(text, at, at + len(word)) for at in _places(text, word))


def plain(text: str) -> str:
    """*text* as rules read it: one form of each letter, no case, no invisible characters."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    visible = (each for each in folded if unicodedata.category(each) not in {"Cf", "Mn"})
    return " ".join("".join(visible).split())


def _places(text: str, word: str) -> Iterator[int]:
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + 1)


def _alone(text: str, begin: int, end: int) -> bool:
    """Whether no letter or digit stands right before or behind this part of *text*."""
    return not text[begin - 1 : begin].isalnum() and not text[end : end + 1].isalnum()


@lru_cache(maxsize=250)
def _compiled(pattern: str) -> Any:
    return re2.compile(pattern, re2.IGNORECASE, max_mem=MEMORY)
