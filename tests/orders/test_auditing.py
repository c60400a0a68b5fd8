"""When the books do not add up, orders are paused and the operator hears of it."""

import asyncio
import json
import logging
import sqlite3
import urllib.error
import urllib.request

import pytest

from bot.errors import Refusal
from bot.events import Events
from bot.moderation.books import BooksCheck
from bot.orders.requester import Requester
from bot.providers import Receipt
from storage import Brief, Defaults, State, open_store
from storage.opening import DATABASE, LOCK
from tests.app.test_cli import dailies
from tests.rig.databases import fresh, harm
from tests.rig.doubles import FakeProvider
from tests.rig.drafts import advance
from tests.rig.house import until
from tests.rig.paid import ordered, paid_provider, said
from tests.rig.studios import studio_of

PLACE = Requester(guild_id=1, channel_id=2, user_id=3)


def ruin(path):
    """Move a credit by hand, as a bug or a careless operator would."""
    with sqlite3.connect(path) as db:
        db.execute("UPDATE account SET balance = balance + 1 WHERE name = 'pool:1'")


@pytest.fixture
async def store(tmp_path):
    async with open_store(fresh(tmp_path)) as store:
        yield store


async def test_damage_that_a_crash_left_stops_orders(tmp_path):
    unlimited = Defaults(
        jobs_per_user=None, jobs_per_server=None, per_minute=None, amount=None, budget=None
    )
    async with open_store(fresh(tmp_path), defaults=unlimited) as store:
        studio = studio_of(store, {"fake": paid_provider()})
        for number in range(100):
            await studio.order(Brief(prompt="a red fox"), request=f"{number}", requester=PLACE)
    harm(tmp_path / DATABASE)
    (tmp_path / LOCK).write_text("4711\n")
    async with open_store(tmp_path) as store:
        studio = studio_of(store, {"fake": paid_provider()})
        audit = BooksCheck(studio, Events())
        [found] = await audit.look()
        assert found.startswith("The database is damaged (")
        assert "Put a backup in its place" in await audit.trouble()
        with pytest.raises(Refusal):
            await studio.order(Brief(prompt="a fox"), request="late", requester=PLACE)
        assert await audit.look() == [found], "it is still so"


async def test_a_broken_rule_stops_orders_until_it_is_mended(store, tmp_path, caplog):
    studio = studio_of(store, {"fake": paid_provider()})
    audit = BooksCheck(studio, Events())
    assert await audit.look() == []
    assert await audit.trouble() is None
    wish = Brief(prompt="a fox")
    await studio.order(wish, request="one", requester=PLACE)

    await store.writer.write(
        lambda db: db.execute("UPDATE account SET balance = balance + 1 WHERE name = 'pool:1'")
    )
    with caplog.at_level(logging.ERROR):
        found = await audit.look()
    assert "off by this many credits: 1" in found[0]
    assert "The books do not add up" in caplog.text
    assert "orders are paused" in await audit.trouble()
    with pytest.raises(Refusal, match="this bot's accounts don't add up"):
        await studio.order(wish, request="two", requester=PLACE)

    await store.writer.write(
        lambda db: db.execute("UPDATE account SET balance = balance - 1 WHERE name = 'pool:1'")
    )
    assert await audit.look() == []
    await studio.order(wish, request="two", requester=PLACE)


async def test_what_only_history_shows_is_not_forgotten_by_a_quick_look(store):
    studio = studio_of(store, {"fake": FakeProvider()})
    audit = BooksCheck(studio, Events())
    await studio.order(Brief(prompt="a fox"), request="one", requester=PLACE)
    await store.writer.write(lambda db: db.execute("DROP TRIGGER event_update"))
    await store.writer.write(lambda db: db.execute("UPDATE event SET to_state = 'done'"))
    assert await audit.look(thorough=True)
    assert await audit.look(thorough=False), "it is still so"
    assert studio.halted


async def test_health_says_so(paid_house, mira):
    assert not (await ordered(mira)).ephemeral
    port = paid_house.web.port
    await paid_house.store.writer.write(
        lambda db: db.execute("UPDATE account SET balance = balance + 1 WHERE name GLOB 'pool:*'")
    )
    await paid_house.audit.look()
    with pytest.raises(urllib.error.HTTPError) as failed:
        await asyncio.to_thread(urllib.request.urlopen, f"http://127.0.0.1:{port}/healthz")
    body = json.load(failed.value)
    assert any("accounts don't add up" in each for each in body["trouble"])
    assert (await ordered(mira)).ephemeral


