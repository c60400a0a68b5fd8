"""Trouble of the deployment is told once, its end too, and a restart repeats neither."""

import asyncio
from collections import deque

import pytest

from bot.app.alerting import STUCK
from bot.errors import Busy, Failure, Refusal, Unclear
from bot.providers import ServerState
from bot.words import alerts as words
from playground.discord.trouble import RESET
from storage import AlertKind, State
from tests.rig.house import until, working
from tests.rig.paid import ordered, paid_provider, said

SOON = 20  #: seconds of patience for what must come


async def choose_channel(playground, ada, house):
    panel = await said(ada, "/studio setup")
    await (await ada.choose(panel, "do:set:moderators", "moderators")).answered

    async def chosen():
        return (await house.store.policy.server(playground.guild.id)).moderators

    await until(chosen)
    ada.go("moderators")


def messages(playground, words, channel="moderators"):
    """The messages in a channel with these words, oldest first."""
    there = playground.world.messages[playground.channel(channel).id].values()
    return [each for each in there if words in str(each)]


def alerts(playground, channel="moderators"):
    """How many messages tell that something began, and that it is over."""
    began = len(messages(playground, "You'll hear when it's over", channel))
    return began, len(messages(playground, "It lasted", channel))


async def ended(house, number, state):
    async def there():
        job = await house.store.jobs.get(number)
        return job is not None and job.state is state

    await until(there)


async def kinds(house):
    return [each.kind for each in await house.store.alerts.open()]


@pytest.fixture
async def told(playground, ada, mira, paid, paid_house):
    """A house whose moderators chose a channel, and where somebody ordered."""
    await choose_channel(playground, ada, paid_house)
    paid.finished = True
    await ordered(mira)
    await ended(paid_house, 1, State.DONE)
    return paid_house


@pytest.mark.parametrize(
    ("failure", "kind", "sentence"),
    [
        (Failure.KEY, AlertKind.KEY, "refuses this bot's key"),
        (Failure.CREDIT, AlertKind.CREDIT, "has no money left"),
    ],
)
async def test_a_refused_account_is_told_once_until_an_order_is_taken(
    playground, told, paid, ada, mira, failure, kind, sentence
):
    for number in (2, 3):
        paid.submits = deque([Refusal("No.", failure=failure)])
        await ordered(mira, provider="held")
        await ended(told, number, State.FAILED)
        await told.alerts.look()
    assert await kinds(told) == [kind]
    await ada.wait_for("Alert 1")
    assert messages(playground, sentence)
    await ordered(mira, provider="held")
    await ended(told, 4, State.DONE)
    await told.alerts.look()
    assert await kinds(told) == []
    await ada.wait_for("Alert 1 is over")
    assert alerts(playground) == (1, 1)


async def test_looks_at_the_same_time_tell_everything_once(playground, told, ada):
    async def looks():
        await asyncio.gather(told.alerts.look(), told.alerts.look(), told.alerts.look())

    told.alerts.began(AlertKind.BACKUP, "The backup failed.")
    told.alerts.began(AlertKind.KEY, "It refuses the key.", about="held")
    await looks()
    for number in (1, 2):
        await ada.wait_for(f"Alert {number}")
    told.alerts.over(AlertKind.BACKUP)
    told.alerts.over(AlertKind.KEY, about="held")
    await looks()
    assert await kinds(told) == []
    for number in (1, 2):
        await ada.wait_for(f"Alert {number} is over")
    assert alerts(playground) == (2, 2)


async def test_a_poll_that_works_does_not_end_it(told, paid, mira):
    """A key may still read what it must not order any more."""
    paid.finished = False
    await ordered(mira)
    await ended(told, 2, State.RENDERING)
    paid.submits = deque([Refusal("No.", failure=Failure.CREDIT)])
    await ordered(mira, provider="held")
    await ended(told, 3, State.FAILED)
    await told.alerts.look()
    paid.finished = True
    await ended(told, 2, State.DONE)
    await told.alerts.look()
    assert await kinds(told) == [AlertKind.CREDIT]


