"""A process that is not sure of its lease orders nothing, though the database still takes rows."""

from contextlib import contextmanager

import pytest

from storage import Defaults, State
from storage.postgresql.leases import MARGIN, VALID
from storage.postgresql.opening import open_server
from tests.rig.doubles import Clock, FakeProvider, Presenter
from tests.rig.house import until
from tests.rig.worker import House


class Announcing(FakeProvider):
    """Says when an order leaves."""

    announces = True

    async def submit(self, order):
        await order.sending()
        return await super().submit(order)


@pytest.fixture
async def rows(tmp_path, databases):
    """A store on a server, and a clock that is turned."""
    clock = Clock()
    unlimited = Defaults(per_minute=None, jobs_per_user=None, budget=None, amount=None)
    url = databases.of(tmp_path)
    try:
        async with open_server(tmp_path, url, defaults=unlimited, wall=clock, ticks=clock) as store:
            yield store, clock
    finally:
        databases.empty()


@contextmanager
def no_renewal(databases, tmp_path):
    """No renewal of the lease comes through meanwhile. Everything else works."""
    with databases.raw(tmp_path) as other, other.transaction():
        other.execute("SELECT 1 FROM dailies.lease FOR UPDATE")
        yield


def house_of(rows, provider, tmp_path):
    store, clock = rows
    return House(store, {"fake": provider}, Presenter(), clock, tmp_path)


async def test_nothing_is_begun(rows, databases, tmp_path):
    (store, clock), provider = rows, FakeProvider()
    house = house_of(rows, provider, tmp_path)
    job = await house.order()
    with no_renewal(databases, tmp_path):
        clock.advance(VALID - MARGIN)
        assert not store.sure
        assert not await house.worker.step()
        assert (await house.get(job)).state is State.QUEUED
    await until(lambda: store.sure)
    await house.run(steps=6)
    assert [number for number, _ in provider.submitted] == [job.id]


@pytest.mark.parametrize("kind", [FakeProvider, Announcing])
async def test_it_looks_once_more_right_before_it_orders(rows, databases, tmp_path, kind):
    """It stops being sure when the intention is on the disk already."""
    (store, clock), provider = rows, kind()
    house = house_of(rows, provider, tmp_path)
    job = await house.order()

    def intended(seen, _progress):
        if seen.state is State.SUBMITTING and store.sure:
            clock.advance(VALID - MARGIN)

    house.events.job_changed.listen(intended)
    with no_renewal(databases, tmp_path):
        assert await house.worker.step()
        assert not store.sure
        assert provider.submitted == []
        waits = {FakeProvider: State.SUBMITTING, Announcing: State.QUEUED}
        assert (await house.get(job)).state is waits[kind], "it was proven not to have been sent"
        house.events.job_changed._listeners.remove(intended)
        clock.advance(60)
        assert not await house.worker.step()
    await until(lambda: store.sure)
    await house.run(steps=6)
    assert [number for number, _ in provider.submitted] == [job.id], "sent once it is sure again"
    assert (await house.get(job)).state not in {State.UNCLEAR, State.REVIEW}
    assert await store.check(thorough=True) == []
