"""What no model could make is refused before anything is ordered, whoever would make it."""

import pytest

from bot.catalog.complete import complete
from bot.catalog.model import Shape, Unfit
from storage import Brief, Lora
from tests.rig.doubles import model

FOX = Brief(prompt="a fox")


@pytest.mark.parametrize(
    "path",
    [
        "http://loras.example/a.safetensors",
        "ftp://loras.example/a.safetensors",
        "file:///etc/passwd",
        "https:///a.safetensors",
        "https://name:password@loras.example/a.safetensors",
        "https://loras.example/a b.safetensors",
        "https://loras.example/a\n.safetensors",
        "https://[::1/a.safetensors",
        "https://loras.example/" + "a" * 3000,
        "",
    ],
)
def test_a_lora_is_a_public_https_link(path):
    with pytest.raises(Unfit, match=r"^Give each LoRA as a public https link\.$"):
        complete(model(loras=3), FOX.but(loras=(Lora(path=path),)), seed=1)


@pytest.mark.parametrize("scale", [0.0, -1.0, 4.1, float("nan"), float("inf")])
def test_a_lora_is_applied_within_reason(scale):
    lora = Lora(path="https://loras.example/a.safetensors", scale=scale)
    with pytest.raises(Unfit, match=r"^A LoRA's strength must be more than 0 and at most 4\.$"):
        complete(model(loras=3), FOX.but(loras=(lora,)), seed=1)


def test_a_lora_as_it_should_be_is_taken():
    loras = (Lora(path="https://loras.example/a.safetensors?download=true", scale=0.8),)
    assert complete(model(loras=3), FOX.but(loras=loras), seed=1).loras == loras


def test_routing_is_refused_where_a_model_has_none():
    with pytest.raises(
        Unfit, match=r"^one has no choice of routing. Leave out `routing`\.$"
    ) as refused:
        complete(model(), FOX.but(routing="value"), seed=1)
    assert refused.value.nearest == FOX


def test_routing_is_one_of_those_that_the_model_has():
    routed = model(routings=("auto", "value"))
    assert complete(routed, FOX.but(routing="value"), seed=1).routing == "value"
    with pytest.raises(Unfit, match=r"^`routing` can't be “cheap”. Choose auto or value\.$"):
        complete(routed, FOX.but(routing="cheap"), seed=1)


def test_every_fault_of_a_brief_is_told_at_once_with_the_nearest_that_works():
    wish = FOX.but(camera="spin", seed=5000, duration=9, resolution="8K")
    moving = model(camera=("dolly_in", "dolly_out"))
    with pytest.raises(Unfit) as refused:
        complete(moving, wish, seed=1, who="Acme")
    assert str(refused.value) == (
        "`seed` must be a whole number from 1 to 999 for Acme. "
        "`camera` can't be “spin”. Choose dolly in or dolly out. "
        "Acme can't make a clip in “8K”. It makes 720p or 1080p."
    )
    nearest = refused.value.nearest
    assert complete(moving, nearest, seed=1).duration in (8, 10)
    assert nearest.camera is None


def test_what_cannot_be_mended_has_no_nearest_and_hides_no_other_fault():
    with pytest.raises(Unfit) as refused:
        complete(model(), Brief(prompt="", duration=9), seed=1)
    assert str(refused.value) == (
        "Write a prompt. one can't make a 9 s clip. It makes 6, 8 or 10 s."
    )
    assert refused.value.nearest is None


@pytest.mark.parametrize(
    ("asked", "made"),
    [
        ({"resolution": "1080P"}, {"resolution": "1080p"}),
        ({"resolution": " 720p "}, {"resolution": "720p"}),
        ({"camera": "Dolly In"}, {"camera": "dolly_in"}),
        ({"camera": "dolly-in"}, {"camera": "dolly_in"}),
        ({"routing": "VALUE"}, {"routing": "value"}),
    ],
)
def test_a_choice_is_known_in_any_case(asked, made):
    known = model(camera=("dolly_in",), routings=("auto", "value"))
    brief = complete(known, FOX.but(**asked), seed=1)
    assert {name: getattr(brief, name) for name in made} == made


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (
            {"duration": 20, "resolution": "4k"},
            "LTX can't make a 20 s clip in 4K. In 4K it makes 6 s.",
        ),
        ({"duration": 8}, "LTX can't make an 8 s clip. It makes 6 or 20 s."),
        ({"fps": 60}, "LTX can't make a clip at 60 fps. It makes 24 or 25 fps."),
    ],
)
def test_only_what_is_at_fault_is_named(asked, sentence):
    shapes = (
        Shape(resolutions=("1080p",), aspects=("16:9",), fps=(24, 25), durations=(6, 20)),
        Shape(resolutions=("4K",), aspects=("16:9",), fps=(24, 25), durations=(6,)),
    )
    with pytest.raises(Unfit) as refused:
        complete(model(shapes=shapes), FOX.but(**asked), seed=1, who="LTX")
    assert str(refused.value) == sentence
