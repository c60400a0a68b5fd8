"""Buttons, message menus, forms and commands of a take; all of them again after a restart."""

import asyncio
import sys
from dataclasses import replace
from decimal import Decimal
from urllib.parse import urlsplit

import aiohttp
import pytest

from bot.chat.board import board
from bot.media.probe import probe
from playground import File
from storage import By, ChangedBy, Mode
from tests.rig.house import unlinked, until, working
from tests.rig.makers import DEAR, NATIVE, PLAIN, Maker
from tests.rig.taking import answered, clip_of, done, first_clip, more, saved


@pytest.mark.long
async def test_a_part_is_made_again_by_a_form_and_put_in_its_place(mira, house, plain, tmp_path):
    clip = await first_clip(mira, duration=3)
    before = await probe(await saved(clip, tmp_path / "before.mp4"))
    opened = await answered(await mira.click(clip, "Retake…"))
    fields = {field.custom_id: field for field in opened.modal.fields}
    assert fields["from"].component["value"] == "0"
    assert fields["to"].component["value"] == "3"
    assert fields["prompt"].component["value"] == "a red fox"
    assert "free" in opened.modal.text
    await answered(
        await mira.fill(
            opened, **{"from": "1", "to": "2", "prompt": "it jumps", "replace": "picture"}
        )
    )
    again = await clip_of(mira, 2)
    assert "retake of take 1 (1\u20132 s)" in unlinked(again)
    assert "and put it in" in again.text
    after = await probe(await saved(again, tmp_path / "after.mp4"))
    assert (after.frames, after.fps) == (before.frames, before.fps)
    assert (after.width, after.height) == (before.width, before.height)
    order = plain.orders[-1]
    assert (order.prompt, order.duration, order.plan.start) == ("it jumps", 1, 1.0)
    assert order.plan.replace == "picture"


@pytest.mark.long
@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"from": "5"}, "#1 is 2 s long. Start before its end."),
        ({"to": "9"}, "#1 is 2 s long. The part can't end after that."),
        (
            {"from": "1", "to": "1.2"},
            "A part must be at least 0.5 s long, and end after it starts.",
        ),
        ({"from": "soon"}, "“soon” is not a number of seconds. Write one such as 3.5."),
    ],
)
async def test_a_part_that_is_not_there_is_refused_with_what_is(
    mira, house, plain, given, sentence
):
    clip = await first_clip(mira)
    opened = await answered(await mira.click(clip, "Retake…"))
    sent = await answered(await mira.fill(opened, **given))
    assert sent.ephemeral
    assert sent.message.text == sentence
    assert len(plain.orders) == 1


@pytest.mark.long
async def test_an_extension_by_form_shows_its_price_and_the_whole_length(
    playground, tmp_path, mira
):
    able = Maker("able", NATIVE, price=DEAR)
    async with working(playground, tmp_path, providers={"able": able}, dailies_quota=9999) as house:
        clip = await first_clip(mira, duration=1)
        opened = await answered(await mira.click(clip, "Extend…"))
        assert "Add 2 s at the end: 200 credits" in opened.modal.text
        assert "3 s in total" in opened.modal.text
        await answered(await mira.fill(opened, seconds="1", direction="start", prompt="dawn"))
        longer = await clip_of(mira, 2)
        assert "extends take 1 by 1 s at the start" in unlinked(longer)
        assert "Dailies made it" not in longer.text, "its provider can, and does"
        order = able.orders[-1]
        assert (order.mode, order.duration, order.direction) == ("extend", 1, "start")
        assert (await house.store.jobs.get(2)).price == 100


@pytest.mark.long
async def test_a_form_that_was_opened_before_a_restart_is_taken_after_it(
    playground, tmp_path, mira, plain
):
    async with working(playground, tmp_path, providers={"plain": plain}):
        clip = await first_clip(mira)
        opened = await answered(await mira.click(clip, "Extend…"))
    async with working(playground, tmp_path, providers={"plain": plain}):
        await answered(await mira.fill(opened, seconds="1"))
        await clip_of(mira, 2)
        # So does the button of the old clip.
        await answered(await mira.click(clip, "Variation"))
        third = await clip_of(mira, 3)
        assert "variation of take 1" in unlinked(third)


