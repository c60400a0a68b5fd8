"""What a provider's statuses and error words mean, and what each proves about an order."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bot.errors import Busy, Failure, Refusal, Unclear
from bot.log_redaction import redact

MAX_DETAIL = 300  #: characters of a provider's own words that a person is shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What a status or error word of a provider means here.

    *sentence* may use {title}, the provider's name, and {detail}, its own words. *retryable*
    says that it passes: an order answered so with 429 or 503 was not taken, by its document.
    *billed* is False where nothing is charged, None where its document does not say.
    """

    failure: Failure
    sentence: str
    retryable: bool = False
    billed: bool | None = False


CONTENT = Meaning(
    failure=Failure.CONTENT, sentence="{title} refused this because of its content rules{detail}."
)
INPUT = Meaning(failure=Failure.INPUT, sentence="{title} couldn't use a file you gave{detail}.")
CREDIT = Meaning(
    failure=Failure.CREDIT,
    sentence="This bot's account at {title} is out of money. Its operator has to top it up.",
)
KEY = Meaning(
    failure=Failure.KEY,
    sentence="{title} doesn't accept this bot's key. Its operator has to check it.",
)
RATE = Meaning(failure=Failure.RATE, sentence="{title} is too busy right now.", retryable=True)
DOWN = Meaning(failure=Failure.DOWN, sentence="{title} is down right now.", retryable=True)
TIMEOUT = Meaning(failure=Failure.TIMEOUT, sentence="{title} didn't finish in time{detail}.")
BAD_RESULT = Meaning(
    failure=Failure.BAD_RESULT, sentence="{title} finished, but gave no usable clip{detail}."
)
REFUSED = Meaning(failure=Failure.REFUSED, sentence="{title} didn't take this{detail}.")

#: What a status means where its provider's own words say nothing better. What is not listed
#: proves nothing about an order.
STATUSES: Mapping[int, Meaning] = {
    400: REFUSED,
    401: KEY,
    402: CREDIT,
    403: KEY,
    404: REFUSED,
    405: REFUSED,
    410: REFUSED,
    413: Meaning(failure=Failure.INPUT, sentence="{title} says a file is too large{detail}."),
    415: INPUT,
    422: REFUSED,
    429: RATE,
}
#: With these a provider's own words say that an order was not taken, for now.
LATER = frozenset({429, 503})
#: Seconds within which such an answer comes from the door. One that took longer may come from
#: somebody who took the order and failed over it.
PROMPT = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer whose body was read to its end, within bounds."""

    status: int
    headers: Mapping[str, str]  #: names in lower case
    raw: str  #: the start of the body, without our key: for the operator
    took: float = 0.0  #: seconds from sending the request to the end of the answer
    data: Mapping[str, Any] | None = None  #: the body, if it is one sane JSON object
    file: Path | None = None  #: where the body is, if it is an MP4 and was asked for

    @property
    def trace(self) -> str:
        """The provider's own id for this exchange, if it gives one: what its support asks for."""
        return self.headers.get("x-request-id", "")[:100]


