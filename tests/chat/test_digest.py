"""Moderators get a digest once a day, at the hour and in the channel that they chose."""

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.errors import Refusal, Unclear
from bot.moderation import digest
from playground.discord.trouble import RESET, refused
from storage import By, Use, Waiting
from tests.rig.house import until, working
from tests.rig.paid import ordered, paid_provider, said, turned
from tests.rig.taking import done

PARIS = ZoneInfo("Europe/Paris")
TITLE = "### Daily digest"


def turn_to(playground, day, hour, minute=0, *, zone=UTC):
    """Turn the clock to the next such moment, *day* days from today."""
    now = datetime.fromtimestamp(playground.clock.now(), zone)
    then = now.replace(hour=hour, minute=minute, second=0, microsecond=0) + timedelta(day)
    playground.clock.advance(then.timestamp() - playground.clock.now())
    return then.date()


def look(house):
    house.bot.get_cog("DailyDigests").look_soon()


def digests(person):
    return [each for each in person.everything() if each.text.startswith(TITLE)]


async def chosen(playground, house, ada, *, hour, **more):
    by = By(guild_id=playground.guild.id, actor_id=ada.id)
    moderators = playground.channel("moderators").id
    values = {"digest_hour": hour, "moderators": moderators, **more}
    await house.store.moderation.set_server(by, **values)
    ada.go("moderators")


async def looked(house):
    """Once the cog has looked for what is due, and found nothing more."""
    due = await house.bot.digests.due()
    assert due == []


async def test_it_says_what_was_made_spent_and_waits(playground, ada, mira, paid, paid_house):
    turn_to(playground, 1, 12)
    await chosen(playground, paid_house, ada, hour=9)
    day = datetime.fromtimestamp(playground.clock.now(), UTC)
    await paid_house.store.digests.over(playground.guild.id, day.date().isoformat())
    await ordered(mira)
    paid.finished = True
    await done(paid_house, 1)
    paid.submits.append(Refusal("The prompt is not allowed."))
    await ordered(mira)
    await mira.wait_for("**#2** failed")
    paid.submits.append(Unclear("its reply was lost"))
    await ordered(mira)
    await mira.wait_for("**#3** is on hold")
    turn_to(playground, 1, 8, 59)
    look(paid_house)
    await looked(paid_house)
    assert not digests(ada)
    turn_to(playground, 0, 9, 1)
    look(paid_house)
    told = await ada.wait_for(TITLE)
    assert told.channel_id == playground.channel("moderators").id
    assert told.mentions == ()
    lines = told.text.splitlines()
    assert lines[0] == f"{TITLE} · {day:%b} {day.day}, {day.year}"
    assert lines[1:6] == [
        "**Clips ordered**: 1 clip made, 1 in progress, 1 not made",
        "**Spent**: 6 credits (≈ $0.06) · 6 credits on hold",
        "**Models**: one (3)",
        "**Failed**: 1 (#2)",
        "**Waiting for you now**: 1 clip on hold (`/studio unclear`)",
    ]


async def test_it_is_off_until_somebody_chooses_an_hour(playground, ada, house):
    turn_to(playground, 1, 12)
    look(house)
    panel = await turned(ada, await said(ada, "/studio setup"), "Money")
    assert "Daily digest for moderators: off" in panel.text
    menu = next(each for each in panel.selects if each.custom_id == "do:set:digest")
    assert len(menu.options) == 25
    await (await ada.choose(panel, "do:set:digest", "9")).answered
    shown = await until(
        lambda: (m := ada.message(panel.id, panel.channel_id)) and "09:00" in m.text and m
    )
    assert "there is no moderator channel yet" in shown.text
    await chosen(playground, house, ada, hour=9)
    look(house)
    await looked(house)
    assert not digests(ada), "that hour is over today"
    turn_to(playground, 1, 9, 1)
    look(house)
    await until(lambda: digests(ada))
    audit = await said(ada, "/quota audit")
    assert "daily digest at 09:00" in audit.text
    ada.go("videos")
    panel = await turned(ada, await said(ada, "/studio setup"), "Money")
    await (await ada.choose(panel, "do:set:digest", "off")).answered
    turn_to(playground, 1, 10)
    look(house)
    await looked(house)
    assert len(digests(ada)) == 1