async def test_who_may_is_asked_again_when_a_button_is_pressed(
    playground, mira, jonas, house, plain
):
    clip = await first_clip(mira)
    by = By(guild_id=playground.guild.id, actor_id=1)
    await house.store.moderation.set_server(by, changed_by=ChangedBy.MODERATORS)
    for label in ("Retake…", "Extend…", "Variation"):
        pressed = await answered(await jonas.click(clip, label))
        assert pressed.message.text == (
            "In this server, only moderators can build on other people's clips."
        )
    assert len(plain.orders) == 1


async def test_a_clip_of_another_server_is_unknown_here(playground, mira, house):
    clip = await first_clip(mira)
    playground.world.add_guild("Elsewhere", people=[mira.id], channels=("general",))
    channel = next(each for each in playground.world.channels.values() if each.name == "general")
    mira.go(channel.id)
    for command in ("/video show", "/video again"):
        asked = await answered(await mira.type(command, clip="1"))
        assert asked.message.text == "There is no clip #1 here."
    asked = await answered(await mira.type("/video compare", a="1", b="1"))
    assert asked.message.text == "There is no clip #1 here."
    assert clip.id


async def test_favourite_send_details_and_delete_by_button(mira, jonas, house):
    clip = await first_clip(mira)
    pressed = await answered(await more(jonas, clip, "⭐"))
    await until(lambda: pressed.message and "is now one of your favorites" in pressed.message.text)
    pressed = await answered(await more(jonas, clip, "⭐"))
    await until(
        lambda: pressed.message and "no longer one of your favorites" in pressed.message.text
    )
    pressed = await answered(await more(jonas, clip, "Details"))
    assert "seed" in pressed.message.text
    assert pressed.ephemeral
    await more(jonas, clip, "Send to me")
    there = jonas.go_to_dm()
    await jonas.wait_for(lambda each: each.channel_id == there and bool(each.attachments))
    jonas.go(clip.channel_id)
    await more(jonas, clip, "❌")
    await jonas.wait_for(lambda each: "Only" in each.text)
    await more(mira, clip, "❌")
    await until(lambda: mira.message(clip.id) is None)
    back = await answered(await mira.type("/video show", clip="1", public=True))
    assert back.ephemeral
    again = await mira.wait_for(lambda each: bool(each.attachments))
    assert again.id != clip.id
    await answered(await mira.click(again, "Variation"))
    await clip_of(mira, 2)


async def test_what_a_moderator_took_down_only_moderators_bring_back(playground, mira, house):
    ada = playground.person("ada")
    clip = await first_clip(mira)
    ada.go(clip.channel_id)
    await more(ada, clip, "❌")
    await until(lambda: mira.message(clip.id) is None)
    asked = await answered(await mira.type("/video show", clip="1", public=True))
    await mira.wait_for("A moderator deleted #1")
    await answered(await ada.type("/video show", clip="1", public=True))
    await mira.wait_for(lambda each: bool(each.attachments))
    assert asked.ephemeral


async def test_the_menu_of_a_message_offers_five_things(mira, house):
    from simcord.enums import AppCommandType

    names = {each["name"] for each in mira.commands(AppCommandType.MESSAGE)}
    assert names == {"Retake…", "Extend…", "Animate this image", "Use this sound", "Details"}


async def test_retake_extend_and_details_work_from_the_menu(mira, house, plain):
    clip = await first_clip(mira)
    mira.go(clip.channel_id)
    opened = await answered(await mira.menu(clip, "Retake…"))
    await answered(await mira.fill(opened, prompt="at night"))
    again = await clip_of(mira, 2)
    assert plain.orders[-1].prompt == "at night"
    assert plain.orders[-1].plan is None, "the whole clip is the same request again"
    opened = await answered(await mira.menu(clip, "Extend…"))
    await answered(await mira.fill(opened, seconds="1"))
    await clip_of(mira, 3)
    shown = await answered(await mira.menu(clip, "Details"))
    assert "\n-# #2 is a retake of it" in unlinked(shown.message)
    assert "\n-# #3 extends it" in unlinked(shown.message)
    assert f"/{clip.channel_id}/{again.id})" in shown.message.text
    shown = await answered(await mira.menu(again, "Details"))
    assert "\n-# retake of take 1" in unlinked(shown.message)
    assert f"/{clip.channel_id}/{clip.id})" in shown.message.text
    mine = await mira.say("nothing to see")
    for name in ("Retake…", "Extend…", "Details"):
        asked = await answered(await mira.menu(mine, name))
        assert asked.message.text == "Use this on a clip that Dailies made."
    for name, what in (("Animate this image", "image"), ("Use this sound", "sound")):
        asked = await answered(await mira.menu(mine, name))
        assert asked.message.text == f"This message has no {what}."


