"""/video defaults as people meet it: where each value comes from, and that it is charged so."""

from decimal import Decimal

import pytest

from bot.catalog.model import Model, Price, Shape
from playground import File
from storage import By, Mode, OrderDefaults
from tests.rig.house import working
from tests.rig.makers import DEFAULT, PICTURE, PRICE, Maker, capability
from tests.rig.paid import said
from tests.rig.taking import RETAKE, answered, clip_of, done, first_clip

SIZES = ("480p", "720p")


def priced(**per_second):
    return Price(per_second=per_second, dated=PRICE.dated, source="the tests")


def model(name, price, sizes):
    shape = Shape(resolutions=sizes, aspects=("16:9",), fps=(24,), durations=(1, 2, 3))
    more = {Mode.TEXT: {}, Mode.IMAGE: {"inputs": {"image": PICTURE}}}
    made = tuple(
        capability(mode, price=price, shapes=(shape,), default=DEFAULT, **each)
        for mode, each in more.items()
    )
    return Model(name=name, title=name, capabilities=made)


def maker():
    """One credit a second for small clips; a model for larger ones takes 2, and 4 for 720p."""
    cent = Decimal("0.01")
    made = Maker("plain")
    made.models = (
        model("small", priced(**{"480p": cent}), ("480p",)),
        model("large", priced(**{"480p": 2 * cent, "720p": 4 * cent}), SIZES),
    )
    return made


@pytest.fixture
async def house(playground, tmp_path):
    here = frozenset({playground.api_url.split("/")[2]})
    async with working(
        playground, tmp_path, providers={"plain": maker()}, loopback=here
    ) as running:
        yield running


def plain_text(message):
    return message.text.replace("\\", "")


async def defaults(person, verb="show", **options):
    return plain_text(await said(person, f"/video defaults {verb}", **options))


def by(playground, ada):
    return By(guild_id=playground.guild.id, actor_id=ada.id)


async def test_every_value_says_where_it_comes_from_and_is_what_is_charged(
    playground, ada, mira, house
):
    begin = await defaults(mira)
    assert "small (the cheapest that can) · 480p (model) · 2 s (model) · sound on (model)" in begin
    await house.store.moderation.set_server(by(playground, ada), provider="plain", model="large")
    assert "large (this server) · 480p (model)" in await defaults(mira)
    text = await defaults(ada, "set", duration=3, for_channel=True)
    assert "**This channel**: 3 s" in text
    text = await defaults(mira, "set", resolution="720P", sound=False)
    here = "large (this server) · 720p (yours) · 3 s (this channel) · sound off (yours)"
    assert here in text
    assert "**12 credits (≈ $0.12)**" in text
    assert "sound on (model)" in await defaults(ada), "mira's are not ada's"

    # What is suggested, in /help and in a form: the same price.
    offered = [each.name for each in await mira.suggestions("/video text", "duration", "")]
    assert offered == [
        "1 s · 4 credits at 720p",
        "2 s · 8 credits at 720p",
        "3 s · 12 credits at 720p",
    ]
    helps = await said(mira, "/help")
    assert "3 s · 720p · large: 12 credits" in helps.text
    opened = await answered(await mira.click(helps, "do:example"))
    assert "3 s · 720p · large: 12 credits" in opened.modal.text
    await answered(await mira.fill(opened, prompt="an owl"))
    await clip_of(mira, 1)
    first = await done(house, 1)
    assert (first.brief.resolution, first.brief.duration, first.price) == ("720p", 3, 12)
    picture = await mira.say("look", files=[File("a.png", png())])
    opened = await answered(await mira.menu(picture, "Animate this image"))
    assert "3 s · 720p · large: 12 credits" in opened.modal.text
    helped = await answered(await mira.type("/video enhance", prompt="a fox"))
    assert any("12 credits" in (each.label or "") for each in helped.message.buttons)

    # … and charged: on the card, in the row and in the ledger.
    asked = await answered(await mira.type("/video text", prompt="a red fox"))
    assert "12 credits" in asked.message.text
    job = await done(house, 2)
    assert (job.model, job.price, job.note) == ("large", 12, None)
    assert (job.brief.resolution, job.brief.duration, job.brief.sound) == ("720p", 3, False)
    spent = await house.store.servers.spent(playground.guild.id, user_id=mira.id)
    assert spent[2] == 12

    # An option comes before all of them; a thread is as its channel is.
    await answered(await mira.type("/video text", prompt="x", resolution="480p", duration=1))
    third = await done(house, 3)
    assert (third.brief.resolution, third.brief.duration, third.price) == ("480p", 1, 2)
    mira.go(third.thread_id)
    assert here in await defaults(mira)
    # … and elsewhere the channel's do not hold.
    mira.go("storyboards")
    assert "2 s (model)" in await defaults(mira)


