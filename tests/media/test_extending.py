"""A clip grows at either end, by whoever can; what is done here is said, and nobody sees a seam."""

import itertools

import pytest

from bot.media.probe import probe
from storage import Mode, State
from tests.rig.doubles import PRICE
from tests.rig.house import unlinked, until, working
from tests.rig.imitated import imitated
from tests.rig.makers import DEAR, NATIVE, PLAIN, Maker, modes
from tests.rig.seams import apart, loudness, moving, pictures, runs_on
from tests.rig.taking import clip_of, first_clip, saved

BACKWARDS = (
    "can't extend at the start, so the new part was made from the first frame and plays in "
    "reverse, without new sound"
)


async def form_of(person, clip):
    opened = await person.click(clip, "Extend…")
    await opened.answered
    return opened


async def send(person, opened, **fields):
    sent = await person.fill(opened, **fields)
    await sent.answered
    return sent


@pytest.mark.long
async def test_at_the_start_it_is_made_backwards_and_said_so_everywhere(
    mira, house, plain, tmp_path
):
    clip = await first_clip(mira)
    before = await probe(await saved(clip, tmp_path / "before.mp4"))
    opened = await form_of(mira, clip)
    at_the_end, at_the_start = opened.modal.text.split("\n")[:2]
    assert "Add 2 s at the end: free · 4 s in total · made from the last frame" in at_the_end
    assert "Add 2 s at the start: free · 4 s in total · made from the first frame" in at_the_start
    assert "played in reverse, without new sound" in at_the_start
    [choice] = [each for each in opened.modal.fields if each.custom_id == "direction"]
    [end, start] = choice.component["options"]
    assert (end["label"], start["label"]) == ("End", "Start")
    assert "played in reverse" in start["description"]
    await send(mira, opened, seconds="2", direction="start", prompt="dawn")
    card = await mira.wait_for(lambda each: "· #2" in each.text and each.flags & 1 << 15)
    assert "extends #1 by 2 s at the start" in unlinked(card)
    assert "made from the first frame and played in reverse, without new sound" in card.text
    longer = await clip_of(mira, 2)
    assert "extends take 1 by 2 s at the start" in unlinked(longer)
    assert f"Plain {BACKWARDS}" in longer.text
    order = plain.orders[-1]
    assert (order.mode, order.prompt, order.duration) == (Mode.IMAGE, "dawn", 2)
    assert order.sound is False, "sound that nobody will hear is not paid for"
    assert order.image.take == 1

    made = await saved(longer, tmp_path / "after.mp4")
    after = await probe(made)
    assert (after.width, after.height, after.fps) == (before.width, before.height, before.fps)
    assert (after.video_codec, after.audio_codec) == ("h264", "aac")
    assert after.frames == before.frames + 2 * 24 - 1
    heard = await loudness(made)
    assert max(heard[5:185]) < -60
    assert min(heard[205:-10]) > -40


@pytest.mark.long
async def test_details_say_that_it_is_played_backwards(mira, house):
    clip = await first_clip(mira)
    await send(mira, await form_of(mira, clip), seconds="1", direction="start")
    await clip_of(mira, 2)
    asked = await mira.type("/video show", clip="2")
    shown = await until(lambda: (m := asked.message) and BACKWARDS in m.text and m)
    assert "by 1 s at the start" in shown.text


@pytest.mark.long
@pytest.mark.parametrize("provider", [None, "plain"])
async def test_the_command_has_a_direction_too(mira, house, plain, provider):
    clip = await first_clip(mira)
    mira.go(clip.channel_id)
    named = {"provider": provider} if provider else {}
    asked = await mira.type("/video extend", clip="1", direction="start", duration=1, **named)
    await asked.answered
    longer = await clip_of(mira, 2)
    assert "extends take 1 by 1 s at the start" in unlinked(longer)
    assert BACKWARDS in longer.text


@pytest.mark.long
async def test_whoever_can_comes_before_what_is_played_backwards(playground, tmp_path, mira):
    """At the end what its own provider makes is joined here; at the start somebody else can."""
    providers = {"plain": Maker("plain", PLAIN), "able": Maker("able", NATIVE)}
    async with working(playground, tmp_path, providers=providers):
        clip = await first_clip(mira, provider="plain")
        opened = await form_of(mira, clip)
        [choice] = [each for each in opened.modal.fields if each.custom_id == "direction"]
        [end, start] = choice.component["options"]
        assert "and joined" in end["description"]
        assert not start.get("description")
        await send(mira, opened, seconds="1", direction="start")
        longer = await clip_of(mira, 2)
        assert "reverse" not in longer.text
        assert providers["able"].orders[-1].direction == "start"
        await send(mira, await form_of(mira, clip), seconds="1", direction="end")
        assert "Dailies made it" in (await clip_of(mira, 3)).text
        assert providers["plain"].orders[-1].mode is Mode.IMAGE


