"""Refusals that everybody can read are bounded, come after results, and name everybody once."""

import asyncio

from bot.chat.cards import Pacer
from bot.orders.requester import Requester
from cogs.takes.refused import NAMED, REASONS, Line, Said, text
from storage import By
from tests.rig.house import until
from tests.rig.taking import RETAKE, done, first_clip, own_reactions

PEOPLE = 12


def line(person, why="no.", *, message=1, emoji=RETAKE):
    requester = Requester(guild_id=1, channel_id=2, user_id=person)
    return Line(
        said=Said(line=why, answer=why), message_id=message, requester=requester, emoji=emoji
    )


async def test_many_refusals_are_one_message_of_a_thread(playground, mira, house):
    clip = await first_clip(mira)
    await done(house, 1)
    by = By(guild_id=playground.guild.id, actor_id=1)
    await house.store.moderation.set_server(by, paused="the card expired")
    people = [playground.add_person(f"p{number}") for number in range(PEOPLE)]
    for person in people:
        person.go(clip.channel_id)
    await asyncio.gather(*(person.react(clip, RETAKE) for person in people))

    def lines():
        return [each for each in mira.everything() if "A moderator paused orders" in each.text]

    await until(lambda: any(f"and {PEOPLE - NAMED} more" in each.text for each in lines()))
    assert len(lines()) == 1
    [said] = lines()
    assert said.mentions == ()
    assert said.reference == clip.id
    await until(lambda: not any(RETAKE in own_reactions(each, clip) for each in people))
    assert len(lines()) == 1


def test_a_message_of_many_reasons_stays_short():
    lines = [line(10**17 + n, f"reason {n % 9} " + "x" * 800) for n in range(200)]
    said = text(lines)
    assert len(said) <= 2000
    assert said.count("\n") == REASONS
    assert said.endswith("more reactions were refused.")
    assert said.count("<@") == said.count(">") == REASONS * NAMED, "no mention is cut"


def test_a_person_is_named_once():
    assert text([line(1), line(1, message=2), line(2)]) == f"-# {RETAKE} <@1>, <@2>: no."


async def test_results_go_before_whatever_waits():
    pacer, order = Pacer(per_second=1000), []

    async def one(name, **how):
        await pacer.wait(**how)
        order.append(name)

    await pacer.wait(urgent=True)
    waiting = [asyncio.create_task(one("late", urgent=False)) for _ in range(5)]
    waiting += [asyncio.create_task(one("urgent", urgent=True)) for _ in range(5)]
    waiting += [asyncio.create_task(one("result", urgent=True, result=True)) for _ in range(2)]
    await asyncio.gather(*waiting)
    assert order == ["result"] * 2 + ["urgent"] * 5 + ["late"] * 5