async def test_an_hour_that_is_yet_to_come_counts_today(playground, ada, house):
    turn_to(playground, 1, 8)
    await chosen(playground, house, ada, hour=None)
    ada.go("videos")
    panel = await turned(ada, await said(ada, "/studio setup"), "Money")
    await (await ada.choose(panel, "do:set:digest", "9")).answered
    turn_to(playground, 0, 9, 30)
    look(house)
    await until(lambda: digests(ada))


async def test_it_is_posted_once_over_restarts(playground, tmp_path, ada):
    moderators = playground.channel("moderators").id
    turn_to(playground, 1, 12)
    async with working(playground, tmp_path, providers={"held": paid_provider()}) as house:
        lost = playground.trouble("POST", rf"/channels/{moderators}/messages$", RESET)
        await chosen(playground, house, ada, hour=9)
        look(house)
        await until(lambda: lost.met)
    assert len(digests(ada)) == 1
    playground.clock.advance(3600)  # Discord does not know our name for it any more
    for _ in range(2):
        async with working(playground, tmp_path, providers={"held": paid_provider()}) as house:
            look(house)
            await until(lambda: _settled(house))
            assert len(digests(ada)) == 1
    turn_to(playground, 1, 9, 1)
    async with working(playground, tmp_path, providers={"held": paid_provider()}) as house:
        await until(lambda: len(digests(ada)) == 2)


async def _settled(house):
    return not await house.bot.digests.due()


async def test_days_that_nobody_saw_are_left_out(playground, tmp_path, ada):
    turn_to(playground, 1, 12)
    async with working(playground, tmp_path, providers={"held": paid_provider()}) as house:
        await chosen(playground, house, ada, hour=9)
        look(house)
        await until(lambda: len(digests(ada)) == 1)
    turn_to(playground, 5, 12)
    async with working(playground, tmp_path, providers={"held": paid_provider()}) as house:
        await until(lambda: len(digests(ada)) == 2)
        await until(lambda: _settled(house))
        assert len(digests(ada)) == 2


async def test_the_hour_is_of_the_servers_own_day(playground, ada, house):
    turn_to(playground, 1, 8, 30, zone=PARIS)
    await chosen(playground, house, ada, hour=9, zone="Europe/Paris")
    look(house)
    await looked(house)
    day = turn_to(playground, 0, 9, 1, zone=PARIS)
    look(house)
    told = (await until(lambda: digests(ada)))[0]
    before = day - timedelta(1)
    assert f"{before:%b} {before.day}, {before.year}" in told.text
    assert "**Clips ordered**: 0 clips made" in told.text
    assert "**Waiting for you now**: nothing" in told.text


async def test_a_channel_that_is_closed_gets_it_once_it_opens(playground, ada, house):
    moderators = playground.channel("moderators").id
    closed = playground.trouble(
        "POST",
        rf"/channels/{moderators}/messages$",
        refused(403, 50013, "Missing Permissions"),
        times=1,
    )
    turn_to(playground, 1, 12)
    await chosen(playground, house, ada, hour=9)
    look(house)
    await until(lambda: closed.met)

    async def came():  # once the refusal is noted, it is an hour later
        playground.clock.advance(3700)
        look(house)
        await asyncio.sleep(0.1)
        return digests(ada)

    await until(came)


async def test_a_long_day_fits_into_a_message(playground, ada, house):
    day = datetime.fromtimestamp(playground.clock.now(), UTC).date()
    uses = [
        Use(
            day=day,
            user_id=number,
            provider="p" * 60,
            model=f"{'m_*' * 20}{number}",
            clips=10**6,
            made=10**6,
            unmade=0,
            held=10**9,
            spent=10**9,
            house=0,
            lost=10**9,
            suspense=0,
        )
        for number in range(50)
    ]
    figures = digest.Figures(
        about=day,
        uses=uses,
        failed=list(range(10**6, 10**6 + 500)),
        waiting=Waiting(parked=1, undelivered=10**6, asked=1),
        unknown=10**6,
    )
    text = digest.said(figures, usd_per_credit=house.bot.usd_per_credit)
    assert len(text) < 2000
    assert "#1000009 and 490 more" in text
