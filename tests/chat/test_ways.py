"""Whatever is refused and would work in another way is offered in that way, with its price."""

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.catalog.model import Model, Price, Shape
from bot.chat.next_steps import described
from storage import Brief, By, Input, Mode, Offer
from tests.rig.doubles import PRICE, Held, model
from tests.rig.house import until, working
from tests.rig.makers import PICTURE, PLAIN, Maker, capability
from tests.rig.paid import ordered, pressed
from tests.rig.taking import answered, clip_of, done, first_clip, more

#: A second costs a credit in 1080p and two in 4K, which is only made in short clips.
TIERED = Price(
    per_second={"1080p": Decimal("0.01"), "4K": Decimal("0.02")},
    dated=PRICE.dated,
    source="the tests",
)
SHAPES = (
    Shape(resolutions=("4K",), aspects=("16:9",), fps=(24,), durations=(6, 8, 10)),
    Shape(resolutions=("1080p",), aspects=("16:9", "9:16"), fps=(24, 48), durations=(6, 10, 20)),
)
LONG = (Shape(resolutions=("4K",), aspects=("16:9",), fps=(24,), durations=(20,)),)


def maker(name, *, shapes=SHAPES, price=TIERED):
    """A provider whose clips cost credits; it holds them."""
    default = Brief(resolution=shapes[-1].resolutions[0], aspect="16:9", fps=24, duration=6)
    made = model(f"{name}-1", shapes=shapes, price=price, default=default)
    return Held(name=name, models=(made,))


@pytest.fixture
def near():
    return maker("near")


@pytest.fixture
async def alone(playground, tmp_path, near):
    async with working(playground, tmp_path, providers={"near": near}) as house:
        yield house


@pytest.fixture
def far():
    return maker("far", shapes=LONG)


@pytest.fixture
async def both(playground, tmp_path, near, far):
    async with working(playground, tmp_path, providers={"near": near, "far": far}) as house:
        yield house


def labels(message):
    return [each.label for each in message.buttons]


async def newest(house):
    [job] = await house.store.jobs.newest()
    return job


async def test_a_length_that_is_not_made_in_that_size_is_offered_in_two_ways(mira, near, alone):
    refused = (await ordered(mira, duration=20, resolution="4K")).message
    assert refused.text.startswith("Near can't make a 20 s clip in 4K.")
    assert labels(refused) == [
        "Order 20 s at 1080p · 20 credits (near)",
        "Order 10 s at 4K · 20 credits (near)",
    ]
    await pressed(mira, refused, "Order 10 s")
    await until(lambda: len(near.submitted) == 1)
    job = await newest(alone)
    assert (job.price, job.brief.duration, job.brief.resolution) == (20, 10, "4K")
    assert job.brief.prompt == "a fox"
    again = await pressed(mira, refused, "Order 10 s")
    assert again.message.text == "That is already ordered."
    assert len(await alone.store.jobs.newest()) == 1, "pressed twice, it is one clip"
    await pressed(mira, refused, "Order 20 s")
    await until(lambda: len(near.submitted) == 2)


@pytest.mark.parametrize(
    ("options", "ways"),
    [
        (
            {"duration": 7, "resolution": "4K"},
            ["Order 8 s at 4K · 16 credits (near)", "Order 6 s at 4K · 12 credits (near)"],
        ),
        ({"aspect": "1:1"}, ["Order 6 s at 1080p 16:9 · 6 credits (near)"]),
        ({"fps": 30, "resolution": "1080p"}, ["Order 6 s at 1080p 24 fps · 6 credits (near)"]),
        (
            {"fps": 48, "resolution": "4K"},
            [
                "Order 6 s at 1080p · 6 credits (near)",
                "Order 6 s at 4K 24 fps · 12 credits (near)",
            ],
        ),
        (
            {"camera": "dolly_in", "resolution": "1080p"},
            ["Order 6 s at 1080p · no camera motion · 6 credits (near)"],
        ),
        ({"model": "never", "resolution": "1080p"}, ["Order 6 s at 1080p · 6 credits (near)"]),
        ({"provider": "never", "resolution": "1080p"}, ["Order 6 s at 1080p · 6 credits (near)"]),
        ({"prompt": "x" * 3000}, []),
    ],
)
async def test_each_thing_that_is_refused_has_a_way_that_works(mira, near, alone, options, ways):
    refused = await ordered(mira, **options)
    assert refused.ephemeral
    assert labels(refused.message) == ways
    assert near.submitted == []
    if ways:
        price = int(ways[0].partition(" credits")[0].rpartition(" ")[2])
        await pressed(mira, refused.message, ways[0])
        await until(lambda: len(near.submitted) == 1)
        assert (await newest(alone)).price == price, "what stands on the button"


