"""Application commands: what a bot may register, and what a person may fill in."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from simcord.enums import AppCommandType, OptionType

from playground.limits import Refused, bad_form
from playground.world import World

#: Limits of interactions/application-commands: how many of each type, and how long names are.
MOST = {AppCommandType.CHAT_INPUT: 100, AppCommandType.USER: 15, AppCommandType.MESSAGE: 15}
CHARACTERS = 8000  #: names, descriptions and choices of one command together
NAME = re.compile(r"^[-_'\w]{1,32}$")
STRING = 6000  #: characters of one string option
WHOLE = 2**53  #: integers and numbers stay below this

SUBCOMMANDS = (OptionType.SUBCOMMAND, OptionType.SUBCOMMAND_GROUP)
_FAMILIES = {
    "image": {".png", ".gif", ".jpg", ".jpeg", ".jfif", ".webp", ".avif"},
    "video": {".mp4", ".mov", ".qt", ".webm"},
    "audio": {".mp3", ".m4a", ".wav", ".ogg", ".opus", ".flac"},
}


class PersonCannot(Exception):
    """Discord's client, or Discord, would not let this person do that. A sentence for them."""


def register(world: World, guild_id: int | None, payloads: Any) -> list[dict[str, Any]]:
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
    world.commands[guild_id] = fresh
    world.touch("commands", guild_id)
    return list(fresh.values())


def _checked(payload: Mapping[str, Any]) -> dict[str, Any]:
    command = {key: value for key, value in payload.items() if key not in ("id", "version")}
    command["type"] = int(command.get("type") or AppCommandType.CHAT_INPUT)
    name = command.get("name")
    if command["type"] == AppCommandType.CHAT_INPUT:
        if not isinstance(name, str) or not NAME.match(name) or name != name.lower():
            raise bad_form("name", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
        if not 1 <= len(command.get("description") or "") <= 100:
            raise bad_form(
                "description", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length."
            )
    elif not isinstance(name, str) or not 1 <= len(name) <= 32:
        raise bad_form("name", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 32 in length.")
    command.setdefault("description", "")
    command.setdefault("options", [])
    command.setdefault("default_member_permissions", None)
    command.setdefault("nsfw", False)
    if sum(_length(part) for part in (command, *_inside(command))) > CHARACTERS:
        raise bad_form(
            "options", "APPLICATION_COMMAND_TOO_LARGE", f"Must be {CHARACTERS} or fewer."
        )
    for part in (command, *_inside(command)):
        order = [bool(item.get("required")) for item in part.get("options") or []]
        if order != sorted(order, reverse=True):
            raise bad_form(
                "options",
                "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
                "Required options must be placed before non-required options",
            )
    for part in _inside(command):
        if len(part.get("options") or []) > 25 or len(part.get("choices") or []) > 25:
            raise bad_form("options", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
        if not NAME.match(part.get("name") or ""):
            raise bad_form(
                "options.name", "APPLICATION_COMMAND_INVALID_NAME", "Option name is invalid"
            )
        if not 1 <= len(part.get("description") or "") <= 100:
            raise bad_form(
                "options.description", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100."
            )
        for choice in part.get("choices") or []:
            if not 1 <= len(choice["name"]) <= 100 or len(str(choice["value"])) > 100:
                raise bad_form(
                    "options.choices", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100."
                )
    if len(command["options"]) > 25:
        raise bad_form("options", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    return command


def _inside(part: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for option in part.get("options") or []:
        yield option
        yield from _inside(option)


def _length(part: Mapping[str, Any]) -> int:
    choices = sum(
        len(item["name"]) + (len(item["value"]) if isinstance(item["value"], str) else 0)
        for item in part.get("choices") or []
    )
    return len(part.get("name") or "") + len(part.get("description") or "") + choices


# ---------------------------------------------------------------------- filling one in


def leaf(
    command: Mapping[str, Any], path: list[str]
) -> tuple[Mapping[str, Any], list[tuple[str, int]]]:
    """The part of a command that takes options, and the (name, type) of each step to it."""
    part, steps = command, list[tuple[str, int]]()
    for name in path:
        found = next((item for item in part.get("options") or [] if item["name"] == name), None)
        if found is None or found["type"] not in SUBCOMMANDS:
            raise PersonCannot(f"There is no command called /{' '.join([command['name'], *path])}.")
        part = found
        steps.append((name, int(found["type"])))
    if any(item["type"] in SUBCOMMANDS for item in part.get("options") or []):
        names = ", ".join(item["name"] for item in part["options"])
        raise PersonCannot(f"/{' '.join([command['name'], *path])} needs one of: {names}.")
    return part, steps


def fit(option: Mapping[str, Any], value: Any) -> Any:
    """The value of an option as it is sent; a typed "6" is the number 6 where one is asked for.

    Options that name somebody, a channel, a role or a file are not looked at here.
    """
    name, kind = option["name"], OptionType(option["type"])
    choices = option.get("choices") or []
    if choices and not option.get("autocomplete"):
        # A person picks a choice by its name; what is sent is its value.
        for choice in choices:
            if str(value) in (str(choice["value"]), choice["name"]):
                return choice["value"]
        names = ", ".join(str(choice["name"]) for choice in choices)
        raise PersonCannot(f"{name} must be one of: {names}.")
    match kind:
        case OptionType.STRING:
            if not isinstance(value, str):
                raise PersonCannot(f"{name} takes text, not {value!r}.")
            least, most = option.get("min_length") or 0, option.get("max_length") or STRING
            if not least <= len(value) <= most:
                raise PersonCannot(f"{name} takes {least} to {most} characters, not {len(value)}.")
        case OptionType.INTEGER | OptionType.NUMBER:
            value = _number(name, kind, value)
            least, most = (
                limit if limit is not None else fallback
                for limit, fallback in (
                    (option.get("min_value"), -WHOLE),
                    (option.get("max_value"), WHOLE),
                )
            )
            if not least <= value <= most:
                raise PersonCannot(f"{name} must be between {least:g} and {most:g}, not {value:g}.")
        case OptionType.BOOLEAN:
            value = {"true": True, "false": False}.get(str(value).lower())
            if value is None:
                raise PersonCannot(f"{name} must be True or False.")
    return value


def _number(name: str, kind: OptionType, value: Any) -> int | float:
    whole = kind == OptionType.INTEGER
    wanted = "a whole number" if whole else "a number"
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise PersonCannot(f"{name} must be {wanted}.")
    try:
        return int(value) if whole and isinstance(value, str) else _exact(value, whole=whole)
    except ValueError:
        raise PersonCannot(f"{name} must be {wanted}, not {value}.") from None


def _exact(value: float | str, *, whole: bool) -> int | float:
    number = float(value)
    if whole:
        if number != int(number):
            raise ValueError(value)
        return int(number)
    return value if isinstance(value, int) else number


def fits_file(option: Mapping[str, Any], filename: str) -> None:
    """`file_types` of an attachment option looks at the name only (since 2026-08-05)."""
    wanted = option.get("file_types") or []
    endings = set[str]().union(*(_FAMILIES.get(item.lower(), {item.lower()}) for item in wanted))
    ending = "." + filename.rsplit(".", 1)[-1].lower() if "." in filename else ""
    if endings and ending not in endings:
        raise PersonCannot(
            f"{option['name']} takes {', '.join(wanted)} files, and {filename} is not one."
        )