def png():
    import io

    from PIL import Image

    body = io.BytesIO()
    Image.new("RGB", (128, 72), (10, 90, 40)).save(body, "PNG")
    return body.getvalue()


@pytest.mark.long
async def test_a_default_that_cannot_be_made_is_passed_over_and_said(ada, mira, house):
    await defaults(mira, "set", resolution="720p")
    text = await defaults(ada, "set", model="small", for_channel=True)
    assert "**This channel**: small" in text
    note = "Your default 720p can't be made with the rest, so it was not used."
    assert note in await defaults(mira)
    asked = await answered(await mira.type("/video text", prompt="a fox"))
    assert note in plain_text(asked.message)
    job = await done(house, 1)
    assert (job.model, job.brief.resolution, job.price) == ("small", "480p", 2)
    assert note in plain_text(await clip_of(mira, 1)), "also beside the clip"
    # Where a price is asked about first, the question says so, too.
    asked = await answered(await mira.type("/video text", prompt="a fox", takes=2))
    assert "These 2 clips cost 4 credits" in asked.message.text
    assert note in plain_text(asked.message)
    # What was chosen is no default: that it cannot be made is said, and nothing is ordered.
    refused = await answered(
        await mira.type("/video text", prompt="a fox", model="small", resolution="720p")
    )
    assert refused.ephemeral
    assert await house.store.jobs.get(2) is None
    # A size that was chosen goes before the channel's model.
    await answered(await mira.type("/video text", prompt="a fox", resolution="720p"))
    job = await done(house, 2)
    assert (job.model, job.brief.resolution) == ("large", "720p")
    assert job.note.startswith("This channel's default small can't be made")


async def test_what_repeats_a_clip_takes_no_defaults(mira, house):
    clip = await first_clip(mira, duration=1)
    await defaults(mira, "set", duration=3, resolution="720p")
    await mira.react(clip, RETAKE)
    job = await done(house, 2)
    assert (job.brief.duration, job.brief.resolution) == (1, "480p")


@pytest.mark.long
async def test_a_preset_goes_before_the_defaults_and_an_option_before_both(mira, house):
    await first_clip(mira, duration=3, model="small")
    await answered(await mira.type("/video presets", save="short"))
    await defaults(mira, "set", duration=1, resolution="720p", model="large")
    offered = [
        each.name for each in await mira.suggestions("/video text", "duration", "", preset="short")
    ]
    assert offered[1] == "2 s · 2 credits at 480p"
    await answered(await mira.type("/video text", prompt="x", preset="short"))
    job = await done(house, 2)
    assert (job.model, job.brief.duration, job.price) == ("small", 3, 3)
    await answered(await mira.type("/video text", prompt="x", preset="short", duration=2))
    assert (await done(house, 3)).price == 2
    offered = [each.name for each in await mira.suggestions("/video defaults set", "duration", "")]
    assert offered[2] == "3 s · 12 credits at 720p"


async def test_they_outlive_a_restart_and_are_cleared_one_by_one_and_erased(
    playground, tmp_path, mira
):
    guild = playground.guild.id
    async with working(playground, tmp_path, providers={"plain": maker()}):
        await defaults(mira, "set", model="LARGE", resolution="720p", duration=3, sound=False)
    async with working(playground, tmp_path, providers={"plain": maker()}) as house:
        own = house.store.choices.own
        assert "**Yours**: large · 720p · 3 s · sound off" in await defaults(mira)
        await defaults(mira, "clear", what="duration")
        assert (await own(guild, mira.id)).duration is None
        await defaults(mira, "clear", what="model")
        assert await own(guild, mira.id) == OrderDefaults(resolution="720p", sound=False)
        text = await defaults(mira, "clear", what="everything")
        assert "**Yours**: nothing chosen" in text
        await defaults(mira, "set", resolution="720p")
        await house.bot.own.forget(mira.id)
        assert await own(guild, mira.id) == OrderDefaults()


