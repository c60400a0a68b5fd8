"""What a server decided besides limits: lanes, prompt rules, refused orders, use, privacy."""

from dataclasses import replace
from datetime import date

import pytest

from storage import (
    Admitted,
    Brief,
    By,
    Defaults,
    Input,
    Lane,
    Limit,
    Mode,
    Offer,
    Period,
    Refused,
    RefusedOrder,
    State,
    Whose,
)
from tests.rig.doubles import Clock
from tests.rig.drafts import advance, draft
from tests.rig.engines import open_store

NOON = 1_800_014_400.0  #: Friday 2027-01-15, 12:00 UTC
DAY = 86_400.0
BY = By(guild_id=10, actor_id=1)
TODAY = date(2027, 1, 15)
WAY = (State.SUBMITTING, State.RENDERING, State.FETCHING, State.DELIVERING, State.DONE)


@pytest.fixture
def time():
    return Clock(NOON)


@pytest.fixture
async def store(tmp_path, time):
    limits = Defaults(
        amount=10, budget=40, jobs_per_user=None, jobs_per_server=None, per_minute=None
    )
    async with open_store(tmp_path, defaults=limits, wall=time, ticks=time) as store:
        yield store


async def taken(store, number, **changes):
    answer = await store.policy.admit(draft(number, **changes), roles=changes.pop("roles", ()))
    assert isinstance(answer, Admitted), answer
    return answer.job


async def standing(store, user=30):
    return await store.policy.standing(guild_id=10, user_id=user, roles=())


async def test_the_slow_lane_is_free_for_its_person_and_not_for_the_server(store):
    await store.moderation.set_server(BY, slow_lane=1)
    for number in (1, 2):
        assert (await taken(store, number)).lane is Lane.FAIR
    slow = await taken(store, 3)
    assert slow.lane is Lane.SLOW
    stand = await standing(store)
    assert (stand.used, stand.left, stand.budget_used) == (10, 0, 15)
    assert (await store.policy.bill(slow.id)).house == 5
    await advance(store.jobs, slow, *WAY)
    [use] = await store.servers.use(10, TODAY, date(2027, 1, 16))
    assert (use.clips, use.held, use.spent, use.house) == (3, 10, 5, 5)
    assert await store.check(thorough=True) == []


async def test_a_slow_clip_that_fails_gives_the_house_its_money_back(store):
    await store.moderation.set_server(BY, slow_lane=1)
    await store.moderation.set_rule(BY, Whose.MEMBER, 1, Period.DAY)
    slow = await taken(store, 1)
    await advance(store.jobs, slow, State.SUBMITTING, State.FAILED)
    stand = await standing(store)
    assert (stand.used, stand.budget_used) == (0, 0)
    [use] = await store.servers.use(10, TODAY, date(2027, 1, 16))
    assert (use.held, use.spent, use.house) == (0, 0, 0)
    assert await store.check(thorough=True) == []


@pytest.mark.parametrize("whose", [Whose.MEMBER, Whose.USER, Whose.ROLE])
async def test_a_quota_of_nothing_is_not_a_quota_that_is_spent(store, whose):
    await store.moderation.set_server(BY, slow_lane=1)
    target = {Whose.USER: {"user_id": 30}, Whose.ROLE: {"role_id": 77}}.get(whose, {})
    await store.moderation.set_rule(BY, whose, 0, Period.DAY, **target)
    refused = await store.policy.admit(draft(1), roles={77})
    assert isinstance(refused, Refused)
    assert refused.limit is Limit.QUOTA
    assert isinstance(await store.policy.admit(draft(2, price=0), roles={77}), Admitted)
    await store.moderation.grant(BY, 30, 5)
    granted = await store.policy.admit(draft(3), roles={77})
    assert isinstance(granted, Admitted), "what was given by name counts"
    assert granted.job.lane is Lane.FAIR
    assert isinstance(await store.policy.admit(draft(4), roles={77}), Refused)


async def test_the_budget_holds_in_the_slow_lane_too(store):
    await store.moderation.set_server(BY, slow_lane=1)
    for number in range(8):
        await taken(store, number)
    refused = await store.policy.admit(draft(9), roles=())
    assert isinstance(refused, Refused)
    assert refused.limit is Limit.BUDGET


async def test_a_role_goes_first_and_a_moderator_moves_anybody(store):
    await store.moderation.set_server(BY, priority_roles={77})
    first = await store.policy.admit(draft(1), roles={77})
    assert first.job.lane is Lane.PRIORITY
    other = await taken(store, 2)
    moved = await store.servers.set_lane(BY, other.id, Lane.FRONT)
    assert moved.lane is (await store.jobs.get(other.id)).lane is Lane.FRONT
    elsewhere = By(guild_id=11, actor_id=1)
    assert await store.servers.set_lane(elsewhere, first.job.id, Lane.FRONT) is None
    [line, *_] = await store.moderation.audit(10)
    assert (line.what, line.after) == ("lane", {"job": other.id, "lane": "front"})


