"""What must never be read in a log: keys, tokens, the query strings of signed links, prompts."""

import logging
import re

from bot.log_context import unprompted

__all__ = ["Redaction", "redact"]

HIDDEN = "…"
_RULES = (
    # Every query string and userinfo of a link: a signed link is a key to what it names.
    (re.compile(r"(\b[a-zA-Z][a-zA-Z0-9+.-]*://)[^\s/@\"'<>]+@"), rf"\1{HIDDEN}@"),
    (re.compile(r"(\b[a-zA-Z][a-zA-Z0-9+.-]*://[^\s?\"'<>]+)\?[^\s\"'<>)\]}]+"), rf"\1?{HIDDEN}"),
    # The tokens in the paths of Discord's webhooks and interactions.
    (re.compile(r"(/(?:webhooks|interactions)/\d+/)[\w-]{10,}"), rf"\1{HIDDEN}"),
    (re.compile(r"(/callbacks/\w+/)[\w-]{10,}"), rf"\1{HIDDEN}"),
    # Headers, however they are written: Authorization: Bearer x, 'authorization': 'Bearer x'.
    (
        re.compile(
            r"(?i)((?:proxy-)?authorization|ocp-apim-subscription-key|x-api-key|(?:set-)?cookie)"
            r"(['\"]?\s*[:=,]\s*(?:b(?=['\"]))?['\"]?)(?:(?:bearer|basic|bot)\s+)?[^\s'\",;)}]+"
        ),
        rf"\1\2{HIDDEN}",
    ),
    (re.compile(r"(?i)\b(bearer|bot)\s+[\w.~+/=-]{8,}"), rf"\1 {HIDDEN}"),
    # Settings and fields that are named like a secret.
    (
        re.compile(
            r"(?i)(\b[\w-]*(?:api_?key|secret|token|password|subscription_?key)\b)"
            r"(['\"]?\s*[:=]\s*(?:b(?=['\"]))?['\"]?)[^\s'\",;)}]+"
        ),
        rf"\1\2{HIDDEN}",
    ),
    # A Discord bot token, wherever it stands.
    (re.compile(r"\b[\w-]{20,}\.[\w-]{5,}\.[\w-]{20,}\b"), HIDDEN),
    # Keys by the shapes that their issuers give them.
    (re.compile(r"\b(?:sk|pk|rk|ltx|ghp|gho|xox[abp]|AKIA|AIza)[-_]?[A-Za-z0-9_-]{16,}\b"), HIDDEN),
)


#: What breaks a line, moves the cursor or turns the direction of writing: in what others wrote it
#: would forge lines of a log, or hide them.
_UNSAFE = re.compile(
    "[\\x00-\\x08\\x0a-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069]"
)


def on_one_line(text: str) -> str:
    """*text* with such characters written out: a line break is \\\\n."""
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def redact(text: str) -> str:
    """*text* without what looks like a secret. Harmless to apply twice."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


class Redaction(logging.Filter):
    """Redacts every record that passes. Belongs on handlers: they see all loggers' records.

    Above DEBUG, the prompts of what is being worked on are left out, too.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        def left(text: str) -> str:
            return unprompted(text) if record.levelno > logging.DEBUG else text

        record.msg, record.args = on_one_line(redact(left(record.getMessage()))), None
        if record.exc_info and not record.exc_text:
            # Set in, so that no line of it looks like one of the log's own.
            lines = left(logging.Formatter().formatException(record.exc_info)).split("\n")
            record.exc_text = "\n".join(f"  {on_one_line(each)}" for each in lines)
        if record.exc_text:
            record.exc_text = redact(left(record.exc_text))
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        return True