async def test_a_channels_are_for_moderators_and_on_record(playground, ada, mira, house):
    text = await defaults(mira, "set", duration=3, for_channel=True)
    assert text == "Only moderators can do this. They need the Manage Server permission."
    text = await defaults(mira, "clear", what="everything", for_channel=True)
    assert text == "Only moderators can do this. They need the Manage Server permission."
    await defaults(ada, "set", duration=3, sound=False, model="large", for_channel=True)
    await defaults(ada, "clear", what="duration", for_channel=True)
    audit = plain_text(await said(ada, "/quota audit"))
    videos = playground.channel("videos").id
    assert f"**changed the defaults**: in <#{videos}> → model large, length 3 s, sound off" in audit
    assert f"**changed the defaults**: in <#{videos}>, length 3 s → nothing" in audit


@pytest.mark.long
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "Choose at least one setting"),
        ({"duration": 9}, "No model here makes 9 s. Choose 1, 2 or 3."),
        ({"resolution": "9K"}, "No model here makes “9K”. Choose 480p or 720p."),
        ({"model": "none"}, "There is no model “none” here. Choose small or large."),
        ({"provider": "none"}, "There is no provider “none” here."),
    ],
)
async def test_what_nobody_makes_is_no_default(playground, mira, house, options, sentence):
    assert sentence in await defaults(mira, "set", **options)
    assert await house.store.choices.own(playground.guild.id, mira.id) == OrderDefaults()


async def test_where_ones_own_clips_go_is_ones_choice(playground, tmp_path, ada, mira, jonas):
    bot, videos = playground.world.bot_role(playground.guild.id).id, playground.channel("videos").id
    async with working(playground, tmp_path, providers={"plain": maker()}):
        text = await defaults(mira, "set", clips="in the channel")
        assert "Your clips are posted in the channel, without threads (yours)." in text
        assert "**Yours**: clips in the channel" in text
        await defaults(ada, "set", clips="in threads", for_channel=True)
        assert "without threads (yours)" in await defaults(mira), "nearer than the channel's"
        assert (await first_clip(mira)).channel_id == videos
        await answered(await jonas.type("/video text", prompt="an owl"))
        assert (await clip_of(jonas, 2)).channel_id != videos, "mira's choice is not jonas's"
        # Threads need permissions that clips in the channel do without.
        deny = ["create_public_threads", "send_messages_in_threads"]
        playground.world.set_permissions("videos", bot, deny=deny)
        refused = await answered(await jonas.type("/video text", prompt="a fox"))
        assert "Create Public Threads" in refused.message.text
        await answered(await mira.type("/video text", prompt="a fox"))
        assert (await clip_of(mira, 3)).channel_id == videos
    async with working(playground, tmp_path, providers={"plain": maker()}) as house:
        assert "without threads (yours)" in await defaults(mira), "also after a restart"
        await answered(await mira.type("/video text", prompt="a wolf"))
        assert (await clip_of(mira, 4)).channel_id == videos
        assert "posted in the channel" in (await said(mira, "/help")).text
        await done(house, 4)
        await house.bot.own.forget(mira.id)
        refused = await answered(await mira.type("/video text", prompt="a fox"))
        assert "Create Public Threads" in refused.message.text, "her choice is forgotten, too"


async def test_nobody_has_threads_where_moderators_have_none(playground, ada, mira, house):
    videos = playground.channel("videos").id
    await defaults(mira, "set", clips="in threads")
    assert "in a thread of their own (yours)" in await defaults(mira)
    await defaults(ada, "set", clips="in the channel", for_channel=True)
    text = await defaults(mira)
    assert "in the channel, without threads (this channel)" in text
    assert "You chose threads, but moderators chose to have none here." in text
    assert (await first_clip(mira)).channel_id == videos
    mira.go("storyboards")
    assert "in a thread of their own (yours)" in await defaults(mira)
    await house.store.moderation.set_server(by(playground, ada), threads=False)
    await house.studio.rules.load()
    assert "in the channel, without threads (this server)" in await defaults(mira)
    text = await defaults(mira, "clear", what="clips")
    assert "**Yours**: nothing chosen" in text
    assert "You chose threads" not in text


async def test_where_clips_go_is_a_channels_choice_before_the_servers(playground, ada, mira, house):
    await defaults(ada, "set", clips="in the channel", for_channel=True)
    assert "in the channel, without threads (this channel)" in await defaults(mira)
    clip = await first_clip(mira)
    videos = playground.channel("videos").id
    assert clip.channel_id == videos
    mira.go("storyboards")
    assert "in a thread of their own (this server)" in await defaults(mira)
    await answered(await mira.type("/video text", prompt="a fox"))
    job = await done(house, 2)
    assert job.thread_id not in {videos, playground.channel("storyboards").id}
