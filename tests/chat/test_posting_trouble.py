"""Discord loses answers, refuses words, or cannot be read for a while: people get one of each."""

import pytest

from bot.errors import Busy, Refusal
from playground.discord.trouble import CUT, EDGE_503, EMPTY, LOST_502, RESET
from storage import State
from tests.rig.house import until
from tests.rig.proving import one_in
from tests.rig.taking import boarded, clip_of, done, first_clip, more, thread_of

WORDS = "a red fox that never was"
LOST = pytest.mark.parametrize(
    "way", one_in(4, [LOST_502, RESET, CUT, EMPTY]), ids=lambda way: way.name
)


async def held(mira, house, plain):
    """The thread of an order whose clip is not ready yet."""
    plain.holds = True
    await (await mira.type("/video text", prompt=WORDS)).answered
    await until(lambda: len(plain.orders) == 1)
    return await thread_of(house)


def results(person):
    return [each for each in person.everything() if "**#1** is ready" in each.text]


@LOST
async def test_a_card_whose_confirmation_was_lost_is_kept_current(playground, mira, house, way):
    lost = playground.trouble("POST", r"/callback$", way)
    await mira.type("/video text", prompt=WORDS)
    await clip_of(mira)
    assert lost.met
    await done(house, 1)
    cards = [each for each in mira.everything() if " · #1\n" in each.text]
    assert len(cards) == 1
    await mira.wait_for(lambda each: each.id == cards[0].id and "Done · #1" in each.text)
    assert not [each for each in mira.everything() if "broke" in each.text]
    assert (await house.store.jobs.get(1)).card_id == cards[0].id


@LOST
async def test_a_thinking_whose_confirmation_was_lost_is_followed_by_the_answer(
    playground, mira, house, way
):
    clip = await first_clip(mira)
    await done(house, 1)
    lost = playground.trouble("POST", r"/callback$", way)
    asked = await more(mira, clip, "🔎")
    shown = await until(lambda: (m := asked.message) and "Done · #1" in m.text and m)
    assert lost.met
    assert shown.ephemeral


@LOST
@pytest.mark.parametrize("what", [r"/threads$", r"/messages$"])
async def test_what_was_made_is_not_made_again(playground, mira, house, plain, way, what):
    """The thread of a card; the clip."""
    lost = playground.trouble("POST", what, way)
    await (await mira.type("/video text", prompt=WORDS)).answered
    clip = await clip_of(mira)
    job = await done(house, 1)
    assert lost.met
    assert clip.channel_id == job.thread_id == job.card_id, "it lives in the thread of its card"
    assert len(results(mira)) == 1


@LOST
async def test_a_clip_whose_post_was_lost_stands_there_once(playground, mira, house, plain, way):
    thread = await held(mira, house, plain)
    lost = playground.trouble("POST", rf"/channels/{thread}/messages$", way, times=2)
    plain.holds = False
    clip = await clip_of(mira)
    job = await done(house, 1)
    assert lost.met
    assert job.result_id == clip.id
    assert results(mira) == [mira.message(clip.id)]


@pytest.mark.parametrize("code", one_in(3, [50035, 200000, 240000]))
@pytest.mark.parametrize("refusals", [1, 2, 3, 4])
async def test_a_message_that_discord_does_not_take_is_said_with_less(
    playground, mira, house, plain, refusals, code
):
    """First without anybody's words, then without buttons, then as a link, then elsewhere."""
    thread = await held(mira, house, plain)
    playground.refuse("POST", rf"/channels/{thread}/messages$", 400, code, times=refusals)
    plain.holds = False
    clip = await mira.wait_for(lambda each: "**#1** is ready" in each.text)
    assert clip.channel_id == (playground.channel("videos").id if refusals == 4 else thread)
    if refusals < 4:
        assert "fox" not in clip.text
        assert all("fox" not in (each.description or "") for each in clip.attachments)
    assert bool(clip.buttons) == (refusals in (1, 4))
    assert bool(clip.attachments) == (refusals != 3)
    assert ("https://x.test/clip.mp4" in clip.text) == (refusals == 3)
    assert (await done(house, 1)).result_id == clip.id