@pytest.mark.long
async def test_any_picture_in_a_message_becomes_the_first_frame(
    playground, mira, plain, tmp_path, media
):
    here = frozenset({urlsplit(playground.api_url).netloc})
    async with working(playground, tmp_path, providers={"plain": plain}, loopback=here):
        mine = await mira.say("look", files=[File("picture.png", media.picture.read_bytes())])
        opened = await answered(await mira.menu(mine, "Animate this image"))
        [link] = [field for field in opened.modal.fields if field.custom_id == "link"]
        assert "picture.png" in link.component["value"]
        assert "s · " in opened.modal.text, "its length, its size and its model"
        assert opened.modal.text.endswith(": free")
        await answered(await mira.fill(opened, prompt="waves"))
        await clip_of(mira, 1)
        assert plain.orders[-1].image.type == "image/png"
        assert plain.orders[-1].prompt == "waves"


@pytest.mark.long
async def test_any_sound_in_a_message_becomes_the_sound_of_a_clip(
    playground, mira, tmp_path, media
):
    here = frozenset({urlsplit(playground.api_url).netloc})
    async with working(
        playground, tmp_path / "data", loopback=here, environ={"LOCAL_SECONDS": "0.5"}
    ) as house:
        mine = await mira.say("listen", files=[File("drums.m4a", media.sound.read_bytes())])
        opened = await answered(await mira.menu(mine, "Use this sound"))
        [link] = [field for field in opened.modal.fields if field.custom_id == "link"]
        assert "drums.m4a" in link.component["value"]
        await answered(await mira.fill(opened, prompt="a drummer"))
        clip = await clip_of(mira, 1)
        brief = (await house.store.jobs.get(1)).brief
        assert (brief.mode, brief.prompt) == (Mode.AUDIO, "a drummer")
        made = await probe(await saved(clip, tmp_path / "clip.mp4"))
        assert made.audio_codec == "aac"
        assert made.seconds == pytest.approx((await probe(media.sound)).seconds, abs=0.2)
        assert "· 3 s ·" in clip.text, "nobody chose its length; it was measured"


async def test_two_takes_are_compared_in_one_message(mira, house, tmp_path):
    clip = await first_clip(mira)
    await answered(await mira.click(clip, "Variation"))
    second = await clip_of(mira, 2)
    mira.go(clip.channel_id)
    await more(mira, second, "Compare")
    shown = await mira.wait_for(lambda each: len(each.attachments) == 3)
    assert "take 1 (#1) and take 2 (#2)" in shown.text
    together = tmp_path / "together.mp4"
    async with aiohttp.ClientSession() as web, web.get(shown.attachments[0].url) as answer:
        together.write_bytes(await answer.read())
    made = await probe(together)
    assert (made.width, made.height) == (256, 72)
    asked = await answered(await mira.type("/video compare", a="#1", b="#1"))
    assert asked.message.text == "Those are the same clip. Choose two."


@pytest.mark.long
async def test_takes_of_a_thread_are_listed_with_their_parents(mira, house):
    clip = await first_clip(mira)
    mira.go(clip.channel_id)
    await mira.react(clip, "🔁")
    await clip_of(mira, 2)
    await mira.react(clip, "⏩")
    await clip_of(mira, 3)
    await done(house, 3)
    asked = await answered(await mira.type("/video takes"))
    lines = asked.message.text.split("\n")
    assert lines[0] == "### Takes in this thread"
    assert "(#3) · extends take 1 by 2 s at the end · a red fox" in lines[1]
    assert "(#2) · retake of take 1 · a red fox" in lines[2]
    assert lines[3].startswith("[**take 1**](https://discord.com/channels/")
    assert lines[3].endswith(f"/{clip.id}) (#1) · a red fox · <@{mira.id}>")
    board = await mira.wait_for(lambda each: "3 takes" in each.text)
    assert board.channel_id == clip.channel_id
    asked = await answered(await mira.type("/video takes", favorites=True))
    assert asked.message.text == "You have no favorites yet. ⭐ marks one."


