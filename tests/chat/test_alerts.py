"""When a job comes to wait for a person, moderators hear of it at once, once, and decide there."""

import sqlite3
from contextlib import suppress
from dataclasses import replace

import pytest

from bot.errors import Refusal, Unclear
from bot.orders.requester import Requester
from playground.discord.trouble import RESET
from storage import By, Stale, State, open_store
from storage.opening import migrations
from tests.rig.doubles import Clock
from tests.rig.house import until, working
from tests.rig.makers import PLAIN, Maker
from tests.rig.paid import ordered, paid_provider, pressed, said
from tests.rig.taking import clip_of, done, thread_of

WAITS = "#1 needs a decision"


async def choose_channel(playground, ada, house):
    panel = await said(ada, "/studio setup")
    await (await ada.choose(panel, "do:set:moderators", "moderators")).answered

    async def chosen():
        return (await house.store.policy.server(playground.guild.id)).moderators

    await until(chosen)
    ada.go("moderators")


def told(person, words=WAITS):
    return [each for each in person.everything() if words in each.text]


@pytest.fixture
async def parked(playground, ada, mira, paid, paid_house):
    """Job 1, of which nobody knows what became, and the message that says so."""
    await choose_channel(playground, ada, paid_house)
    paid.submits.append(Unclear("its reply was lost"))
    await ordered(mira)
    return await ada.wait_for(WAITS)


async def test_moderators_are_told_where_they_asked_to_be(playground, mira, parked):
    assert parked.channel_id == playground.channel("moderators").id
    assert "credits are on hold" in parked.text
    assert f"/{playground.channel('videos').id}/" in parked.text, "a link to it"
    labels = [each.label for each in parked.buttons]
    assert labels == ["Check again", "Retry (could pay twice)", "Close"]
    assert parked.mentions == ()
    assert not told(mira), "not where everybody reads"


async def test_what_is_decided_is_said_there(ada, paid_house, parked):
    await pressed(ada, parked, "Close")
    shown = await ada.wait_for(lambda each: each.id == parked.id and "closed it" in each.text)
    assert f"<@{ada.id}>" in shown.text
    assert not shown.buttons
    assert (await paid_house.store.jobs.get(1)).state is State.CLOSED
    assert (await paid_house.store.policy.bill(1)).held == 0


async def test_so_is_what_is_decided_elsewhere(ada, paid_house, parked):
    page = await said(ada, "/studio unclear")
    await pressed(ada, page, "Close")
    await ada.wait_for(lambda each: each.id == parked.id and "closed it" in each.text)


async def test_a_retry_asks_why_and_each_parking_is_told_once(ada, paid, paid_house, parked):
    paid.submits.append(Unclear("its reply was lost again"))
    opened = await pressed(ada, parked, "Retry (could pay twice)")
    await (await ada.fill(opened, why="not on their list")).answered
    await ada.wait_for(lambda each: each.id == parked.id and "ordered it again" in each.text)
    await until(lambda: len(told(ada)) == 2)
    second = next(each for each in told(ada) if each.id != parked.id)
    assert "lost again" in second.text
    await pressed(ada, second, "Close")
    await ada.wait_for(lambda each: each.id == second.id and "closed it" in each.text)


async def test_an_old_button_says_that_it_was_decided(playground, ada, paid_house, parked):
    playground.refuse("PATCH", rf"/messages/{parked.id}$", 403, 50001, times=9)
    page = await said(ada, "/studio unclear")
    await pressed(ada, page, "Close")
    again = await pressed(ada, parked, "Close")
    assert "no longer needs a decision" in again.message.text


async def test_only_moderators_decide(playground, ada, mira, paid_house, parked):
    world = playground.world
    world.set_permissions(parked.channel_id, mira.id, allow=["view_channel"])
    mira.go("moderators")
    refused = await pressed(mira, parked, "Close")
    assert "Only moderators" in refused.message.text
    assert (await paid_house.store.jobs.get(1)).state is State.UNCLEAR


async def test_it_is_told_once_across_restarts_and_lost_answers(playground, tmp_path, ada, mira):
    async with working(playground, tmp_path, providers={"held": paid_provider()}) as house:
        await choose_channel(playground, ada, house)
    paid = paid_provider()
    paid.submits.append(Unclear("its reply was lost"))
    async with working(playground, tmp_path, providers={"held": paid}) as house:
        moderators = playground.channel("moderators").id
        lost = playground.trouble("POST", rf"/channels/{moderators}/messages$", RESET)
        await ordered(mira)
        await ada.wait_for(WAITS)
        await until(lambda: lost.met)

        async def written_down():
            [parking] = await house.store.parkings.open()
            return parking.message_id

        assert await until(written_down, 20) == told(ada)[0].id
    # As if it had been stopped before it could write that down.
    async with working(playground, tmp_path, providers={"held": paid}) as house:
        await house.store.writer.write(
            lambda db: db.execute("UPDATE parking SET channel_id = NULL, message_id = NULL")
        )
        playground.clock.advance(600)  # Discord has forgotten the nonce
        house.bot.dispatch("ready")
        assert await until(lambda: written_down_by(house), 20) == told(ada)[0].id
        assert len(told(ada)) == 1
        [alert] = told(ada)
        await pressed(ada, alert, "Close")
        await ada.wait_for(lambda each: each.id == alert.id and "closed it" in each.text)

        async def over():
            return await house.store.parkings.open() == []

        await until(over)


