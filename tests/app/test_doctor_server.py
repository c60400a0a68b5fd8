"""`dailies doctor` on the database server: what it is, how safe it is, who uses it."""

import json
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from bot.app.doctor_server import tell_of
from bot.app.findings import Level, Report
from bot.settings import Settings
from storage.postgresql.connecting import LOOKS
from storage.postgresql.opening import open_server
from storage.processes import Present
from storage.server_facts import ServerFacts, examine_server
from tests.app.test_cli import dailies
from tests.app.test_doctor import said
from tests.app.test_processes import standing_by
from tests.e2e.test_server_store import settings as server
from tests.rig.house import settings_for, working
from tests.rig.paid import paid_provider

ROOT = Path(__file__).parent.parent.parent
WELL = ServerFacts(
    place=" (db.example, database dailies)",
    version="17.2",
    old=False,
    encoding="UTF8",
    icu=True,
    owner=True,
    recovering=False,
    careless=(),
    replicas=0,
    synchronous=False,
    connections=90,
    needed=6,
    ahead=0.2,
    present=Present(holders={0: "studio-1234"}, standing_by=1),
    epoch=7,
)


def told(facts, **more):
    """What is said of it, by part."""
    bucket = {
        "dailies_s3_bucket": "clips",
        "dailies_s3_endpoint": "https://s3.example",
        "dailies_s3_access_key": SecretStr("a"),
        "dailies_s3_secret_key": SecretStr("b"),
    }
    report = Report(as_json=True)
    tell_of(facts, Settings(**{**bucket, **more}), report)
    return {each.part: each for each in report.found}


def test_a_server_that_is_well_is_told_in_full():
    found = told(WELL)
    assert {each.level for each in found.values()} == {Level.OK}
    assert {part: each.found for part, each in found.items()} == {
        "database server": "PostgreSQL 17.2 (db.example, database dailies)",
        "database text": "UTF-8, with ICU",
        "database durability": "commits wait for the disk (synchronous_commit=on), no replica is "
        "connected",
        "lease": "studio-1234 is the bot, epoch 7",
        "standby": "1 process stands by",
    }


@pytest.mark.parametrize(
    ("change", "part", "level", "words", "fix"),
    [
        ({"old": True, "version": "13.1"}, "database server", "error", "13.1", "14 or newer"),
        ({"recovering": True}, "database server", "error", "takes no writes", "primary"),
        ({"owner": False}, "database server", "error", "make tables", "owner"),
        ({"encoding": "LATIN1"}, "database text", "error", "LATIN1", "ENCODING 'UTF8'"),
        ({"icu": False}, "database text", "error", "without ICU", "with ICU"),
        ({"connections": 3}, "database connections", "warning", "3 more", "max_connections"),
        (
            {"connections": -1, "present": Present()},
            *("database connections", "error", "0 more", "needs 6"),
        ),
        (
            {"connections": 6, "needed": 7},
            *("database connections", "warning", "6 more", "needs 7"),
        ),
        ({"ahead": -42.0}, "database clock", "warning", "-42 s from", "NTP"),
        ({"careless": ("fsync",)}, "database durability", "error", "fsync off", "turn fsync on"),
        ({"replicas": 2}, "database durability", "warning", "2 replicas", "synchronous_standby"),
        (
            {"synchronous": True},
            *("database durability", "error", "none is connected", "synchronous_standby_names"),
        ),
        (
            {"outdated": (" (db1:5432, database x)",)},
            *("replaced server", "error", "takes writes (db1:5432, database x)", "pg_rewind"),
        ),
        ({"replicas": 1, "synchronous": True}, "database durability", "ok", "a replica (1", ""),
        ({"present": Present()}, "lease", "ok", "nobody is the bot now, epoch 7", ""),
        ({"present": Present(), "epoch": None}, "lease", "ok", "nobody is the bot now", ""),
    ],
)
def test_what_is_not_well_is_told_with_its_fix(change, part, level, words, fix):
    found = told(replace(WELL, **change))[part]
    assert found.level == level
    assert words in found.found
    assert fix in found.fix
    assert bool(found.fix) == (level != "ok")


