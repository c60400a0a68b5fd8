"""The whole bot with its rows on a PostgreSQL server: a clip, a server that is away, a restart."""

import asyncio
import json
import logging
import re
import signal

import aiohttp
import pytest
from pydantic import SecretStr

from bot.app.cli import main
from bot.errors import Trouble
from bot.exits import Exit
from bot.machine_trouble import trouble_of
from storage import ENDED, ServerTrouble, State, look_into, open_store
from tests.e2e.test_kill import SMALL, exactly_one_clip, order, run
from tests.rig.drafts import draft
from tests.rig.house import HANGS, until, working
from tests.rig.makers import PLAIN, Maker
from tests.rig.paid import ordered, paid_provider
from tests.rig.s3 import s3
from tests.rig.taking import is_clip

AWAY = "The database server can't be reached, so "


def settings(url):
    """The rows are there, and none of this machine's file is looked at."""
    return {"dailies_store": SecretStr(url)}


async def test_a_clip_is_ordered_made_posted_and_found(playground, mira, tmp_path, databases):
    url = databases.of(tmp_path)
    try:
        async with working(
            playground, tmp_path, providers={"plain": Maker("plain", PLAIN)}, **settings(url)
        ) as house:
            for number in (1, 2):
                await ordered(mira, prompt=f"a red fox {number}")
                await mira.wait_for(
                    lambda each, number=number: is_clip(each) and f"fox {number}" in each.text
                )
            await until(lambda: _ended(house, 2))
            found = await mira.type("/video search", words="fox")
            await found.answered
            await until(lambda: found.message is not None and "fox 2" in found.message.text)
            assert await house.store.check(thorough=True) == []
        async with working(
            playground, tmp_path, providers={"plain": Maker("plain", PLAIN)}, **settings(url)
        ) as house:
            assert len(await house.store.jobs.newest()) == 2, "a restart finds them"
            assert await house.store.check(thorough=True) == []
    finally:
        databases.empty()


async def test_while_the_server_is_away_nothing_is_lost_or_charged(
    playground, mira, tmp_path, own_server
):
    url = own_server.create("bot", template="dailies_template")
    held = paid_provider()
    async with working(playground, tmp_path, providers={"held": held}, **settings(url)) as house:
        await ordered(mira, prompt="before")
        await until(lambda: _in(house, 1, State.RENDERING))
        await asyncio.to_thread(own_server.stop, "immediate")
        asked = await ordered(mira, prompt="meanwhile")
        await until(lambda: asked.message is not None and not asked.message.loading, 30)
        assert AWAY in asked.message.text
        assert asked.ephemeral, "said to who ordered, alone"
        await asyncio.to_thread(own_server.start)
        again = await ordered(mira, prompt="afterwards")
        await until(lambda: again.message is not None and "afterwards" in again.message.text)
        jobs = await house.store.jobs.newest()
        assert {job.brief.prompt for job in jobs} == {"before", "afterwards"}
        assert (await house.store.policy.bill(jobs[-1].id)).held == jobs[-1].price
        assert await house.store.check(thorough=True) == []
        assert (await house.store.jobs.get(1)).state is State.RENDERING, "it goes on"


async def test_a_bot_that_was_replaced_ends(playground, mira, tmp_path, databases, caplog):
    url = databases.of(tmp_path)
    try:
        with (
            caplog.at_level(logging.ERROR),
            pytest.raises(Exit) as error,
        ):  # an Exit, maybe in a group
            async with working(
                playground, tmp_path, providers={"held": paid_provider()}, **settings(url)
            ) as house:
                with databases.raw(tmp_path) as db:
                    db.execute("UPDATE dailies.lease SET epoch = epoch + 1, holder = 'another'")
                await until(house.store.lease.gone.is_set)
        assert "Another Dailies has taken over" in str(error.value)
    finally:
        databases.empty()


def test_trouble_with_the_server_is_no_trouble_of_the_disk():
    trouble = trouble_of(ServerTrouble(AWAY))
    assert isinstance(trouble, Trouble)
    assert trouble.kind == "server"