async def test_a_breaker_is_told_after_a_minute_and_over_on_evidence(playground, told, paid, mira):
    paid.broken = True
    await told.alerts.look()
    assert await kinds(told) == [], "a moment's trouble is over by itself"
    playground.clock.advance(61)
    await told.alerts.look()
    assert await kinds(told) == [AlertKind.DOWN]
    paid.broken = False
    await told.alerts.look()
    playground.clock.advance(600)
    await told.alerts.look()
    assert await kinds(told) == [AlertKind.DOWN], "nobody has asked it since"
    paid.submits = deque([Busy("It is down.", failure=Failure.DOWN)])
    await ordered(mira)
    await ended(told, 2, State.DONE)
    await told.alerts.look()
    assert await kinds(told) == [AlertKind.DOWN], "it may come and go"
    playground.clock.advance(121)
    await told.alerts.look()
    assert await kinds(told) == []


async def test_books_that_do_not_add_up_are_told(playground, told, ada):
    def change(by):
        return lambda db: db.execute(
            f"UPDATE account SET balance = balance + {by} WHERE name GLOB 'pool:*'"
        )

    await told.store.writer.write(change(1))
    await told.audit.look()
    await told.alerts.look()
    assert await kinds(told) == [AlertKind.BOOKS]
    await ada.wait_for("The accounts don't add up")
    await told.store.writer.write(change(-1))
    await told.audit.look()
    await told.alerts.look()
    playground.clock.advance(130)
    await told.alerts.look()
    assert await kinds(told) == []


async def test_a_disk_that_fills_up_is_told_across_a_restart(playground, tmp_path, ada, mira):
    paid = paid_provider()
    paid.finished = True
    async with working(playground, tmp_path, providers={"held": paid}) as house:
        await choose_channel(playground, ada, house)
        await ordered(mira)
        await ended(house, 1, State.DONE)
    full = {"dailies_spare_gb": 10**6}
    for _ in range(2):
        async with working(playground, tmp_path, providers={"held": paid}, **full) as house:
            await house.alerts.look()
            assert await kinds(house) == [AlertKind.DISK]
            await ada.wait_for("Alert 1")
            await until(lambda: told_of(house, playground), SOON)
            assert alerts(playground) == (1, 0), "no second alarm for the same trouble"
    async with working(playground, tmp_path, providers={"held": paid}) as house:
        await house.alerts.look()
        playground.clock.advance(400)
        await house.alerts.look()
        assert await kinds(house) == []
        await ada.wait_for("Alert 1 is over")
    assert alerts(playground) == (1, 1)


async def told_of(house, playground):
    """Whether the database knows that the moderators were told of all that is due."""
    return await house.bot.alerts.due({playground.guild.id}) == []


async def test_a_lost_answer_and_a_crash_lead_to_no_second_message(playground, told, ada):
    moderators = playground.channel("moderators").id
    lost = playground.trouble("POST", rf"/channels/{moderators}/messages$", RESET)
    told.alerts.began(AlertKind.BACKUP, words.backup_failed("the bucket can't be reached."))
    await told.alerts.look()
    await ada.wait_for("The last backup failed")
    await until(lambda: lost.met)
    playground.clock.advance(61)
    told.bot.dispatch("ready")
    await until(lambda: told_of(told, playground), SOON)
    assert alerts(playground) == (1, 0)
    # As if it had been stopped before it could write down what it posted.
    await told.store.writer.write(lambda db: db.execute("UPDATE alert_post SET message_id = NULL"))
    playground.clock.advance(600)  # Discord has forgotten the nonce
    told.bot.dispatch("ready")
    await until(lambda: told_of(told, playground), SOON)
    assert alerts(playground) == (1, 0)
    told.alerts.over(AlertKind.BACKUP)
    await told.alerts.look()
    await ada.wait_for("Alert 1 is over")
    assert alerts(playground) == (1, 1)


