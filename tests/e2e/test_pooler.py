"""The whole bot through a pooler: it works in session mode, and refuses to start in another one."""

import asyncio

import pytest

from tests.app.test_cli import dailies
from tests.e2e.test_server_store import _ended, settings
from tests.rig.house import until, working
from tests.rig.makers import PLAIN, Maker
from tests.rig.paid import ordered
from tests.rig.pooler import pooler
from tests.rig.taking import is_clip

pytestmark = pytest.mark.usefixtures("pooled")


async def test_a_clip_is_made_through_a_pooler_in_session_mode(
    playground, mira, tmp_path, databases
):
    try:
        with pooler(databases.of(tmp_path), "session") as url:
            async with working(
                playground, tmp_path, providers={"plain": Maker("plain", PLAIN)}, **settings(url)
            ) as house:
                await ordered(mira, prompt="a red fox")
                await mira.wait_for(is_clip)
                await until(lambda: _ended(house, 1))
                assert await house.store.check(thorough=True) == []
    finally:
        databases.empty()


async def test_in_transaction_mode_a_start_and_the_doctor_say_what_to_change(tmp_path, databases):
    try:
        with pooler(databases.of(tmp_path), "transaction") as url:
            for command in ("run", "doctor"):
                done = await asyncio.to_thread(
                    dailies, command, cwd=tmp_path, DAILIES_STORE=url, DISCORD_TOKEN="a.b.c"
                )
                assert done.returncode == (2 if command == "run" else 1)
                assert "set pool_mode = session" in " ".join((done.stdout + done.stderr).split())
                assert "Traceback" not in done.stderr
    finally:
        databases.empty()
