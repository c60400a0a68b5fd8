"""Several processes over one database server: what an operator sees of them, and is told."""

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest

from bot.app.standby import Standby, StoodDown
from bot.words import alerts as words
from storage import AlertKind, TakenOver
from storage.postgresql.leases import MARGIN, VALID
from storage.postgresql.opening import open_server
from tests.app.test_alerting import kinds
from tests.app.test_metrics import scraped, value
from tests.e2e.test_server_store import settings
from tests.jobs.test_not_sure import no_renewal
from tests.rig.house import settings_for, until, working
from tests.rig.paid import paid_provider

FIRST = 601  #: seconds after which a takeover is old


@pytest.fixture
def url(databases, tmp_path):
    yield databases.of(tmp_path)
    databases.empty()


@asynccontextmanager
async def house_of(playground, tmp_path, url, **more):
    held = paid_provider()
    async with working(
        playground, tmp_path, providers={"held": held}, **settings(url), **more
    ) as house:
        yield house


@asynccontextmanager
async def standing_by(house, folder, url):
    """Another process that stands by meanwhile."""

    async def wait(_other):
        await asyncio.sleep(0.1)

    async def stand_by():
        async with open_server(folder, url, standing_by=wait):
            raise AssertionError("it took over")

    task = asyncio.create_task(stand_by())
    try:
        await there(house, 1)
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    await there(house, 0)


async def there(house, count):
    """Until so many stand by."""

    async def seen():
        return (await house.store.processes.look()).standing_by == count

    await until(seen)


def turn(house, playground, seconds):
    """Turn the clock as if the lease had been renewed meanwhile."""
    playground.clock.advance(seconds)
    [held] = house.store.lease.holdings
    house.store.lease.taken(held.epoch, asked_at=playground.clock.now())


async def test_metrics_say_who_is_the_bot_and_who_stands_by(playground, tmp_path, url, databases):
    async with house_of(playground, tmp_path, url) as house:
        me = (tmp_path / "dailies.holder").read_text().strip()
        async with standing_by(house, tmp_path / "second", url):
            found = await scraped(house.web.port)
            assert value(found, "standbys") == 1
        await until(lambda: house.store.lease.renewals > 0)
        found = await scraped(house.web.port)
        assert value(found, "standbys") == 0
        assert value(found, "lease_held", part="0") == 1
        assert value(found, "lease_holder", part="0", holder=me) == 1
        assert value(found, "lease_epoch", part="0") == 1
        assert value(found, "lease_renewals_total", part="0") > 0
        assert 0 < value(found, "lease_sure_seconds", part="0") <= VALID - MARGIN
        assert value(found, "lease_renewal_lag_seconds", part="0") < VALID
        with no_renewal(databases, tmp_path):
            playground.clock.advance(VALID)
            found = await scraped(house.web.port)
        assert value(found, "lease_held", part="0") == 0
        assert value(found, "lease_sure_seconds", part="0") == 0
        assert value(found, "lease_renewal_lag_seconds", part="0") > VALID / 2
        assert value(found, "discord_connected") == 0


async def test_a_process_that_stands_by_exports_that_and_nothing_of_a_bot(playground, tmp_path):
    stop = asyncio.Event()
    standby = Standby(settings_for(playground, tmp_path), stop)
    waiting = asyncio.create_task(standby.wait("studio-1234"))
    await until(lambda: standby.port)
    found = await scraped(standby.port)
    assert value(found, "lease_held", part="0") == 0
    assert value(found, "lease_holder", part="0", holder="studio-1234") == 1
    names = {name for name, *_ in found if name.startswith("dailies_")}
    assert names == {"dailies_lease_held", "dailies_lease_holder", "dailies_build_info"}
    assert ("process_open_fds",) in found
    stop.set()
    with pytest.raises(StoodDown):
        await waiting
    await standby.over()
    assert not standby.port


async def test_a_takeover_is_told_until_the_new_one_has_worked_for_a_while(
    playground, tmp_path, url, databases
):
    with databases.raw(tmp_path) as db:
        db.execute("INSERT INTO dailies.lease VALUES (0, 'studio-1234', 4, now() - interval '1s')")
    async with house_of(playground, tmp_path, url) as house:
        await house.alerts.look()
        [alert] = [each for each in await house.store.alerts.open() if each.kind == "takeover"]
        me = (tmp_path / "dailies.holder").read_text().strip()
        assert alert.text.startswith("studio-1234 froze, died or lost the database server, so ")
        assert f"so {me} has taken over." in alert.text
        turn(house, playground, FIRST)
        await house.alerts.look()
        assert AlertKind.TAKEOVER not in await kinds(house)


