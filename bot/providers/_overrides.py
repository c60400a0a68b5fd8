"""What a deployment changes about a provider's models and prices, in its part of dailies.toml.

    [providers.ltx.models."ltx-2-fast"]
    offer = false                              # leave it out

    [providers.ltx.models."ltx-2-3-pro".text]
    price = { per_second = { "1080p" = 0.09, "4K" = 0.36 }, dated = 2026-12-01 }
    shapes = [{ resolutions = ["1080p"], aspects = ["16:9"], fps = [24], durations = [6, 8] }]

    [providers.ltx.models."ltx-2-5-pro"]                 # a model that Dailies does not know
    like = "ltx-2-3-pro"
    title = "LTX-2.5 Pro"

A price replaces the whole price of that mode, `shapes` all of its sizes, rates and lengths.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.catalog.model import Capability, Model, Price, Shape
from bot.setting_words import innermost, said_of
from bot.settings import BadSetting

__all__ = ["overridden"]

_Resolution = Literal["480p", "720p", "1080p", "1440p", "4K"]
_Rate = Annotated[Decimal, Field(ge=0, le=10**6)]
_Rates = dict[Literal["480p", "720p", "1080p", "1440p", "4K", "*"], _Rate]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Price(_Table):
    unit: str = Field(default="USD", min_length=1)
    base: _Rates = {}
    per_second: _Rates = {}
    usd_per_unit: Decimal = Field(default=Decimal(1), gt=0, le=1000)
    whole_units: bool = False
    dated: date
    source: str = "dailies.toml"


class _Shape(_Table):
    resolutions: tuple[_Resolution, ...] = ()
    aspects: tuple[Literal["16:9", "9:16", "1:1"], ...] = ()
    fps: tuple[Annotated[int, Field(strict=True, ge=1, le=120)], ...] = ()
    durations: tuple[Annotated[int, Field(strict=True, ge=1, le=600)], ...] = ()


class _Mode(_Table):
    offer: bool = True
    prompt_max: int | None = Field(default=None, strict=True, ge=1)
    shapes: tuple[_Shape, ...] | None = Field(default=None, min_length=1)
    price: _Price | None = None


class _Model(_Table):
    offer: bool = True
    like: str | None = None
    title: str | None = None
    note: str | None = None
    text: _Mode = _Mode()
    image: _Mode = _Mode()
    audio: _Mode = _Mode()
    extend: _Mode = _Mode()
    retake: _Mode = _Mode()
    hdr: _Mode = _Mode()


class _Section(_Table):
    models: dict[str, _Model] = {}


def overridden(
    models: Sequence[Model], section: Mapping[str, Any], *, provider: str
) -> tuple[Model, ...]:
    """*models* as the provider's *section* of dailies.toml wants them, new ones last.

    Raises `BadSetting` naming each entry that is wrong, and what is wrong with it.
    """
    try:
        wanted = _Section.model_validate(section).models
    except ValidationError as error:
        raise BadSetting(
            "\n".join(
                f"{'.'.join(['providers', provider, *(str(step) for step in each['loc'])])} "
                f"in dailies.toml can't be used: {said_of(each)}."
                for each in innermost(error.errors(include_url=False, include_input=False))
            )
        ) from None
    known = {model.name: model for model in models}
    for name, table in wanted.items():
        where = f"providers.{provider}.models.{name}"
        like = known.get(table.like or name)
        if like is None:
            names = ", ".join(model.name for model in models)
            raise BadSetting(
                f"{where} in dailies.toml needs like = one of {names}."
                if table.like is None
                else f"{where}.like in dailies.toml must be one of {names}."
            )
        known[name] = _changed(like, name, table)
    offered = tuple(
        model
        for name, model in known.items()
        if model.capabilities and (name not in wanted or wanted[name].offer)
    )
    if not offered:
        raise BadSetting(f"providers.{provider}.models in dailies.toml leaves no model to offer.")
    return offered


def _changed(model: Model, name: str, table: _Model) -> Model:
    changed = [
        _capability(capability, getattr(table, capability.mode.value))
        for capability in model.capabilities
    ]
    new = name != model.name
    return replace(
        model,
        name=name,
        title=table.title or (name if new else model.title),
        retired=model.retired and not new,
        note=table.note if table.note is not None else ("" if new else model.note),
        capabilities=tuple(each for each in changed if each is not None),
    )


def _capability(capability: Capability, table: _Mode) -> Capability | None:
    if not table.offer:
        return None
    if table.prompt_max is not None:
        capability = replace(capability, prompt_max=table.prompt_max)
    if table.shapes is not None:
        shapes = tuple(Shape(**shape.model_dump()) for shape in table.shapes)
        capability = replace(capability, shapes=shapes)
    if table.price is not None:
        price = Price(**table.price.model_dump(), frames_cap=capability.price.frames_cap)
        capability = replace(capability, price=price)
    return capability