@pytest.mark.long
async def test_who_extends_at_the_end_alone_is_not_asked_for_a_start(playground, tmp_path, mira):
    """Its own provider has extensions, and none at the start: then it is made here with it."""
    half = Maker("half", NATIVE)
    [model] = half.models
    [*rest, extend] = sorted(model.capabilities, key=lambda each: each.mode is Mode.EXTEND)
    ends = type(extend)(**{**fields_of(extend), "directions": ("end",)})
    half.models = (type(model)(**{**fields_of(model), "capabilities": (*rest, ends)}),)
    async with working(playground, tmp_path, providers={"half": half}):
        clip = await first_clip(mira)
        mira.go(clip.channel_id)
        asked = await mira.type("/video extend", clip="1", direction="start", duration=1)
        await asked.answered
        assert BACKWARDS in (await clip_of(mira, 2)).text
        asked = await mira.type("/video extend", clip="1", direction="end", duration=1)
        await asked.answered
        assert "here" not in (await clip_of(mira, 3)).text.partition("\n")[0]


def fields_of(thing):
    return {name: getattr(thing, name) for name in type(thing).__dataclass_fields__}


@pytest.mark.long
async def test_a_model_whose_sound_cannot_be_switched_is_asked_without_saying_so(
    playground, tmp_path, mira
):
    mute = Maker("mute", PLAIN)
    [model] = mute.models
    does = [
        type(each)(**{**fields_of(each), "sound": False}) for each in modes(*PLAIN, price=PRICE)
    ]
    mute.models = (type(model)(**{**fields_of(model), "capabilities": tuple(does)}),)
    async with working(playground, tmp_path, providers={"mute": mute}):
        clip = await first_clip(mira)
        await send(mira, await form_of(mira, clip), seconds="1", direction="start")
        assert BACKWARDS in (await clip_of(mira, 2)).text
        assert mute.orders[-1].sound is None


@pytest.mark.long
async def test_a_native_extension_runs_on_at_both_ends(playground, tmp_path, mira):
    """The provider that comes with Dailies: what it joins itself is looked at, too."""
    environ = {"LOCAL_SECONDS": "0.1"}
    async with working(playground, tmp_path, environ=environ) as house:
        clip = await first_clip(mira, duration=2, resolution="480p")
        mira.go(clip.channel_id)
        for number, direction in ((2, "end"), (3, "start")):
            asked = await mira.type(
                "/video extend", clip="1", direction=direction, duration=2, provider="local"
            )
            await asked.answered
            made = await saved(await clip_of(mira, number), tmp_path / f"{direction}.mp4")
            info = await probe(made)
            first = await probe(await saved(clip, tmp_path / "first.mp4"))
            assert (info.width, info.height, info.fps) == (first.width, first.height, first.fps)
            found = await pictures(made)
            cut = first.frames if direction == "end" else len(found) - first.frames
            steps_on(found, cut)
        assert (await house.store.jobs.get(3)).state is State.DONE


def steps_on(found, cut):
    """Little moves in light that drifts; at the cut neither much more nor nothing at all."""
    # The lower half has a caption of its own for each part.
    upper = [each[: len(each) // 2] for each in found[cut - 6 : cut + 6]]
    steps = [apart(*pair) for pair in itertools.pairwise(upper)]
    assert all(sum(each) / len(each) > 20 for each in upper), "black"
    assert max(steps) < 5, f"a jump: {steps}"
    assert min(steps) > 0.01, f"frozen: {steps}"


@pytest.mark.long
async def test_with_an_imitated_company_a_start_is_made_and_runs_on(media, tmp_path):
    """pixazo.ai has no extension. Here its clips move, and one from a picture begins with it."""
    source = await moving(tmp_path / "source.mp4", seconds=2)

    class Renders:
        async def render(self, wish):
            return source

    async with imitated(media, tmp_path / "data", only=("pixazo",), render=Renders().render) as at:
        first = await at.order("image", prompt="a fox", image=media.picture, provider="pixazo")
        await at.settled([first.id])
        person = at.people[0]
        job = await at.order("extend", clip=f"#{first.id}", direction="start", person=person)
        ended = (await at.settled([job.id]))[job.id]
        assert ended.state is State.DONE
        notice, text = await at.notice(ended)
        assert f"Pixazo {BACKWARDS}" in text
        wish = at.servers["pixazo"].jobs[ended.remote_id].wish
        assert wish.mode == "image"
        assert at.servers["pixazo"].jobs[ended.remote_id].body["generate_audio"] is False
        clip = tmp_path / "data" / ended.file
        info = await probe(clip)
        assert info.frames == 2 * 48 - 1
        found = await pictures(clip)
        # The source begins with the picture that it was made from: turned round, it ends there.
        runs_on(found, 47)
        assert notice.mentions == (ended.user_id,)


async def test_the_price_of_each_end_is_its_own(playground, tmp_path, mira):
    able = Maker("able", NATIVE, price=DEAR)
    async with working(playground, tmp_path, providers={"able": able}, dailies_quota=9999):
        clip = await first_clip(mira, duration=1)
        opened = await form_of(mira, clip)
        assert "Add 2 s at the end: 200 credits" in opened.modal.text
        assert "Add 2 s at the start: 200 credits" in opened.modal.text
        assert "here" not in opened.modal.text