async def test_another_provider_that_makes_it_as_it_was_asked_comes_first(mira, far, both):
    refused = (await ordered(mira, duration=20, resolution="4K", provider="near")).message
    assert labels(refused) == [
        "Order 20 s at 4K · 40 credits (far)",
        "Order 20 s at 1080p · 20 credits (near)",
        "Order 10 s at 4K · 20 credits (near)",
    ]
    await pressed(mira, refused, "Order 20 s at 4K")
    await until(lambda: len(far.submitted) == 1)


async def test_for_a_provider_that_is_off_another_one_is_offered(playground, mira, near, far, both):
    by = By(guild_id=playground.guild.id, actor_id=1)
    await both.store.moderation.set_server(by, providers_off=frozenset({"far"}))
    await both.studio.rules.load()
    refused = (await ordered(mira, provider="far", resolution="4K")).message
    assert refused.text == "far is turned off in this server. Choose another provider."
    assert labels(refused) == ["Order 6 s at 4K · 12 credits (near)"]
    await pressed(mira, refused, "Order 6 s")
    await until(lambda: len(near.submitted) == 1)
    refused = (await ordered(mira, provider="near", duration=20, resolution="4K")).message
    assert not [each for each in labels(refused) if "far" in each], "it is off here"


async def test_a_way_is_never_dearer_than_it_said(playground, tmp_path, mira):
    async with working(playground, tmp_path, providers={"near": maker("near")}):
        refused = (await ordered(mira, duration=20, resolution="4K")).message
    dear = maker("near", price=Price(per_second={"*": 1}, dated=PRICE.dated, source="the tests"))
    async with working(playground, tmp_path, providers={"near": dear}, dailies_quota=9999) as house:
        asked = await pressed(mira, refused, "Order 10 s at 4K · 20 credits")
        assert "The price changed from 20 credits" in asked.message.text
        assert dear.submitted == []
        assert await house.store.jobs.newest() == []
        await pressed(mira, asked.message, "Order it · 1,000 credits")
        await until(lambda: len(dear.submitted) == 1)


async def test_ways_are_their_persons_own_and_last_a_week(playground, mira, jonas, alone):
    await ordered(mira, duration=20, resolution="4K")
    [kept] = [await alone.store.servers.refused(1, guild_id=playground.guild.id)]
    assert (kept.user_id, kept.why, len(kept.fits)) == (mira.id, "unfit", 2)
    mine = (await ordered(jonas, duration=20, resolution="4K")).message
    playground.clock.advance(8 * 86_400)
    await alone.store.privacy.tidy()
    late = await pressed(jonas, mine, "Order 10 s")
    assert late.message.text == "That order has expired. Type it again."
    assert await alone.store.jobs.newest() == []


def pictured(name, most):
    accepts = replace(PICTURE, max_bytes=most)
    made = capability(Mode.IMAGE, inputs={"image": accepts})
    return Held(name=name, models=(Model(name=f"{name}-1", title=name, capabilities=(made,)),))


async def test_a_file_that_is_too_large_for_one_goes_to_a_model_that_takes_it(
    playground, tmp_path, mira, media
):
    small, large = pictured("small", 100), pictured("large", 10**7)
    providers = {"small": small, "large": large}
    hosts = frozenset({playground.api_url.split("/")[2]})
    async with working(playground, tmp_path, providers=providers, loopback=hosts) as house:
        asked = await mira.type("/video image", image=media.picture, provider="small")
        await asked.answered
        refused = await mira.wait_for("larger than")
        assert labels(refused) == ["Order 2 s at 480p · free (large)"]
        await pressed(mira, refused, "Order 2 s")
        await until(lambda: len(large.submitted) == 1)
        job = await newest(house)
        assert job.brief.image is not None
        assert job.brief.image.size > 100


