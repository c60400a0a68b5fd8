"""A replica that is promoted when the primary is lost: what was kept, what was lost, who writes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest

from storage import CannotOpen, Locked, ServerTrouble, look_into
from storage.postgresql.identity import NEWEST
from storage.postgresql.kept import SET_BACK
from storage.postgresql.leases import VALID
from storage.postgresql.opening import examine, open_server
from tests.rig.drafts import draft
from tests.rig.house import until
from tests.rig.postgres import Cluster
from tests.rig.replica import DATABASE, Pair
from tests.rig.severed import Way, severed

pytestmark = pytest.mark.postgresql


@asynccontextmanager
async def breaking(servers: Pair) -> AsyncIterator[tuple[Way, str]]:
    """A way to the primary that can break, and the address with it and the replica."""
    async with severed(servers.primary.url(DATABASE)) as way:
        there = way.url.partition("@")[2].partition("/")[0]
        yield way, servers.url.replace(f"127.0.0.1:{servers.primary.port}", there)


def burn(servers: Pair) -> None:
    """Give the numbers that a lost transaction may have had to those of somebody else."""
    with psycopg.connect(servers.replica.url(DATABASE, "tester"), autocommit=True) as db:
        for _ in range(20):
            db.execute("SELECT pg_current_xact_id()")


async def test_a_commit_that_was_lost_with_the_primary_is_never_taken_for_kept(
    tmp_path: Path, servers: Pair
) -> None:
    async def lose() -> None:
        await asyncio.to_thread(servers.fail_over)
        await asyncio.to_thread(burn, servers)

    async with breaking(servers) as (way, url), open_server(tmp_path, url) as store:
        await store.jobs.add(draft(1))
        way.break_at(b"COMMIT", delivered=False, then=lose)
        with pytest.raises(ServerTrouble):
            await store.jobs.add(draft(2))
        assert way.broken == 1
        assert await store.restorations.latest() is None, "nothing that was answered is lost"
        job, created = await store.jobs.add(draft(2))
        assert created
        assert await store.check(thorough=True) == []
        [held] = store.lease.holdings
        assert held.epoch == 1
    async with open_server(tmp_path, servers.bare_url) as store:
        assert await store.restorations.latest() is None, "a start goes on with it"
        assert await store.jobs.get(job.id) == job


@pytest.mark.long
async def test_a_commit_that_the_replica_has_is_kept_though_the_primary_never_answered(
    tmp_path: Path, servers: Pair
) -> None:
    async with breaking(servers) as (way, url), open_server(tmp_path, url) as store:
        way.break_at(b"COMMIT", delivered=True, then=lambda: asyncio.to_thread(servers.fail_over))
        job, created = await store.jobs.add(draft(1))
        assert way.broken == 1
        assert created
        assert await store.jobs.get(job.id) == job
        assert await store.check(thorough=True) == []
        await store.jobs.add(draft(2))
        assert noted(servers), "the rows are known to be the new one's"
    async with open_server(tmp_path, servers.bare_url) as store:
        assert await store.restorations.latest() is None, "nothing was lost, so nothing waits"
        assert len(await store.jobs.newest()) == 2


@pytest.mark.long
async def test_a_replica_that_lacks_what_was_answered_ends_the_process_and_is_a_restored_past(
    tmp_path: Path, servers: Pair
) -> None:
    async with open_server(tmp_path, servers.url) as store:
        await store.jobs.add(draft(1))
        await asyncio.to_thread(servers.part)
        await until(lambda: _alone(servers))
        await store.jobs.add(draft(2))
        await asyncio.to_thread(servers.fail_over)
        with pytest.raises(ServerTrouble, match="other rows than before"):
            await store.jobs.add(draft(3))
        await until(store.lease.gone.is_set)
        assert store.lease.why == SET_BACK
        assert not store.sure
    async with open_server(tmp_path, servers.url) as store:
        restored = await store.restorations.latest()
        assert restored is not None
        assert restored.began_at is None, "this start acts on it"
        assert [job.brief.prompt for job in await store.jobs.newest()] == ["a red fox"]


def _alone(servers: Pair) -> bool:
    with psycopg.connect(servers.primary.url(DATABASE, "tester"), autocommit=True) as db:
        return db.execute("SELECT 1 FROM pg_stat_replication").fetchone() is None


async def test_an_old_primary_that_comes_back_is_not_written_to(
    tmp_path: Path, servers: Pair
) -> None:
    old = servers.primary.url(DATABASE)
    async with open_server(tmp_path / "a", servers.url) as store:
        await store.jobs.add(draft(1))
        await asyncio.to_thread(servers.fail_over)
        await store.jobs.add(draft(2))
        await asyncio.to_thread(servers.bring_back)
        before = position(old)
        end_connections(servers.replica)
        job, _ = await store.jobs.add(draft(3))
        assert await store.jobs.get(job.id) == job, "those who read are there, too"
        assert not store.lease.gone.is_set()
    with pytest.raises(CannotOpen, match="was replaced by a replica") as no:
        async with open_server(tmp_path / "a", old):
            pytest.fail("it opened")
    assert "delete dailies.server" in str(no.value)
    async with look_into(tmp_path / "b", server=servers.url, beside=True) as store:
        assert len(await store.jobs.newest()) == 3, "so does one that never saw it happen"
    facts = await examine(servers.url)
    assert facts.place == f" (127.0.0.1:{servers.replica.port}, database {DATABASE})"
    assert facts.outdated == (f" (127.0.0.1:{servers.primary.port}, database {DATABASE})",)
    assert position(old) == before, "nothing was written there"
    (tmp_path / "a" / NEWEST).unlink()
    async with open_server(tmp_path / "a", old) as store:
        assert len(await store.jobs.newest()) == 1, "whoever means it can"


@pytest.mark.long
async def test_a_primary_that_is_only_cut_off_is_left_for_the_new_one_and_stays_so(
    tmp_path: Path, servers: Pair
) -> None:
    async with breaking(servers) as (way, url), open_server(tmp_path, url) as store:
        await store.jobs.add(draft(1))
        way.freeze()  # no connection ends, and new ones hear nothing
        await asyncio.to_thread(servers.replica.promote)

        async def added() -> bool:
            try:
                await store.jobs.add(draft(2))
            except ServerTrouble:
                return False
            return True

        await until(added)
        await until(lambda: store.sure)
        way.thaw()
        servers.primary.configure(synchronous_standby_names="")
        end_connections(servers.replica)
        await store.jobs.add(draft(3))
        assert await store.check(thorough=True) == []
        assert [each.epoch for each in store.lease.holdings] == [1]
    with psycopg.connect(servers.primary.url(DATABASE)) as db:
        [[count]] = db.execute("SELECT count(*) FROM dailies.job").fetchall()
    assert count == 1, "what came after it was cut off is with the new one alone"


def end_connections(server: Cluster) -> None:
    """Have every connection to the database be lost."""
    with psycopg.connect(server.url(DATABASE, "tester"), autocommit=True) as db:
        db.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def position(url: str) -> tuple[object, ...]:
    """What was last written by us."""
    with psycopg.connect(url, autocommit=True) as db:
        rows = db.execute(
            "SELECT (SELECT max(seq) FROM dailies.event), (SELECT mark FROM dailies.clock),"
            " (SELECT max(xmin::text::bigint) FROM dailies.lease)"
        ).fetchall()
    return tuple(rows[0])


@pytest.mark.long
async def test_the_lease_and_its_epoch_outlive_a_clock_that_is_another_machines(
    tmp_path: Path, servers: Pair
) -> None:
    async with open_server(tmp_path / "a", servers.url) as store:
        await store.jobs.add(draft(1))
        await asyncio.to_thread(servers.fail_over)
        with psycopg.connect(servers.replica.url(DATABASE), autocommit=True) as db:
            for hours in (1, -1):  # by which the replica's clock is behind, or ahead
                db.execute(
                    "UPDATE dailies.lease SET until = until + make_interval(hours => %s)", [hours]
                )
                await store.jobs.add(draft(3 + hours))
                await until(lambda: 0 < left(db)[0] <= VALID)
                assert left(db)[1] == 1, "it is the same holding"
                assert store.sure
                with pytest.raises(Locked):
                    async with open_server(tmp_path / "b", servers.url):
                        pytest.fail("it opened")
            # One that comes while it seems to have run out takes it; nothing of ours is kept then.
            db.execute("UPDATE dailies.lease SET until = until - interval '1 hour'")
            async with open_server(tmp_path / "b", servers.url) as other:
                assert other.lease.holdings[0].epoch == 2
                with pytest.raises(ServerTrouble, match="Another Dailies has taken over"):
                    await store.jobs.add(draft(9))
                assert len(await other.jobs.newest()) == 3


@pytest.mark.long
async def test_where_the_holder_died_too_the_next_one_need_not_wait_for_the_other_clock(
    tmp_path: Path, servers: Pair
) -> None:
    async with open_server(tmp_path / "a", servers.bare_url) as store:
        await store.jobs.add(draft(1))
        await asyncio.to_thread(servers.fail_over)
        with psycopg.connect(servers.replica.url(DATABASE), autocommit=True) as db:
            db.execute(
                "UPDATE dailies.lease SET holder = 'dead', until = until + interval '1 hour'"
            )
            with pytest.raises(Locked):
                async with open_server(tmp_path / "b", servers.url):
                    pytest.fail("it opened")
            assert 0 < left(db)[0] <= VALID


def left(db: psycopg.Connection) -> tuple[float, int]:
    """The seconds until the lease ends, and its epoch."""
    [row] = db.execute(
        "SELECT extract(epoch FROM until - clock_timestamp())::float, epoch FROM dailies.lease"
    ).fetchall()
    return row


@pytest.mark.long
async def test_of_several_processes_each_says_that_nothing_of_its_own_is_lost(
    tmp_path: Path, servers: Pair
) -> None:
    async with open_server(tmp_path / "a", servers.url, shards=2) as first:
        entering = open_server(tmp_path / "b", servers.url, shards=2, standing_by=soon)
        opening = asyncio.create_task(entering.__aenter__())
        while not opening.done():
            await first.sharing.give_up((await first.sharing.look()).surplus)
            await asyncio.sleep(0.02)
        second = opening.result()
        try:
            await second.jobs.add(draft(1))
            await asyncio.to_thread(servers.fail_over)
            await first.jobs.add(draft(2))
            assert not noted(servers), "the second one has not said anything"
            await second.jobs.add(draft(3))
            assert noted(servers)
            assert not first.lease.gone.is_set()
            assert not second.lease.gone.is_set()
        finally:
            await entering.__aexit__(None, None, None)
    async with open_server(tmp_path / "a", servers.url, shards=2) as store:
        assert await store.restorations.latest() is None


async def soon(_: str) -> None:
    await asyncio.sleep(0.05)


def noted(servers: Pair) -> bool:
    """Whether the rows are known to be the new primary's."""
    with psycopg.connect(servers.replica.url(DATABASE)) as db:
        [[origin]] = db.execute("SELECT tables FROM dailies.origin").fetchall()
    return origin.split("/")[1] == "2"
