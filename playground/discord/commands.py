"""Application commands: what a person may fill in."""

from collections.abc import Mapping
from typing import Any

from simcord.enums import OptionType

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