class Vocabulary:
    """A provider's error words and statuses, and what each means here.

    *explain* finds in an error reply's JSON the word and the message, either of them None.
    *form* is given a status and a JSON body, and says whether that is an error in the form of
    the document: what is not may be anybody's answer and proves nothing about an order.
    *words* is looked up first, then *statuses*, then `STATUSES`. *plain* finds a word in a
    message, for a provider that has none; it is asked where the status is a refusal of the
    request anyway, so that a message read wrongly changes a sentence and nothing else.
    """

    def __init__(
        self,
        title: str,
        *,
        words: Mapping[str, Meaning],
        explain: Callable[[Mapping[str, Any]], tuple[str | None, str | None]],
        form: Callable[[int, Mapping[str, Any]], bool] | None = None,
        statuses: Mapping[int, Meaning] | None = None,
        plain: Callable[[str | None], str | None] = lambda _: None,
    ) -> None:
        self.title = title
        self._words = words
        self._explain = explain
        self._form = form or (lambda _, data: any(explain(data)))
        self._plain = plain
        self._statuses = {**STATUSES, **(statuses or {})}

    def meaning(self, word: str | None) -> Meaning | None:
        """What *word* means, or None where the document does not know it."""
        return self._words.get(word) if word is not None else None

    def failed(
        self, word: str | None, message: str | None, *, raw: str = "", billed: bool | None = None
    ) -> Refusal:
        """Why a job that was taken came to nothing. An unknown word is a plain refusal.

        *billed* is used where the word's meaning does not say.
        """
        meaning = self.meaning(word) or replace(REFUSED, billed=billed)
        return self._refusal(meaning, message, raw)

    def error(self, reply: Reply, word: str | None, message: str | None) -> Busy | Refusal:
        """The exception for an error that came with status 200, its word known or not."""
        meaning = self.meaning(word) or REFUSED
        if meaning.retryable:
            return self._busy(meaning, reply.raw, None)
        return self._refusal(meaning, message, reply.raw)

    def ordered(
        self, reply: Reply, wait: float | None = None, *, again: bool = True
    ) -> Busy | Refusal | Unclear:
        """What an answer other than 2xx proves about an order.

        Without *again*, nothing that was answered proves that it may be sent again.
        """
        meaning, message = self._proven(reply)
        if meaning is None or (meaning.retryable and not (again and reply.took <= PROMPT)):
            return Unclear(
                f"{self.title} didn't say whether it took the order.",
                raw=reply.raw,
            )
        if meaning.retryable:
            busy = self._busy(meaning, reply.raw, wait)
            busy.answered = True
            return busy
        return self._refusal(meaning, message, reply.raw)

    def _proven(self, reply: Reply) -> tuple[Meaning | None, str | None]:
        """What an answer to an order means by the document; None where it proves nothing."""
        if reply.data is None or not self._form(reply.status, reply.data):
            # Whoever said 4xx did not do it, so nothing is sent again; but who that was, and
            # what it costs, nobody knows: a page of something in between, perhaps.
            meaning = self._statuses.get(reply.status) if reply.status not in LATER else None
            return (None if meaning is None else replace(meaning, billed=None)), None
        word, message = self._explained(reply)
        meaning = self.meaning(word)
        if reply.status in LATER:
            meaning = meaning or self._statuses.get(reply.status, DOWN)
            # Who says 503 and a refusal in one contradicts itself.
            odd = not meaning.retryable and reply.status != 429
        else:
            meaning = meaning or self._statuses.get(reply.status)
            odd = not 400 <= reply.status < 500 or meaning is None or meaning.retryable
        return (None, None) if odd else (meaning, message)

    def asked(self, reply: Reply, wait: float | None = None) -> Busy | Refusal:
        """What an answer other than 2xx to a question means."""
        if reply.status in (404, 410):
            return Refusal(
                f"{self.title} no longer knows this job.",
                failure=Failure.LOST,
                raw=reply.raw,
                billed=None,
            )
        word, _ = self._explained(reply)
        meaning = self.meaning(word) or self._statuses.get(reply.status, DOWN)
        if meaning.failure not in (Failure.KEY, Failure.CREDIT, Failure.RATE):
            meaning = DOWN
        return self._busy(meaning, reply.raw, wait)

    def _explained(self, reply: Reply) -> tuple[str | None, str | None]:
        word, message = self._explain(reply.data) if reply.data is not None else (None, None)
        if word is None and reply.status in (400, 422):
            word = self._plain(message)
        return word, message

    def _refusal(self, meaning: Meaning, message: str | None, raw: str) -> Refusal:
        words = _clean(message or "").rstrip(".")
        detail = f": {words}" if words else ""
        sentence = meaning.sentence.replace("{title}", self.title).replace("{detail}", detail)
        return Refusal(sentence, failure=meaning.failure, raw=raw, billed=meaning.billed)

    def _busy(self, meaning: Meaning, raw: str, wait: float | None) -> Busy:
        sentence = meaning.sentence.replace("{title}", self.title).replace("{detail}", "")
        return Busy(sentence, retry_after=wait, failure=meaning.failure, raw=raw)


def remote_id(value: object) -> str | None:
    """*value* if it can be a job's id and safely be put into a path, else None."""
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9._-]{1,128}", value):
        return value if value.strip(".") else None
    return None


def text(data: object, *path: str | int) -> str | None:
    """The string at *path* in parsed JSON, or None where there is none."""
    for step in path:
        if isinstance(step, str) and isinstance(data, Mapping):
            data = data.get(step)
        elif isinstance(step, int) and isinstance(data, list) and -len(data) <= step < len(data):
            data = data[step]
        else:
            return None
    return data if isinstance(data, str) else None


def _clean(words: str) -> str:
    """A provider's own words, fit to stand in a sentence: one line, no links, no secrets."""
    words = " ".join("".join(c if c.isprintable() else " " for c in words).split())
    words = redact(words)
    return words if len(words) <= MAX_DETAIL else words[: MAX_DETAIL - 1] + "…"
