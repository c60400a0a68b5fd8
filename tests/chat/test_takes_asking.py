"""What is dear, dearer than shown, refused or unclear is asked about: before anything is made."""

import asyncio
import re
from dataclasses import replace

import pytest

from storage import By
from tests.rig.house import until, working
from tests.rig.makers import DEAR, PLAIN, Maker
from tests.rig.paid import said
from tests.rig.taking import (
    EXTEND,
    FAVOURITE,
    RETAKE,
    answered,
    clip_of,
    done,
    first_clip,
    own_reactions,
)


@pytest.fixture
def dear():
    """A second costs 100 credits."""
    return Maker("plain", PLAIN, price=DEAR)


@pytest.fixture
async def house(playground, tmp_path, dear):
    async with working(
        playground, tmp_path, providers={"plain": dear}, dailies_quota=9999, dailies_budget=99999
    ) as deployment:
        yield deployment


async def asks_above(playground, house, amount):
    by = By(guild_id=playground.guild.id, actor_id=1)
    await house.store.moderation.set_server(by, confirm_above=amount)


async def nothing_ordered(house, number):
    await asyncio.sleep(0.3)
    assert await house.store.jobs.get(number) is None


async def test_the_price_of_a_form_is_a_yes_to_that_price_and_no_higher_one(
    playground, mira, house
):
    clip = await first_clip(mira, duration=1)
    await asks_above(playground, house, 150)
    opened = await answered(await mira.click(clip, "Extend…"))
    assert "Add 2 s at the end: 200 credits" in opened.modal.text
    sent = await answered(await mira.fill(opened, seconds="3"))
    assert sent.message.text == (
        "The price changed from 200 credits (≈ $2.00) to 300 credits (≈ $3.00)."
    )
    await nothing_ordered(house, 2)
    await answered(await mira.click(sent.message, "Order it · 300 credits"))
    await clip_of(mira, 2)
    assert (await house.store.jobs.get(2)).price == 300
    opened = await answered(await mira.click(clip, "Extend…"))
    await answered(await mira.fill(opened))
    await clip_of(mira, 3)


async def test_a_form_whose_price_was_not_shown_asks_for_it(playground, mira, house):
    clip = await first_clip(mira, duration=1)
    opened = await answered(await mira.click(clip, "Extend…"))
    # As it was before forms carried their price.
    record = opened._record
    record.modal["custom_id"] = record.modal["custom_id"].rpartition(":")[0]
    sent = await answered(await mira.fill(opened))
    assert sent.message.text == "This costs 200 credits (≈ $2.00)."
    await nothing_ordered(house, 2)


async def test_a_dear_reaction_asks_in_the_thread_and_only_its_person_says_yes(
    playground, mira, jonas, house, dear
):
    clip = await first_clip(mira, duration=1)
    await asks_above(playground, house, 50)
    await mira.react(clip, RETAKE)
    asked = await mira.wait_for(lambda each: "This server asks before" in each.text)
    assert asked.mentions == ()
    await until(lambda: RETAKE not in own_reactions(mira, clip))
    await nothing_ordered(house, 2)
    not_his = await answered(await jonas.click(asked, "Order it · 100 credits"))
    assert not_his.message.text == "That order has expired. Type it again."
    await answered(await mira.click(asked, "Order it · 100 credits"))
    await clip_of(mira, 2)
    assert dear.orders[1].parent == 1
    # Asked again for the next one: the yes was for one clip.
    await mira.react(clip, RETAKE)
    before = asked.button("Order it · 100 credits")
    await until(lambda: mira.message(asked.id).button("Order it · 100 credits") != before)
    await nothing_ordered(house, 3)


async def test_a_clip_that_became_dearer_is_asked_about(playground, mira, house, dear):
    clip = await first_clip(mira, duration=1)
    assert "-# 🔁 100 credits" in clip.text
    priced(dear, 2)
    await mira.react(clip, RETAKE)
    asked = await mira.wait_for(
        "The price changed from 100 credits (≈ $1.00) to 200 credits (≈ $2.00)."
    )
    await nothing_ordered(house, 2)
    # The yes is to what stands on the button, too.
    priced(dear, 3)
    pressed = await answered(await mira.click(asked, "Order it · 200 credits"))
    assert pressed.message.text == (
        "The price changed from 200 credits (≈ $2.00) to 300 credits (≈ $3.00)."
    )
    await nothing_ordered(house, 2)
    await answered(await mira.click(pressed.message, "Order it · 300 credits"))
    await clip_of(mira, 2)
    assert (await house.store.jobs.get(2)).price == 300


def priced(maker, dollars):
    """Let a second cost so much from now on."""
    price = replace(DEAR, per_second={"*": dollars})
    [model] = maker.models
    capabilities = tuple(replace(each, price=price) for each in model.capabilities)
    maker.models = (replace(model, capabilities=capabilities),)


async def test_a_refused_reaction_keeps_figures_private_and_offers_what_fits(
    playground, ada, mira, jonas, house, dear
):
    clip = await first_clip(mira, duration=2)
    await said(ada, "/quota set", amount="150", who="jonas")
    jonas.go(clip.channel_id)
    await jonas.react(clip, EXTEND)
    line = await mira.wait_for(lambda each: "not enough credits right now" in each.text)
    assert re.search(r"\b150\b", line.text) is None  # which may stand within somebody's id
    assert [button.label for button in line.buttons] == ["Why, and what fits"]
    stranger = await answered(await mira.click(line, "Why, and what fits"))
    assert stranger.message.text == "This is about somebody else's reaction."
    why = await answered(await jonas.click(line, "Why, and what fits"))
    assert why.ephemeral
    assert "this clip costs 200, and your limit is 150 a day" in why.message.text
    # No channel was chosen in which moderators could be asked.
    assert "🙋 Ask a moderator" in [button.label for button in why.message.buttons]
    await nothing_ordered(house, 2)