@pytest.mark.parametrize("shards", [1, 4])
async def test_as_many_connections_are_asked_for_as_a_process_keeps(tmp_path, databases, shards):
    url = databases.of(tmp_path)
    try:
        async with open_server(tmp_path / "a", url, shards=shards):
            needed = (await examine_server(url, shards=shards)).needed
            with databases.raw(tmp_path) as db:
                [kept] = db.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND application_name LIKE 'dailies%%' AND application_name <> ALL (%s)",
                    [["dailies doctor", LOOKS]],  # they are closed, which the server may not know
                ).fetchone()
        page = (ROOT / "docs" / "several-machines.md").read_text("utf-8")
        said = {6: "Each process keeps six connections", 7: "seven with shards"}[kept]
        assert needed == kept
        assert said in page
    finally:
        databases.empty()


def test_too_few_that_stand_by_and_a_bucket_that_is_missing_are_told():
    found = told(WELL, dailies_standbys=2)["standby"]
    assert (found.level, found.found) == ("warning", "1 process stands by of 2")
    report = Report(as_json=True)
    tell_of(replace(WELL, present=Present(holders={0: "x"})), Settings(), report)
    [found] = [each for each in report.found if each.part == "standby"]
    assert found.level == "warning"
    assert "DAILIES_S3_BUCKET" in found.fix


async def test_beside_a_running_bot_it_says_who_works_and_who_stands_by(
    playground, tmp_path, databases, capsys
):
    url = databases.of(tmp_path)
    try:
        async with (
            working(
                playground, tmp_path, providers={"held": paid_provider()}, **server(url)
            ) as house,
            standing_by(house, tmp_path / "second", url),
        ):
            me = (tmp_path / "dailies.holder").read_text().strip()
            with databases.raw(tmp_path) as db:
                before = db.execute("SELECT part, holder, epoch FROM dailies.lease").fetchall()
            found = await said(settings_for(playground, tmp_path, **server(url)), capsys)
            with databases.raw(tmp_path) as db:
                after = db.execute("SELECT part, holder, epoch FROM dailies.lease").fetchall()
        assert after == before
        assert found["database server"]["level"] == "ok"
        assert found["database server"]["found"].startswith("PostgreSQL ")
        assert found["database text"]["level"] == "ok"
        assert found["database durability"]["found"].startswith("fsync and full_page_writes off")
        assert found["lease"]["found"] == f"{me} is the bot, epoch 1"
        assert found["standby"]["fix"].startswith("set DAILIES_S3_BUCKET")
        assert found["data"]["found"].endswith("in use by a running Dailies")
    finally:
        databases.empty()


@pytest.mark.long
def test_an_empty_database_is_left_empty_and_one_that_is_away_is_told(own_server, tmp_path):
    url = own_server.create("empty")

    def asked():
        done = dailies(
            *("doctor", "--json"),
            cwd=tmp_path,
            DAILIES_STORE=url,
            DISCORD_TOKEN="MTIz.abcdef.ghijkl",
            DISCORD_API_URL="http://127.0.0.1:9",
            DAILIES_DATA=str(tmp_path / "data"),
            DAILIES_WEB_PORT="0",
        )
        assert (done.returncode, done.stderr) == (1, "")  # there is no Discord
        return {each["part"]: each for each in json.loads(done.stdout)["findings"]}

    found = asked()
    assert found["database server"]["level"] == found["database text"]["level"] == "ok"
    assert found["lease"]["found"] == "nobody is the bot now"
    with psycopg.connect(own_server.url("empty", "tester")) as db:
        assert db.execute("SELECT to_regnamespace('dailies')").fetchone() == (None,)
    own_server.stop("immediate")
    found = asked()
    assert found["database server"]["level"] == "error"
    assert "can't be opened" in found["database server"]["found"]
    assert "DAILIES_STORE" in found["database server"]["fix"]
    assert found["clock"]["level"] == "ok", "it went on to the end"
