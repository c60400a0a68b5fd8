"""`dailies job 42` shows all that is known of a clip, beside a running bot, and changes nothing."""

import asyncio
import os
import subprocess
import sys

import pytest

from bot.app.job_report import lines
from bot.errors import Unclear
from storage import look_into, open_store
from tests.app.test_cli import dailies
from tests.rig.databases import fresh
from tests.rig.drafts import draft
from tests.rig.house import until
from tests.rig.paid import ordered
from tests.rig.processes import ROOT


async def test_it_shows_row_events_money_posts_and_files_beside_a_running_bot(
    paid_house, mira, paid
):
    paid.submits.append(Unclear("its reply was lost"))
    await ordered(mira)

    async def parked():
        job = await paid_house.store.jobs.get(1)
        return job is not None and job.state == "unclear" and job.due_at is None

    await until(parked)
    data = paid_house.settings.dailies_data
    async with look_into(data, beside=True) as store:
        found = await store.dossiers.of(1)
    text = "\n".join(lines(found, data))
    assert text.startswith("#1 · unclear since ")
    assert "queued → submitting" in text
    assert "submitting → unclear" in text
    assert f"still held {found.job.price:,}" in text
    assert "reserve: " in text
    assert "Waited for a moderator" in text
    assert found.job.brief.prompt not in text, "prompts are not passed around"
    assert f"{len(found.job.brief.prompt)} characters" in text
    assert found.job.token not in text


async def test_what_is_committed_later_is_read_later(paid_house):
    data = paid_house.settings.dailies_data
    for number in (1, 2):
        await paid_house.store.jobs.add(draft(number, guild_id=1, user_id=7))
        async with look_into(data, beside=True) as store:
            assert await store.dossiers.of(number) is not None
            assert await store.dossiers.of(number + 1) is None


@pytest.mark.long
async def test_a_reader_that_has_read_enough_is_no_error(tmp_path):
    async with open_store(fresh(tmp_path / "data")) as store:
        await store.jobs.add(draft(1))
    read, write = os.pipe()
    os.close(read)  # `dailies job 1 | head`, once head is gone
    command = [sys.executable, "-m", "bot", "job", "#1"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "DAILIES_DATA": str(tmp_path / "data")}
    with os.fdopen(write, "wb") as stdout:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=tmp_path, env=environ, stdout=stdout, stderr=subprocess.PIPE
        )
        _, said = await process.communicate()
    assert (process.returncode, said) == (0, b"")


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (("job", "x"), "x is no clip's number. Write one such as 42."),
        (("job", "0"), "0 is no clip's number."),
        (("playground", "--port", "x"), "x is no port. Write a number from 0 to 65535."),
        (("playground", "--port", "70000"), "70000 is no port."),
    ],
)
def test_what_is_no_number_is_said_in_a_sentence(tmp_path, typed, sentence):
    done = dailies(*typed, cwd=tmp_path)
    assert done.returncode == 2
    assert sentence in done.stderr


@pytest.mark.parametrize("number", ["7", "0", "-1", "99999999999999999999999999"])
async def test_a_number_that_is_not_there_is_one_sentence(tmp_path, number):
    async with open_store(fresh(tmp_path / "data")):
        pass
    done = dailies("job", number, cwd=tmp_path, DAILIES_DATA=str(tmp_path / "data"))
    assert done.returncode != 0
    assert "Traceback" not in done.stdout + done.stderr


def test_without_a_database_it_says_so_and_makes_none(tmp_path):
    done = dailies("job", "1", cwd=tmp_path, DAILIES_DATA=str(tmp_path / "data"))
    assert done.returncode != 0
    assert "There is no database" in done.stderr
    assert not (tmp_path / "data").exists()