async def test_shards_of_a_dead_one_are_told_by_whoever_takes_them_and_for_a_while(
    playground, tmp_path, url
):
    async with house_of(playground, tmp_path, url) as house:
        dead = TakenOver(lost_by="studio-1234", by="studio-5678", shards=2, taken=2)
        for _ in range(2):  # as two might, where one of them was not written down
            house.bot.events.taken_over.emit(dead)
            await house.alerts.look()
        [alert] = [each for each in await house.store.alerts.open() if each.kind == "takeover"]
        assert alert.about == "studio-1234"
    async with house_of(playground, tmp_path, url) as house:  # another one looks from now on
        turn(house, playground, 300)
        await house.alerts.look()
        assert AlertKind.TAKEOVER in await kinds(house)
        turn(house, playground, FIRST)
        await house.alerts.look()
        assert AlertKind.TAKEOVER not in await kinds(house)


def test_a_takeover_of_shards_says_whose_servers_they_were_and_where_they_are():
    dead = TakenOver(lost_by="studio-1234", by="studio-5678", shards=2, taken=2)
    assert words.took_shards_over(dead, count=6) == (
        "studio-1234 froze, died or lost the database server, so studio-5678 has taken over its "
        "servers (2 of 6 shards). The operator needs to look at studio-1234."
    )
    several = words.took_shards_over(replace(dead, taken=1), count=6)
    assert "so the other processes have taken over its servers (2 of 6 shards)." in several


async def test_one_that_was_stopped_or_is_our_own_is_no_takeover(
    playground, tmp_path, url, databases
):
    for _ in range(2):  # the second time it is our own that was let go
        async with house_of(playground, tmp_path, url) as house:
            assert house.store.lease.lost_by is None
            await house.alerts.look()
            assert await kinds(house) == []
    with databases.raw(tmp_path) as db:
        db.execute("UPDATE dailies.lease SET holder = 'studio-1234'")  # and was let go
    async with house_of(playground, tmp_path, url) as house:
        assert house.store.lease.lost_by is None


async def test_being_cut_off_is_told_once_and_its_end(playground, tmp_path, url, databases):
    async with house_of(playground, tmp_path, url) as house:
        with no_renewal(databases, tmp_path):
            playground.clock.advance(VALID)
            await until(lambda: not playground.online)
            await house.alerts.look()
            assert AlertKind.LEASE in await kinds(house)
            await house.alerts.look()
        await until(lambda: house.store.sure)
        texts = [each.text for each in await house.store.alerts.open() if each.kind == "lease"]
        assert len(texts) == 1
        assert "left Discord" in texts[0]
        for seconds, over in ((0, False), (61, False), (121, True)):
            turn(house, playground, seconds)
            await house.alerts.look()
            assert (AlertKind.LEASE not in await kinds(house)) is over, "it may come and go"


async def test_that_nobody_stands_by_is_told_where_somebody_did(playground, tmp_path, url):
    async with house_of(playground, tmp_path, url) as house:
        await house.alerts.look()
        turn(house, playground, 121)
        await house.alerts.look()
        assert AlertKind.STANDBY not in await kinds(house), "nobody ever did"
        async with standing_by(house, tmp_path / "second", url):
            await house.alerts.look()
        await house.alerts.look()
        assert AlertKind.STANDBY not in await kinds(house), "it may be restarting"
        turn(house, playground, 121)
        await house.alerts.look()
        [alert] = [each for each in await house.store.alerts.open() if each.kind == "standby"]
        assert alert.text.startswith("No process stands by any more")
        async with standing_by(house, tmp_path / "second", url):
            await house.alerts.look()
            turn(house, playground, 31)
            await house.alerts.look()
            assert AlertKind.STANDBY not in await kinds(house)


@pytest.mark.parametrize(("expected", "told"), [(2, True), (1, False), (0, False)])
async def test_as_many_are_expected_as_the_operator_says(playground, tmp_path, url, expected, told):
    async with (
        house_of(playground, tmp_path, url, dailies_standbys=expected) as house,
        standing_by(house, tmp_path / "second", url),
    ):
        await house.alerts.look()
        turn(house, playground, 121)
        await house.alerts.look()
        texts = [each.text for each in await house.store.alerts.open() if each.kind == "standby"]
        assert [text.split(".")[0] for text in texts] == (
            ["Only 1 of 2 processes stand by"] if told else []
        )
