"""From the key press to the clip, over Discord's real protocol, with the bot as it ships."""

import asyncio
import re

import aiohttp
import pytest
from simcord.components import walk_components

from bot.errors import Failure, Refusal
from bot.media.probe import probe
from playground import PersonCannot
from storage import State
from tests.rig.doubles import Held
from tests.rig.house import until, working
from tests.rig.taking import is_clip

MINE = "is ready"


@pytest.fixture
def held():
    return Held()


@pytest.fixture
async def held_house(playground, tmp_path, held):
    async with working(playground, tmp_path, providers={"held": held}) as deployment:
        yield deployment


def card_of(person, text="#1"):
    """The card with this number, as it is now."""
    cards = [
        message
        for message in person.everything()
        if message.flags & 1 << 15 and text in message.text and not message.ephemeral
        if not is_clip(message)
    ]
    return cards[-1] if cards else None


async def clip_bytes(message):
    async with aiohttp.ClientSession() as web, web.get(message.attachments[0].url) as answer:
        return await answer.read()


async def test_an_order_becomes_a_card_a_thread_progress_a_clip_and_one_ping(
    playground, mira, tmp_path
):
    async with working(playground, tmp_path / "data", environ={"LOCAL_SECONDS": "2"}):
        seen = []
        with playground.feed("mira") as feed:
            asked = await mira.type(
                "/video text",
                prompt="a red fox",
                duration=3,
                resolution="480p",
                fps=25,
                aspect="9:16",
                seed=7,
                sound=True,
            )
            await asked.answered
            card = asked.message
            assert "a red fox" in card.text
            assert "free" in card.text, "the price is said before it is spent"
            clip = await mira.wait_for(lambda each: bool(each.attachments))
            await mira.wait_for(lambda each: "Done" in each.text and each.id == card.id)
            while not feed._queue.empty():
                event, data = await feed.get()
                if event in {"MESSAGE_CREATE", "MESSAGE_UPDATE"} and data["id"] == str(card.id):
                    seen.append(str(data))
        stages = [stage for stage in ("Rendering", "Done") if any(stage in each for each in seen)]
        assert stages == ["Rendering", "Done"]
        [thread] = mira.threads("videos")
        assert clip.channel_id == thread == card.id, "the thread is started from the card"
        assert clip.mentions == (mira.id,)
        assert clip.attachments[0].description == "A clip made from: a red fox"
        pings = [message for message in mira.everything() if message.mentions]
        assert [message.id for message in pings] == [clip.id]

        path = tmp_path / "clip.mp4"
        path.write_bytes(await clip_bytes(clip))
        made = await probe(path)
        assert (made.width, made.height, round(made.fps)) == (480, 854, 25)
        assert made.seconds == pytest.approx(3, abs=0.1)
        assert made.video_codec == "h264"
        assert made.audio_codec == "aac"


async def test_two_people_at_once_each_get_their_own(playground, mira, held, held_house):
    jonas = playground.person("jonas")
    await asyncio.gather(
        mira.type("/video text", prompt="a heron"), jonas.type("/video text", prompt="a whale")
    )
    held.finished = True
    hers = await mira.wait_for(lambda each: MINE in each.text and mira.id in each.mentions)
    his = await jonas.wait_for(lambda each: MINE in each.text and jonas.id in each.mentions)
    assert hers.channel_id != his.channel_id
    assert "heron" in hers.attachments[0].description
    assert "whale" in his.attachments[0].description


async def test_inside_a_thread_the_bot_stays_there(playground, mira, held, held_house):
    await mira.type("/video text", prompt="first")
    card = await mira.wait_for("#1")
    thread = (await until(lambda: mira.threads("videos")))[0]
    mira.go(thread)
    await (await mira.type("/video text", prompt="second")).answered
    held.finished = True
    clip = await mira.wait_for(lambda each: MINE in each.text and "#2" in each.text)
    assert clip.channel_id == thread == card.id
    assert len(mira.threads("videos")) == 1