async def test_the_same_words_are_not_tried_again_and_again(playground, mira, house, plain):
    await held(mira, house, plain)
    playground.refuse("POST", r"/messages$", 400, 200000, times=1000)
    before = len(playground.requests)
    plain.holds = False

    async def parked():
        return (await house.store.jobs.get(1)).state is State.UNDELIVERED

    await until(parked)
    job = await house.store.jobs.get(1)
    assert job.error == "Discord doesn't take a message with this clip."
    tried = [c.path for c in playground.requests[before:] if c.method == "POST" and c.status == 400]
    places = {each for each in tried if each.endswith("/messages")}
    assert all(tried.count(each) <= 5 for each in places), "four ways a place, and one alert"


async def test_bad_news_is_told_without_the_words_that_discord_does_not_take(
    playground, mira, house, plain
):
    plain.submits.append(Busy("wait", retry_after=0.5))
    thread = await _refused(playground, mira, house, plain)
    told = await mira.wait_for(lambda each: "**#1** failed" in each.text)
    assert "bad word" not in told.text
    assert told.channel_id == thread


async def _refused(playground, mira, house, plain):
    plain.submits.append(Refusal("A bad word of theirs."))
    await (await mira.type("/video text", prompt=WORDS)).answered
    thread = await thread_of(house)
    playground.refuse("POST", rf"/channels/{thread}/messages$", 400, 200000)
    return thread


async def test_an_earlier_post_is_found_however_much_was_written_since(
    playground, mira, house, plain
):
    clip = await first_clip(mira)
    job = await done(house, 1)
    mira.go(clip.channel_id)
    for number in range(350):
        await mira.say(f"chat {number}")
    playground.clock.advance(600)  # its nonce is forgotten
    file = house.settings.dailies_data / job.file
    assert await house.bot.delivery.clip(job, file, again=True) == clip.id
    assert len(results(mira)) == 1


async def test_what_was_read_in_part_is_not_taken_for_the_whole(playground, mira, ada, house):
    clip = await first_clip(mira)
    job = await done(house, 1)
    mira.go(clip.channel_id)
    await ada.delete(clip)  # so that all would have to be read
    for number in range(120):
        await mira.say(f"chat {number}")
    playground.clock.advance(600)
    file = house.settings.dailies_data / job.file
    playground.trouble("GET", r"/messages$", EDGE_503, later=1)
    with pytest.raises(Busy):
        await house.bot.delivery.clip(job, file, again=True)
    assert not results(mira), "nobody knows yet whether it stands there"


async def test_a_card_is_written_once_discord_takes_edits_again(playground, mira, house, plain):
    plain.holds = True
    asked = await mira.type("/video text", prompt=WORDS)
    await asked.answered
    await thread_of(house)
    playground.trouble("PATCH", r"/messages/@original$", EDGE_503, times=3)
    playground.trouble("PATCH", rf"/messages/{asked.message.id}$", EDGE_503, times=2)
    plain.holds = False
    await clip_of(mira)
    await mira.wait_for(lambda each: each.id == asked.message.id and "Done" in each.text)


async def test_a_card_that_discord_does_not_take_is_shown_without_words(playground, mira, house):
    playground.refuse("POST", r"/callback$", 400, 200000)
    playground.refuse("PATCH", r"/messages/@original$", 400, 200000, times=1)
    playground.refuse("PATCH", r"/channels/\d+/messages/\d+$", 400, 200000, times=1)
    asked = await mira.type("/video text", prompt=WORDS)
    await asked.answered
    assert "fox" not in asked.message.text
    await clip_of(mira)
    await done(house, 1)
    await mira.wait_for(lambda each: each.id == asked.message.id and "Done · #1" in each.text)


@LOST
async def test_a_board_whose_post_was_lost_stands_there_once(playground, mira, house, way):
    clip = await first_clip(mira)
    await done(house, 1)
    lost = playground.trouble("POST", rf"/channels/{clip.channel_id}/messages$", way, later=1)
    await boarded(mira, clip)
    await done(house, 2)
    assert lost.met
    assert len([each for each in mira.everything() if "### Takes" in each.text]) == 1
