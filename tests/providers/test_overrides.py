"""dailies.toml: a deployment may change a provider's models and prices, and is told of mistakes."""

import tomllib
from datetime import date
from decimal import Decimal

import pytest

from bot.catalog.complete import complete
from bot.catalog.model import Capability, Model
from bot.catalog.price import usd
from bot.providers._overrides import overridden
from bot.providers.ltx import models
from bot.settings import BadSetting, provider_sections, toml_settings
from storage import Brief, Mode
from tests.rig.imitated import imitated


def changed(toml: str) -> dict[str, Model]:
    section = tomllib.loads(toml).get("ltx", {})
    return {model.name: model for model in overridden(models(), section, provider="ltx")}


def capability(found: dict[str, Model], name: str, mode: Mode = Mode.TEXT) -> Capability:
    capability = found[name].capability(mode)
    assert capability is not None
    return capability


def test_without_a_section_nothing_changes() -> None:
    assert overridden(models(), {}, provider="ltx") == models()


def test_a_price_can_be_changed_and_says_where_it_is_from() -> None:
    found = changed(
        """
        [ltx.models."ltx-2-3-pro".text]
        price = { per_second = { "1080p" = 0.09, "4K" = 0.36 }, dated = 2026-12-01 }
        """
    )
    text = capability(found, "ltx-2-3-pro")
    brief = complete(found["ltx-2-3-pro"], Brief(prompt="x", duration=10), seed=1)
    assert usd(text, brief) == Decimal("0.90")
    assert (text.price.dated, text.price.source) == (date(2026, 12, 1), "dailies.toml")
    assert capability(found, "ltx-2-3-pro", Mode.IMAGE).price.source != "dailies.toml"


def test_an_extensions_cap_outlives_its_price() -> None:
    found = changed(
        """
        [ltx.models."ltx-2-pro".extend]
        price = { per_second = { "*" = 1 }, dated = 2026-12-01 }
        """
    )
    assert capability(found, "ltx-2-pro", Mode.EXTEND).price.frames_cap == 505


def test_a_model_or_a_mode_can_be_left_out() -> None:
    found = changed(
        """
        [ltx.models."ltx-2-fast"]
        offer = false
        [ltx.models."ltx-2-3-pro".hdr]
        offer = false
        """
    )
    assert list(found) == ["ltx-2-3-fast", "ltx-2-3-pro", "ltx-2-pro"]
    assert found["ltx-2-3-pro"].capability(Mode.HDR) is None
    assert found["ltx-2-3-pro"].capability(Mode.TEXT) is not None


def test_a_new_model_is_like_one_that_is_known() -> None:
    found = changed(
        """
        [ltx.models."ltx-2-5-pro"]
        like = "ltx-2-3-pro"
        title = "LTX-2.5 Pro"
        [ltx.models."ltx-2-5-pro".text]
        prompt_max = 10000
        shapes = [{ resolutions = ["720p"], aspects = ["16:9"], fps = [24], durations = [3, 4] }]
        """
    )
    assert list(found)[-1] == "ltx-2-5-pro"
    assert found["ltx-2-5-pro"].title == "LTX-2.5 Pro"
    brief = complete(found["ltx-2-5-pro"], Brief(prompt="x" * 9000), seed=1)
    assert (brief.resolution, brief.fps, brief.duration) == ("720p", 24, 4)
    assert capability(found, "ltx-2-3-pro").prompt_max == 5000


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        (
            '[ltx.models."ltx-9"]\ntitle = "x"',
            (
                "providers.ltx.models.ltx-9 in dailies.toml needs like = one of "
                "ltx-2-3-fast, ltx-2-3-pro, ltx-2-fast, ltx-2-pro."
            ),
        ),
        (
            '[ltx.models."ltx-9"]\nlike = "ltx-8"',
            (
                "providers.ltx.models.ltx-9.like in dailies.toml must be one of "
                "ltx-2-3-fast, ltx-2-3-pro, ltx-2-fast, ltx-2-pro."
            ),
        ),
        (
            '[ltx.models."ltx-2-pro".text]\nprice = { per_second = { "1080p" = 0.1 } }',
            (
                "providers.ltx.models.ltx-2-pro.text.price.dated in dailies.toml can't be used: "
                "it is missing."
            ),
        ),
        (
            '[ltx.models."ltx-2-pro".text]\ncost = 1',
            (
                "providers.ltx.models.ltx-2-pro.text.cost in dailies.toml can't be used: "
                "there is no such setting."
            ),
        ),
        (
            (
                '[ltx.models."ltx-2-pro".text]\n'
                'price = { per_second = { "*" = -1 }, dated = 2026-12-01 }'
            ),
            (
                "providers.ltx.models.ltx-2-pro.text.price.per_second.* in dailies.toml can't "
                "be used: write 0 or more."
            ),
        ),
        (
            '[ltx.models."ltx-2-pro".text]\nprompt_max = true',
            (
                "providers.ltx.models.ltx-2-pro.text.prompt_max in dailies.toml can't be "
                "used: write a whole number."
            ),
        ),
        (
            '[ltx.models."ltx-2-pro".text]\nshapes = [{ fps = [0] }]',
            (
                "providers.ltx.models.ltx-2-pro.text.shapes.0.fps.0 in dailies.toml can't be "
                "used: write 1 or more."
            ),
        ),
        (
            "\n".join(
                f'[ltx.models."{name}"]\noffer = false'
                for name in ("ltx-2-3-fast", "ltx-2-3-pro", "ltx-2-fast", "ltx-2-pro")
            ),
            "providers.ltx.models in dailies.toml leaves no model to offer.",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place(toml: str, sentence: str) -> None:
    with pytest.raises(BadSetting) as bad:
        changed(toml)
    assert str(bad.value) == sentence


async def test_what_it_says_is_what_people_see_and_pay(media, tmp_path, monkeypatch) -> None:
    (tmp_path / "dailies.toml").write_text(
        """
        [providers.ltx.models."ltx-2-3-fast".text]
        price = { per_second = { "*" = 0.5 }, dated = 2026-12-01 }
        [providers.ltx.models."ltx-2-pro"]
        offer = false
        [providers.ltx.models."ltx-2-5-pro"]
        like = "ltx-2-3-pro"
        """
    )
    monkeypatch.chdir(tmp_path)
    sections = provider_sections(toml_settings())
    async with imitated(media, tmp_path / "data", only=("ltx",), sections=sections) as place:
        mira = place.people[0]
        asked = await mira.type("/video models")
        await asked.answered
        said = asked.message.text.replace("\\", "")
        assert "ltx-2-5-pro" in said
        assert "ltx-2-pro" not in said
        await (await mira.choose(asked.message, "do:models", "ltx ltx-2-3-fast")).answered
        told = await mira.wait_for(
            lambda each: each.id == asked.message.id and "Prices as of" in each.text
        )
        assert "Text: Credits per second: 50. Prices as of Dec 1, 2026." in told.text

        job = await place.order("text", prompt="a fox", model="ltx-2-3-fast", duration=8)
        assert job.price == 400
        assert "400 credits (≈ $4.00)" in place.card(job)
        done = (await place.settled([job.id]))[job.id]
        assert (await place.store.policy.bill(done.id)).spent == 400

        names = [each.value for each in await mira.suggestions("/video text", "model", prompt="x")]
        assert names == ["ltx-2-3-fast", "ltx-2-3-pro", "ltx-2-fast", "ltx-2-5-pro"]