async def written_down_by(house):
    [parking] = await house.store.parkings.open()
    return parking.message_id


async def test_without_a_channel_the_owner_is_told(playground, ada, mira, paid, paid_house):
    paid.submits.append(Unclear("its reply was lost"))
    await ordered(mira)
    owner = playground.guild.owner_id

    def sent():
        channels = playground.world.channels.values()
        direct = [each.id for each in channels if owner in getattr(each, "recipient_ids", ())]
        return [
            message for channel in direct for message in playground.world.messages[channel].values()
        ]

    [message] = await until(sent)
    assert WAITS in str(message.components)
    assert "custom_id" not in str(message.components), "buttons need a server"
    assert not told(ada)


async def test_a_clip_that_comes_late_is_told_of_too(playground, ada, mira, tmp_path):
    plain = Maker("plain", PLAIN)
    async with working(playground, tmp_path, providers={"plain": plain}) as house:
        await choose_channel(playground, ada, house)
        plain.holds = True
        await (await mira.type("/video text", prompt="a fox")).answered
        places = (await thread_of(house), playground.channel("videos").id)
        for place in places:
            playground.refuse("POST", rf"/channels/{place}/messages$", 403, 50001, times=1)
        playground.refuse("POST", r"/users/@me/channels$", 403, 50007, times=1)
        plain.holds = False
        alert = await ada.wait_for("#1 was made but couldn't be posted")
        assert [each.label for each in alert.buttons] == ["Try again", "Post it here"]
        assert (await house.store.jobs.get(1)).due_at is not None
        playground.clock.advance(30)
        house.bot.dispatch("ready")
        clip = await clip_of(mira)
        assert clip.mentions == (mira.id,)
        assert "posted late" in clip.text
        await done(house, 1)
        shown = await ada.wait_for(
            lambda each: each.id == alert.id and "✅ Posted" in each.text, 30
        )
        assert f"/{clip.channel_id}/{clip.id}" in shown.text
        assert not shown.buttons


async def test_it_can_be_posted_from_there(playground, ada, mira, tmp_path):
    plain = Maker("plain", PLAIN)
    async with working(playground, tmp_path, providers={"plain": plain}) as house:
        await choose_channel(playground, ada, house)
        plain.holds = True
        await (await mira.type("/video text", prompt="a fox")).answered
        places = (await thread_of(house), playground.channel("videos").id)
        for place in places:
            playground.refuse("POST", rf"/channels/{place}/messages$", 403, 50001, times=1)
        playground.refuse("POST", r"/users/@me/channels$", 403, 50007, times=1)
        plain.holds = False
        alert = await ada.wait_for("#1 was made but couldn't be posted")
        await pressed(ada, alert, "Post it here")
        clip = await ada.wait_for(
            lambda each: each.channel_id == alert.channel_id and bool(each.attachments), 20
        )
        job = await done(house, 1)
        assert job.result_id == clip.id
        await ada.wait_for(lambda each: each.id == alert.id and "posted it again" in each.text)


async def test_what_waited_before_an_update_is_told_of(tmp_path):
    """The migration remembers what is on hold already."""
    scripts = migrations()
    cut = next(n for n, text in enumerate(scripts) if "CREATE TABLE parking" in text)
    db = sqlite3.connect(tmp_path / "dailies.db")
    for script in scripts[:cut]:
        db.executescript(script)
    db.execute(f"PRAGMA user_version = {cut}")
    for number, state in ((1, "unclear"), (2, "done")):
        db.execute(
            "INSERT INTO job (request, guild_id, channel_id, user_id, provider, model, brief,"
            " price, created_at, state, rev, since, tries, attempt, error, billed) VALUES"
            " (?, 1, 2, 3, 'p', 'm', '{\"mode\": \"text\"}', 5, 1.0, ?, 1, 2.0, 0, 1, 'x', 'no')",
            (str(number), state),
        )
        db.execute(
            "INSERT INTO event (job_id, rev, to_state, why, at) VALUES (?, 1, ?, '', 2.0)",
            (number, state),
        )
    db.commit()
    db.close()
    async with open_store(tmp_path, wall=Clock()) as store:
        [parking] = await store.parkings.open()
        assert (parking.job_id, parking.state, parking.stands) == (1, State.UNCLEAR, True)


async def test_a_decision_holds_though_the_job_is_written_to_meanwhile(
    playground, ada, paid_house, parked
):
    """Its person is told just then, which is no reason to say no to a moderator."""
    parked, store = paid_house.bot.parked, paid_house.store
    requester = Requester(
        guild_id=playground.guild.id, channel_id=1, user_id=ada.id, moderator=True
    )
    while True:
        old = await store.jobs.get(1)
        with suppress(Stale):  # the worker itself was quicker
            await store.jobs.save(replace(old, result_id=77))  # as the worker does
            break
    change = old.to(State.CLOSED, now=old.since, due_at=old.since)
    by = By(guild_id=requester.guild_id, actor_id=requester.user_id)
    closed = await parked._move(by, old, change, "close")
    assert closed.state is State.CLOSED
    with pytest.raises(Refusal, match="just changed"):
        await parked._move(by, old, change, "close")
