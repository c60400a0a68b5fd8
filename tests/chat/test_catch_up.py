"""After a new session everything under the clips is read, to its end, before it is believed."""

import asyncio
import re

import pytest

from bot.chat.cards import Pacer
from cogs.takes.catch_up import ReadBack
from cogs.takes.lists import Lists
from playground import Person
from storage import Post, Reaction, State
from tests.rig.house import until, working
from tests.rig.makers import PLAIN, Maker
from tests.rig.taking import EXTEND, FAVOURITE, RETAKE, clip_of, done, first_clip

APPROVE = "✅"
HISTORY = re.compile(r"/channels/\d+/messages$")
REACTIONS = re.compile(r"/reactions/")


class Gate(Pacer):
    """Lets a request begin when the test says so."""

    def __init__(self):
        super().__init__()
        self.asked = 0
        self._turns = asyncio.Semaphore(0)

    async def wait(self, *, urgent):
        self.asked += 1
        await self._turns.acquire()

    async def let(self, requests):
        """Let so many begin, and wait until the next one is asked for."""
        before = self.asked
        for _ in range(requests):
            self._turns.release()
        await until(lambda: self.asked >= before + requests)


def strangers(playground, count):
    """The ids of new members, each larger than those before."""
    world = playground.world
    made = [world.make_user(f"stranger {number}").id for number in range(count)]
    for each in made:
        world.add_member(playground.guild.id, each)
    return made


def reacted(playground, clip, users, emoji):
    for each in users:
        playground.world.add_reaction(clip.channel_id, clip.id, emoji, each)


async def acted_on(house, clip, users, emoji):
    """Write down that the bot knows of these reactions."""
    known = Reaction(n=1, stands=True, at=1.0)
    takes = house.store.takes
    await asyncio.gather(*(takes.set_reaction(clip.id, each, emoji, known) for each in users))
    if emoji == FAVOURITE:
        await asyncio.gather(*(takes.favourite(1, each, at=1.0) for each in users))
    if emoji == APPROVE:
        await asyncio.gather(*(takes.sign_off(1, each, at=1.0) for each in users))


async def favourites(house):
    return (await house.store.takes.get(1, guild_id=house.bot.guilds[0].id)).favourites


async def read_back(house):
    """Until the session that began last has been read back."""
    reader = house.bot.get_cog("ReadBack")
    await (await until(lambda: reader._reading))


def reads(playground, pattern):
    """How often Discord was asked for what fits."""
    return sum(
        call.method == "GET" and bool(pattern.search(call.path)) for call in playground.requests
    )


@pytest.mark.long
async def test_of_a_thousand_favourites_only_those_are_lost_that_were_taken_back(
    playground, tmp_path, mira
):
    plain = Maker("plain", PLAIN)
    async with working(playground, tmp_path, providers={"plain": plain}) as house:
        clip = await first_clip(mira)
        await done(house, 1)
        people = strangers(playground, 1025)
        before, new = people[:1000], people[1000:]
        await acted_on(house, clip, before, FAVOURITE)
        assert await favourites(house) == 1000
    withdrawn = set(before[::37])
    reacted(playground, clip, [each for each in before if each not in withdrawn], FAVOURITE)
    reacted(playground, clip, new, FAVOURITE)
    async with working(playground, tmp_path, providers={"plain": plain}) as house:
        wanted = set(people) - withdrawn

        async def all_there():
            standing = await house.store.takes.standing(clip.id)
            return {user for user, _ in standing} == wanted

        await until(all_there)
        assert await favourites(house) == len(wanted)
        assert reads(playground, REACTIONS) <= 11, "a hundred at a time"


@pytest.mark.long
async def test_sign_offs_and_queued_orders_beyond_the_first_hundred_stand(
    playground, tmp_path, mira
):
    plain = Maker("plain", PLAIN, concurrency=1)
    async with working(playground, tmp_path, providers={"plain": plain}) as house:
        clip = await first_clip(mira)
        await done(house, 1)
        crowd = strangers(playground, 150)
        late = Person(playground.world, playground.feeds, strangers(playground, 1)[0])
        assert late.id > max(crowd)
        plain.holds = True
        await (await mira.type("/video text", prompt="in the way")).answered
        await until(lambda: len(plain.orders) == 2)
        for number, emoji in ((3, RETAKE), (4, EXTEND)):
            await late.react(clip, emoji)
            await until(lambda number=number: house.store.jobs.get(number))
            await acted_on(house, clip, crowd, emoji)
        await acted_on(house, clip, [*crowd, late.id], APPROVE)
    for emoji in (RETAKE, EXTEND, APPROVE):
        reacted(playground, clip, crowd, emoji)
    reacted(playground, clip, [late.id], APPROVE)
    async with working(playground, tmp_path, providers={"plain": plain}) as house:
        await read_back(house)
        states = [(await house.store.jobs.get(number)).state for number in (3, 4)]
        assert states == [State.QUEUED] * 2
        take = await house.store.takes.get(1, guild_id=playground.guild.id)
        assert len(take.approved_by) == 151
        plain.holds = False
        await clip_of(mira, 3)
        await clip_of(mira, 4)


async def test_a_list_that_breaks_off_takes_nothing_back(playground, tmp_path, mira):
    plain = Maker("plain", PLAIN)
    async with working(playground, tmp_path, providers={"plain": plain}) as house:
        clip = await first_clip(mira)
        await done(house, 1)
        people = strangers(playground, 150)
        await acted_on(house, clip, people, FAVOURITE)
        reacted(playground, clip, people[:149], FAVOURITE)
        gate = Gate()
        reactions = house.bot.get_cog("Reactions")
        reader = ReadBack(house.bot, reactions, Lists(house.bot, gate), again=[0.1, 600])
        await reader.on_ready()
        try:
            await until(lambda: gate.asked == 1)
            await gate.let(2)  # the messages, and the first hundred
            playground.refuse("GET", r"/reactions/", 503)
            await gate.let(1)
            assert await favourites(house) == 150
            for _ in range(9):  # all of it once more
                gate._turns.release()

            async def one_less():
                return await favourites(house) == 149

            await until(one_less)
        finally:
            await reader.cog_unload()


