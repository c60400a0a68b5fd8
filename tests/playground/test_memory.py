"""A playground with a data directory is the same world after a restart, or after a kill."""

import asyncio
import io
import json
import signal
import sys
from pathlib import Path

import aiohttp
import discord
import pytest

from playground import open_playground
from playground.discord.journal import Journal
from tests.rig.toybot import AgainButton, ToyBot, connected

KEEPER = """
import asyncio, sys
from pathlib import Path
from playground import open_playground

async def main():
    async with open_playground(data=Path(sys.argv[1]), rate_limits=False) as playground:
        videos = playground.channel("videos").id
        print(playground.api_url, playground.token, videos, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_everything_is_still_there_after_a_restart(tmp_path: Path) -> None:
    data = bytes(range(256)) * 10
    async with open_playground(data=tmp_path) as before, connected(before) as bot:
        mira = before.person("mira")
        token = before.token
        channel = bot.get_channel(before.channel("videos").id)
        assert isinstance(channel, discord.TextChannel)
        view = discord.ui.View(timeout=None)
        view.add_item(AgainButton(9))
        card = await channel.send(
            "card", file=discord.File(io.BytesIO(data), "clip.mp4"), view=view, nonce="job-1"
        )
        thread = await card.create_thread(name="takes")
        await thread.send("in the thread")
        await mira.react(card.id, "🔁")
        await mira.say("reply", reply_to=card.id)
        await (await mira.type("/toy secret")).answered
        await (await bot.fetch_user(mira.id)).send("by mail")
        before.world.set_boost(2)
        before.world.lock_thread(thread.id)
        before.add_person("kai")
        before.clock.advance(960)
        last = await mira.say("last")
        words = [message.text for message in mira.messages("videos")]
        assert words == ["card", "reply", "psst", "last"]

    async with open_playground(data=tmp_path) as after:
        assert after.token == token
        mira = after.person("mira")
        assert [message.text for message in mira.messages("videos")] == words
        assert [message.text for message in after.person("jonas").messages("videos")] == [
            "card",
            "reply",
            "last",
        ]
        assert mira.threads("videos") == [card.id]
        assert [message.text for message in mira.messages(thread.id)] == ["", "in the thread"]
        assert after.world.channels[thread.id].thread_metadata.locked
        assert mira.messages(mira.go_to_dm())[0].text == "by mail"
        mira.go("videos")
        seen = mira.message(card.id)
        assert seen is not None
        assert (seen.reactions[0].emoji, seen.reactions[0].mine) == ("🔁", True)
        assert seen.thread_id == card.id
        assert after.person("kai").name == "kai"
        assert {item["name"] for item in mira.commands()} == {"toy"}
        async with aiohttp.ClientSession() as web:
            answer = await web.get(seen.attachments[0].url)
            assert await answer.read() == data
        # Ids go on rising although the turned clock was not kept.
        assert (await mira.say("newest")).id > last.id
        async with connected(after, ToyBot()) as bot:
            assert bot.guilds[0].filesize_limit == 50 * 2**20
            channel = bot.get_channel(after.channel("videos").id)
            assert isinstance(channel, discord.TextChannel)
            old = await channel.fetch_message(card.id)
            await old.edit(content="card, edited")
            assert (await mira.wait_for("card, edited")).id == card.id
            pressed = await (await mira.click(card.id, "Again")).answered
            assert pressed.message is not None
            assert pressed.message.text == "Again: 9"

    async with open_playground(data=tmp_path) as again:
        assert again.person("mira").messages("videos")[0].text == "card, edited"


async def test_what_was_deleted_stays_deleted(tmp_path: Path) -> None:
    async with open_playground(data=tmp_path) as before:
        mira = before.person("mira")
        gone, kept = await mira.say("gone"), await mira.say("kept")
        await mira.delete(gone)
        await mira.start_thread(kept, "thread")
        before.world.delete_channel("storyboards")
    async with open_playground(data=tmp_path) as after:
        mira = after.person("mira")
        assert [message.text for message in mira.messages("videos")] == ["kept"]
        names = [item["name"] for item in mira.channels()]
        assert names == ["videos", "thread"]


async def test_a_killed_playground_forgets_nothing_it_has_said(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KEEPER, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    api, token, videos = (await process.stdout.readline()).decode().split()
    answered: list[str] = []

    async def post(web: aiohttp.ClientSession) -> None:
        for _ in range(1000):
            answer = await web.post(f"{api}/channels/{videos}/messages", json={"content": "x"})
            answered.append((await answer.json())["id"])

    headers = {"Authorization": f"Bot {token}"}
    async with aiohttp.ClientSession(headers=headers) as web:
        posting = asyncio.create_task(post(web))
        while len(answered) < 40:
            await asyncio.sleep(0)
        process.send_signal(signal.SIGKILL)
        with pytest.raises(aiohttp.ClientError):
            await posting
    await process.wait()
    async with open_playground(data=tmp_path) as after:
        there = {str(message.id) for message in after.person("mira").messages("videos")}
        assert set(answered) <= there
        assert len(there) <= len(answered) + 1


async def test_a_line_cut_short_is_no_harm(tmp_path: Path) -> None:
    async with open_playground(data=tmp_path) as before:
        await before.person("mira").say("whole")
    journal = tmp_path / "world.jsonl"
    with journal.open("a") as file:
        file.write('["message","1/2",{"id":2,"chan')
    async with open_playground(data=tmp_path) as after:
        mira = after.person("mira")
        assert [message.text for message in mira.messages("videos")] == ["whole"]
        await mira.say("and on")
    async with open_playground(data=tmp_path) as again:
        assert len(again.person("mira").messages("videos")) == 2


def test_a_damaged_journal_is_not_taken_for_a_short_one(tmp_path: Path) -> None:
    path = tmp_path / "world.jsonl"
    path.write_text('["extra","a",1]\nscribble\n["extra","b",2]\n')
    with pytest.raises(ValueError, match="is damaged in line 2"):
        Journal(path)
    assert "scribble" in path.read_text()


def test_a_journal_does_not_grow_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "world.jsonl"
    journal = Journal(path)
    for number in range(25_000):
        journal.write([("extra", "counter", number)])
    assert path.stat().st_size < 200_000
    journal.close()
    again = Journal(path)
    assert list(again.entries()) == [("extra", "counter", 24_999)]
    again.close()
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        ["extra", "counter", 24_999]
    ]
    assert [item.name for item in tmp_path.iterdir()] == ["world.jsonl"]
