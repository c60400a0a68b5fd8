"""How Dailies logs: to stderr, as text or as a JSON object a line, with nothing secret in it."""

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType, TracebackType

import discord

from bot.app.log_words import Spoken
from bot.log_context import Marked
from bot.log_redaction import Redaction

TEXT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"

log = logging.getLogger("bot")


class JsonLines(logging.Formatter):
    """One object a line: time, level, logger and message, and what it is about, if anything.

    A traceback is one field, `exception`. What is None is left out.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line of a *record* that `Marked` and `Redaction` have seen."""
        at = datetime.fromtimestamp(record.created, UTC)
        exception = record.exc_text
        if record.exc_info and not exception:
            exception = self.formatException(record.exc_info)
        line = {
            "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "job": getattr(record, "job", None),
            "guild": _id(getattr(record, "guild", None)),
            "attempt": getattr(record, "attempt", None) or None,
            "exception": exception or None,
            "stack": record.stack_info or None,
        }
        # Plain ASCII: whatever reads it takes the same line, and no character breaks it.
        return json.dumps({name: value for name, value in line.items() if value is not None})


def handler(log_format: str) -> logging.Handler:
    """What writes to stderr: "text" or "json"."""
    made = logging.StreamHandler()
    for each in (Spoken(), Marked(), Redaction()):
        made.addFilter(each)
    made.setFormatter(_FORMATS[log_format])
    return made


def begin(level: str, *, log_format: str = "text", quiet: bool = False) -> None:
    """Log from now on what is of that *level* or above it; with *quiet*, only warnings."""
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # there is no voice here
    logging.basicConfig(
        level="WARNING" if quiet else level, handlers=[handler(log_format)], force=True
    )
    for chatty in ("httpx", "httpcore", "aiohttp.access", "aiosqlite", "PIL"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    for name in ("discord", "discord.gateway", "discord.client"):
        logging.getLogger(name).setLevel(logging.NOTSET if level == "DEBUG" else logging.WARNING)
    sys.excepthook = _crashed


def _crashed(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """Log what ends the process, so that it is as free of secrets as everything else."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
        return
    log.critical("Dailies ends with an error of its own", exc_info=(kind, error, traceback))


def _id(number: int | None) -> str | None:
    """An id of Discord's as text: JSON's numbers would not hold it."""
    return None if number is None else str(number)


_FORMATS: Mapping[str, logging.Formatter] = MappingProxyType(
    {"text": logging.Formatter(TEXT), "json": JsonLines()}
)