@pytest.mark.parametrize("command", [["backup", "/tmp/there"], ["restore", "/tmp/there"]])
def test_the_files_commands_say_what_holds_for_a_server(command, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAILIES_STORE", "postgresql://dailies:canary@127.0.0.1:1/x")
    with pytest.raises(SystemExit) as end:
        main(command)
    said = capsys.readouterr()
    assert end.value.code == 2
    assert "pg_dump" in said.err
    assert "canary" not in said.err + said.out


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("mysql://x@y/z", "DAILIES_STORE can't be used: write an address such as postgresql://"),
        ("postgresql://canary@host", "DAILIES_STORE can't be used: write an address such as"),
    ],
)
def test_an_address_that_is_none_is_refused(value, said, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAILIES_STORE", value)
    with pytest.raises(SystemExit) as end:
        main(["check"])
    err = capsys.readouterr().err
    assert end.value.code == 2
    assert said in err
    assert "canary" not in err


def test_no_command_says_the_password(databases, monkeypatch, tmp_path, capsys, caplog):
    url = databases.of(tmp_path)
    try:
        secret = "canary-of-the-store"
        monkeypatch.chdir(tmp_path)
        (tmp_path / "address").write_text(url.replace("dailies@", f"nobody_there:{secret}@"))
        monkeypatch.setenv("DAILIES_STORE_FILE", str(tmp_path / "address"))
        with caplog.at_level(logging.DEBUG):
            for command in (["check"], ["job", "1"], ["doctor"], ["doctor", "--json"]):
                with pytest.raises(SystemExit):
                    main(command)
        said = capsys.readouterr()
        assert 'role "nobody_there" does not exist' in said.err
        assert secret not in said.err + said.out + caplog.text
        assert json.loads(said.out[said.out.index("{") :] if "{" in said.out else "{}") is not None
    finally:
        databases.empty()


async def _ended(house, count):
    jobs = await house.store.jobs.newest()
    return len(jobs) == count and all(job.state is State.DONE for job in jobs)


async def _in(house, number, state):
    job = await house.store.jobs.get(number)
    return job is not None and job.state is state


async def test_move_says_what_it_did_and_what_is_next(databases, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    async with open_store(tmp_path / "data") as store:
        await store.jobs.add(draft(1))
    for given, said in (([], "Say where: "), (["--to", "mysql://a@b/c"], "can't be used")):
        with pytest.raises(SystemExit) as end:
            await asyncio.to_thread(main, ["move", *given])
        assert end.value.code == 2
        assert said in capsys.readouterr().err
    try:
        with pytest.raises(SystemExit) as end:
            await asyncio.to_thread(main, ["move", "--to", databases.of(tmp_path)])
        assert end.value.code == 0
        said = capsys.readouterr().out
        assert "each compared" in said
        assert "Next: set DAILIES_STORE" in said
        assert "postgresql://" not in said
    finally:
        databases.empty()


def shared(url, bucket):
    """What all of several processes are given."""
    given = {name.upper(): str(value) for name, value in bucket.settings().items()}
    return {"DAILIES_STORE": url, **given}


async def asked(log, path):
    """What a process that stands by answers: the status, and what it says of itself."""
    port = re.search(r"is doing is said on port (\d+)", log.read_text())[1]
    url = f"http://127.0.0.1:{port}{path}"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        body = await answer.json()
    return answer.status, body["ok"], body["trouble"], body.get("remarks", [])


async def test_without_a_bucket_nobody_stands_by(playground, tmp_path, databases):
    url = databases.of(tmp_path)
    log, second = tmp_path / "log", tmp_path / "second"
    try:
        async with run(playground, tmp_path / "a", log, DAILIES_STORE=url):
            await until(lambda: playground.online)
            async with run(playground, tmp_path / "b", second, DAILIES_STORE=url) as other:
                assert await asyncio.wait_for(other.wait(), HANGS) == 3
        [line] = second.read_text().splitlines()
        assert line.startswith("Another Dailies (")
        assert "DAILIES_S3_BUCKET" in line
    finally:
        databases.empty()


@pytest.mark.long
async def test_one_stands_by_and_goes_on_when_the_other_is_stopped(
    playground, mira, tmp_path, databases
):
    url = databases.of(tmp_path)
    logs = [tmp_path / "first", tmp_path / "second", tmp_path / "third"]
    try:
        async with (
            s3() as bucket,
            run(playground, tmp_path / "a", logs[0], **shared(url, bucket)) as first,
        ):
            await until(lambda: playground.online)
            async with (
                run(playground, tmp_path / "b", logs[1], **shared(url, bucket)) as second,
                run(playground, tmp_path / "c", logs[2], **shared(url, bucket)) as third,
            ):
                await until(lambda: all("is doing is said" in log.read_text() for log in logs[1:]))
                holder = (tmp_path / "a" / "dailies.holder").read_text().strip()
                says = f"standing by for {holder}"
                assert await asked(logs[1], "/livez") == (200, True, [], [])
                assert await asked(logs[1], "/healthz") == (200, True, [], [says])
                assert await asked(logs[1], "/readyz") == (503, False, [says], [])
                third.send_signal(signal.SIGTERM)
                assert await asyncio.wait_for(third.wait(), HANGS) == 0, "a standby ends, too"
                first.send_signal(signal.SIGTERM)
                assert await asyncio.wait_for(first.wait(), HANGS) == 0
                await order(playground, mira, **SMALL)
                await exactly_one_clip(playground, mira, logs[1])
                second.send_signal(signal.SIGTERM)
                assert await asyncio.wait_for(second.wait(), HANGS) == 0
        assert all("Traceback" not in log.read_text() for log in logs)
        async with look_into(tmp_path, server=url) as store:
            assert await store.check(thorough=True) == []
    finally:
        databases.empty()


@pytest.mark.long
async def test_what_a_killed_one_was_making_ends_once_where_another_takes_over(
    playground, mira, tmp_path, databases
):
    url = databases.of(tmp_path)
    logs = [tmp_path / "first", tmp_path / "second"]
    try:
        async with (
            s3() as bucket,
            run(
                playground, tmp_path / "a", logs[0], **shared(url, bucket), LOCAL_SECONDS="4"
            ) as first,
        ):
            await until(lambda: playground.online)
            async with run(
                playground, tmp_path / "b", logs[1], **shared(url, bucket), LOCAL_SECONDS="4"
            ):
                await until(lambda: "Standing by" in logs[1].read_text())
                await order(playground, mira, **SMALL)
                await mira.wait_for("Rendering")
                first.kill()
                await first.wait()

                async def over():
                    async with look_into(tmp_path, server=url, beside=True) as store:
                        job = await store.jobs.get(1)
                        return job is not None and job.state in ENDED and job.due_at is None

                await until(over)
                assert len([each for each in mira.everything() if is_clip(each)]) <= 1
        async with look_into(tmp_path, server=url, beside=True) as store:
            ends = [each for each in await store.jobs.history(1) if each.after in ENDED]
            assert len(ends) == 1
            assert await store.check(thorough=True) == []
    finally:
        databases.empty()
