"""Forms of a take: what they hold, what they say it costs, how long they may take to open."""

import asyncio
import time

import pytest

from bot.media.probe import probe
from cogs.takes.forms import FORM, _soon
from tests.rig.house import unlinked, working
from tests.rig.makers import DEAR, PLAIN, Maker
from tests.rig.taking import EXTEND, RETAKE, answered, clip_of, first_clip, more, saved


def field(opened, name):
    [found] = [each for each in opened.modal.fields if each.custom_id == name]
    return found.component.get("value") or ""


@pytest.mark.parametrize("typed", [None, ""])
async def test_a_prompt_longer_than_a_field_is_kept_whole(mira, house, plain, typed):
    prompt = "x " * 2399 + "y"
    clip = await first_clip(mira, prompt=prompt)
    opened = await answered(await mira.click(clip, "Retake…"))
    assert field(opened, "prompt") == prompt[:4000]
    assert "This shows the first 4,000 of the prompt's 4,799 characters" in opened.modal.text
    await answered(await mira.fill(opened, **({} if typed is None else {"prompt": typed})))
    await clip_of(mira, 2)
    assert [order.prompt for order in plain.orders] == [prompt, prompt]


@pytest.mark.long
async def test_a_new_prompt_replaces_a_long_one(mira, house, plain):
    clip = await first_clip(mira, prompt="x " * 2400)
    opened = await answered(await mira.click(clip, "Extend…"))
    await answered(await mira.fill(opened, prompt="it rains"))
    await clip_of(mira, 2)
    assert plain.orders[-1].prompt == "it rains"


@pytest.mark.long
async def test_a_joined_clip_says_how_long_it_is_and_what_is_retaken(playground, tmp_path, mira):
    plain = Maker("plain", PLAIN, price=DEAR)
    async with working(
        playground, tmp_path, providers={"plain": plain}, dailies_quota=9999
    ) as house:
        clip = await first_clip(mira, duration=1)
        await mira.react(clip, EXTEND)
        longer = await clip_of(mira, 2)
        made = await probe(await saved(longer, tmp_path / "longer.mp4"))
        assert made.seconds == pytest.approx(3, abs=0.1)
        assert "· 3 s · 24 fps" in longer.text
        take = await house.store.takes.get(2, guild_id=playground.guild.id)
        assert take.seconds == made.seconds
        assert "🔁 retake the 2 s at the end, new seed" in longer.text
        assert "-# 🔁 200 credits" in longer.text
        mira.go(longer.channel_id)

        await mira.react(longer, RETAKE)
        again = await clip_of(mira, 3)
        assert "retake of take 2 (the 2 s at the end)" in unlinked(again)
        assert "· 3 s · 24 fps" in again.text
        assert (await house.store.jobs.get(3)).price == 200

        # The form begins with what this take added, and the whole is more than that.
        opened = await answered(await mira.click(longer, "Retake…"))
        assert (field(opened, "from"), field(opened, "to")) == ("1", "3")
        assert "That part: 200 credits" in opened.modal.text
        asked = await answered(await mira.fill(opened, **{"from": "0"}))
        assert "to 300 credits" in asked.message.text
        assert "The price changed from 200 credits" in asked.message.text
        assert len(plain.orders) == 3, "a price that the form did not show is asked about"
        await answered(await mira.click(asked.message, "Order it · 300 credits"))
        whole = await clip_of(mira, 4)
        order = plain.orders[-1]
        assert (order.duration, order.plan.place, order.plan.start) == (3, "part", 0.0)
        assert "retake of take 2 (0\u2013" in unlinked(whole)
        shown = await answered(await mira.type("/video compare", a="1", b="2"))
        compared = await mira.wait_for(lambda each: len(each.attachments) == 3)
        assert "take 1 (#1): plain" in compared.text.replace("\\", "")
        assert "· 1 s ·" in compared.text
        assert "· 3 s ·" in compared.text
        details = await answered(await more(mira, longer, "Details"))
        assert "· 3 s ·" in details.message.text
        assert not shown.ephemeral


async def test_what_a_form_waits_for_shares_one_deadline_and_goes_on_without_it():
    asked, given = [], asyncio.Event()

    async def slow(name):
        asked.append(name)
        await given.wait()
        asked.append(f"{name} came")

    assert FORM < 2, "Discord waits for 3 s, and the way there and back is in them"
    until = time.monotonic() + 0.05
    assert await _soon(slow("clip"), until) is None
    second = asyncio.create_task(_soon(slow("price"), until))
    for _ in range(20):
        await asyncio.sleep(0)
    assert second.done(), "the second has no time of its own"
    assert second.result() is None
    given.set()
    for _ in range(20):
        await asyncio.sleep(0)
    assert asked == ["clip", "price", "clip came", "price came"]
