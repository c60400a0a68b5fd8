"""A function of the store is written once: called in a transaction, and a method outside."""

import inspect

import pytest

from storage import By, Defaults, DiskTrouble, Stale, State, parts
from storage.clock import mark
from storage.database import Database
from storage.defaults import Moment
from storage.transactions import Part, erase_at, read, read_at, write, write_at
from tests.rig.drafts import draft
from tests.rig.engines import open_store

DEFAULTS = Defaults(amount=7)


class Time:
    wall, ticks = 1.8e9, 1000.0


@pytest.fixture
def time():
    return Time()


@pytest.fixture
async def store(tmp_path, time):
    async with open_store(
        tmp_path, defaults=DEFAULTS, wall=lambda: time.wall, ticks=lambda: time.ticks
    ) as opened:
        yield opened


def note(db: Database, text: str, *, twice: bool = False) -> int:
    """Keep a text."""
    db.execute("CREATE TABLE IF NOT EXISTS note (text TEXT)")
    db.executemany("INSERT INTO note VALUES (?)", [(text,)] * (2 if twice else 1))
    if text == "bad":
        raise ValueError(text)
    return db.execute("SELECT count(*) FROM note").fetchone()[0]


def texts(db: Database) -> list[str]:
    """List the texts."""
    return [text for (text,) in db.execute("SELECT text FROM note")]


def moment(db: Database, at: Moment, *, later: float = 0.0) -> tuple[Moment, float]:
    """The moment."""
    return at, later


class Notes(Part):
    """Texts, and moments."""

    sneak = read(note)
    note = write(note)
    texts = read(texts)
    seen = read_at(moment)
    settled = write_at(moment)
    erased = erase_at(moment)


@pytest.fixture
def notes(store):
    return Notes(store.writer, clock=store.clock, defaults=store.defaults)


async def test_a_method_is_its_function_in_a_transaction_of_its_own(notes):
    assert await notes.note("one") == 1
    assert await notes.note("two", twice=True) == 3
    assert await notes.texts() == ["one", "two", "two"]


async def test_what_a_function_raises_undoes_all_that_it_wrote(notes):
    await notes.note("one")
    with pytest.raises(ValueError, match="bad"):
        await notes.note("bad", twice=True)
    assert await notes.texts() == ["one"]


async def test_a_method_that_reads_cannot_write(notes):
    await notes.note("one")
    with pytest.raises(DiskTrouble, match=r"can't be written to|takes no writes"):
        await notes.sneak("two")
    assert await notes.texts() == ["one"]


async def test_a_wrong_argument_is_refused_before_anything_is_written(notes):
    await notes.note("one")
    with pytest.raises(TypeError, match="thrice"):
        await notes.note("two", thrice=True)
    assert await notes.texts() == ["one"]


@pytest.mark.parametrize("kind", ["seen", "settled", "erased"])
async def test_a_moment_is_never_before_what_the_database_has_seen(store, notes, time, kind):
    time.ticks += 50
    await notes.settled()
    await store.writer.write(lambda _: store.clock.settle(1.9e9))  # as a write of then did
    at, later = await getattr(notes, kind)(later=3.0)
    assert (at.now, at.defaults, later) == (1.9e9, DEFAULTS, 3.0)


async def test_only_a_write_makes_the_moment_the_mark(store, notes, time):
    await notes.settled()
    before = await store.writer.read(mark)
    time.ticks += 50
    assert (await notes.seen())[0].now == before + 50
    assert await store.writer.read(mark) == before
    await notes.settled()
    assert await store.writer.read(mark) == before + 50


async def test_a_moment_knows_what_the_machine_s_clock_shows(notes, time):
    time.wall += 3600  # somebody set it
    at, _ = await notes.seen()
    assert at.on_the_wall(at.now) == pytest.approx(time.wall)


async def test_a_method_keeps_the_words_of_its_function(notes):
    assert (Notes.note.__doc__, Notes.note.__name__) == (note.__doc__, "note")
    assert "twice" in inspect.signature(Notes.note).parameters


def test_every_function_of_the_store_is_given_the_database_first_and_says_what_it_does():
    bound = [
        (part, name, method)
        for part in vars(parts).values()
        if inspect.isclass(part) and issubclass(part, Part) and part is not Part
        for name, method in vars(part).items()
        if hasattr(method, "__wrapped__")
    ]
    assert len(bound) > 100
    for part, name, method in bound:
        first, *_ = inspect.signature(method.__wrapped__).parameters
        assert first == "db", f"{part.__name__}.{name}"
        assert method.__doc__, f"{part.__name__}.{name}"


async def test_several_functions_make_one_transaction(store):
    job, _ = await store.jobs.add(draft())
    moved = job.to(State.CANCELLED, now=1001.0)
    await store.jobs.save(job)  # somebody was faster
    with pytest.raises(Stale):
        await store.servers.move(
            By(guild_id=10, actor_id=1), "cancel", moved, "by hand", thread_id=77
        )
    assert (await store.jobs.get(job.id)).thread_id is None, "it was noted, and undone"
    assert await store.moderation.audit(10) == []


async def test_a_store_that_is_closed_says_so_to_whoever_comes_late(tmp_path):
    async with open_store(tmp_path / "closed") as opened:
        await opened.jobs.add(draft(1))
    with pytest.raises(DiskTrouble, match="shutting down"):
        await opened.jobs.get(1)
    with pytest.raises(DiskTrouble, match="shutting down"):
        await opened.jobs.add(draft(2))
