"""Whatever Dailies a database comes from, it is brought up whole, or refused and left alone."""

import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path

import pytest

from storage import OrderDefaults, State, WrongSchema, open_store
from storage.opening import DATABASE
from storage.schema import differences, digest, fresh, migrate, migrations, objects
from tests.rig.proving import one_in
from tools.landed import SCRIPTS, landed, present

pytestmark = pytest.mark.sqlite

SUPERSEDED = Path(__file__).parent.parent / "schemas" / "superseded"

#: The sets of scripts that there were before scripts were frozen, the oldest first. A number with
#: a commit is a script as it was then; one without, as it landed for good.
HISTORY = [
    each.split()
    for each in (
        "1@f17201f",
        "1",
        "1 2@8e22c6b 3@8e22c6b",
        "1 2@8e22c6b 3",
        "1 2@8e22c6b 3 4 5@c9b3a37 6",
        "1 2 3 4 5@c9b3a37 6",
        "1 2 3 4 5 6",
        "1 2 3 4 5 6 9",
        "1 2 3 4 5 6 8@5dc23d0 9",
        "1 2 3 4 5 6 7 8@5dc23d0 9",
        "1 2 3 4 5 6 7 8@c775e2a 9",
        "1 2 3 4 5 6 7 8@c775e2a 9 10",
        "1 2 3 4 5 6 7 8 9 10",
    )
]


@cache
def script(name: str) -> str:
    number, _, commit = name.partition("@")
    folder = SUPERSEDED if commit else SCRIPTS
    [path] = folder.glob(f"{int(number):04}_*{commit}.sql")
    return path.read_text()


def upgraded(db: sqlite3.Connection, names: list[str]) -> list[str]:
    """What the Dailies of that day did with a database it knew by its number alone; the scripts
    that it applied."""
    [[seen]] = db.execute("PRAGMA user_version")
    for version, name in enumerate(names[seen:], start=seen + 1):
        try:
            db.executescript(f"BEGIN;\n{script(name)}\nPRAGMA user_version = {version};\nCOMMIT;")
        except sqlite3.OperationalError:  # it refused to start; a later one was tried
            db.execute("ROLLBACK")
            return names[seen : version - 1]
    return names[seen:]


@cache
def databases() -> dict[tuple[str, ...], bytes]:
    """Every list of scripts that a database may have seen, and that database."""
    known: dict[tuple[str, ...], bytes] = {(): b""}
    for names in HISTORY:
        for applied, data in list(known.items()):
            if len(applied) < len(names):
                with closing(opened(data)) as db:
                    found = (*applied, *upgraded(db, names))
                    known.setdefault(found, db.serialize())
    del known[()]
    return known


def opened(data: bytes) -> sqlite3.Connection:
    db = sqlite3.connect(":memory:", isolation_level=None)
    if data:
        db.deserialize(data)
    return db


def unlike() -> list[tuple[str, ...]]:
    """Of those, one of each make."""
    made: dict[tuple[object, ...], tuple[str, ...]] = {}
    for applied, data in databases().items():
        with closing(opened(data)) as db:
            made.setdefault(tuple(sorted(objects(db).items())), applied)
    return list(made.values())


ROWS = """
INSERT INTO job (id, request, guild_id, channel_id, user_id, provider, model, brief, price,
    created_at, state, rev, due_at, since, tries, attempt, billed, file) VALUES
    (1, 'a', 1, 2, 3, 'p', 'm', '{"mode": "image", "image": {"file": "inputs/a.png"}}', 5, 900,
     'queued', 0, 1000, 900, 0, 0, 'no', NULL),
    (2, 'b', 1, 2, 3, 'p', 'm', '{"mode": "text"}', 7, 900, 'queued', 0, 1000, 900, 0, 0, 'no',
     'takes/2.mp4'),
    (9, 'c', 1, 2, 3, 'p', 'm', '{"mode": "text"}', 0, 900, 'queued', 0, 1000, 900, 0, 0, 'no',
     NULL);
DELETE FROM needed WHERE job_id = 9;
DELETE FROM job WHERE id = 9;
INSERT INTO event (job_id, rev, to_state, why, at) VALUES
    (1, 0, 'queued', '', 900), (2, 0, 'queued', '', 900);
INSERT INTO person (id, user_id) VALUES (1, 3);
INSERT INTO txn (id, kind, guild_id, person_id, job_id, day, at) VALUES
    (1, 'reserve', 1, 1, 1, '1970-01-01', 900), (2, 'reserve', 1, 1, 2, '1970-01-01', 900);
INSERT INTO transfer VALUES (1, 'pool:1', 'held:1:1', 5), (2, 'pool:1', 'held:1:1', 7);
INSERT INTO day_use (guild_id, person_id, day, quota, total) VALUES
    (1, 1, '1970-01-01', 12, 12), (1, 0, '1970-01-01', 0, 12);
INSERT INTO clock VALUES (1, 900);
INSERT INTO server (guild_id, zone, burst) VALUES (1, 'Europe/Paris', 4);
INSERT INTO rule VALUES (1, 'member', 0, 500, 'day');
INSERT INTO allowance (guild_id, user_id, amount, at) VALUES (1, 4, 10, 900);
INSERT INTO block VALUES (1, 5, 'spam', NULL);
INSERT INTO audit (guild_id, actor, what, before, after, why, at) VALUES
    (1, 1, 'quota', '{}', '{"amount": 500}', '', 900);
INSERT INTO alarm (guild_id, day, percent) VALUES (1, '1970-01-01', 80);
INSERT INTO prompt_rule (guild_id, kind, text, at) VALUES (1, 'word', 'rude', 900);
INSERT INTO refused (guild_id, channel_id, user_id, why, wanted, at) VALUES
    (1, 2, 3, 'quota', '{}', 900);
INSERT INTO take (job_id, place_id, number) VALUES (2, 2, 1);
INSERT INTO post (message_id, channel_id, job_id, at) VALUES (77, 2, 2, 900);
INSERT INTO favourite VALUES (2, 4, 900);
INSERT INTO preset VALUES (1, 3, 'mine', 'p', 'm', '{"mode": "text"}', 900);
INSERT INTO reaction (message_id, user_id, emoji, n, stands, at) VALUES (77, 4, '⭐', 1, 1, 900);
INSERT INTO review VALUES (1, 55, 66), (8, NULL, 67)
"""

