"""The envelope {code, message, data} that resellers put around every answer.

Its `code` counts even where it comes with HTTP 200: it is what the document calls the error.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bot.errors import Unclear

from ._http import Edge
from ._vocabulary import Reply, text

__all__ = ["answered", "explain", "form", "taken"]


def explain(data: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """What a `Vocabulary` wants to know of an envelope that is an error: it has no words."""
    return None, text(data, "message")


def form(status: int, data: Mapping[str, Any]) -> bool:
    """Whether an error has the form of the document: its code is the status, and it holds no data.

    One that has data may have named the task that it made.
    """
    if data.get("data") not in (None, {}) or text(data, "message") is None:
        return False
    code = data.get("code")
    return isinstance(code, int) and not isinstance(code, bool) and code == status


def taken(edge: Edge, reply: Reply) -> Mapping[str, Any]:
    """The data of the answer to an order. Raises Busy, Refusal or Unclear by its code."""
    data = (reply.data or {}).get("data")
    if (status := _status(reply)) != 200:
        _weigh(edge, status)
        raise edge.judged(replace(reply, status=status))
    if isinstance(data, Mapping):
        return data
    raise Unclear(
        f"{edge.vocabulary.title} took the order but gave it no usable id.", raw=reply.raw
    )


def answered(edge: Edge, reply: Reply) -> Mapping[str, Any]:
    """The data of the answer to a question. Raises Busy, or Refusal (LOST), by its code."""
    data = (reply.data or {}).get("data")
    if (status := _status(reply)) != 200:
        _weigh(edge, status)
        raise edge.vocabulary.asked(replace(reply, status=status))
    if isinstance(data, Mapping):
        return data
    raise edge.vocabulary.asked(replace(reply, status=500))


def _status(reply: Reply) -> int:
    """The status by the envelope's code; 0, which proves nothing, where there is none."""
    code = (reply.data or {}).get("code")
    return code if isinstance(code, int) and not isinstance(code, bool) else 0


def _weigh(edge: Edge, status: int) -> None:
    """The edge saw a 200 and took it for an orderly answer."""
    if status == 429:
        edge.pressure.pushed_back(None)
    elif status >= 500:
        edge.pressure.failed()
