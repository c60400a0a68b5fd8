"""Reads the words of providers: messages in plain English, and statuses nobody documented."""

import logging
import re
from collections.abc import Mapping

from bot.providers import Stage

__all__ = ["Stages", "word"]

log = logging.getLogger(__name__)

MAX_ODD = 50  #: unknown words that are remembered; one that makes them up must not fill the memory

#: What a refusal may be about. None of these is ever tried again by itself, so that a message
#: read wrongly costs a less fitting sentence and nothing else.
_ABOUT: Mapping[str, re.Pattern[str]] = {
    "credit": re.compile(r"(?i)insufficient|not enough (credit|balance|fund)"),
    "content": re.compile(
        r"(?i)content (policy|violat|filter)|guideline|safety|nsfw|moderat|sensitive|prohibited"
    ),
    "input": re.compile(r"(?i)\b(image|picture|lora)"),
}


def word(message: str | None) -> str | None:
    """ "credit", "content" or "input", where a message in plain words is about that."""
    if message is None:
        return None
    return next((name for name, pattern in _ABOUT.items() if pattern.search(message)), None)


class Stages:
    """Where each status word of a provider stands."""

    def __init__(self, title: str, stages: Mapping[str, Stage]) -> None:
        self._title = title
        self._stages = stages
        self._odd: set[str] = set()

    def of(self, status: str | None) -> Stage:
        """The stage of *status*. An unknown word is still running, and is logged once."""
        stage = self._stages.get(status or "")
        if stage is not None:
            return stage
        status = (status or "")[:40]
        if status not in self._odd and len(self._odd) < MAX_ODD:
            self._odd.add(status)
            log.warning("%s: the unknown status %r is taken for still running", self._title, status)
        return Stage.RUNNING