#: Columns whose meaning changed, so that what stood there is not carried over.
CHANGED = {("reaction", "explained")}


def tables(db: sqlite3.Connection) -> dict[str, list[str]]:
    names = [name for kind, name in objects(db) if kind == "table"]
    return {
        name: [row[1] for row in db.execute(f"PRAGMA table_info({name})")] for name in sorted(names)
    }


def rows(db: sqlite3.Connection, columns: dict[str, list[str]]) -> dict[str, list[tuple]]:
    """Every row, as far as *columns* go."""
    return {
        table: sorted(db.execute(f"SELECT {', '.join(names)} FROM {table}").fetchall(), key=repr)
        for table, names in columns.items()
    }


def filled(db: sqlite3.Connection) -> None:
    """Put rows into every table that there is."""
    there = tables(db)
    for statement in ROWS.split(";\n"):
        if statement.split()[2] in there:
            db.execute(statement)


def carried(db: sqlite3.Connection) -> dict[str, list[str]]:
    """The tables and columns whose rows an upgrade keeps as they are."""
    return {
        table: [name for name in names if (table, name) not in CHANGED]
        for table, names in tables(db).items()
        if table not in {"review", "server"}
    }


@pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.long), 5])
def test_every_database_there_ever_was_is_brought_up_whole(every: int) -> None:
    known = unlike()
    assert len(known) > 100
    for applied in list(known)[::every]:
        with closing(opened(databases()[applied])) as db:
            print("brought up:", *applied)  # noqa: T201  # seen where it fails
            is_brought_up_whole(db)


def is_brought_up_whole(db: sqlite3.Connection) -> None:
    filled(db)
    columns, had = carried(db), objects(db)
    before = rows(db, columns)
    migrate(db, Path("some.db"), migrations())
    assert differences(objects(db), fresh(tuple(migrations()))) == []
    assert rows(db, columns) == before
    assert db.execute("SELECT DISTINCT job_id FROM needed ORDER BY 1").fetchall() == [
        (1,),
        (2,),
    ]
    # The number of a job that is gone is not given again.
    assert db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'job'").fetchone() == (9,)
    if ("table", "txn") in had:
        assert db.execute("SELECT * FROM quarter_use").fetchall() == [(1, 12)]
    if ("table", "server") in had:
        server = "SELECT zone, burst, favourites, reviewers FROM server WHERE guild_id = 1"
        kept = (55, 66) if ("table", "review") in had else (None, None)
        assert db.execute(server).fetchone() == ("Europe/Paris", 4, *kept)


@pytest.mark.parametrize("number", one_in(4, range(len(HISTORY))))
async def test_one_that_was_brought_up_is_worked_with(tmp_path: Path, number: int) -> None:
    with closing(sqlite3.connect(tmp_path / DATABASE, isolation_level=None)) as db:
        upgraded(db, HISTORY[number])
        filled(db)
        booked = ("table", "txn") in objects(db)
    async with open_store(tmp_path) as store:
        if booked:
            assert await store.check(thorough=True) == []
        assert await store.files.inputs_of(1) == ["inputs/a.png"]
    async with open_store(tmp_path) as store:  # and it is opened as any other from now on
        job = await store.jobs.get(2)
        assert job is not None
        await store.jobs.save(job.to(State.CANCELLED, now=1000.0))


def test_the_history_holds_those_that_could_not_be_opened() -> None:
    stuck = {"1 2 3 4 5 6 9", "1 2 3 4 5 6 8@5dc23d0 9"}  # "duplicate column name"
    lacking = {"1 2 3 4 5 6 7 8@c775e2a 9 10"}  # five triggers, three indexes and a table too few
    assert {*stuck, *lacking} <= {" ".join(applied) for applied in databases()}