async def test_the_operator_may_check_by_hand(tmp_path):
    data = tmp_path / "data"
    async with open_store(fresh(data)) as store:
        studio = studio_of(store, {"fake": paid_provider()})
        await studio.order(Brief(prompt="a fox"), request="one", requester=PLACE)
        running = dailies("check", cwd=tmp_path, DAILIES_DATA=str(data), DAILIES_WEB_PORT="1")
        assert "A running Dailies is using the data" in running.stdout
    well = dailies("check", cwd=tmp_path, DAILIES_DATA=str(data))
    fine = "✓ The accounts add up.\n✓ Every file that a clip needs is there (0).\n"
    assert (well.returncode, well.stdout) == (0, fine)
    ruin(data / "dailies.db")
    ill = dailies("check", cwd=tmp_path, DAILIES_DATA=str(data))
    assert ill.returncode == 1
    assert "✗ The ledger does not add up to zero. It is off by this many credits: 1." in ill.stdout


async def test_the_operator_hears_of_files_that_are_not_there(tmp_path):
    data = tmp_path / "data"
    async with open_store(fresh(data)) as store:
        studio = studio_of(store, {"fake": FakeProvider()})
        job, _ = await studio.order(Brief(prompt="a fox"), request="one", requester=PLACE)
        await advance(
            store.jobs, job, State.SUBMITTING, State.RENDERING, State.FETCHING, State.DELIVERING
        )
    gone = dailies("check", cwd=tmp_path, DAILIES_DATA=str(data))
    assert gone.returncode == 1
    assert f"✗ takes/1.mp4 is missing from {data}. #1 needs it.\n" in gone.stdout
    (data / "takes").mkdir()
    (data / "takes" / "1.mp4").write_bytes(b"clip")
    assert dailies("check", cwd=tmp_path, DAILIES_DATA=str(data)).returncode == 0


async def settle(store, studio, number, *, cost, credits):
    """A job of 6 credits that was made, what its provider says it cost, and what is booked."""
    job, _ = await studio.order(Brief(prompt="a fox"), request=f"r{number}", requester=PLACE)
    way = (State.SUBMITTING, State.RENDERING, State.FETCHING, State.DELIVERING)
    job = await advance(store.jobs, job, *way)
    end = job.to(
        State.DONE, now=store.clock.now(), cost=cost, billed="yes", result_id=number, file=None
    )
    return await store.jobs.save(end, credits=credits)


async def test_bills_that_are_not_what_was_booked_are_told(store, caplog):
    studio = studio_of(store, {"held": paid_provider()})
    audit = BooksCheck(studio, Events())
    await settle(store, studio, 1, cost=0.06, credits=6)
    assert await audit.compare() == []
    await settle(store, studio, 2, cost=0.52, credits=6)  # 46 credits: less than half a dollar
    assert await audit.compare() == []
    assert await audit.remark() is None
    await settle(store, studio, 3, cost=0.12, credits=6)
    with caplog.at_level(logging.ERROR):
        [found] = await audit.compare()
    assert found.endswith("Held billed 70 credits. Dailies booked 18 credits.")
    assert found in caplog.text
    assert await audit.remark() == found
    assert not studio.halted, "orders are taken all the same"


@pytest.fixture
async def moderated(paid_house, ada):
    """The house, with a channel in which its moderators are told things."""
    panel = await said(ada, "/studio setup")
    await (await ada.choose(panel, "do:set:moderators", "moderators")).answered
    return paid_house


async def test_moderators_are_told_once_of_a_clip_that_cost_more_than_its_price(
    moderated, mira, ada, paid, caplog
):
    paid.submits.append(Receipt(remote_id="dear", cost=0.09))
    paid.finished = True
    await ordered(mira)
    await until(lambda: _is(moderated, 1, State.DONE))
    bill = await moderated.store.policy.bill(1)
    assert (bill.spent, bill.lost) == (6, 3)
    with caplog.at_level(logging.WARNING):
        await moderated.audit.look()
    ada.go("moderators")
    told = await ada.wait_for("Held billed 9 credits for #1, 3 more than its price of 6.")
    assert "The requester pays the price" in told.text
    assert "Job 1 cost 9 credits at held, above its price of 6" in caplog.text
    await moderated.audit.look()
    await asyncio.sleep(0.3)
    assert len([each for each in ada.messages() if "billed 9" in each.text]) == 1
    assert await moderated.store.accounting.overruns() == []


async def test_without_a_channel_the_log_is_told_once(paid_house, mira, paid, caplog):
    paid.submits.append(Receipt(remote_id="dear", cost=0.09))
    paid.finished = True
    await ordered(mira)
    await until(lambda: _is(paid_house, 1, State.DONE))
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            await paid_house.audit.look()
    assert caplog.text.count("Job 1 cost 9 credits") == 1


async def test_what_cannot_be_told_yet_stays_due(store):
    studio, answers = studio_of(store, {"held": paid_provider()}), [False, True]
    events, heard = Events(), []
    audit = BooksCheck(studio, events)

    async def tell(job, amount):
        heard.append((job.id, amount))
        return answers.pop(0)

    events.overrun.tell_by(tell)
    await settle(store, studio, 1, cost=0.09, credits=9)
    for _ in range(3):
        await audit.look()
    assert heard == [(1, 3), (1, 3)]


async def _is(house, number, state):
    job = await house.store.jobs.get(number)
    return job is not None and job.state is state
