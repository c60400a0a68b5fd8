"""/video again repeats what was done; presets bring their settings to any new clip."""

import pytest

from bot.media.probe import probe
from tests.rig.house import unlinked, working
from tests.rig.makers import NATIVE, PLAIN, Maker
from tests.rig.taking import EXTEND, answered, clip_of, first_clip, saved


@pytest.fixture
def makers():
    return {"plain": Maker("plain", PLAIN), "able": Maker("able", NATIVE)}


@pytest.fixture
async def house(playground, tmp_path, makers):
    async with working(playground, tmp_path, providers=makers, dailies_jobs_per_user=50) as house:
        yield house


@pytest.mark.long
async def test_an_extension_made_here_is_repeated_with_other_words(mira, house, makers, tmp_path):
    clip = await first_clip(mira, provider="plain", duration=1)
    await mira.react(clip, EXTEND)
    await clip_of(mira, 2)
    mira.go(clip.channel_id)
    await answered(await mira.type("/video again", prompt="it rains", duration=3))
    again = await clip_of(mira, 3)
    assert "take 3 · extends take 1 by 3 s at the end" in unlinked(again)
    order = makers["plain"].orders[-1]
    assert (order.prompt, order.duration, order.plan.place) == ("it rains", 3, "end")
    made = await probe(await saved(again, tmp_path / "again.mp4"))
    assert made.seconds == pytest.approx(4, abs=0.1)
    assert "· 4 s ·" in again.text


@pytest.mark.long
async def test_a_native_extension_keeps_its_lineage_and_can_move_to_who_has_none(
    mira, house, makers
):
    clip = await first_clip(mira, provider="able", duration=1)
    await mira.react(clip, EXTEND)
    await clip_of(mira, 2)
    mira.go(clip.channel_id)
    await answered(await mira.type("/video again", clip="2", duration=1))
    again = await clip_of(mira, 3)
    assert "take 3 · extends take 1 by 1 s at the end" in unlinked(again)
    assert "Dailies made it" not in again.text
    assert makers["able"].orders[-1].video.take == 1
    await answered(await mira.type("/video again", clip="2", provider="plain"))
    moved = await clip_of(mira, 4)
    assert "take 4 · extends take 1 by 2 s at the end" in unlinked(moved)
    assert "Dailies made it" in moved.text
    assert makers["plain"].orders[-1].plan.clip.take == 1


@pytest.mark.long
async def test_a_part_made_again_keeps_its_place_and_length(mira, house, makers):
    clip = await first_clip(mira, provider="plain", duration=3)
    mira.go(clip.channel_id)
    opened = await answered(await mira.click(clip, "Retake…"))
    await answered(await mira.fill(opened, **{"from": "1", "to": "2", "prompt": "it jumps"}))
    await clip_of(mira, 2)
    refused = await answered(await mira.type("/video again", duration=2))
    assert "its length is fixed" in refused.message.text
    await answered(await mira.type("/video again", prompt="it runs"))
    again = await clip_of(mira, 3)
    assert "retake of take 1 (1\u20132 s)" in unlinked(again)
    one, two = makers["plain"].orders[-2:]
    assert (two.prompt, two.plan, two.parent) == ("it runs", one.plan, 1)
    assert two.seed != one.seed


@pytest.mark.long
async def test_another_provider_model_camera_and_loras_can_be_asked_for(mira, house, makers):
    clip = await first_clip(mira, provider="plain", duration=1)
    mira.go(clip.channel_id)
    await answered(await mira.type("/video again", provider="able"))
    await clip_of(mira, 2)
    assert makers["able"].orders[-1].prompt == "a red fox"
    await answered(await mira.type("/video again", clip="1", model="able-1"))
    await clip_of(mira, 3)
    assert (await house.store.jobs.get(3)).provider == "able"
    for option, value, words in (
        ("camera", "dolly_in", "camera"),
        ("loras", "https://x.test/a.safetensors", "LoRA"),
        ("duration", 60, "3 s"),
    ):
        refused = await answered(await mira.type("/video again", **{option: value}))
        assert refused.ephemeral
        assert words in refused.message.text
    assert await house.store.jobs.get(4) is None


@pytest.mark.long
async def test_a_preset_fills_what_was_not_chosen(playground, ada, mira, house, makers):
    await first_clip(mira, provider="able", duration=3, sound=False)
    await answered(await mira.type("/video presets", save="quiet"))
    await answered(await ada.type("/video presets", save="house", clip="1", for_server=True))
    offered = await mira.suggestions("/video text", "preset", prompt="an owl")
    assert [each.value for each in offered] == ["quiet", "house"]
    await answered(await mira.type("/video text", prompt="an owl", preset="quiet"))
    await clip_of(mira, 2)
    order = makers["able"].orders[-1]
    assert (order.prompt, order.duration, order.sound) == ("an owl", 3, False)
    # What is chosen counts before the preset.
    await answered(
        await ada.type(
            "/video text", prompt="a bee", preset="House", duration=1, provider="plain", sound=True
        )
    )
    await clip_of(ada, 3)
    order = makers["plain"].orders[-1]
    assert (order.prompt, order.duration, order.sound) == ("a bee", 1, True)
    await answered(await mira.type("/video image", link="#1", preset="quiet"))
    await clip_of(mira, 4)
    order = makers["able"].orders[-1]
    assert (order.mode, order.duration, order.sound) == ("image", 3, False)
    refused = await answered(await ada.type("/video text", prompt="x", preset="quiet"))
    assert refused.message.text == "There is no preset “quiet”. Choose “house”."
    await answered(await mira.type("/video again", clip="3", preset="quiet", prompt="two bees"))
    await clip_of(mira, 5)
    order = makers["able"].orders[-1]
    assert (order.prompt, order.duration, order.sound) == ("two bees", 3, False)
