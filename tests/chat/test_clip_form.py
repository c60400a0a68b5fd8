"""/video new: what its form makes, for how much, and what becomes of a wrong file."""

import pytest

from bot.catalog.model import Accepts, Model, Shape
from playground import File
from storage import Mode
from tests.chat.test_defaults import maker, plain_text, png, priced
from tests.rig.house import working
from tests.rig.makers import DEFAULT, PICTURE, capability
from tests.rig.taking import answered, clip_of, done

AGAIN = "📝 Fill it in again"
SOUND = Accepts(types=("audio/mpeg", "audio/mp4", "audio/ogg"), max_bytes=10**9)


def with_sound():
    """`maker`, with a model for sounds that takes a picture, too."""
    made = maker()
    inputs = {"audio": SOUND, "image": PICTURE}
    sounds = capability(
        Mode.AUDIO,
        price=priced(**{"480p": 1}),
        shapes=(Shape(resolutions=("480p",), aspects=("16:9",), fps=(24,)),),
        default=DEFAULT.but(duration=None),
        inputs=inputs,
        sound=False,
    )
    made.models += (Model(name="drums", title="drums", capabilities=(sounds,)),)
    return made


@pytest.fixture
def plain():
    return with_sound()


@pytest.fixture
async def house(playground, tmp_path, plain):
    here = frozenset({playground.api_url.split("/")[2]})
    async with working(
        playground, tmp_path, providers={"plain": plain}, loopback=here, dailies_quota=99999
    ) as running:
        yield running


async def opened_by(person):
    return await answered(await person.type("/video new"))


def labels(message):
    return [each.label for each in message.buttons]


def field(opened, name):
    [found] = [each for each in opened.modal.fields if each.custom_id == name]
    return found.component


async def sent(person, opened, **fields):
    """What is answered to a form, to this person alone, once there are buttons."""
    before = {each.id for each in person.messages()}
    await answered(await person.fill(opened, **fields))
    return await person.wait_for(
        lambda each: each.id not in before and each.ephemeral and each.buttons
    )


def default(opened, name):
    [found] = [each["value"] for each in field(opened, name)["options"] if each.get("default")]
    return found


async def test_words_become_a_clip_once_the_price_on_the_button_was_said_yes_to(mira, house, plain):
    opened = await opened_by(mira)
    sizes = [each["label"] for each in field(opened, "resolution")["options"]]
    assert sizes == ["As usual · 480p", "480p · 2 credits at 2 s", "720p · 8 credits at 2 s"]
    lengths = [each["label"] for each in field(opened, "duration")["options"]]
    assert lengths[0] == "As usual · 2 s"
    assert lengths[3] == "3 s · 3 credits at 480p"
    asked = await sent(mira, opened, prompt="a red fox", resolution="720p", duration="3")
    assert asked.ephemeral
    assert asked.text == "This costs 12 credits (≈ $0.12)."
    assert labels(asked) == ["Order it · 12 credits", "✏️ Help me write"]
    assert await house.store.jobs.newest() == [], "nothing is ordered before"
    await answered(await mira.click(asked, "Order it · 12 credits"))
    job = await done(house, 1)
    assert (job.brief.mode, job.brief.resolution, job.brief.duration) == (Mode.TEXT, "720p", 3)
    assert (job.price, plain.orders[-1].prompt) == (12, "a red fox")


async def test_its_prices_are_those_of_ones_defaults(mira, house):
    await answered(await mira.type("/video defaults set", resolution="720p", duration=3))
    opened = await opened_by(mira)
    sizes = [each["label"] for each in field(opened, "resolution")["options"]]
    assert sizes == ["As usual · 720p", "480p · 3 credits at 3 s", "720p · 12 credits at 3 s"]
    asked = await sent(mira, opened, prompt="a red fox")
    assert labels(asked)[0] == "Order it · 12 credits"


