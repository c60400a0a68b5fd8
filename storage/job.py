"""The record of a job, the states it passes through, and where each may lead."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import Enum, StrEnum, auto
from typing import Any, Self, assert_never

from .brief import Brief


class State(StrEnum):
    """The state of a job. A live state says what is to be done next."""

    QUEUED = "queued"  #: accepted; no provider has heard of it
    SUBMITTING = "submitting"  #: a provider may have heard of it
    UNCLEAR = "unclear"  #: a provider may have accepted it; a person must decide
    RENDERING = "rendering"  #: a provider knows it as `remote_id`
    FETCHING = "fetching"  #: the provider has made the clip; it is not downloaded yet
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

    FRONT = "front"  #: a moderator moved the job to it
    PRIORITY = "priority"  #: its person has a role that the server puts first
    FAIR = "fair"
    SLOW = "slow"  #: its person's quota is spent: it is free, and waits for all the others


class _Phase(Enum):
    AT_WORK = auto()
    PARKED = auto()
    FINISHED = auto()
    UNMADE = auto()


def _phase(state: State) -> _Phase:
    match state:
        case State.QUEUED | State.SUBMITTING | State.RENDERING | State.FETCHING | State.DELIVERING:
            return _Phase.AT_WORK
        case State.UNCLEAR | State.REVIEW:
            return _Phase.PARKED
        case State.DONE | State.UNDELIVERED:
            return _Phase.FINISHED
        case State.FAILED | State.CANCELLED | State.EXPIRED | State.CLOSED:
            return _Phase.UNMADE
        case _:
            assert_never(state)


# Each state is in one of the first four sets; all the others are made of them, or of few states.
# No other file has a set of states, in Python or SQL: these lines decide a new state.

#: Under way, with nobody needed.
AT_WORK = frozenset(each for each in State if _phase(each) is _Phase.AT_WORK)
#: Under way, and a moderator decides how it goes on.
PARKED = frozenset(each for each in State if _phase(each) is _Phase.PARKED)
#: Ended with a clip.
FINISHED = frozenset(each for each in State if _phase(each) is _Phase.FINISHED)
#: Ended without a clip.
UNMADE = frozenset(each for each in State if _phase(each) is _Phase.UNMADE)

LIVE = AT_WORK | PARKED
ENDED = FINISHED | UNMADE
#: The clip is on our disk, or was.
MADE = FINISHED | {State.DELIVERING}
#: Made, or under way.
STANDING = LIVE | FINISHED

#: Nothing of the clip is with us yet, and nobody needs to decide.
UNRENDERED = frozenset({State.QUEUED, State.SUBMITTING, State.RENDERING})
#: Holds one of its provider's slots.
IN_SLOT = frozenset({State.SUBMITTING, State.RENDERING})
#: It was sent, or is being sent, and the provider's answer is not known.
UNANSWERED = frozenset({State.SUBMITTING, State.UNCLEAR})
#: In a restored database: it may have been sent after the backup was made.
UNSETTLED_BY_RESTORING = frozenset({State.QUEUED, State.SUBMITTING})
#: The provider has accepted it.
TAKEN = frozenset({State.RENDERING, State.FETCHING})
#: The provider has accepted it and may yet finish it.
AWAITED = frozenset({State.RENDERING, State.EXPIRED})
#: The token of its attempt may come back in a callback.
TOKEN_KNOWN = UNANSWERED | AWAITED
#: Its step downloads the clip, or would once the provider has it.
DOWNLOADS = frozenset({State.FETCHING, State.EXPIRED})
#: Its step posts a message.
POSTED = PARKED | UNMADE | {State.DELIVERING}
#: A post that failed may be owed.
OWED = POSTED | {State.UNDELIVERED}
#: Moderators are told of it and can do something about it.
FOR_MODERATORS = PARKED | {State.UNDELIVERED}

#: The states of `AT_WORK`, the later the nearer to the end.
COURSE = tuple(each for each in State if each in AT_WORK)


def sql_list(states: Collection[State]) -> str:
    """*states* as a list in SQL, such as `('done', 'undelivered')`.

    Always in the order of `State`: a partial index serves only the list that it was made with.
    """
    return "(" + ", ".join(f"'{each}'" for each in State if each in states) + ")"


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
    State.UNDELIVERED: frozenset({State.DELIVERING}),  # a person asked for it again
    State.EXPIRED: frozenset({State.FETCHING}),  # its provider finished it after all
    **{state: frozenset[State]() for state in ENDED - {State.UNDELIVERED, State.EXPIRED}},
}

#: Ended, and may be taken up again.
REOPENABLE = frozenset(each for each in ENDED if MOVES[each])
#: At work, and may be cancelled as it stands.
CANCELLABLE = frozenset(each for each in AT_WORK if State.CANCELLED in MOVES[each])


class IllegalMove(Exception):
    """A move that is not in `MOVES`."""


class Stale(Exception):
    """The row of a job was saved after this copy was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One clip somebody asked for; its fields are the columns of `job`.

    Times are seconds since 1970. `due_at` is when the worker looks at the job next; None if only
    a person can move it, or if it has ended and its requester was told.
    """

    id: int  #: the public number: #42
    request: str  #: what ordered it, such as "interaction:123": one request is one job
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
    batch: int | None = None  #: the first job of the order that made several; None: ordered alone
    batch_place: int | None = None  #: from 1: its place among them

    thread_id: int | None = None  #: the thread it is posted in, or the channel, if it has none
    card_channel_id: int | None = None
    card_id: int | None = None  #: the message that shows its state
    result_id: int | None = None  #: the message that carries the clip, or the bad news

    @property
    def charged(self) -> str:
        """Whether the latest attempt costs money: "no", "yes" or "unknown".

        A provider may charge for what it has named or made, whatever it said of the bill.
        """
        if not self.attempt:
            return "no"
        taken = self.remote_id or self.result_url or self.file
        return "unknown" if self.billed == "no" and taken else self.billed

    def to(self, state: State, *, now: float, due_at: float | None = None, **changes: Any) -> Self:
        """This job one move later, its tries forgotten. Raises `IllegalMove`."""
        if state not in MOVES[self.state]:
            raise IllegalMove(f"job {self.id}: {self.state} -> {state}")
        return replace(self, state=state, since=now, due_at=due_at, tries=0, **changes)

    def again(self, at: float, **changes: Any) -> Self:
        """This job in its state, due again at *at*, one try later."""
        return replace(self, due_at=at, **{"tries": self.tries + 1, **changes})
