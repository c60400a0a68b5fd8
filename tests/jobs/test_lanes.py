"""Where a provider is full people take turns, and lanes go before turns."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot.jobs.fair_queue import RANK, FairQueue
from storage import Lane
from tests.rig.drafts import draft


def job(id, user, lane=Lane.FAIR):
    return replace(draft(id), id=id, user_id=user, lane=lane)


def numbers(queue):
    return [each.id for each in queue.first(1000)]


def test_people_take_turns_however_many_each_ordered_first():
    queue = FairQueue()
    for number, user in [(1, 7), (2, 7), (3, 7), (4, 8), (5, 9), (6, 8)]:
        queue.join(job(number, user))
    assert numbers(queue) == [1, 4, 5, 2, 6, 3]
    assert queue.reason(job(1, 7)) == "3 people are taking turns"


def test_who_has_clips_at_work_has_had_those_turns():
    queue = FairQueue()
    queue.at_work(job(1, 7))
    queue.join(job(2, 7))
    queue.join(job(3, 8))
    assert numbers(queue) == [3, 2]
    queue.finished(1)
    assert numbers(queue) == [2, 3]


def test_lanes_go_before_turns():
    queue = FairQueue()
    queue.join(job(1, 7, Lane.SLOW))
    queue.join(job(2, 8))
    queue.join(job(3, 8))
    queue.join(job(4, 9, Lane.PRIORITY))
    assert numbers(queue) == [4, 2, 3, 1]
    assert queue.join(job(3, 8, Lane.FRONT))
    assert numbers(queue) == [3, 4, 2, 1]
    assert not queue.join(job(3, 8, Lane.FRONT)), "nothing changed"


def test_where_one_would_stand_is_where_it_then_stands():
    queue = FairQueue()
    for number, user in [(1, 7), (2, 7), (4, 8)]:
        queue.join(job(number, user))
    coming = job(5, 9)
    assert queue.position(coming) == 3
    queue.join(coming)
    assert queue.position(coming) == 3
    assert numbers(queue) == [1, 4, 5, 2]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["join", "leave", "work", "finish"]),
            st.integers(1, 12),
            st.sampled_from(list(Lane)),
        ),
        max_size=60,
    )
)
def test_the_order_is_always_that_of_a_plain_model(steps):
    queue, waiting, working = FairQueue(), {}, {}
    for what, number, lane in steps:
        each = job(number, user=number % 4, lane=lane)
        match what:
            case "join":
                coming = queue.position(each) if number not in waiting else None
                queue.join(each)
                waiting[number] = each
                if coming is not None:
                    assert queue.position(each) == coming
            case "leave":
                assert queue.leave(number) == (waiting.pop(number, None) is not None)
            case "work":
                queue.at_work(each)
                working[number] = each.user_id
            case "finish":
                queue.finished(number)
                working.pop(number, None)
        turns = {user: list(working.values()).count(user) for user in range(4)}
        keys = []
        for one in sorted(waiting.values(), key=lambda one: (RANK[one.lane], one.id)):
            keys.append((RANK[one.lane], turns[one.user_id], one.id))
            turns[one.user_id] += 1
        assert numbers(queue) == [number for _, _, number in sorted(keys)]
        assert len(queue) == len(waiting)
