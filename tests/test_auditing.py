"""When the books do not add up, no orders are taken and the operator hears of it."""

import asyncio
import json
import logging
import sqlite3
import urllib.error
import urllib.request

import pytest

from bot.auditing import Audit
from bot.errors import Refusal
from bot.studio import Place, Studio
from storage import Brief, open_store
from tests.doubles import FakeProvider
from tests.paid import ordered, paid_provider
from tests.test_cli import dailies

PLACE = Place(guild_id=1, channel_id=2, user_id=3)


def ruin(path):
    """Move a credit by hand, as a bug or a careless operator would."""
    with sqlite3.connect(path) as db:
        db.execute("UPDATE account SET balance = balance + 1 WHERE name = 'pool:1'")


@pytest.fixture
async def store(tmp_path):
    async with open_store(tmp_path) as store:
        yield store


async def test_a_broken_rule_stops_orders_until_it_is_mended(store, tmp_path, caplog):
    studio = Studio(store, {"fake": paid_provider()})
    audit = Audit(studio)
    assert await audit.look() == []
    assert await audit.trouble() is None
    wish = Brief(prompt="a fox")
    await studio.order(wish, request="one", place=PLACE)

    await store.writer.write(
        lambda db: db.execute("UPDATE account SET balance = balance + 1 WHERE name = 'pool:1'")
    )
    with caplog.at_level(logging.ERROR):
        found = await audit.look()
    assert "off by 1 credits" in found[0]
    assert "The books do not add up" in caplog.text
    assert "no orders are taken" in await audit.trouble()
    with pytest.raises(Refusal, match="books of this bot do not add up"):
        await studio.order(wish, request="two", place=PLACE)

    await store.writer.write(
        lambda db: db.execute("UPDATE account SET balance = balance - 1 WHERE name = 'pool:1'")
    )
    assert await audit.look() == []
    await studio.order(wish, request="two", place=PLACE)


async def test_what_only_history_shows_is_not_forgotten_by_a_quick_look(store):
    studio = Studio(store, {"fake": FakeProvider()})
    audit = Audit(studio)
    await studio.order(Brief(prompt="a fox"), request="one", place=PLACE)
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
    assert any("books do not add up" in each for each in body["trouble"])
    assert (await ordered(mira)).ephemeral


async def test_the_operator_may_check_by_hand(tmp_path):
    data = tmp_path / "data"
    async with open_store(data) as store:
        studio = Studio(store, {"fake": paid_provider()})
        await studio.order(Brief(prompt="a fox"), request="one", place=PLACE)
        running = dailies("check", cwd=tmp_path, DAILIES_DATA=str(data), DAILIES_WEB_PORT="1")
        assert "A running Dailies is using the data" in running.stdout
    well = dailies("check", cwd=tmp_path, DAILIES_DATA=str(data))
    assert (well.returncode, well.stdout) == (0, "✓ The books add up.\n")
    ruin(data / "dailies.db")
    ill = dailies("check", cwd=tmp_path, DAILIES_DATA=str(data))
    assert ill.returncode == 1
    assert "✗ The ledger does not add up to zero: it is off by 1 credits." in ill.stdout
