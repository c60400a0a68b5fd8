"""A pooler before the server: one that gives a connection to others between two transactions is
refused, and one that leaves it to a client for as long as that is connected is as good as none."""

from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from storage import CannotOpen, ServerTrouble, look_into, open_store
from storage.moving import move_to_server
from storage.postgresql.opening import examine, open_server
from tests.rig import engines
from tests.rig.drafts import draft
from tests.rig.pooler import pooler

pytestmark = [pytest.mark.postgresql, pytest.mark.usefixtures("pooled")]

REFUSED = (
    r"A pooler in transaction mode stands before the database server \(127\.0\.0\.1, database "
    r"\w+\)\. Dailies needs connections of its own: set pool_mode = session there, or name the "
    r"server itself in DAILIES_STORE\."
)


@pytest.fixture
def url(tmp_path: Path) -> str:
    found = engines.current[0]
    assert found is not None
    return found.of(tmp_path)


@pytest.mark.parametrize("size", [1, 20])
@pytest.mark.parametrize("mode", ["transaction", "statement"])
async def test_a_pooler_that_shares_connections_is_refused_by_all_that_opens_the_store(
    tmp_path: Path, url: str, mode: str, size: int
) -> None:
    async with open_store(tmp_path / "file") as store:
        await store.jobs.add(draft(1))
    with pooler(url, mode, size=size) as address:
        for opening in (
            open_server(tmp_path, address),
            look_into(tmp_path, server=address, beside=True),
        ):
            with pytest.raises(CannotOpen, match=REFUSED):
                async with opening:
                    pytest.fail("it opened")
        with pytest.raises(CannotOpen, match=REFUSED):
            await examine(address)
        with pytest.raises(CannotOpen, match=REFUSED):
            move_to_server(tmp_path / "file", address)


async def test_it_is_refused_while_others_use_it(tmp_path: Path, url: str) -> None:
    with (
        pooler(url, "transaction") as address,
        psycopg.connect(address) as one,
        psycopg.connect(address) as other,
    ):
        for each in (one, other):
            each.execute("SELECT 1")  # begins a transaction, which holds a connection
        with pytest.raises(CannotOpen, match=REFUSED):
            async with open_server(tmp_path, address):
                pytest.fail("it opened")


async def test_what_is_shared_later_is_noticed_before_anything_is_written(
    tmp_path: Path, url: str
) -> None:
    async with open_server(tmp_path, url) as store:
        await store.jobs.add(draft(1))
        # As if the server's process that answers were another one than was connected to.
        await store.writer.write(lambda db: setattr(db, "backend", 1))
        with pytest.raises(ServerTrouble, match="A pooler in transaction mode"):
            await store.jobs.add(draft(2))
        assert len(await store.jobs.newest()) == 1


async def test_through_a_pooler_in_session_mode_the_store_is_as_without(
    tmp_path: Path, url: str
) -> None:
    with pooler(url, "session") as address:
        assert urlsplit(address).port != urlsplit(url).port
        async with open_server(tmp_path, address) as store:
            for number in range(5):
                job, created = await store.jobs.add(draft(number))
                assert created
                assert await store.jobs.get(job.id) == job
            with psycopg.connect(url, autocommit=True) as db:
                db.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            assert len(await store.jobs.newest()) == 5, "a lost connection is made anew"
            await store.jobs.add(draft(6))
            assert await store.check(thorough=True) == []
        async with open_server(tmp_path, address) as store:
            assert len(await store.jobs.newest()) == 6
            assert await store.restorations.latest() is None
        assert (await examine(address)).present.holders == {}