async def test_settings_with_parts_come_back_as_they_were_set(store):
    server = await store.moderation.set_server(
        BY, channels={3, 1}, providers_off={"ltx"}, channel_models={5: ("apixo", "two")}
    )
    assert server == await store.policy.server(10)
    assert server.channels == {1, 3}
    assert server.channel_models == {5: ("apixo", "two")}
    assert await store.policy.providers_off() == {10: frozenset({"ltx"})}


def refused_order(**changes):
    offer = Offer(provider="p", model="m", brief=Brief(prompt="a fox", duration=8), price=8)
    values = {
        "id": 0,
        "guild_id": 10,
        "channel_id": 20,
        "user_id": 30,
        "why": "quota",
        "wanted": offer,
        "fits": (replace(offer, price=4),),
        "at": 0.0,
    }
    return RefusedOrder(**{**values, **changes})


async def test_a_refused_order_is_asked_about_and_answered_once(store):
    kept = await store.servers.keep_refused(refused_order())
    assert await store.servers.refused(kept.id, guild_id=10) == kept
    assert await store.servers.refused(kept.id, guild_id=11) is None
    moderation = store.moderation
    assert await moderation.grant_asked(BY, kept.id, 30, 8) is None, "nobody has asked yet"
    assert await store.servers.ask(kept.id, guild_id=10)
    assert not await store.servers.ask(kept.id, guild_id=10)
    assert (await moderation.grant_asked(BY, kept.id, 30, 8)).amount == 8
    assert not await moderation.deny_asked(BY, kept.id, 30, 8)
    assert not await moderation.open_asked(BY, kept.id)
    assert (await store.servers.refused(kept.id, guild_id=10)).answer == "granted"


async def test_a_refused_order_is_kept_for_a_week(store, time):
    kept = await store.servers.keep_refused(refused_order())
    time.now += 8 * DAY
    await store.servers.keep_refused(refused_order())
    assert await store.servers.refused(kept.id, guild_id=10) is None


async def test_prompt_rules_are_one_servers_and_their_log_is_bounded(store):
    rule = await store.servers.add_prompt_rule(BY, "word", "fox")
    assert await store.servers.add_prompt_rule(BY, "word", "fox") is None
    assert await store.servers.prompt_rules(11) == []
    for _ in range(220):
        await store.servers.met(10, user_id=30, channel_id=20, rule=rule)
    assert len(await store.servers.prompt_hits(10, limit=1000)) == 200
    assert await store.servers.remove_prompt_rule(By(guild_id=11, actor_id=1), rule.id) is None
    assert await store.servers.remove_prompt_rule(BY, rule.id) == rule


async def test_who_is_forgotten_leaves_amounts_and_no_name(store, time):
    job = await taken(store, 1)
    assert await store.privacy.forget(30) is None, "it is under way"
    done = await advance(store.jobs, job, *WAY)
    await store.jobs.save(replace(done, due_at=None))
    forgotten = await store.privacy.forget(30)
    assert forgotten.jobs == 1
    assert forgotten.files == ("takes/1.mp4",)
    assert forgotten.until == 1_801_440_000.0, "the month ends on February 1st"
    assert (await store.jobs.get(job.id)).user_id == 0
    assert (await standing(store)).used == 5, "its quota is not refilled"

    time.now = forgotten.until - 1
    assert await store.privacy.tidy() == 0
    time.now = forgotten.until + 1
    assert await store.privacy.tidy() == 1
    everything = await store.writer.read(
        lambda db: [tuple(row) for row in db.execute("SELECT user_id FROM person")]
    )
    assert (30,) not in everything
    [use] = await store.servers.use(10, TODAY, date(2027, 1, 16))
    assert (use.user_id, use.spent) == (None, 5)
    assert await store.check(thorough=True) == []


async def test_a_file_that_somebody_else_starts_from_is_left(store):
    given = Input(file="inputs/fox.png", type="image/png", size=1)
    job = await taken(store, 1, brief=Brief(mode=Mode.IMAGE, prompt="mine", image=given))
    await taken(store, 2, user_id=31, brief=Brief(mode=Mode.IMAGE, prompt="hers", image=given))
    done = await advance(store.jobs, job, *WAY)
    await store.jobs.save(replace(done, due_at=None))
    assert (await store.privacy.forget(30)).files == ("takes/1.mp4",)


async def test_who_comes_back_before_the_month_ends_is_still_known(store, time):
    job = await advance(store.jobs, await taken(store, 1), *WAY)
    await store.jobs.save(replace(job, due_at=None))
    forgotten = await store.privacy.forget(30)
    again = await taken(store, 2)
    time.now = forgotten.until + 1
    await store.privacy.tidy()
    bill = await store.policy.bill(again.id)
    assert bill.held == 5
    assert (await store.privacy.export(30))["clips"][0]["id"] == again.id
    assert await store.check(thorough=True) == []
