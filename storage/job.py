"""What a job is: its record, the states it passes through, and where each may lead."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Self

from .brief import Brief


class State(StrEnum):
    """Where a job stands. Each live state names what is to be done next."""

    QUEUED = "queued"  #: accepted; no provider has heard of it
    SUBMITTING = "submitting"  #: a provider may have heard of it
    UNCLEAR = "unclear"  #: a provider may have accepted it; a person must decide
    RENDERING = "rendering"  #: a provider knows it as `remote_id`
    FETCHING = "fetching"  #: the clip exists there; we do not have it yet
    DELIVERING = "delivering"  #: we have the clip; the thread does not
    REVIEW = "review"  #: something broke that only a moderator can judge
    DONE = "done"
    UNDELIVERED = "undelivered"  #: made and kept, but nowhere to post it
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"  #: its time ran out
    CLOSED = "closed"  #: it was unclear, and nobody will ever know


class Lane(StrEnum):
    """Who goes first where a provider is full; within a lane people take turns."""

    FRONT = "front"  #: a moderator moved it there
    PRIORITY = "priority"  #: its person has a role that the server puts first
    FAIR = "fair"
    SLOW = "slow"  #: its person's quota is spent: it is free, and waits for all the others


ENDED = frozenset(
    {
        State.DONE,
        State.UNDELIVERED,
        State.FAILED,
        State.CANCELLED,
        State.EXPIRED,
        State.CLOSED,
    }
)

#: The states of jobs under way, as a list in SQL.
LIVE = f"({', '.join(repr(str(each)) for each in State if each not in ENDED)})"

MOVES: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset(
        {State.SUBMITTING, State.CANCELLED, State.EXPIRED, State.FAILED, State.REVIEW}
    ),
    State.SUBMITTING: frozenset(
        {
            State.QUEUED,  # proven not sent
            State.RENDERING,
            State.FETCHING,  # a provider that answers with the clip itself
            State.UNCLEAR,
            State.FAILED,
            State.REVIEW,
        }
    ),
    State.UNCLEAR: frozenset({State.RENDERING, State.FETCHING, State.QUEUED, State.CLOSED}),
    State.RENDERING: frozenset(
        {
            State.FETCHING,
            State.CANCELLED,
            State.FAILED,
            State.EXPIRED,
            State.REVIEW,
        }
    ),
    State.FETCHING: frozenset({State.DELIVERING, State.FAILED, State.REVIEW}),
    State.DELIVERING: frozenset({State.DONE, State.UNDELIVERED, State.REVIEW}),
    State.REVIEW: frozenset(
        {
            State.QUEUED,
            State.RENDERING,
            State.FETCHING,
            State.DELIVERING,
            State.FAILED,
            State.CANCELLED,
            State.CLOSED,
        }
    ),
    State.UNDELIVERED: frozenset({State.DELIVERING}),  # somebody asked for it again
    State.EXPIRED: frozenset({State.FETCHING}),  # its provider finished it after all
    **{state: frozenset[State]() for state in ENDED - {State.UNDELIVERED, State.EXPIRED}},
}


class IllegalMove(Exception):
    """A job was asked to go where `MOVES` does not lead."""


class Stale(Exception):
    """The row changed after this copy of it was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One clip somebody asked for; its fields are the columns of `job`.

    Times are seconds since 1970. `due_at` says when the worker looks at it next; it is None
    when nobody but a person can move it, or when it has ended and its requester was told.
    """

    id: int  #: the public number: #42
    request: str  #: what asked for it, such as "interaction:123"; the same twice is one job
    guild_id: int
    channel_id: int  #: where it was asked for
    user_id: int
    provider: str
    model: str
    brief: Brief
    price: int  #: credits, as quoted before spending
    created_at: float

    state: State = State.QUEUED
    rev: int = 0
    due_at: float | None = None
    since: float  #: when it came into this state
    tries: int = 0  #: failed tries since the last finished step
    attempt: int = 0  #: submits begun; each may have cost money
    repeats: int = 0  #: of them, those answered with "not now" by the provider and sent again
    token: str | None = None  #: unguessable name of the attempt under way
    remote_id: str | None = None  #: what the provider calls it
    cost: float | None = None  #: what the provider said it billed, in its own unit
    result_url: str | None = None  #: where the provider keeps the clip; it dies soon
    file: str | None = None  #: our copy, relative to the data directory
    failure: str | None = None  #: a word of the failure vocabulary
    error: str | None = None  #: the sentence for the person
    billed: str = "no"  #: "no", "yes" or "unknown": whether the provider charges for it
    cancelled_by: int | None = None  #: who asked to stop it
    chooser: str | None = None  #: how its provider was chosen; None: its person named it
    note: str | None = None  #: what is different from what was asked for, in sentences
    lane: Lane = Lane.FAIR  #: decided when it is admitted; a moderator may change it

    thread_id: int | None = None  #: the thread it lives in
    card_channel_id: int | None = None
    card_id: int | None = None  #: the message that shows where it stands
    result_id: int | None = None  #: the message that carries the clip, or the bad news

    @property
    def charged(self) -> str:
        """Whether the attempt that brought it here costs money: "no", "yes" or "unknown".

        What a provider has named, or made, it may charge for, whatever we know of it.
        """
        if not self.attempt:
            return "no"
        taken = self.remote_id or self.result_url or self.file
        return "unknown" if self.billed == "no" and taken else self.billed

    def to(self, state: State, *, now: float, due_at: float | None = None, **changes: Any) -> Self:
        """This job one move later. A finished step forgets its tries."""
        if state not in MOVES[self.state]:
            raise IllegalMove(f"job {self.id}: {self.state} -> {state}")
        return replace(self, state=state, since=now, due_at=due_at, tries=0, **changes)

    def again(self, at: float, **changes: Any) -> Self:
        """This job in the same state, to be looked at once more at *at*."""
        return replace(self, due_at=at, **{"tries": self.tries + 1, **changes})