@pytest.fixture
async def made_here(playground, tmp_path):
    """A provider that cannot extend clips: Dailies does it."""
    plain = Maker("plain", PLAIN)
    async with working(playground, tmp_path, providers={"plain": plain}) as house:
        yield house


@pytest.mark.long
async def test_an_extension_of_a_length_that_nobody_makes_has_ways_too(mira, made_here):
    clip = await first_clip(mira, duration=1)
    mira.go(clip.channel_id)
    refused = await answered(await mira.type("/video extend", clip="1", duration=7))
    assert refused.message.text == "Plain only makes parts of 1, 2 or 3 s."
    assert labels(refused.message) == [
        "Order 3 s more at 480p · free (plain)",
        "Order 2 s more at 480p · free (plain)",
    ]
    await pressed(mira, refused.message, "Order 3 s more")
    await clip_of(mira, 2)
    job = await made_here.store.jobs.get(2)
    assert (job.brief.plan.place, job.brief.duration, job.brief.parent) == ("end", 3, 1)


@pytest.mark.parametrize("by", ["button", "reaction"])
async def test_a_clip_whose_file_is_gone_is_made_again_with_one_button(mira, made_here, by):
    clip = await first_clip(mira, duration=1)
    await done(made_here, 1)
    (made_here.settings.dailies_data / "takes" / "1.mp4").unlink()
    if by == "button":
        refused = (await answered(await mira.click(clip, "Extend…"))).message
    else:
        await mira.react(clip, "⏩")
        line = await mira.wait_for("The file of #1 is no longer kept")
        refused = (await answered(await mira.click(line, "Why, and what fits"))).message
    assert refused.text == "The file of #1 is no longer kept. 🎲 makes it again."
    assert labels(refused) == ["Order 1 s at 480p · free (plain)"]
    await pressed(mira, refused, "Order 1 s")
    await clip_of(mira, 2)
    assert (await made_here.store.jobs.get(2)).brief.relation == "variation"


async def test_send_to_me_answers_with_a_link_to_the_message(mira, jonas, made_here):
    clip = await first_clip(mira)
    sent = await answered(await more(jonas, clip, "Send to me"))
    there = jonas.go_to_dm()
    mine = await jonas.wait_for(lambda each: each.channel_id == there and bool(each.attachments))
    await until(lambda: f"/{there}/{mine.id})" in sent.message.text)
    assert sent.message.text.startswith("[#1 is in your direct messages](https://discord.com/")
    assert sent.ephemeral


@pytest.mark.parametrize("verb", ["Order ", "Other provider: "])
def test_the_price_on_a_button_is_never_cut(verb):
    """Pressing says yes to it: what does not fit is left out before it."""
    wanted = Brief(
        resolution="1080p", aspect="21:9", fps=50, duration=10, seed=7, camera="dolly in",
        last_image=Input(file="last.png", type="image/png", size=9),
    )  # fmt: skip
    brief = wanted.but(aspect="16:9", fps=25, seed=None, camera=None, last_image=None)
    offer = Offer(provider="ltx2api", model="ltx-2-3", brief=brief, price=1200, takes=4)
    label = described(verb, offer, wanted=wanted)
    assert label.startswith(f"{verb}4 takes, 10 s at 1080p")
    assert label.endswith(" · 1,200 credits (ltx2api)")
    assert len(label) <= 80


def test_what_a_way_does_not_let_one_choose_is_named_on_its_button():
    wanted = Brief(resolution="1080p", aspect="16:9", fps=24, duration=6, sound=True)
    brief = wanted.but(fps=None, sound=None)
    offer = Offer(provider="ltx2api", model="ltx-2", brief=brief, price=32)
    label = described("Order ", offer, wanted=wanted)
    assert label == "Order 6 s at 1080p · no fps or sound option · 32 credits (ltx2api)"