async def test_the_operators_channel_hears_all_of_it_and_moderators_what_they_feel(
    playground, tmp_path, ada, mira
):
    operators = playground.channel("videos").id
    paid = paid_provider()
    paid.finished = True
    async with working(
        playground, tmp_path, providers={"held": paid}, dailies_alert_channel=operators
    ) as house:
        await choose_channel(playground, ada, house)
        await ordered(mira)
        await ended(house, 1, State.DONE)
        house.alerts.began(AlertKind.BACKUP, words.backup_failed("no room"))
        house.alerts.began(AlertKind.KEY, words.key_refused("LTX"), about="held")
        await house.alerts.look()
        await until(lambda: alerts(playground, "videos") == (2, 0), SOON)
        await until(lambda: told_of(house, playground), SOON)
        assert alerts(playground) == (1, 0)


async def test_a_channel_that_takes_nothing_is_left_alone_and_the_log_says_so(
    playground, told, caplog
):
    moderators = playground.channel("moderators").id
    playground.refuse("POST", rf"/channels/{moderators}/messages$", 403, 50013, times=99)
    told.alerts.began(AlertKind.BACKUP, words.backup_failed("no room"))
    await told.alerts.look()
    await until(lambda: f"Channel {moderators} takes no alerts" in caplog.text, SOON)
    assert "Alert 1: The last backup failed: no room." in caplog.text


async def test_a_parked_clip_is_told_the_operator_and_over_once_it_is_decided(
    playground, tmp_path, ada, mira
):
    paid = paid_provider()
    paid.submits.append(Unclear("its reply was lost"))
    operators = playground.channel("videos").id
    async with working(
        playground, tmp_path, providers={"held": paid}, dailies_alert_channel=operators
    ) as house:
        await ordered(mira)
        await ended(house, 1, State.UNCLEAR)
        await house.alerts.look()
        await until(lambda: alerts(playground, "videos") == (1, 0), SOON)
        assert messages(playground, "1 clip waits for a moderator's decision", "videos")
        job = await house.store.jobs.get(1)
        now = house.store.clock.now()
        await house.store.jobs.save(job.to(State.CLOSED, now=now, due_at=now))
        await house.alerts.look()
        assert await kinds(house) == []
        await until(lambda: alerts(playground, "videos") == (1, 1), SOON)


async def test_a_clip_that_does_not_move_on_is_told(playground, told, paid, mira):
    paid.finished = False
    await ordered(mira)
    await ended(told, 2, State.RENDERING)
    await told.alerts.look()
    assert await kinds(told) == []
    job = await told.store.jobs.get(2)
    ago = STUCK[State.RENDERING] + paid.limits.max_runtime + 60
    await told.store.writer.write(
        lambda db: db.execute("UPDATE job SET since = ? WHERE id = 2", (job.since - ago,))
    )
    await told.alerts.look()
    [alert] = await told.store.alerts.open()
    assert alert.text.startswith("#2 has been rendering at Held for 4 h")


async def test_each_server_of_the_operators_own_is_an_alert_of_its_own(playground, told, paid):
    state = {"gpu1": "", "gpu2": "it can't be reached"}
    paid.servers = lambda: [
        ServerState(name=name, up=not trouble, ours=0, queue=None, trouble=trouble)
        for name, trouble in state.items()
    ]
    await told.alerts.look()
    playground.clock.advance(61)
    await told.alerts.look()
    [alert] = await told.store.alerts.open()
    assert (alert.about, "gpu2 isn't working: it can't be reached." in alert.text) == (
        "held/gpu2",
        True,
    )
    state["gpu2"] = ""
    await told.alerts.look()
    playground.clock.advance(121)
    await told.alerts.look()
    assert await kinds(told) == []


async def test_what_is_about_a_provider_that_is_gone_is_over(playground, tmp_path):
    async with working(playground, tmp_path, providers={"held": paid_provider()}) as house:
        house.alerts.began(AlertKind.KEY, words.key_refused("LTX"), about="ltx")
        house.alerts.began(AlertKind.CREDIT, words.out_of_credit("Held"), about="held")
        await house.alerts.look()
        await house.alerts.look()
        assert await kinds(house) == [AlertKind.CREDIT], "nobody knows whether it was filled"


async def test_a_moments_flutter_is_not_told(told):
    told.alerts.began(AlertKind.CREDIT, words.out_of_credit("Held"), about="held")
    told.alerts.over(AlertKind.CREDIT, about="held")
    await told.alerts.look()
    assert await kinds(told) == []
