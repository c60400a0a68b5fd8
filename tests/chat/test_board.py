"""What a thread's board says of its takes, in words and in figures."""

from decimal import Decimal

import pytest

from bot.chat.board import board
from storage import AT_WORK, FINISHED, LIVE, State, Take, Tally
from tests.rig.drafts import NEEDS, draft

DONE = Take(job=draft(1, id=1, state=State.DONE), number=1, post=(500, 71))


def said(state, *, number=None, post=None):
    """The two lines that change with a second take in *state*: of the thread, and of the take."""
    take = Take(
        job=draft(2, id=2, state=state, **NEEDS[state]),
        number=number,
        post=post,
    )
    tally = Tally(made=1 + (state in FINISHED), running=int(state in LIVE), credits=10, jobs=2)
    view = board(
        [DONE, take], {}, tally=tally, approved=(), liked=(), usd_per_credit=Decimal("0.01")
    )
    [[box]] = [[each for each in view.walk_children() if hasattr(each, "content")]]
    _, head, _, second = box.content.split("\n")
    return head, second


@pytest.mark.parametrize("state", sorted(AT_WORK))
def test_nothing_on_the_way_to_a_clip_changes_the_board(state):
    """Each change costs a request. Its number and its post come a moment before the end."""
    begun = said(State.QUEUED)
    assert said(state) == begun
    assert said(state, number=2, post=(500, 72)) == begun
    assert begun[0].endswith("1 in progress")
    assert "**#2** · in progress" in begun[1]


def test_the_end_is_said_of_the_thread_and_of_the_take_at_once():
    head, second = said(State.DONE, number=2, post=(500, 72))
    assert head.startswith("2 takes")
    assert "in progress" not in head + second
    assert second.startswith("[**take 2**](https://discord.com/channels/10/500/72) (#2)")
