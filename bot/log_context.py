"""What a line of the log is about: the job, the server and the attempt that are being worked on.

Each line that is written meanwhile is marked with them, whoever writes it. The prompts of that work
stand in no line above DEBUG: see `unprompted`.
"""

import contextvars
import json
import logging
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from storage import Job

__all__ = ["Marked", "hide", "speak_of", "speak_of_server", "speaking", "unprompted"]

HIDDEN = "…"
SHORTEST = 4  #: characters of a prompt that is hidden: a shorter one is part of other words
BEGINS = 24  #: characters by which a prompt is known whose end was cut off


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What is being worked on; None for what it is not about."""

    job: int | None = None
    guild: int | None = None
    attempt: int | None = None
    prompts: tuple[str, ...] = ()


_NOTHING = About()
_NOW: contextvars.ContextVar[About] = contextvars.ContextVar("dailies_log_about", default=_NOTHING)


@contextmanager
def speaking() -> Generator[None]:
    """Forget at the end what was spoken of within."""
    token = _NOW.set(_NOTHING)
    try:
        yield
    finally:
        _NOW.reset(token)


def speak_of(job: Job) -> None:
    """From here on this task works on *job*."""
    prompts = (job.brief.prompt,) if job.brief.prompt else ()
    _NOW.set(About(job=job.id, guild=job.guild_id, attempt=job.attempt, prompts=prompts))


def speak_of_server(guild_id: int | None, *prompts: str) -> None:
    """From here on this task answers somebody in a server, who wrote *prompts*."""
    _NOW.set(About(guild=guild_id, prompts=tuple(each for each in prompts if each)))


def hide(prompt: str) -> None:
    """From here on this task works with *prompt*, too."""
    about = _NOW.get()
    if prompt and prompt not in about.prompts:
        _NOW.set(replace(about, prompts=(*about.prompts, prompt)))


def unprompted(text: str) -> str:
    """*text* without the prompts of what is being worked on, however they are quoted."""
    for prompt in _NOW.get().prompts:
        if len(prompt) >= SHORTEST:
            for form in _forms(prompt):
                text = _without(text, form)
    return text


class Marked(logging.Filter):
    """Marks each record with what it is about, as `job`, `guild` and `attempt`."""

    def filter(self, record: logging.LogRecord) -> bool:
        about = _NOW.get()
        record.job, record.guild, record.attempt = about.job, about.guild, about.attempt
        return True


def _forms(prompt: str) -> list[str]:
    """*prompt* as it is, as JSON and Python quote it, and within such a quote; longest first."""
    plain = json.dumps(prompt, ensure_ascii=False)[1:-1]
    ascii_only = json.dumps(prompt)[1:-1]
    quoted = [repr(prompt)[1:-1], plain, ascii_only]
    quoted += [json.dumps(each, ensure_ascii=False)[1:-1] for each in quoted]
    return sorted({prompt, *quoted}, key=len, reverse=True)


def _without(text: str, form: str) -> str:
    """*text* without *form*, also where only its beginning is there."""
    begins = form[:BEGINS]
    at = text.find(begins)
    while at >= 0:
        after = at + len(begins)
        while after < len(text) and after - at < len(form) and text[after] == form[after - at]:
            after += 1
        text = f"{text[:at]}{HIDDEN}{text[after:]}"
        at = text.find(begins, at + len(HIDDEN))
    return text
