"""An order whose answer is lost is worked on as if nothing had happened, and told of once."""

import asyncio
import sqlite3
from dataclasses import replace

import pytest

from storage import Admitted, Brief, State
from tests.rig.drafts import draft
from tests.rig.house import until, working
from tests.rig.losing import Losing
from tests.rig.makers import PLAIN, Maker
from tests.rig.proving import one_in
from tests.rig.slow_host import slow_host
from tests.rig.taking import clip_of, is_clip

ANSWER = r"/interactions/\d+/[^/]+/callback$"
BROKE = "Something broke on our side"


@pytest.fixture
async def host(media):
    async with slow_host(media.picture) as running:
        yield running


@pytest.fixture
async def lossy(playground):
    async with Losing(playground).running() as losing:
        yield losing


@pytest.fixture
async def bot(lossy, tmp_path, host):
    """The whole bot behind a wire that may lose things, with one slow host of inputs."""
    async with working(
        lossy,
        tmp_path,
        providers={"plain": Maker("plain", PLAIN)},
        loopback=frozenset({host.host}),
    ) as deployment:
        yield deployment


def cards(person, number=1):
    return [
        each
        for each in person.everything()
        if each.flags & 1 << 15 and f"· #{number}" in each.text and not each.ephemeral
    ]


async def test_an_answer_that_comes_too_late_ends_no_order(playground, mira, bot, host):
    host.hold()
    await mira.type("/video image", prompt="a fox", link=host.url)
    playground.clock.advance(4)  # "thinking…" is said after a second, and Discord waits three
    await until(lambda: any(each.status == 404 for each in playground.requests))
    host.release()
    await told_once(mira, bot)


@pytest.mark.parametrize("status", one_in(2, [404, 502]))
async def test_an_answer_that_is_refused_ends_no_order(playground, mira, bot, host, status):
    code = 10062 if status == 404 else 0
    playground.refuse("POST", ANSWER, status, code, times=20)
    host.hold()
    await mira.type("/video image", prompt="a fox", link=host.url)
    await until(lambda: any("callback" in each.path for each in playground.requests))
    host.release()
    await told_once(mira, bot)


@pytest.mark.parametrize("done", [False, True], ids=["on its way", "on its way back"])
async def test_an_answer_that_is_lost_ends_no_order(playground, lossy, mira, bot, host, done):
    lossy.drop("POST", ANSWER, done=done, times=20)
    host.hold()
    await mira.type("/video image", prompt="a fox", link=host.url)
    await until(lambda: lossy.lost)
    host.release()
    await told_once(mira, bot)


@pytest.mark.long
@pytest.mark.parametrize("done", [False, True], ids=["on its way", "on its way back"])
async def test_so_it_is_when_the_first_answer_is_the_card(playground, lossy, mira, bot, done):
    lossy.drop("POST", ANSWER, done=done, times=20)
    await mira.type("/video text", prompt="a fox")
    await told_once(mira, bot)


async def test_a_command_that_is_cut_off_ends_no_order(mira, bot, host):
    host.hold()
    await mira.type("/video image", prompt="a fox", link=host.url)
    await until(lambda: host.asked)
    [handler] = [each for each in asyncio.all_tasks() if each.get_name() == "CommandTree-invoker"]
    handler.cancel()
    await asyncio.wait({handler})
    host.release()
    await told_once(mira, bot)


async def told_once(person, bot):
    """The clip comes; there is one card, and nobody read that something broke."""
    clip = await clip_of(person)
    await person.wait_for(lambda each: "Done" in each.text and bool(each.flags & 1 << 15))
    assert len(cards(person)) == 1, [each.text for each in cards(person)]
    assert not [each for each in person.everything() if BROKE in each.text]
    clips = [each for each in person.everything() if is_clip(each)]
    assert [each.id for each in clips] == [clip.id]
    [job] = await bot.store.jobs.newest()
    assert job.state is State.DONE
    assert job.card_id == cards(person)[0].id
    thread = cards(person)[0].id
    assert clip.channel_id == thread, "it has its thread, too"


async def test_a_refusal_that_cannot_be_answered_is_said_privately_once(
    playground, mira, bot, host
):
    playground.refuse("POST", ANSWER, 404, 10062, times=20)
    host.content = b"<html>no picture</html>" * 100
    host.hold()
    await mira.type("/video image", prompt="a fox", link=host.url)
    await until(lambda: any("callback" in each.path for each in playground.requests))
    host.release()
    said = await mira.wait_for(lambda each: "This is a web page" in each.text)
    assert said.channel_id != playground.channel("videos").id, "by direct message"
    assert len([each for each in mira.everything() if "This is a web page" in each.text]) == 1
    assert await bot.store.jobs.newest() == []


async def test_two_gateways_that_hear_of_one_order_make_one_card(playground, mira, bot):
    """The same interaction twice, at the same time."""
    heard = []
    parse = bot.bot._connection.parsers["INTERACTION_CREATE"]

    def twice(data):
        heard.append(data)
        parse(data)
        parse(data)

    bot.bot._connection.parsers["INTERACTION_CREATE"] = twice
    await mira.type("/video text", prompt="a fox")
    await told_once(mira, bot)
    assert heard


