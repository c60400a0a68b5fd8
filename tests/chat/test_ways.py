"""Whatever is refused and would work in another way is offered in that way, with its price."""

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.catalog.model import Model, Price, Shape
from storage import Brief, By, Mode
from tests.rig.doubles import PRICE, Held, model
from tests.rig.house import until, working
from tests.rig.makers import PICTURE, capability
from tests.rig.paid import ordered, pressed

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
