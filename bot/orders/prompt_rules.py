"""Matches prompts with the rules that moderators wrote, off the event loop and within a deadline.

RE2 takes time linear in the prompt, and the line can be steep: a pattern with large repetitions
takes a tenth of a second on one prompt. So a pattern is measured when it is saved, and all rules
of an order together have one deadline; an order that could not be checked is not taken.
"""

import asyncio
import random
import threading
import time
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import re2

from bot.errors import Refusal
from bot.words.text import clean, inert, one_line
from storage import PromptRule

WORD_MAX = 100  #: characters of a word or phrase
PATTERN_MAX = 200  #: characters of a pattern
PROMPT_MAX = 6000  #: characters of a prompt
MEMORY = (
    8 << 20
)  #: bytes that a compiled pattern may take; with less, RE2 forgets its states and is slow
DEAR = 0.005  #: seconds of the processor that a pattern may take on the worst prompt
DEADLINE = 2.0  #: seconds for all rules of an order
AT_ONCE = 4  #: orders that are checked at the same time, each of another server


class TooSlow(Exception):
    """The rules of a server could not be asked in time. *rule* is the one that took the time."""

    def __init__(self, rule: PromptRule) -> None:
        super().__init__(rule.text)
        self.rule = rule


class Unusable(Exception):
    """RE2 does not know the pattern of *rule*, which was saved by an earlier version."""

    def __init__(self, rule: PromptRule) -> None:
        super().__init__(rule.text)
        self.rule = rule


class PromptRules:
    """Asks the rules. A server waits for itself: its dear rules hold nobody else up."""

    def __init__(self, *, deadline: float = DEADLINE) -> None:
        """*deadline* is in seconds."""
        self._deadline = deadline
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="prompt rules")
        self._turns: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def met(
        self, guild_id: int, rules: Sequence[PromptRule], prompt: str
    ) -> PromptRule | None:
        """The first of a server's *rules* that *prompt* meets. Raises `TooSlow` or `Unusable`."""
        if not rules:
            return None
        turn = self._turns[guild_id]
        try:
            async with turn:
                search = _Search(rules, prompt, self._deadline)
                return await asyncio.get_running_loop().run_in_executor(self._threads, search.run)
        finally:
            if not turn.locked():
                self._turns.pop(guild_id, None)


class _Search:
    """One prompt and the rules of its server. Runs in a thread of its own."""

    def __init__(self, rules: Sequence[PromptRule], prompt: str, deadline: float) -> None:
        self._rules = rules
        self._prompt = prompt
        self._deadline = deadline

    def run(self) -> PromptRule | None:
        until = time.monotonic() + self._deadline
        text = plain(self._prompt)
        slowest, longest = self._rules[0], 0.0
        for rule in self._rules:
            began = time.monotonic()
            try:
                if meets(rule, text):
                    return rule
            except re2.error:
                raise Unusable(rule) from None
            ended = time.monotonic()
            if ended - began > longest:
                slowest, longest = rule, ended - began
            if ended > until:
                raise TooSlow(slowest)
        return None


async def accepted(kind: str, text: str) -> str:
    """*text* as a rule keeps it. Raises `Refusal` for what cannot be one."""
    text = one_line(text) if kind == "word" else clean(text)
    most = WORD_MAX if kind == "word" else PATTERN_MAX
    if not 1 <= len(text) <= most:
        raise Refusal(f"A {kind} must have 1 to {most} characters.")
    if kind == "pattern":
        try:
            found = _compiled(text).search("")
        except re2.error as error:
            why = error.args[0] if error.args else error
            why = why.decode("utf-8", "replace") if isinstance(why, bytes) else why
            raise Refusal(f"This pattern doesn't work: {inert(str(why))}.") from None
        if found:
            raise Refusal("This pattern matches every prompt, even an empty one.")
        took = await asyncio.to_thread(cost, text)
        if took > DEAR:
            raise Refusal(
                f"This pattern is too slow: {took * 1000:,.0f} ms on a long prompt, and the limit "
                f"is {DEAR * 1000:,.0f} ms. Use shorter repetitions, such as {{0,20}} instead of "
                "{0,900}, or split it."
            )
    return text


def cost(pattern: str, *, clock: Callable[[], float] = time.thread_time) -> float:
    """Seconds of the processor that *pattern* takes on the worst of some hostile prompts.

    The first that is too dear ends the search. Each counts as the better of two runs: whatever
    else the machine does is no fault of the pattern's.
    """
    compiled, worst = _compiled(pattern), 0.0
    for text in _hostile(pattern):
        runs = []
        for _ in range(2):
            began = clock()
            compiled.search(text)
            runs.append(clock() - began)
            if runs[-1] <= DEAR:
                break
        worst = max(worst, min(runs))
        if worst > DEAR:
            break
    return worst


def _hostile(pattern: str) -> Iterator[str]:
    """Prompts of the pattern's own letters, with one of them always missing: what makes it begin
    again and again and never come to an end."""
    letters = [*dict.fromkeys(each for each in pattern.casefold() if each.isalnum())][:12]
    yield "a " * (PROMPT_MAX // 2)
    for letter in letters:
        yield letter * PROMPT_MAX
    chance = random.Random(pattern)  # noqa: S311  # the same texts each time, no secret
    for missing in [*letters, ""]:
        rest = [each for each in [*letters, " ", "x"] if each != missing]
        yield "".join(chance.choices(rest, k=PROMPT_MAX))


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
    at = text.find(word) if word else -1
    while at >= 0:
        yield at
        at = text.find(word, at + 1)


def _alone(text: str, begin: int, end: int) -> bool:
    """Whether no letter or digit stands right before or behind this part of *text*."""
    return not text[begin - 1 : begin].isalnum() and not text[end : end + 1].isalnum()


# What RE2 does not know is an error, and never left to the `re` of Python, which can take years.
re2.set_fallback_notification(re2.FALLBACK_EXCEPTION)

_compiling = threading.Lock()  # what lru_cache would otherwise do twice at once


@lru_cache(maxsize=1000)
def _compile(pattern: str) -> Any:
    return re2.compile(pattern, re2.IGNORECASE, max_mem=MEMORY)


def _compiled(pattern: str) -> Any:
    with _compiling:
        return _compile(pattern)
