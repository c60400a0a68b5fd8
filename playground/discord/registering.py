"""Application commands: what a bot may register (interactions/application-commands)."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from simcord.enums import AppCommandType, OptionType

from playground.discord.buckets import Buckets
from playground.discord.commands import STRING, SUBCOMMANDS
from playground.discord.limits import Refused, bad_form, check_creates
from playground.discord.world import World

MOST = {AppCommandType.CHAT_INPUT: 100, AppCommandType.USER: 15, AppCommandType.MESSAGE: 15}
CHARACTERS = 8000  #: names, descriptions and choices of one command together
MANY = 25  #: options of a command, choices of an option
NAME = re.compile(r"^[-_'\w]{1,32}$")
_WITH_CHOICES = (OptionType.STRING, OptionType.INTEGER, OptionType.NUMBER)


def register(
    world: World, buckets: Buckets, guild_id: int | None, payloads: Any
) -> list[dict[str, Any]]:
    """Replace all commands of a scope (None: global). An unchanged name keeps its id."""
    if not isinstance(payloads, list):
        raise bad_form("commands", "BASE_TYPE_BAD_TYPE", "Only iterables may be used.")
    known = world.commands.get(guild_id, {})
    fresh: dict[tuple[str, int], dict[str, Any]] = {}
    for payload in payloads:
        command = _checked(payload)
        key = (command["name"], command["type"])
        if key in fresh:
            raise Refused(400, 50035, "Application command names must be unique")
        old = known.get(key)
        command["id"] = old["id"] if old is not None else str(world.snowflake())
        same = old is not None and {**old, "version": None} == {**command, "version": None} | {
            "application_id": old["application_id"],
            "guild_id": old.get("guild_id"),
        }
        command["version"] = old["version"] if same and old is not None else str(world.snowflake())
        command["application_id"] = str(world.application_id)
        command["guild_id"] = None if guild_id is None else str(guild_id)
        fresh[key] = command
    for kind, most in MOST.items():
        if sum(key[1] == kind for key in fresh) > most:
            raise Refused(400, 30032, f"Maximum number of application commands reached ({most}).")
    check_creates(buckets, guild_id, len(fresh.keys() - known.keys()))
    world.commands[guild_id] = fresh
    world.touch("commands", guild_id)
    return list(fresh.values())


def _checked(payload: Mapping[str, Any]) -> dict[str, Any]:
    command = {key: value for key, value in payload.items() if key not in ("id", "version")}
    command["type"] = int(command.get("type") or AppCommandType.CHAT_INPUT)
    name = command.get("name")
    if command["type"] == AppCommandType.CHAT_INPUT:
        _check_name("name", name, "Command name is invalid")
        _check_length("description", command.get("description"), 1, 100)
    else:
        _check_length("name", name, 1, 32)
        if command.get("description") or command.get("options"):
            raise bad_form("description", "APPLICATION_COMMAND_NOT_FOR_MENUS", "Must be empty.")
    command.setdefault("description", "")
    command.setdefault("options", [])
    command.setdefault("default_member_permissions", None)
    command.setdefault("nsfw", False)
    parts = (command, *_inside(command))
    if sum(_length(part) for part in parts) > CHARACTERS:
        raise bad_form(
            "options", "APPLICATION_COMMAND_TOO_LARGE", f"Must be {CHARACTERS} or fewer."
        )
    for part in parts:
        _check_options(part.get("options") or [])
        _check_languages(part, command["type"] == AppCommandType.CHAT_INPUT)
    for part in command["options"]:
        _check_depth(part, 1)
    for part in _inside(command):
        _check_option(part)
    return command


def _check_options(options: list[Mapping[str, Any]]) -> None:
    """The options of one part, beside each other."""
    if len(options) > MANY:
        raise bad_form("options", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    names = [item.get("name") for item in options]
    if len(set(names)) < len(names):
        raise bad_form(
            "options",
            "APPLICATION_COMMAND_OPTIONS_NAME_NOT_UNIQUE",
            "Option names must be unique",
        )
    order = [bool(item.get("required")) for item in options]
    if order != sorted(order, reverse=True):
        raise bad_form(
            "options",
            "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
            "Required options must be placed before non-required options",
        )
    steps = [item.get("type") in SUBCOMMANDS for item in options]
    if any(steps) and not all(steps):
        raise bad_form(
            "options",
            "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID",
            "Sub-command and sub-command group option types are mutually exclusive to all others",
        )


def _check_depth(part: Mapping[str, Any], depth: int) -> None:
    """A group holds subcommands, a subcommand holds options, an option holds nothing."""
    kind = part.get("type")
    inner = part.get("options") or []
    too_deep = kind == OptionType.SUBCOMMAND_GROUP and (
        depth > 1 or any(item.get("type") != OptionType.SUBCOMMAND for item in inner)
    )
    if too_deep or (inner and kind not in SUBCOMMANDS):
        raise bad_form(
            "options.type", "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", "It cannot be in there."
        )
    for item in inner:
        _check_depth(item, depth + 1)


def _check_option(part: Mapping[str, Any]) -> None:
    if part.get("type") not in set(OptionType):
        raise bad_form("options.type", "BASE_TYPE_CHOICES", "Value must be one of (1, …, 11).")
    _check_name("options.name", part.get("name"), "Option name is invalid")
    _check_length("options.description", part.get("description"), 1, 100)
    for name, least in (("min_length", 0), ("max_length", 1)):
        value = part.get(name)
        if value is not None and not least <= value <= STRING:
            raise bad_form(f"options.{name}", "NUMBER_TYPE_RANGE", f"{least} to {STRING}.")
    choices = part.get("choices") or []
    if len(choices) > MANY:
        raise bad_form("options.choices", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    if choices and (part.get("autocomplete") or part["type"] not in _WITH_CHOICES):
        raise bad_form(
            "options.choices", "APPLICATION_COMMAND_OPTIONS_CHOICES", "No choices may be here."
        )
    for choice in choices:
        _check_length("options.choices.name", choice.get("name"), 1, 100)
        if isinstance(choice.get("value"), str):
            _check_length("options.choices.value", choice["value"], 1, 100)
    for key in ("name", "value"):
        if len({choice[key] for choice in choices}) < len(choices):
            raise bad_form(
                "options.choices",
                "APPLICATION_COMMAND_OPTIONS_CHOICES_NOT_UNIQUE",
                f"Choice {key}s must be unique",
            )


def _check_languages(part: Mapping[str, Any], typed: bool) -> None:
    """A name or description in another language is held to the same rules."""
    for name in (part.get("name_localizations") or {}).values():
        if typed:
            _check_name("name_localizations", name, "Command name is invalid")
        else:
            _check_length("name_localizations", name, 1, 32)
    for text in (part.get("description_localizations") or {}).values():
        _check_length("description_localizations", text, 1, 100)


def _check_name(field: str, name: Any, words: str) -> None:
    if not isinstance(name, str) or not NAME.match(name) or name != name.lower():
        raise bad_form(field, "APPLICATION_COMMAND_INVALID_NAME", words)


def _check_length(field: str, text: Any, least: int, most: int) -> None:
    if not isinstance(text, str) or not least <= len(text) <= most:
        raise bad_form(
            field, "BASE_TYPE_BAD_LENGTH", f"Must be between {least} and {most} in length."
        )


def _inside(part: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for option in part.get("options") or []:
        yield option
        yield from _inside(option)


def _length(part: Mapping[str, Any]) -> int:
    """Characters of a part; of several languages the longest counts."""
    choices = sum(
        _longest(item, "name") + (len(item["value"]) if isinstance(item["value"], str) else 0)
        for item in part.get("choices") or []
    )
    return _longest(part, "name") + _longest(part, "description") + choices


def _longest(part: Mapping[str, Any], name: str) -> int:
    texts = [part.get(name) or "", *(part.get(f"{name}_localizations") or {}).values()]
    return max(map(len, texts))