@pytest.mark.parametrize("given", [("picture",), ("sound",), ("sound", "picture")])
async def test_what_is_uploaded_decides_what_is_made(mira, house, plain, media, given):
    files = {
        "picture": File("a.png", png()),
        "sound": File("b.m4a", media.sound.read_bytes()),
    }
    opened = await opened_by(mira)
    asked = await sent(
        mira, opened, prompt="waves", files=[files[each] for each in given], duration="1"
    )
    [order] = [each for each in labels(asked) if each.startswith("Order it")]
    await answered(await mira.click(asked, order))
    job = await done(house, 1)
    mode = Mode.AUDIO if "sound" in given else Mode.IMAGE
    assert job.brief.mode is mode
    assert (job.brief.image is not None) is ("picture" in given)
    assert (job.brief.audio is not None) is ("sound" in given)
    assert job.brief.duration == (1 if mode is Mode.IMAGE else None)
    assert order == f"Order it · {job.price} credit{'' if job.price == 1 else 's'}"


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        (["notes.txt"], "“notes.txt” is neither a picture nor a sound."),
        (["a.png", "b.png"], "Use one picture and one sound at most."),
        (["fake.png"], "fake"),
    ],
)
async def test_a_wrong_file_is_a_sentence_and_the_form_opens_again_filled_in(
    playground, tmp_path, mira, files, sentence
):
    here = frozenset({playground.api_url.split("/")[2]})
    async with working(playground, tmp_path, providers={"plain": maker()}, loopback=here) as house:
        opened = await opened_by(mira)
        given = [File(name, b"hello" if name != "a.png" else png()) for name in files]
        refused = await sent(
            mira, opened, prompt="a red fox", files=given, resolution="720p", duration="3"
        )
        assert refused.ephemeral
        text = plain_text(refused)
        assert sentence in text or (sentence == "fake" and "PNG" in text)
        assert AGAIN in labels(refused)
        assert await house.store.jobs.newest() == []
    async with working(playground, tmp_path, providers={"plain": maker()}, loopback=here):
        again = await answered(await mira.click(refused, AGAIN))
        assert field(again, "prompt")["value"] == "a red fox"
        assert (default(again, "resolution"), default(again, "duration")) == ("720p", "3")
        asked = await sent(mira, again)
        assert labels(asked)[0] == "Order it · 12 credits"


@pytest.mark.long
async def test_the_menus_form_is_the_same_with_its_price_agreed_to(mira, house, media):
    picture = await mira.say("look", files=[File("a.png", png())])
    opened = await answered(await mira.menu(picture, "Animate this image"))
    names = [each.custom_id for each in opened.modal.fields]
    assert names == ["prompt", "link", "resolution", "duration", "then"]
    assert opened.modal.text.endswith("2 s · 480p · small: 2 credits (≈ $0.02)")
    await answered(await mira.fill(opened, prompt="waves"))
    assert (await done(house, 1)).price == 2, "the price on the form was agreed to"
    await clip_of(mira, 1)
    opened = await answered(await mira.menu(picture, "Animate this image"))
    asked = await sent(mira, opened, prompt="waves", resolution="720p")
    assert "The price changed from 2 credits" in asked.text
    assert labels(asked)[0] == "Order it · 8 credits"
    opened = await answered(await mira.menu(picture, "Animate this image"))
    refused = await sent(mira, opened, prompt="tide", link="nonsense")
    again = await answered(await mira.click(refused, AGAIN))
    assert again.modal.title == "Animate this image"
    assert field(again, "link")["value"] == "nonsense"
    sound = await mira.say("listen", files=[File("b.m4a", media.sound.read_bytes())])
    opened = await answered(await mira.menu(sound, "Use this sound"))
    names = [each.custom_id for each in opened.modal.fields]
    assert names == ["prompt", "link", "resolution", "then"], "a sound has its own length"
    asked = await sent(mira, opened, prompt="a drummer")
    assert labels(asked)[0].startswith("Order it · ")


@pytest.mark.long
async def test_help_with_a_prompt_keeps_the_picture_and_the_sound(mira, house, plain, media):
    opened = await opened_by(mira)
    files = [File("a.png", png()), File("b.m4a", media.sound.read_bytes())]
    shown = await answered(await mira.fill(opened, prompt="a drummer", files=files, then="help"))
    assert "Help with your prompt" in shown.message.text
    opened = await answered(await mira.click(shown.message, "Edit and make it…"))
    asked = await sent(mira, opened, prompt="A drummer plays.")
    [order] = [each for each in labels(asked) if each.startswith("Order it")]
    await answered(await mira.click(asked, order))
    job = await done(house, 1)
    assert job.brief.audio is not None
    assert job.brief.image is not None