async def test_what_is_taken_back_while_the_lists_are_read_orders_nothing(
    playground, tmp_path, mira, jonas
):
    plain = Maker("plain", PLAIN)
    async with working(playground, tmp_path, providers={"plain": plain}) as house:
        clip = await first_clip(mira)
        await done(house, 1)
        reactions, gate = house.bot.get_cog("Reactions"), Gate()
        reader = ReadBack(house.bot, reactions, Lists(house.bot, gate))
        await house.bot.add_cog(reader, override=True)
        await house.bot.remove_cog("Reactions")  # nobody hears: the reaction is only read back
        await jonas.react(clip, RETAKE)
        await reader.on_ready()
        await until(lambda: gate.asked == 1)
        await gate.let(2)  # the messages, and who gave 🔁; next is who jonas is
        await jonas.unreact(clip, RETAKE)
        await until(lambda: reader._watched[clip.id][0]._each)
        gate._turns.release()
        await reader._reading
        assert await house.store.jobs.get(2) is None
        await jonas.react(clip, RETAKE)
        await reader.on_ready()
        for _ in range(9):
            gate._turns.release()
        await until(lambda: house.store.jobs.get(2))


async def test_each_new_session_is_read_back_however_soon_it_begins(playground, mira, jonas, house):
    clip = await first_clip(mira)
    await done(house, 1)
    for person in (mira, jonas):
        await playground.gateway.invalidate()
        await person.react(clip, FAVOURITE)  # no session hears of it
        await until(lambda person=person: house.store.takes.is_favourite(1, person.id))


async def test_sessions_that_begin_at_once_are_read_back_together(playground, mira, house):
    clip = await first_clip(mira)
    await done(house, 1)
    await read_back(house)
    reader = house.bot.get_cog("ReadBack")
    before, earlier = reads(playground, HISTORY), reader._reading
    for _ in range(5):
        house.bot.dispatch("ready")
    await until(lambda: reader._reading is not earlier)
    await reader._reading
    assert reads(playground, HISTORY) - before in (1, 2), "one place, read once or twice"
    assert clip.channel_id


async def test_a_session_that_resumes_reads_nothing_back(playground, mira, jonas, house):
    clip = await first_clip(mira)
    await done(house, 1)
    await read_back(house)
    before = reads(playground, HISTORY)
    await playground.gateway.drop()
    await jonas.react(clip, FAVOURITE)
    await until(lambda: house.store.takes.is_favourite(1, jonas.id))
    assert playground.gateway.resumed == 1
    assert reads(playground, HISTORY) == before


@pytest.mark.long
async def test_a_clip_below_hundreds_of_others_and_an_old_reply_are_read_back(
    playground, tmp_path, mira, jonas
):
    plain = Maker("plain", PLAIN)
    world = playground.world
    async with working(playground, tmp_path, providers={"plain": plain}) as house:
        clip = await first_clip(mira)
        await done(house, 1)
        mira.go(clip.channel_id)
        reply = await mira.say("as a drawing", reply_to=clip)
        boards, bot = playground.channel("storyboards").id, world.bot_user.id
        others = [world.create_message(boards, bot, f"again {n}").id for n in range(250)]
        now = house.bot.clock()
        await asyncio.gather(
            *(
                house.store.takes.posted(Post(message_id=each, channel_id=boards, job_id=1, at=now))
                for each in others
            )
        )
    for number in range(350):
        world.create_message(clip.channel_id, jonas.id, f"chat {number}")
    world.add_reaction(boards, others[0], FAVOURITE, jonas.id)
    world.delete_message(boards, others[1])
    await mira.react(reply, RETAKE)
    async with working(playground, tmp_path, providers={"plain": plain}) as house:
        await until(lambda: house.store.takes.is_favourite(1, jonas.id))
        await clip_of(mira, 2)
        assert plain.orders[-1].prompt == "as a drawing"

        async def known_to_be_gone():
            return len(await house.store.takes.posts_of(1)) == 250

        await until(known_to_be_gone)


@pytest.mark.long
async def test_a_deleted_message_takes_no_other_with_it(playground, tmp_path, mira):
    plain = Maker("plain", PLAIN)
    async with working(playground, tmp_path, providers={"plain": plain}) as house:
        clip = await first_clip(mira)
        await done(house, 1)
        mira.go(clip.channel_id)
        await mira.react(clip, RETAKE)
        await clip_of(mira, 2)
        await done(house, 2)
        playground.refuse("GET", rf"/messages/{clip.id}/reactions/", 404, 10008)
        await house.bot.get_cog("ReadBack").on_ready()

        async def first_is_gone():
            return not await house.store.takes.posts_of(1)

        await until(first_is_gone)
        assert await house.store.takes.posts_of(2)


@pytest.mark.long
@pytest.mark.parametrize("count", [1, 101])
async def test_a_take_that_stands_in_many_places_is_taken_down_in_all(house, mira, count):
    await first_clip(mira)
    await done(house, 1)
    posts = [Post(message_id=number, channel_id=1, job_id=1, at=1.0) for number in range(1, count)]
    await asyncio.gather(*(house.store.takes.posted(post) for post in posts))
    assert len(await house.store.takes.posts_of(1)) == count