async def test_a_clip_in_the_queue_is_cancelled_and_never_sent(playground, mira, held, held_house):
    for word in ("one", "two", "three", "four"):
        await (await mira.type("/video text", prompt=word)).answered
    card = await mira.wait_for(lambda each: "Queued 1 of 2" in each.text)
    await mira.wait_for(lambda each: "Queued 2 of 2" in each.text)
    await mira.click(card, "Cancel")
    await mira.wait_for(lambda each: each.id == card.id and "Canceled" in each.text)
    playground.clock.advance(6)
    await mira.wait_for(lambda each: "Queued 1 of 1" in each.text)
    held.finished = True
    await mira.wait_for(lambda each: MINE in each.text and "#4" in each.text)
    assert len(held.submitted) == 3
    assert not any(message.mentions for message in mira.messages(card.id))


async def test_a_rendering_clip_is_cancelled_by_command_or_button(mira, held, held_house):
    await (await mira.type("/video text", prompt="a fox")).answered
    await mira.wait_for("Rendering")
    await mira.type("/video cancel", clip="#1")
    await mira.wait_for(lambda each: "Canceled" in each.text)
    assert held.cancelled == ["remote-1"]

    await (await mira.type("/video text", prompt="an owl")).answered
    card = await mira.wait_for(lambda each: "Rendering" in each.text and "an owl" in each.text)
    await mira.click(card, "Cancel")
    await mira.wait_for(lambda each: each.id == card.id and "Canceled" in each.text)


async def test_only_its_owner_and_moderators_cancel_a_clip(playground, mira, held, held_house):
    jonas, ada = playground.person("jonas"), playground.person("ada")
    await (await mira.type("/video text", prompt="a fox")).answered
    card = await jonas.wait_for("Rendering")
    pressed = await jonas.click(card, "Cancel")
    await pressed.answered
    await jonas.wait_for("Only")
    assert held.cancelled == []
    await ada.click(card, "Cancel")
    await mira.wait_for(lambda each: "Canceled" in each.text)


async def test_a_dropped_gateway_resumes_and_misses_nothing(playground, mira, held, held_house):
    await (await mira.type("/video text", prompt="before")).answered
    await mira.wait_for("Rendering")
    await playground.gateway.drop()
    held.finished = True
    await mira.wait_for(lambda each: MINE in each.text)
    await until(lambda: playground.online)
    asked = await mira.type("/video text", prompt="after")
    await asked.answered
    await mira.wait_for(lambda each: MINE in each.text and "#2" in each.text)


async def test_a_clip_that_takes_16_minutes_is_delivered_all_the_same(
    playground, mira, held, held_house
):
    await (await mira.type("/video text", prompt="a slow fox")).answered
    await mira.wait_for("Rendering")
    playground.clock.advance(16 * 60)
    held.finished = True
    clip = await mira.wait_for(lambda each: MINE in each.text)
    assert clip.mentions == (mira.id,)
    await mira.wait_for(lambda each: "Done" in each.text)


async def test_progress_is_what_the_provider_says_and_not_more_often_than_allowed(
    playground, mira, held, held_house
):
    held.fraction = 0.25
    await (await mira.type("/video text", prompt="a fox")).answered
    await mira.wait_for("25%")
    edits = len([call for call in playground.requests if call.method == "PATCH"])
    for step in range(30, 60, 5):
        held.fraction = step / 100
        await asyncio.sleep(0.12)
    more = len([call for call in playground.requests if call.method == "PATCH"]) - edits
    assert more <= 1, "the same stage is shown again after 5 s at the earliest"
    playground.clock.advance(6)
    await mira.wait_for("55%")


async def test_a_failure_says_why_and_what_it_cost(mira, held, held_house):
    held.submits.append(Refusal("The provider's content rules forbid it.", failure=Failure.CONTENT))
    await (await mira.type("/video text", prompt="a fox")).answered
    notice = await mira.wait_for(lambda each: bool(each.mentions))
    assert "content rules forbid it" in notice.text.replace("\\", "")
    assert "It was free." in notice.text
    await mira.wait_for(lambda each: "Failed" in each.text and not each.mentions)


async def test_discord_in_trouble_while_posting_is_tried_again(playground, mira, held, held_house):
    playground.refuse("POST", r"/channels/\d+/messages$", 500, times=2)
    held.finished = True
    await (await mira.type("/video text", prompt="a fox")).answered
    clip = await mira.wait_for(lambda each: MINE in each.text)
    clips = [each for each in mira.everything() if is_clip(each)]
    assert [each.id for each in clips] == [clip.id]


