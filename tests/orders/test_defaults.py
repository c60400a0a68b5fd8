"""Which default wins: each layer over each that is farther, and what cannot be made passed over."""

import itertools

import pytest

from bot.orders.defaults import MODEL, SETTINGS, Layer, filled, settle, threaded
from storage import Brief, By, Mode, OrderDefaults, open_store
from tests.rig.databases import fresh

LAYERS = (Layer.PERSON, Layer.CHANNEL, Layer.SERVER)
VALUES = {
    "model": ("one", "two", "three", "four", "five"),
    "resolution": ("480p", "720p", "1080p", "1440p", "4K"),
    "duration": (2, 4, 6, 8, 10),
    "sound": (False, True, False, True, False),
}
WHO = ("option", "preset", *LAYERS)


def anything(*_):
    return True


def chosen(name, value):
    return OrderDefaults(**{name: value})


def settled(name, present, *, makes=anything, mode=Mode.TEXT):
    """What becomes of an order where those of `WHO` that are *present* each chose a value."""
    value = dict(zip(WHO, VALUES[name], strict=True))
    brief, model = Brief(mode=mode, prompt="x"), None
    for binding in ("option", "preset"):
        if binding in present:
            if name == MODEL:
                model = model or value[binding]
            else:
                brief = filled(brief, {name: value[binding]})
    layers = [(each, chosen(name, value[each])) for each in LAYERS if each in present]
    return settle(brief, None, model, layers, makes=makes), value


def result(found, name):
    return found.model if name == MODEL else getattr(found.brief, name)


@pytest.mark.parametrize("name", [MODEL, *SETTINGS])
def test_the_nearest_layer_wins_over_every_other(name):
    tried = 0
    for count in range(len(WHO) + 1):
        for present in itertools.combinations(WHO, count):
            found, value = settled(name, present)
            nearest = present[0] if present else None
            assert result(found, name) == value.get(nearest), present
            expected = nearest if nearest in LAYERS else None
            assert found.origins.get(name) == expected, present
            assert found.passed == ()
            tried += 1
    assert tried == 2 ** len(WHO)


@pytest.mark.parametrize("name", ["resolution", "duration"])
def test_a_default_that_cannot_be_made_is_passed_over_for_the_next(name):
    bad = VALUES[name][2]
    found, value = settled(name, LAYERS, makes=lambda brief, *_: getattr(brief, name) != bad)
    assert result(found, name) == value[Layer.CHANNEL]
    assert found.origins[name] is Layer.CHANNEL
    assert [(each.layer, each.value) for each in found.passed] == [(Layer.PERSON, bad)]
    assert found.note.startswith("Your default ")


def test_what_was_chosen_is_never_passed_over():
    brief = Brief(mode=Mode.TEXT, prompt="x", resolution="4K", duration=20)
    found = settle(brief, "ltx", "pro", [], makes=lambda *_: False)
    assert found.brief == brief
    assert (found.provider, found.model) == ("ltx", "pro")


def test_the_model_is_settled_first_and_the_rest_goes_with_it():
    """A person's size gives way to a channel's model; a size that was chosen does not."""
    layers = [
        (Layer.PERSON, OrderDefaults(resolution="4K")),
        (Layer.CHANNEL, OrderDefaults(provider="small", model="s")),
    ]

    def makes(brief, provider, _model):
        return provider != "small" or brief.resolution != "4K"

    plain = settle(Brief(prompt="x"), None, None, layers, makes=makes)
    assert (plain.provider, plain.brief.resolution) == ("small", None)
    assert plain.note == ("Your default 4K can't be made with the rest, so it was not used.")
    asked = settle(Brief(prompt="x", resolution="4K"), None, None, layers, makes=makes)
    assert (asked.provider, asked.brief.resolution) == (None, "4K")
    assert asked.note == (
        "This channel's default s can't be made with the rest, so it was not used."
    )


def test_where_nobody_makes_what_was_chosen_the_refusal_is_about_the_default_model():
    layers = [(Layer.SERVER, OrderDefaults(provider="small", model="s", resolution=None))]
    found = settle(Brief(prompt="x", resolution="9K"), None, None, layers, makes=lambda *_: False)
    assert (found.provider, found.model, found.passed) == ("small", "s", ())


def test_a_sound_decides_its_own_length():
    layers = [(Layer.PERSON, OrderDefaults(duration=8, sound=False, resolution="720p"))]
    found = settle(Brief(mode=Mode.AUDIO), None, None, layers, makes=anything)
    assert (found.brief.duration, found.brief.sound, found.brief.resolution) == (None, None, "720p")
    assert found.passed == ()


@pytest.mark.parametrize("server", [True, False])
@pytest.mark.parametrize("channel", [True, False, None])
@pytest.mark.parametrize("own", [True, False, None])
def test_the_nearest_says_where_clips_go_but_nobody_has_threads_where_there_are_none(
    own, channel, server
):
    moderators = server if channel is None else channel
    theirs = Layer.SERVER if channel is None else Layer.CHANNEL
    if own is None:
        expected = moderators, theirs
    elif own and not moderators:
        expected = False, theirs
    else:
        expected = own, Layer.PERSON
    assert threaded(own, channel, server=server) == expected


async def test_defaults_are_kept_cleared_exported_and_erased(tmp_path):
    by = By(guild_id=10, actor_id=1)
    async with open_store(fresh(tmp_path)) as store:
        await store.moderation.set_server(by, channel_models={6: ("apixo", "two")})
        await store.choices.set_own(10, 7, {"resolution": "720p", "sound": False})
        kept = await store.choices.set_own(10, 7, {"duration": 4, "threads": False})
        assert kept == OrderDefaults(resolution="720p", duration=4, sound=False, threads=False)
        assert await store.choices.own(11, 7) == OrderDefaults(), "each server has its own"
        await store.choices.set_channel(by, 5, {"model": "one", "threads": False, "duration": 4})
        assert await store.choices.threads() == {5: False}
        assert await store.choices.own_threads() == {(10, 7): False}
        found = await store.choices.channels(10, [5, 6, 8])
        assert found[5] == OrderDefaults(model="one", threads=False, duration=4)
        assert found[6] == OrderDefaults(provider="apixo", model="two")
        assert found[8] == OrderDefaults()
        # The setup page and /video defaults speak of one and the same model.
        server = await store.policy.server(10)
        assert server.channel_models == {5: (None, "one"), 6: ("apixo", "two")}
        await store.choices.set_channel(by, 5, dict.fromkeys(("provider", "model", "duration")))
        await store.choices.set_channel(by, 5, {"threads": False})
        lines = [each for each in await store.moderation.audit(10) if each.what == "defaults"]
        assert [each.after for each in lines] == [
            {"in_channel": 5, "model": None, "duration": None},
            {"in_channel": 5, "model": "one", "duration": 4, "threads": False},
        ], "and what changes nothing is no change"
        exported = await store.privacy.export(7)
        assert exported["defaults"] == [
            {
                "guild_id": 10,
                "provider": None,
                "model": None,
                "resolution": "720p",
                "duration": 4,
                "sound": 0,
                "threads": 0,
            }
        ]
    async with open_store(fresh(tmp_path)) as store:
        assert await store.choices.own(10, 7) == kept, "also after a restart"
        await store.privacy.forget(7)
        assert await store.choices.own(10, 7) == OrderDefaults()
        assert (await store.choices.channels(10, [5]))[5] == OrderDefaults(threads=False)
