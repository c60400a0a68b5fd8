"""Tells of each thing that a provider is asked for: how long it took, and what came of it."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from bot.errors import Busy, Failure, Refusal, Trouble, Unclear
from bot.events import Called, Event

__all__ = ["Tell", "counted", "outcome_of"]

OK = "ok"
BROKEN = "error"  #: something that is a bug, of ours or of a provider's module
OURS = "trouble"  #: this machine's own

Tell = Event[Called]


@contextmanager
def counted(
    tell: Tell, provider: str, operation: str, *, ticks: Callable[[], float] = time.monotonic
) -> Generator[None]:
    """Tell of what is done within: *operation* is submit, poll, fetch or cancel.

    What was cut off by a stop is not told: nobody knows what would have come of it.
    """
    began, outcome = ticks(), OK
    try:
        yield
    except Exception as error:
        outcome = outcome_of(error)
        raise
    except BaseException:
        outcome = ""
        raise
    finally:
        if outcome:
            tell.emit(
                Called(
                    provider=provider,
                    operation=operation,
                    outcome=outcome,
                    seconds=ticks() - began,
                )
            )


def outcome_of(error: Exception) -> str:
    """A word for *error*: one of `Failure`, or what it is besides."""
    match error:
        case Trouble():
            return OURS
        case Busy(failure=failure):
            return str(failure)
        case Refusal(failure=failure):
            return str(failure or Failure.REFUSED)
        case Unclear():
            return str(Failure.UNCLEAR)
        case _:
            return BROKEN