@pytest.mark.long
async def test_twelve_hundred_takes_are_counted_listed_and_added_up(playground, tmp_path, mira):
    """All of them, by the ledger, and without holding anybody up."""
    dear = Maker("plain", PLAIN, price=DEAR)
    async with working(
        playground, tmp_path, providers={"plain": dear}, dailies_quota=10**9, dailies_budget=10**9
    ) as house:
        clip = await first_clip(mira, duration=1)
        job = await done(house, 1)
        store = house.store

        async def one(number):
            # What was quoted is not what was paid: these were never booked.
            brief = job.brief.but(parent=1, relation="retake")
            past = replace(job, id=0, request=f"past:{number}", card_id=None, brief=brief)
            made, _ = await store.jobs.add(past)
            await store.takes.number(made, clip.channel_id)

        await asyncio.gather(*(one(number) for number in range(1198)))
        mira.go(clip.channel_id)
        await mira.react(clip, "🔁")
        await clip_of(mira, 1200)
        await done(house, 1200)
        for page, words in ((1, "take 1200"), (60, "**take 2**")):
            asked = await answered(await mira.type("/video takes", page=page))
            assert words in asked.message.text
            assert f"page {page} of 60" in asked.message.text
        shown = await mira.wait_for(
            lambda each: (
                "1200 takes · 200 credits (≈ $2.00) so far" in each.text
                and "take 1200" in each.text
                and "in progress" not in each.text
            ),
        )
        listed = sum("**take " in each for each in shown.text.split("\n"))
        assert f"and {1200 - listed} earlier" in shown.text
        assert "retake of take 1 " in shown.text, "a parent far back is named"

        async def board_made():
            takes = await store.takes.of_thread(clip.channel_id, limit=40, standing=True)
            tally = await store.takes.tally(clip.channel_id)
            parents = await store.takes.parents(takes, guild_id=playground.guild.id)
            calls = 0

            def counted(*_):
                nonlocal calls
                calls += 1

            sys.setprofile(counted)
            try:
                board(
                    *(takes, parents),
                    tally=tally,
                    approved=[],
                    liked=[],
                    usd_per_credit=Decimal("0.01"),
                )
            finally:
                sys.setprofile(None)
            return calls

        assert await board_made() < 10_000, "calls, not seconds: as many on every machine"


@pytest.mark.long
async def test_settings_are_kept_under_a_name_and_used_again(playground, mira, jonas, house, plain):
    await first_clip(mira, duration=3, sound=False)
    await answered(await mira.type("/video presets", save="quiet"))
    refused = await answered(await mira.type("/video presets", save="house", for_server=True))
    assert refused.message.text == "Only moderators can save presets for the whole server."
    ada = playground.person("ada")
    await answered(await ada.type("/video presets", save="house", clip="1", for_server=True))
    listed = await answered(await mira.type("/video presets"))
    assert "**quiet** (yours)" in listed.message.text
    assert "**house** (the server's)" in listed.message.text
    await answered(await jonas.type("/video presets", use="house", prompt="an owl"))
    await clip_of(jonas, 2)
    order = plain.orders[-1]
    assert (order.prompt, order.duration, order.sound) == ("an owl", 3, False)
    refused = await answered(await jonas.type("/video presets", use="quiet", prompt="x"))
    assert refused.message.text == "There is no preset “quiet”. Choose “house”."


async def test_what_is_dear_is_confirmed_before_it_is_made_again(playground, tmp_path, mira):
    plain = Maker("plain", PLAIN, price=DEAR)
    async with working(
        playground, tmp_path, providers={"plain": plain}, dailies_quota=9999
    ) as house:
        clip = await first_clip(mira, duration=1)
        by = By(guild_id=playground.guild.id, actor_id=1)
        await house.store.moderation.set_server(by, confirm_above=50)
        for _ in range(2):
            await (await mira.type("/video again")).answered
        pressed = await answered(await mira.click(clip, "Variation"))
        assert pressed.message.text.startswith("This clip costs 100 credits")
        assert len(plain.orders) == 1
        await answered(await mira.click(pressed.message, "Order it · 100 credits"))
        await clip_of(mira, 2)
        assert len(plain.orders) == 2


async def test_the_last_clip_is_made_again_with_changes(mira, house, plain):
    asked = await answered(await mira.type("/video again"))
    assert "You haven't ordered anything here yet" in asked.message.text
    await first_clip(mira, duration=3)
    await answered(await mira.type("/video again", duration=1, prompt="a blue fox"))
    await clip_of(mira, 2)
    one, two = plain.orders
    assert (two.prompt, two.duration) == ("a blue fox", 1)
    assert two.seed != one.seed
