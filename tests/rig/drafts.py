"""Jobs for the tests of storage, and the shortest legal way to each state."""

from collections import deque
from typing import Any

from storage import ENDED, MOVES, Brief, Job, Jobs, State


def draft(number: int = 1, **changes: Any) -> Job:
    """A job nobody has stored yet; *number* makes its request unlike the others'."""
    values: dict[str, Any] = {
        "id": 0,
        "request": f"interaction:{number}",
        "guild_id": 10,
        "channel_id": 20,
        "user_id": 30,
        "provider": "local",
        "model": "sketch",
        "brief": Brief(prompt="a red fox"),
        "price": 5,
        "created_at": 1000.0,
        "since": 1000.0,
        "due_at": 1000.0,
    }
    return Job(**{**values, **changes})


#: What a job must have by the time it comes into a state, beside what came before.
NEEDS: dict[State, dict[str, Any]] = {
    State.QUEUED: {"due_at": 1.0},
    State.SUBMITTING: {"due_at": 1.0, "attempt": 1, "token": "secret"},
    State.UNCLEAR: {"error": "Its reply was lost."},
    State.RENDERING: {"due_at": 1.0, "remote_id": "r-1"},
    State.FETCHING: {"due_at": 1.0, "result_url": "https://example.com/clip"},
    State.DELIVERING: {"due_at": 1.0, "file": "takes/1.mp4"},
    State.REVIEW: {"error": "Its answer made no sense."},
    State.DONE: {"result_id": 99},
    State.UNDELIVERED: {"error": "The thread is gone."},
    State.FAILED: {"error": "It would not do it.", "failure": "refused"},
    State.CANCELLED: {},
    State.EXPIRED: {"error": "It took too long."},
    State.CLOSED: {"error": "Nobody will ever know."},
}


def ways() -> dict[State, list[State]]:
    """The shortest way from QUEUED to every state, without a job that ended and came back."""
    found: dict[State, list[State]] = {State.QUEUED: []}
    todo = deque([State.QUEUED])
    while todo:
        state = todo.popleft()
        for after in sorted(MOVES[state] if state not in ENDED else ()):
            if after not in found:
                found[after] = [*found[state], after]
                todo.append(after)
    return found


async def advance(jobs: Jobs, job: Job, *states: State, start: float = 1001.0) -> Job:
    """Save *job* through *states*, one second apart."""
    for index, state in enumerate(states):
        job = await jobs.save(job.to(state, now=start + index, **NEEDS[state]))
    return job