def test_what_has_landed_is_not_changed() -> None:
    known, now = landed(), present()
    for (script_then, schema_then, name), found in zip(known, now, strict=False):
        assert found == (script_then, schema_then, name), (
            f"Migration {name} has landed and stays as it is, because it is in databases already. "
            "Take the change back, and make another migration."
        )
    assert len(now) == len(known), (
        f"{now[-1][2]} is new: write it down with `make migration`, once it is final."
    )


@pytest.mark.parametrize("level", one_in(6, range(1, len(migrations()) + 1)))
async def test_a_database_of_each_level_is_brought_up(tmp_path: Path, level: int) -> None:
    scripts = migrations()
    with closing(sqlite3.connect(tmp_path / DATABASE, isolation_level=None)) as db:
        migrate(db, tmp_path / DATABASE, scripts[:level])
        filled(db)
    async with open_store(tmp_path) as store:
        assert await store.files.inputs_of(1) == ["inputs/a.png"]
    with closing(sqlite3.connect(tmp_path / DATABASE)) as db:
        assert differences(objects(db), fresh(tuple(scripts))) == []
        hashes = [row[0] for row in db.execute("SELECT sha256 FROM migration ORDER BY version")]
    assert hashes == [digest(each) for each in scripts]


async def test_defaults_of_before_people_chose_where_clips_go_are_kept(tmp_path: Path) -> None:
    scripts = migrations()
    with closing(sqlite3.connect(tmp_path / DATABASE, isolation_level=None)) as db:
        migrate(db, tmp_path / DATABASE, scripts[:21])
        db.execute(
            "INSERT INTO order_default (guild_id, whose, target, resolution, duration, threads)"
            " VALUES (10, 'user', 7, '720p', 4, NULL), (10, 'channel', 5, NULL, NULL, 0)"
        )
    async with open_store(tmp_path) as store:
        assert await store.choices.own(10, 7) == OrderDefaults(resolution="720p", duration=4)
        assert await store.choices.threads() == {5: False}


HARM = {
    "an index too few": ("DROP INDEX job_due", "index job_due is missing"),
    "a trigger too few": ("DROP TRIGGER txn_update", "trigger txn_update is missing"),
    "a trigger of somebody's": (
        "CREATE TRIGGER mine AFTER INSERT ON job BEGIN DELETE FROM rule; END",
        "trigger mine is not one of ours",
    ),
    "a column of somebody's": (
        "ALTER TABLE server ADD COLUMN mine TEXT",
        "table server is not as it was made",
    ),
    "another script": (
        "UPDATE migration SET sha256 = 'abc' WHERE version = 3",
        "its migration 3 was another one",
    ),
}


@pytest.mark.parametrize("harm", HARM)
async def test_what_does_not_fit_is_refused_and_left_as_it_is(tmp_path: Path, harm: str) -> None:
    sql, why = HARM[harm]
    async with open_store(tmp_path):
        pass
    with closing(sqlite3.connect(tmp_path / DATABASE, isolation_level=None)) as db:
        db.execute(sql)
    before = (tmp_path / DATABASE).read_bytes()
    with pytest.raises(WrongSchema, match=f"was not changed: {why}.* put a backup in its place"):
        async with open_store(tmp_path):
            pass
    assert (tmp_path / DATABASE).read_bytes() == before


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("CREATE TABLE mine (a)", "table mine is not one of ours"),
        ("ALTER TABLE job ADD COLUMN mine TEXT", "column mine of table job is not one of ours"),
        ("INSERT INTO rule VALUES (1, 'member', 0, -4, 'day')", "a row breaks a rule"),
    ],
)
async def test_an_old_database_with_something_of_somebodys_is_refused(
    tmp_path: Path, sql: str, why: str
) -> None:
    with closing(sqlite3.connect(tmp_path / DATABASE, isolation_level=None)) as db:
        upgraded(db, HISTORY[4])
        db.execute("PRAGMA ignore_check_constraints = ON")
        if "rule" in sql:  # as if its table had been another one
            db.execute("DROP TABLE rule")
            db.execute(
                "CREATE TABLE rule (guild_id INTEGER, whose TEXT, target INTEGER,"
                " amount INTEGER, period TEXT)"
            )
        db.execute(sql)
        schema = objects(db)
    with pytest.raises(WrongSchema, match=why):
        async with open_store(tmp_path):
            pass
    with closing(sqlite3.connect(tmp_path / DATABASE)) as db:
        assert objects(db) == schema
        assert db.execute("PRAGMA user_version").fetchone() == (6,)


async def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / DATABASE)) as db:
        db.execute("CREATE TABLE songs (title)")
    before = (tmp_path / DATABASE).read_bytes()
    with pytest.raises(WrongSchema, match="of another program and was not changed"):
        async with open_store(tmp_path):
            pass
    assert (tmp_path / DATABASE).read_bytes() == before


async def test_what_litestream_keeps_in_a_database_is_no_harm(tmp_path: Path) -> None:
    async with open_store(tmp_path):
        pass
    with closing(sqlite3.connect(tmp_path / DATABASE)) as db:
        db.execute("CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER)")
    async with open_store(tmp_path) as store:
        assert await store.check() == []
