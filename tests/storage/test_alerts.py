"""An alert is told once in each channel, and its end where its beginning was told."""

import json

import pytest

from storage import AlertKind, By, Defaults, Phase, State
from tests.rig.doubles import Clock
from tests.rig.drafts import advance, draft
from tests.rig.engines import open_store

OPERATORS, MODERATORS = 700, 701
BY = By(guild_id=10, actor_id=1)
EVERYTHING = [(OPERATORS, kind) for kind in AlertKind]


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def store(tmp_path, clock):
    limits = Defaults(jobs_per_user=None, per_minute=None)
    async with open_store(tmp_path, defaults=limits, wall=clock, ticks=clock) as opened:
        yield opened


async def told(store, telling, message_id=1):
    await store.alerts.tried(telling)
    await store.alerts.told(telling, message_id)


async def test_the_same_trouble_is_one_alert_until_it_is_over(store):
    first = await store.alerts.begin(AlertKind.KEY, "ltx", "LTX refuses the key.")
    assert await store.alerts.begin(AlertKind.KEY, "ltx", "LTX refuses it again.") is None
    other = await store.alerts.begin(AlertKind.KEY, "apixo", "apixo refuses the key.")
    assert [each.id for each in await store.alerts.open()] == [first.id, other.id]
    assert (await store.alerts.end(AlertKind.KEY, "ltx")).id == first.id
    assert await store.alerts.end(AlertKind.KEY, "ltx") is None
    again = await store.alerts.begin(AlertKind.KEY, "ltx", "LTX refuses the key.")
    assert again.id > other.id, "a number is never given anew"


async def test_each_channel_is_told_once_and_of_its_own_kinds(store):
    await store.alerts.begin(AlertKind.KEY, "ltx", "LTX refuses the key.")
    await store.alerts.begin(AlertKind.BACKUP, "", "The last backup failed: no room.")
    channels = [*EVERYTHING, (MODERATORS, AlertKind.KEY)]
    due = await store.alerts.due(channels)
    assert [(each.alert.id, each.channel_id) for each in due] == [
        (1, OPERATORS),
        (1, MODERATORS),
        (2, OPERATORS),
    ]
    assert {each.phase for each in due} == {Phase.BEGAN}
    for each in due:
        await told(store, each)
    assert await store.alerts.due(channels) == []


async def test_that_it_is_over_is_told_where_it_began(store):
    await store.alerts.begin(AlertKind.KEY, "ltx", "LTX refuses the key.")
    [first] = await store.alerts.due([(OPERATORS, AlertKind.KEY)])
    await told(store, first)
    await store.alerts.end(AlertKind.KEY, "ltx")
    [end] = await store.alerts.due([(MODERATORS, AlertKind.KEY)])
    assert (end.phase, end.channel_id) == (Phase.OVER, OPERATORS)
    await told(store, end, 2)
    assert await store.alerts.due(EVERYTHING) == []


async def test_what_nobody_was_told_of_is_not_told_when_it_is_over(store):
    await store.alerts.begin(AlertKind.DISK, "", "The disk is full.")
    await store.alerts.end(AlertKind.DISK, "")
    assert await store.alerts.due(EVERYTHING) == []


async def test_since_when_it_is_tried_is_remembered(store, clock):
    await store.alerts.begin(AlertKind.DISK, "", "The disk is full.")
    [telling] = await store.alerts.due([(OPERATORS, AlertKind.DISK)])
    await store.alerts.tried(telling)
    began = clock()
    clock.advance(300)
    [again] = await store.alerts.due([(OPERATORS, AlertKind.DISK)])
    assert again.tried_at == began, "it may stand there since then"


async def test_webhooks_are_told_in_the_same_transaction(store):
    await store.outbox.set_receivers({"r"}, prompts=True)
    await store.alerts.begin(AlertKind.CREDIT, "ltx", "The account is empty.")
    await store.alerts.begin(AlertKind.CREDIT, "ltx", "The account is empty.")
    [began] = await store.outbox.due("r", 1e12, limit=9)
    assert (began.event, began.kind) == ("alert-1-began", "alert.began")
    assert began.body["alert"]["text"] == "The account is empty."
    assert "server_id" not in began.body
    await store.alerts.end(AlertKind.CREDIT, "ltx")
    await store.outbox.taken(began.id)
    [over] = await store.outbox.due("r", 1e12, limit=9)
    assert (over.event, over.kind) == ("alert-1-over", "alert.over")
    assert over.body["alert"]["over_at"] is not None
    json.dumps(over.body)


async def test_moderators_of_servers_that_order_are_told(store):
    await store.moderation.set_server(BY, moderators=MODERATORS)
    await store.moderation.set_server(By(guild_id=11, actor_id=1), moderators=702)
    assert await store.alerts.moderators() == []
    await store.policy.admit(draft(1), roles=())
    assert await store.alerts.moderators() == [(10, MODERATORS)]


async def test_clips_that_wait_are_counted_by_server(store):
    for number, guild in ((1, 10), (2, 10), (3, 11)):
        job = (await store.policy.admit(draft(number, guild_id=guild), roles=())).job
        await advance(store.jobs, job, State.SUBMITTING, State.UNCLEAR)
    await store.policy.admit(draft(4), roles=())
    found = await store.alerts.waiting_clips()
    assert [(each.guild_id, each.count, each.first) for each in found] == [(10, 2, 1), (11, 1, 3)]


async def test_old_alerts_are_forgotten_and_open_ones_are_not(store, clock):
    await store.alerts.begin(AlertKind.KEY, "ltx", "LTX refuses the key.")
    await store.alerts.begin(AlertKind.DISK, "", "The disk is full.")
    for each in await store.alerts.due(EVERYTHING):
        await told(store, each)
    await store.alerts.end(AlertKind.KEY, "ltx")
    clock.advance(91 * 86_400)
    await store.alerts.begin(AlertKind.BOOKS, "", "The accounts don't add up.")
    await store.alerts.end(AlertKind.BOOKS, "")
    rows = await store.writer.read(
        lambda db: [tuple(row) for row in db.execute("SELECT id FROM alert ORDER BY id")]
    )
    assert rows == [(2,), (3,)]
