"""A shard is given up in order, and what others changed is heard."""

import discord
import pytest

from bot.app.handover import Handover
from bot.events import Event
from storage import Alone, Chore, DiskTrouble, TakenOver
from storage import Handover as Shards


class Sharing(Alone):
    """What changes hands, as the test says; *told* is what was done, in order."""

    count = 4

    def __init__(self, told):
        self.told = told
        self.hands, self.changed, self.chores = Shards(), frozenset(), set()

    def does(self, chore):
        return chore in self.chores

    async def look(self):
        return self.hands

    async def give_up(self, shards):
        self.told.append(("free", set(shards)))

    async def news(self):
        changed, self.changed = self.changed, frozenset()
        return changed


class Others:
    """The bot, the worker, the slots and the settings, which note what they are asked."""

    def __init__(self, told):
        self.told, self.finished, self.trouble, self.refuses = told, True, None, None

    async def end_shards(self, shards):
        self.told.append(("no more events", set(shards)))

    async def give_up(self, shards):
        self.told.append(("no more steps", set(shards)))
        return self.finished

    async def take_up(self, shards):
        if self.trouble:
            raise self.trouble
        self.told.append(("takes up", set(shards)))

    async def load(self):
        if self.trouble:
            raise self.trouble
        self.told.append("settings")

    async def look(self):
        self.told.append("slots")

    async def register_if_changed(self):
        if self.refuses:
            raise self.refuses
        self.told.append("commands")


@pytest.fixture
def told():
    return []


@pytest.fixture
def sharing(told):
    return Sharing(told)


@pytest.fixture
def others(told):
    return Others(told)


def following(sharing, others):
    taken_over = Event()
    taken_over.listen(others.told.append)
    return Handover(
        sharing, bot=others, worker=others, slots=others, rules=others, taken_over=taken_over
    )


@pytest.fixture
def handover(sharing, others):
    return following(sharing, others)


async def test_nothing_comes_any_more_then_nothing_is_done_then_others_begin(
    handover, sharing, others, told
):
    sharing.hands = Shards(surplus=frozenset({3}))
    others.finished = False
    await handover.shards()
    assert told == [("no more events", {3}), ("no more steps", {3})], "its steps are not finished"
    others.finished = True
    await handover.shards()
    assert told[-1] == ("free", {3})
    told.clear()
    sharing.hands = Shards(gained=frozenset({1, 2}))
    await handover.shards()
    assert told == [("takes up", {1, 2})]


async def test_a_shard_is_taken_up_also_where_the_database_was_away_just_then(
    handover, sharing, others, told
):
    sharing.hands = Shards(gained=frozenset({1}))
    others.trouble = DiskTrouble("The database server can't be reached.")
    with pytest.raises(DiskTrouble):
        await handover.shards()
    sharing.hands, others.trouble = Shards(gained=frozenset({2})), None
    await handover.shards()
    sharing.hands = Shards()
    await handover.shards()
    assert told == [("takes up", {1, 2})]


async def test_who_lost_shards_is_told_though_they_can_not_be_taken_up_yet(
    handover, sharing, others, told
):
    dead = TakenOver(lost_by="studio-1", by="studio-2", shards=2, taken=1)
    sharing.hands = Shards(gained=frozenset({1}), taken_over=[dead])
    others.trouble = DiskTrouble("The database server can't be reached.")
    with pytest.raises(DiskTrouble):
        await handover.shards()
    assert told == [dead]


async def test_settings_that_another_changed_are_read_until_they_were(
    handover, sharing, others, told
):
    sharing.changed = frozenset({"rules"})
    others.trouble = DiskTrouble("The database server can't be reached.")
    with pytest.raises(DiskTrouble):
        await handover.news()
    others.trouble = None
    await handover.news()
    await handover.news()
    assert told == ["settings"]
    sharing.changed = frozenset({"something else"})
    await handover.news()
    assert told == ["settings"]


async def test_commands_are_told_once_that_is_ours_to_do(handover, sharing, others, told):
    await handover.commands()
    assert told == []
    sharing.chores = {Chore.COMMANDS}
    others.refuses = discord.DiscordException("not now")
    await handover.commands()
    others.refuses = None
    await handover.commands()
    assert told == [], "it is tried again in a minute"
    again = following(sharing, others)
    await again.commands()
    assert told == [], "the start did it"
    sharing.chores = set()
    await again.commands()
    sharing.chores = {Chore.COMMANDS}
    for _ in range(2):
        await again.commands()
    assert told == ["commands"]
