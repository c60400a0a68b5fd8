"""Reads everything that a deployment decides, once, and refuses what does not exist or fit."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.app.catalogue import example, settings_of
from bot.providers import Connection, modules
from bot.setting_words import meant
from bot.settings import (
    CONFIG,
    DOTENV,
    BadSetting,
    PlaygroundSettings,
    Settings,
    dotenv_settings,
    environment,
    provider_sections,
    toml_settings,
)

__all__ = ["Configuration", "configured", "playground_configured"]

#: How alike a name must be to a setting's to be taken for it where it lacks our prefixes.
ALIKE = 0.9
_OURS = ("DAILIES_", "DISCORD_")
TRIED = "COMFYUI_TEST_URL"  #: where the tests find a real server; nothing else reads it
SLOW = "LOCAL_SECONDS"  #: slows the local renderer down, also in a playground


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Settings that can be used."""

    settings: Settings
    environ: Mapping[str, str] = field(repr=False)  #: the environment and .env, keys included
    sections: Mapping[str, Mapping[str, Any]]  #: dailies.toml's, by the provider's name

    def connection(self, name: str) -> Connection:
        """What the provider of that *name* is given, to look at it."""
        return Connection(
            data=self.settings.dailies_data,
            toml=self.sections.get(name, {}),
            environ=self.environ,
        )


def configured(*, providers: bool = True) -> Configuration:
    """What this process was given. Raises `BadSetting` naming all that cannot be used.

    Without *providers*, their own values are not looked at yet.
    """
    toml = toml_settings()
    environ = environment()
    wrong = [*_unknown_names(_ours()), *_unknown_entries(toml)]
    settings = None
    try:
        settings = Settings.load()
    except BadSetting as error:
        wrong.append(str(error))
    sections = provider_sections(toml)
    if providers:
        wrong += _wrong_providers(environ, sections)
    if wrong or settings is None:
        raise BadSetting("\n".join(dict.fromkeys(wrong)))
    return Configuration(settings=settings, environ=environ, sections=sections)


def playground_configured(*, real: bool) -> Configuration:
    """Read the settings of a playground, which knows no key of anything.

    With *real*, the keys and prices of providers are there, and nothing else is.
    """
    names = {name for name in _ours() if name.startswith("DAILIES_")}
    toml = toml_settings()
    wrong = [*_unknown_names(names, prefixes=("DAILIES_",)), *_unknown_entries(toml)]
    try:
        settings = PlaygroundSettings.load()
    except BadSetting as error:
        raise BadSetting("\n".join([*wrong, str(error)])) from None
    environ: Mapping[str, str] = environment()
    sections: Mapping[str, Mapping[str, Any]] = {}
    if real:
        sections = provider_sections(toml)
        wrong += _wrong_providers(environ, sections)
    else:
        environ = {name: value for name, value in environ.items() if name == SLOW}
    if wrong:
        raise BadSetting("\n".join(dict.fromkeys(wrong)))
    return Configuration(settings=settings, environ=environ, sections=sections)


def _ours() -> set[str]:
    """The name of every setting in the environment."""
    own = {name.upper() for name in Settings.model_fields}
    theirs = {each for name, module in modules().items() for each in settings_of(name, module)}
    return own | theirs | {SLOW}


def _unknown_names(known: Iterable[str], *, prefixes: tuple[str, ...] | None = None) -> list[str]:
    """A sentence for each name of the environment or `.env` that was meant for Dailies, and is
    no setting: it begins as ours do, or differs from one of ours by a slip."""
    names = {*known, *(f"{name}_FILE" for name in known), TRIED}
    if prefixes is None:
        prefixes = (*_OURS, *(f"{name.upper()}_" for name in modules() if name != "local"))
    said = []
    for where, values in (("the environment", os.environ), (DOTENV, dotenv_settings())):
        for name in sorted(values):
            if name in names:
                continue
            ours = [each for each in prefixes if name.upper().startswith(each)]
            family = [each for each in sorted(names) if each.startswith(tuple(ours))]
            nearest = meant(name, family) if ours else None
            nearest = nearest or meant(name, sorted(names), alike=0.6 if ours else ALIKE)
            if not ours and nearest is None:
                continue
            hint = f" Did you mean {nearest}?" if nearest else ""
            said.append(f"{name} in {where} is not a Dailies setting.{hint}")
    return said


def _unknown_entries(toml: Mapping[str, Any]) -> list[str]:
    """Name what is wrong in `dailies.toml`."""
    said = []
    fields = [*Settings.model_fields, "providers"]
    for name, value in toml.items():
        if name not in fields:
            written = f"[{name}]" if isinstance(value, dict) else name
            nearest = meant(name, fields)
            hint = f" Did you mean {nearest}?" if nearest else ""
            said.append(f"{written} in {CONFIG} is not a Dailies setting.{hint}")
    sections = toml.get("providers", {})
    for name in sections if isinstance(sections, dict) else ():
        if name not in modules():
            nearest = meant(name, modules()) or f"one of {', '.join(modules())}"
            said.append(
                f"[providers.{name}] in {CONFIG} is not a provider that Dailies knows. "
                f"Did you mean {nearest}?"
            )
    return said


def _wrong_providers(
    environ: Mapping[str, str], sections: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """What is wrong with providers' own settings, also with those of one without a key."""
    said = []
    for name, module in modules().items():
        pretended = example(name, module)
        key = next(iter(pretended))
        given = environ
        if not environ.get(key) and not environ.get(f"{key}_FILE"):
            given = {**pretended, **environ, key: pretended[key]}
        try:
            module.connect(Connection(data=Path(), toml=sections.get(name, {}), environ=given))
        except BadSetting as error:
            said.append(str(error))
    return said