INERT = {
    "everyone": "@everyone look <@&1> <#2> @here",
    "fences": "```\nprint(1)\n``` ||spoiler|| **bold** _it_ > quote\n# big\n-# small",
    "links": "[click](javascript:alert(1)) https://evil.example <https://x.example> discord.gg/abc",
    "directions": "abc\u202edef\u2066ghi\u2069",
    "marks": "Z" + "\u0335\u0310" * 500,
    "null": "a\x00b\x1bc",
}


@pytest.mark.parametrize("prompt", INERT.values(), ids=INERT)
async def test_a_prompt_can_neither_ping_nor_break_the_card(
    playground, mira, held, held_house, prompt
):
    held.finished = True
    await (await mira.type("/video text", prompt=prompt)).answered
    await mira.wait_for(lambda each: MINE in each.text)
    mine = {mira.id}
    for message in mira.everything():
        assert not message.raw.get("mention_everyone")
        assert not message.raw.get("mention_roles")
        assert set(message.mentions) <= mine
        assert not set("\u202e\u2066\x00\x1b") & set(message.text)
    clip = next(each for each in mira.everything() if is_clip(each))
    for message in (card_of(mira), clip):
        parts = walk_components(message.raw["components"])  # an alt text is shown as it is
        words = "\n".join(part["content"] for part in parts if part["type"] == 10)
        assert "```" not in words.replace("\\`", "")
        assert re.search(r"(?<!\\)\[click\]", words) is None
        assert len(words) < 2000


async def test_a_prompt_that_is_too_long_is_refused_with_the_numbers(mira, held_house):
    asked = await mira.type("/video text", prompt="x" * 6000)
    await asked.answered
    assert asked.ephemeral
    assert (
        asked.message.text == "Your prompt has 6,000 characters. Held takes up to 2,000 characters."
    )


async def test_an_invisible_prompt_is_no_prompt(mira, held, held_house):
    asked = await mira.type("/video text", prompt="\u200b \u200d \u2060")
    await asked.answered
    assert asked.message.text == "Write a prompt."
    assert held.submitted == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"duration": 7}, "Held can't make a 7 s clip. It makes 6, 8 or 10 s."),
        (
            {"duration": 9, "resolution": "1080p"},
            "Held can't make a 9 s clip. It makes 6, 8 or 10 s.",
        ),
        ({"resolution": "8K"}, "Held can't make a clip in “8K”. It makes 720p or 1080p."),
        ({"aspect": "4:3"}, "Held can't make a clip in “4\\:3”. It makes 16:9 or 9:16."),
        ({"model": "two"}, "There is no model “two” for this. Choose one."),
        (
            {"provider": "x"},
            "There is no provider “x” here. Choose auto, cheapest, fastest or held.",
        ),
        ({"camera": "dolly_in"}, "Held has no camera motions. Leave out `camera`."),
        ({"seed": 5000}, "`seed` must be a whole number from 1 to 999 for Held."),
    ],
)
async def test_what_cannot_be_made_is_refused_with_what_can(
    mira, held, held_house, options, sentence
):
    asked = await mira.type("/video text", prompt="a fox", **options)
    await asked.answered
    assert asked.ephemeral
    assert asked.message.text == sentence
    assert held.submitted == []


async def test_options_suggest_what_the_models_can_make(mira, held_house):
    async def values(option, typed="", **options):
        found = await mira.suggestions("/video text", option, typed, prompt="x", **options)
        return [choice.value for choice in found]

    assert await values("provider") == ["auto", "cheapest", "fastest", "held"]
    assert await values("model") == ["one"]
    assert await values("resolution") == ["720p", "1080p"]
    assert await values("aspect") == ["16:9", "9:16"]
    assert await values("duration") == [6, 8, 10]
    assert await values("duration", "1") == [10]
    assert await values("fps") == [24, 25]


async def test_suggestions_carry_their_price(mira, paid_house):
    async def names(option, typed="", **options):
        found = await mira.suggestions("/video text", option, typed, prompt="x", **options)
        return [choice.name for choice in found]

    assert await names("resolution") == ["720p · 6 credits at 6 s", "1080p · 6 credits at 6 s"]
    assert await names("resolution", "108", duration=10) == ["1080p · 10 credits at 10 s"]
    assert await names("duration", resolution="1080p") == [
        *("6 s · 6 credits at 1080p", "8 s · 8 credits at 1080p", "10 s · 10 credits at 1080p"),
    ]
    assert await names("model") == ["one · Held · 6 credits at 6 s"]
    assert await names("fps") == ["24 fps", "25 fps"], "it changes no price"
    assert await names("duration", model="none such") == []


