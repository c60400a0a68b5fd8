"""Each message of ours is known by its parts: with every word replaced it is found again."""

import re
import sqlite3
from dataclasses import replace

import discord
import pytest
from simcord.components import walk_components

from bot.chat.recognizing import FIRST, NOTICES, Kind, is_board, is_card, is_notice, is_result
from bot.errors import Refusal
from storage import State
from tests.rig.drafts import draft
from tests.rig.house import until, working
from tests.rig.taking import RETAKE, clip_of, done, first_clip, is_clip, thread_of


def reworded(playground):
    """Replace every word that we have said: another language, another version, another prompt."""
    world, said = playground.world, 0
    for messages in world.messages.values():
        for message in messages.values():
            if message.author_id != world.bot_user.id:
                continue
            message.content = re.sub(r"\w", "ж", message.content or "")
            for part in walk_components(message.components):
                for field in ("content", "label", "description", "placeholder"):
                    if part.get(field):
                        part[field] = re.sub(r"\w", "ж", part[field])
                        said += 1
                for item in part.get("items") or []:
                    item["description"] = "ж"
    assert said


def ours(playground, mira):
    return [each for each in mira.everything() if each.author_id == playground.world.bot_user.id]


async def test_a_clip_whose_every_word_was_changed_is_found_and_not_posted_again(
    playground, mira, house
):
    clip = await first_clip(mira)
    job = await done(house, 1)
    reworded(playground)
    playground.clock.advance(600)  # its nonce is forgotten
    file = house.settings.dailies_data / job.file
    assert await house.bot.delivery.clip(job, file, again=True) == clip.id
    assert len([each for each in mira.everything() if is_clip(each)]) == 1


@pytest.mark.long
async def test_what_carries_only_a_link_is_found_so_as_well(
    playground, mira, house, plain, media, tmp_path
):
    plain.made = tmp_path / "broken.mp4"
    plain.made.write_bytes(media.clip.read_bytes()[:40] + bytes(11 * 2**20))
    await (await mira.type("/video text", prompt="a fox")).answered
    job = await done(house, 1)
    reworded(playground)
    playground.clock.advance(600)
    file = house.settings.dailies_data / job.file
    before = len(ours(playground, mira))
    assert await house.bot.delivery.clip(job, file, again=True) == job.result_id
    assert len(ours(playground, mira)) == before


async def test_a_clip_that_was_shown_again_is_not_taken_for_the_first_post(
    playground, mira, ada, house
):
    clip = await first_clip(mira)
    job = await done(house, 1)
    mira.go(clip.channel_id)
    await (await mira.type("/video show", clip="1", public=True)).answered
    await mira.wait_for(lambda each: is_clip(each) and each.id != clip.id)
    await ada.delete(clip)
    reworded(playground)
    playground.clock.advance(600)
    file = house.settings.dailies_data / job.file
    assert await house.bot.delivery.clip(job, file, again=True) != clip.id
    assert f"<@{mira.id}> **#1** is ready" in (await clip_of(mira)).text


async def test_bad_news_is_found_whatever_it_says_and_each_state_has_its_own(
    playground, mira, house, plain
):
    plain.submits.append(Refusal("Their words."))
    await (await mira.type("/video text", prompt="a fox")).answered
    await thread_of(house)
    told = await mira.wait_for("**#1** failed")
    job = await house.store.jobs.get(1)
    reworded(playground)
    playground.clock.advance(600)
    delivery = house.bot.delivery
    assert await delivery.notice(job, again=True) == told.id
    assert "failed" not in mira.message(told.id).text, "it was not written anew"
    closed = await delivery.notice(replace(job, state=State.CLOSED), again=True)
    assert closed != told.id, "closed by a moderator afterwards is other news"
    assert await delivery.notice(replace(job, state=State.CLOSED), again=True) == closed


async def test_a_card_is_found_when_its_words_are_others(playground, mira, house, plain):
    """Its answer was lost, so nobody had written down where it stands."""
    plain.holds = True
    asked = await mira.type("/video text", prompt="a fox")
    await asked.answered
    await thread_of(house)
    card = asked.message
    job = await house.store.jobs.get(1)
    reworded(playground)
    channel = house.bot.get_partial_messageable(card.channel_id)
    message = await channel.fetch_message(card.id)
    assert is_card(job)(message)
    assert not is_card(replace(job, id=2))(message), "it says whose it is"
    assert not is_result(job)(message) and not is_notice(job)(message) and not is_board(message)
    plain.holds = False


async def test_a_board_that_nobody_wrote_down_is_found_by_its_parts(
    playground, mira, plain, tmp_path
):
    async with working(playground, tmp_path, providers={"plain": plain}) as house:
        clip = await first_clip(mira)
        await mira.react(clip, RETAKE)
        board = await mira.wait_for("### Takes")
        await done(house, 2)
        await until(lambda: mira.message(board.id) and "2 takes" in mira.message(board.id).text)
    with sqlite3.connect(tmp_path / "dailies.db") as database:
        database.execute("UPDATE thread SET board_id = NULL")
    reworded(playground)
    playground.clock.advance(600)
    async with working(playground, tmp_path, providers={"plain": plain}) as house:
        await mira.react(clip, "⭐")
        again = await mira.wait_for("### Takes")
        assert again.id == board.id, "written anew where it stood"
        assert house is not None


# Messages of version 0.2, which had no numbers.


class Old:
    """What such a message was: words, files, and a box of text without a number."""

    def __init__(self, content="", *, files=(), box=None):
        self.content = content
        self.attachments = [File(name) for name in files]
        self.components = []
        if box is not None:
            data = {"type": 17, "id": 1, "components": [{"type": 10, "id": 2, "content": box}]}
            self.components = [discord.components.Container(data, None)]


class File:
    content_type, url = "video/mp4", "http://x.test/"

    def __init__(self, filename):
        self.filename = filename


async def test_messages_of_earlier_versions_are_known_by_what_those_wrote():
    job = draft(id=7, user_id=3)
    assert is_result(job)(Old("<@3> **#7** is ready · free · take 1"))
    assert is_result(job)(Old("words", files=["dailies-7.mp4"]))
    assert is_result(job)(Old(files=["dailies-7.zip", "dailies-7-preview.mp4"]))
    assert not is_result(job)(Old("<@3> **#71** is ready", files=["dailies-71.mp4"]))
    assert is_card(job)(Old(box="### 🎬 Rendering · #7\n> a fox"))
    assert not is_card(job)(Old(box="### 🎬 Rendering · #71\n> · #7"))
    assert is_board(Old(box="### Takes\n1 take"))
    assert not is_board(Old(box="### Something\n### Takes\n"))
    for state, words in {
        State.FAILED: "failed: no.",
        State.CANCELLED: "was canceled by <@4>.",
        State.EXPIRED: "took too long.",
        State.UNCLEAR: "is on hold.",
        State.REVIEW: "is on hold: something broke.",
        State.CLOSED: "was closed by a moderator.",
    }.items():
        assert is_notice(replace(job, state=state))(Old(f"<@3> **#7** {words}"))
        assert not is_notice(replace(job, state=state))(Old("<@3> **#7** is ready"))


def test_no_number_has_two_meanings():
    numbers = [*Kind, *NOTICES.values()]
    assert len({*numbers}) == len(numbers)
    assert all(FIRST < number < 2**31 for number in numbers)
    assert set(NOTICES) == set(State), "a new state needs a number of its own"
