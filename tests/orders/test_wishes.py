"""What no model could make is refused before anything is ordered, whoever would make it."""

import pytest

from bot.catalog.complete import complete
from bot.catalog.model import Unfit
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
    with pytest.raises(Unfit, match=r"^A LoRA is given by its public https link\.$"):
        complete(model(loras=3), FOX.but(loras=(Lora(path=path),)), seed=1)


@pytest.mark.parametrize("scale", [0.0, -1.0, 4.1, float("nan"), float("inf")])
def test_a_lora_is_applied_within_reason(scale):
    lora = Lora(path="https://loras.example/a.safetensors", scale=scale)
    with pytest.raises(Unfit, match=r"^A LoRA's strength is more than 0 and at most 4\.$"):
        complete(model(loras=3), FOX.but(loras=(lora,)), seed=1)


def test_a_lora_as_it_should_be_is_taken():
    loras = (Lora(path="https://loras.example/a.safetensors?download=true", scale=0.8),)
    assert complete(model(loras=3), FOX.but(loras=loras), seed=1).loras == loras


def test_routing_is_refused_where_a_model_has_none():
    with pytest.raises(Unfit, match=r"^one has no choice of routing; leave it out\.$") as refused:
        complete(model(), FOX.but(routing="value"), seed=1)
    assert refused.value.nearest == FOX


def test_routing_is_one_of_those_that_the_model_has():
    routed = model(routings=("auto", "value"))
    assert complete(routed, FOX.but(routing="value"), seed=1).routing == "value"
    with pytest.raises(Unfit, match=r"^Routing can be auto or value, not “cheap”\.$"):
        complete(routed, FOX.but(routing="cheap"), seed=1)