async def test_a_crash_between_the_commit_and_the_card_is_healed(playground, mira, tmp_path):
    """All that the next process has is the row."""
    maker = {"plain": Maker("plain", PLAIN)}
    async with working(playground, tmp_path, providers=maker) as first:
        taken = await first.store.policy.admit(
            draft(
                1,
                guild_id=playground.guild.id,
                channel_id=playground.channel("videos").id,
                user_id=mira.id,
                provider="plain",
                model="plain-1",
                brief=first.studio.quotes.best(
                    Brief(prompt="a fox"), provider="plain", request="interaction:1"
                ).brief,
                price=0,
                created_at=playground.clock.now(),
                since=playground.clock.now(),
                due_at=playground.clock.now(),
            ),
            roles=(),
        )
        assert isinstance(taken, Admitted)
    async with working(playground, tmp_path, providers=maker) as second:
        with playground.feed("mira") as feed:
            playground.clock.advance(11)
            await told_once(mira, second)
            posted = [await feed.get() for _ in range(feed._queue.qsize())]
        [card] = cards(mira)
        [pinged] = [
            [each["id"] for each in data["mentions"]]
            for event, data in posted
            if event == "MESSAGE_CREATE" and data["id"] == str(card.id)
        ]
        assert pinged == [str(mira.id)], "nothing else told them that it is on its way"


@pytest.fixture
async def cardless(playground, mira, tmp_path):
    """What a process leaves that was killed once its card was answered and before it was noted."""

    async def leave(*, ended):
        maker = Maker("plain", PLAIN)
        maker.holds = True
        async with working(playground, tmp_path, providers={"plain": maker}) as first:
            await (await mira.type("/video text", prompt="a fox")).answered

            async def rendering():
                [job] = await first.store.jobs.newest()
                return job if job.state is State.RENDERING and job.card_id else None

            job = await until(rendering)
            await first.store.writer.write(
                lambda db: db.execute("UPDATE job SET card_id = NULL, card_channel_id = NULL")
            )
            if ended:
                job = await first.store.jobs.get(job.id)
                job = job.to(State.CANCELLED, now=playground.clock.now(), cancelled_by=mira.id)
                await first.store.jobs.save(replace(job, billed="no"))
        maker.holds = False
        return {"plain": maker}

    return leave


async def test_a_card_that_was_answered_and_not_noted_is_found(
    playground, mira, tmp_path, cardless
):
    maker = await cardless(ended=False)
    async with working(playground, tmp_path, providers=maker) as second:
        playground.clock.advance(61)
        await told_once(mira, second)


async def test_so_it_is_where_the_job_has_ended(playground, mira, tmp_path, cardless):
    maker = await cardless(ended=True)
    [card] = cards(mira)
    assert "Canceled" not in card.text
    async with working(playground, tmp_path, providers=maker) as second:
        async with asyncio.timeout(120):
            while "Canceled" not in cards(mira)[0].text:
                playground.clock.advance(61)
                await asyncio.sleep(0.5)
        [job] = await second.store.jobs.newest()
        assert job.card_id == card.id
    assert [each.id for each in cards(mira)] == [card.id]


async def test_an_ended_job_whose_card_was_never_posted_gets_none(
    playground, mira, tmp_path, cardless
):
    maker = await cardless(ended=True)
    [card] = cards(mira)
    playground.world.delete_message(card.channel_id, card.id)
    async with working(playground, tmp_path, providers=maker):
        before = len(playground.requests)
        playground.clock.advance(61)
        await until(lambda: any("/messages" in each.path for each in playground.requests[before:]))
        await asyncio.sleep(0.5)
        assert cards(mira) == []


async def test_a_card_that_could_not_be_posted_comes_later(playground, mira, bot):
    playground.refuse("POST", ANSWER, 503, times=50)
    playground.refuse("POST", r"/channels/\d+/messages$", 403, 50013, times=1)
    bot.providers["plain"].holds = True
    await mira.type("/video text", prompt="a fox")

    async def rendering():
        [*jobs] = await bot.store.jobs.newest()
        return jobs and jobs[0].state is State.RENDERING and jobs[0].card_id is None

    await until(rendering)
    assert cards(mira) == []
    async with asyncio.timeout(120):
        while not cards(mira):
            playground.clock.advance(61)
            await asyncio.sleep(0.5)
    bot.providers["plain"].holds = False
    await told_once(mira, bot)


async def test_a_full_disk_says_so_and_takes_nothing(playground, mira, bot):
    def full(db):
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count = {pages}")

    await bot.store.writer.write(full)
    asked = []
    for number in range(40):  # what is left on the last page is used up first
        asked.append(await mira.type("/video text", prompt=f"a fox {number} " * 250))
        await asked[-1].answered
        if "disk" in (asked[-1].message.text or ""):
            break
    assert asked[-1].message.text == "The disk is full, so nothing was saved."
    assert asked[-1].ephemeral
    assert not [each for each in mira.everything() if BROKE in each.text]


async def test_a_database_that_another_program_holds_says_so(mira, bot, tmp_path):
    other = sqlite3.connect(tmp_path / "dailies.db", isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        await mira.type("/video text", prompt="a fox")
        said = await mira.wait_for(lambda each: "holding the database" in each.text)
        assert said.text == "Another program is holding the database, so nothing was saved."
    finally:
        other.execute("ROLLBACK")
        other.close()
    await (await mira.type("/video text", prompt="a fox")).answered
    await told_once(mira, bot)