@pytest.mark.long
async def test_a_smaller_variant_is_offered_to_a_reaction_too(
    playground, ada, mira, jonas, house, dear
):
    clip = await first_clip(mira, duration=3)
    await said(ada, "/quota set", amount="250", who="jonas")
    await jonas.react(clip, RETAKE)
    line = await jonas.wait_for("not enough credits right now")
    why = await answered(await jonas.click(line, "Why, and what fits"))
    await answered(await jonas.click(why.message, "Order 2 s at 480p"))
    await clip_of(jonas, 2)
    made = await house.store.jobs.get(2)
    assert (made.user_id, made.price, made.brief.parent) == (jonas.id, 200, 1)
    settled = await answered(await jonas.click(line, "Why, and what fits"))
    assert settled.ephemeral


@pytest.mark.long
async def test_a_reply_outlives_a_refusal_and_a_star(playground, ada, mira, jonas, house, dear):
    clip = await first_clip(mira, duration=1)
    await said(ada, "/quota set", amount="0", who="jonas")
    jonas.go(clip.channel_id)
    await jonas.say("make it snow", reply_to=clip)
    await jonas.react(clip, FAVOURITE)
    await jonas.react(clip, RETAKE)
    await jonas.wait_for("not enough credits right now")
    await until(lambda: RETAKE not in own_reactions(jonas, clip))
    await said(ada, "/quota grant", person="jonas", credits=500)
    await asyncio.sleep(0.2)
    await jonas.react(clip, RETAKE)
    await clip_of(jonas, 2)
    assert dear.orders[-1].prompt == "make it snow"
    # Used once, they are used up.
    await jonas.react(clip, EXTEND)
    await clip_of(jonas, 3)
    assert dear.orders[-1].prompt == "a red fox"


@pytest.mark.long
async def test_words_that_called_off_a_clip_are_still_there(playground, tmp_path, mira):
    plain = Maker("plain", PLAIN, concurrency=1)
    async with working(playground, tmp_path, providers={"plain": plain}) as house:
        clip = await first_clip(mira)
        await done(house, 1)
        mira.go(clip.channel_id)
        plain.holds = True
        await answered(await mira.type("/video text", prompt="in the way"))
        await until(lambda: len(plain.orders) == 2)
        await mira.say("make it snow", reply_to=clip)
        await mira.react(clip, RETAKE)
        await mira.wait_for(lambda each: "Queued" in each.text and "#3" in each.text)
        await mira.unreact(clip, RETAKE)
        await mira.wait_for(lambda each: "Canceled" in each.text and "#3" in each.text)
        plain.holds = False
        await mira.react(clip, RETAKE)
        await clip_of(mira, 4)
        assert plain.orders[-1].prompt == "make it snow"


@pytest.mark.long
async def test_a_reply_is_found_in_a_busy_thread(mira, jonas, house, dear):
    clip = await first_clip(mira, duration=1)
    for person in (mira, jonas):
        person.go(clip.channel_id)
    await mira.say("make it snow", reply_to=clip)
    for number in range(150):
        await jonas.say(f"chat {number}")
    await mira.react(clip, RETAKE)
    await clip_of(mira, 2)
    assert dear.orders[-1].prompt == "make it snow"


async def test_where_replies_cannot_all_be_read_the_old_prompt_is_not_paid_for(
    mira, jonas, house, dear
):
    clip = await first_clip(mira, duration=1)
    for person in (mira, jonas):
        person.go(clip.channel_id)
    mine = await mira.say("make it snow", reply_to=clip)
    for number in range(1001):
        await jonas.say(f"chat {number}")
    await mira.react(clip, RETAKE)
    asked = await mira.wait_for("so I can't tell if you replied to it")
    await nothing_ordered(house, 2)
    assert [button.label for button in asked.buttons] == ["Order it · 100 credits"]
    await mira.react(mine, RETAKE)
    await clip_of(mira, 2)
    assert dear.orders[-1].prompt == "make it snow"


async def test_a_rule_about_words_is_told_to_its_person_alone(
    playground, ada, mira, jonas, house, dear
):
    clip = await first_clip(mira, duration=1)
    await house.store.servers.add_prompt_rule(
        By(guild_id=playground.guild.id, actor_id=ada.id), kind="word", text="snow"
    )
    jonas.go(clip.channel_id)
    await jonas.say("make it snow", reply_to=clip)
    await jonas.react(clip, RETAKE)
    there = jonas.go_to_dm()
    await jonas.wait_for(lambda each: each.channel_id == there and "word rules" in each.text)
    await until(lambda: RETAKE not in own_reactions(jonas, clip))
    assert not [each for each in mira.everything() if "word rules" in each.text]
    await nothing_ordered(house, 2)


async def test_a_second_reason_is_told_as_the_first_one_was(playground, ada, mira, jonas, house):
    clip = await first_clip(mira, duration=1)
    jonas.go(clip.channel_id)
    await said(ada, "/quota set", amount="0", who="jonas")
    await jonas.react(clip, RETAKE)
    await jonas.wait_for("not enough credits right now")
    await until(lambda: RETAKE not in own_reactions(jonas, clip))
    by = By(guild_id=playground.guild.id, actor_id=1)
    await house.store.moderation.set_server(by, paused="the card expired")
    await asyncio.sleep(0.2)
    for _ in range(2):
        await jonas.react(clip, RETAKE)
        await until(lambda: RETAKE not in own_reactions(jonas, clip))
        await asyncio.sleep(0.2)
    await jonas.wait_for("A moderator paused orders")
    told = [each for each in jonas.everything() if "A moderator paused orders" in each.text]
    assert len(told) == 1