async def test_text_is_the_first_video_command(paid_house):
    group = paid_house.bot.tree.get_command("video")
    assert [each.name for each in group.commands][:6] == [
        *("text", "image", "audio", "extend", "retake", "hdr"),
    ]


async def test_in_direct_messages_there_are_no_commands(mira, held_house):
    mira.go_to_dm()
    with pytest.raises(PersonCannot):
        await mira.type("/video text", prompt="a fox")


async def test_a_missing_permission_is_named_before_anything_is_ordered(
    playground, mira, held, held_house
):
    playground.world.set_permissions(
        playground.channel("videos").id,
        playground.world.bot_user.id,
        deny=["attach_files", "send_messages_in_threads"],
    )
    asked = await mira.type("/video text", prompt="a fox")
    await asked.answered
    assert asked.ephemeral
    assert "Attach Files and Send Messages in Threads" in asked.message.text
    assert held.submitted == []


async def test_a_locked_thread_is_refused_before_anything_is_ordered(
    playground, mira, held, held_house
):
    ada = playground.person("ada")
    await (await mira.type("/video text", prompt="a fox")).answered
    thread = (await until(lambda: ada.threads("videos")))[0]
    await ada.wait_for("Rendering")
    playground.world.lock_thread(thread)
    ada.go(thread)
    asked = await ada.type("/video text", prompt="another")
    await asked.answered
    assert asked.message.text == "This thread is locked. Use another one."
    assert len(held.submitted) == 1


async def test_a_clip_whose_thread_was_locked_meanwhile_goes_to_the_channel(
    playground, mira, held, held_house
):
    await (await mira.type("/video text", prompt="a fox")).answered
    thread = (await until(lambda: mira.threads("videos")))[0]
    playground.world.lock_thread(thread)
    held.finished = True
    clip = await mira.wait_for(lambda each: MINE in each.text)
    assert clip.channel_id == playground.channel("videos").id


async def test_the_same_interaction_twice_is_one_clip(playground, mira, held, held_house):
    asked = await mira.type("/video text", prompt="a fox")
    await asked.answered
    held.finished = True
    await mira.wait_for(lambda each: MINE in each.text)
    await mira.wait_for("Done")
    job = await held_house.store.jobs.get(1)
    assert job.request == f"interaction:{asked.id}"
    assert job.state is State.DONE


async def test_queue_show_and_models_answer_their_person_alone(playground, mira, held, held_house):
    jonas = playground.person("jonas")
    await (await mira.type("/video text", prompt="a fox")).answered
    for command, words in (
        ("/video queue", "a fox"),
        ("/video show", "seed"),
        ("/video models", "text · free"),
    ):
        options = {"clip": "1"} if command == "/video show" else {}
        asked = await jonas.type(command, **options)
        await asked.answered
        assert asked.ephemeral
        assert words in asked.message.text
    asked = await jonas.type("/video show", clip="999")
    await asked.answered
    assert asked.message.text == "There is no clip #999 here."


async def test_another_server_cannot_see_a_clip(playground, mira, held, held_house):
    await (await mira.type("/video text", prompt="a secret fox")).answered
    other = playground.world.add_guild("Elsewhere", people=[mira.id], channels=("general",))
    elsewhere = next(each for each in playground.world.channels.values() if each.name == "general")
    assert other.id != playground.guild.id
    mira.go(elsewhere.id)
    asked = await mira.type("/video show", clip="1")
    await asked.answered
    assert asked.message.text == "There is no clip #1 here."
    asked = await mira.type("/video cancel", clip="1")
    await asked.answered
    assert asked.message.text == "There is no clip #1 here."


async def test_more_than_the_limit_at_once_is_refused_with_the_numbers(playground, tmp_path, mira):
    held = Held()
    async with working(playground, tmp_path, providers={"held": held}, dailies_jobs_per_user=2):
        for word in ("one", "two"):
            await (await mira.type("/video text", prompt=word)).answered
        asked = await mira.type("/video text", prompt="three")
        await asked.answered
        assert asked.ephemeral
        assert "2 clips in progress" in asked.message.text
