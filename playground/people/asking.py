"""What a person's client puts into an interaction: options, picks, form fields, and their files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simcord.backend import serializers
from simcord.backend.models import Channel
from simcord.enums import OptionType

from playground.discord import commands
from playground.discord.commands import PersonCannot
from playground.discord.world import World
from playground.people.views import Field, Modal

#: What may be picked, by the type of a select menu's component.
_PICKED = {
    5: OptionType.USER,
    6: OptionType.ROLE,
    7: OptionType.MENTIONABLE,
    8: OptionType.CHANNEL,
}
_NAMED = (OptionType.USER, OptionType.ROLE, OptionType.CHANNEL, OptionType.MENTIONABLE)


@dataclass(frozen=True, slots=True)
class File:
    """A file a person attaches: its name and its bytes."""

    name: str
    data: bytes


Upload = File | Path


def read_file(source: Upload) -> File:
    """A file's name and bytes. Raises PersonCannot if there is no such file."""
    if isinstance(source, File):
        return source
    if not source.is_file():
        raise PersonCannot(f"There is no file {source}.")
    return File(source.name, source.read_bytes())


def fill_in(
    world: World,
    channel: Channel,
    part: Mapping[str, Any],
    given: Mapping[str, Any],
    resolved: dict[str, Any],
    focused: str | None = None,
) -> list[dict[str, Any]]:
    """The `options` of a command. *focused* is the one still being typed, when suggesting."""
    declared = {item["name"]: item for item in part.get("options") or []}
    for name in given:
        if name not in declared:
            raise PersonCannot(f"This command has no option called {name}.")
    filled = []
    for name, option in declared.items():
        if given.get(name) is None:
            if option.get("required") and focused is None:
                raise PersonCannot(f"{name} is required.")
            continue
        kind, value = OptionType(option["type"]), given[name]
        item: dict[str, Any] = {"name": name, "type": int(kind)}
        if name == focused:
            item |= {"value": value, "focused": True}
        elif kind == OptionType.ATTACHMENT:
            if focused is not None:
                continue
            item["value"] = attach(world, channel, option, value, resolved)
        elif kind in _NAMED:
            item["value"] = resolve(world, channel, kind, name, value, resolved)
        else:
            try:
                item["value"] = commands.fit(option, value)
            except PersonCannot:
                if focused is None:
                    raise
                continue  # while typing, what does not fit yet is left out
        filled.append(item)
    return filled


def attach(
    world: World,
    channel: Channel,
    option: Mapping[str, Any],
    value: Any,
    resolved: dict[str, Any],
) -> str:
    """Upload a file for an option or a form. Returns its id."""
    file = read_file(Path(value) if isinstance(value, str) else value)
    limit = world.upload_limit(channel.guild_id)
    if len(file.data) > limit:
        raise PersonCannot(f"{file.name} is too big: the limit here is {limit >> 20} MB.")
    commands.fits_file(option, file.name)
    attachment_id = world.snowflake()
    stored = world.cdn.store_attachment(attachment_id, channel.id, file.name, file.data, None)
    stored["ephemeral"] = True
    resolved.setdefault("attachments", {})[str(attachment_id)] = stored
    return str(attachment_id)


def resolve(
    world: World,
    channel: Channel,
    kind: OptionType,
    name: str,
    value: Any,
    resolved: dict[str, Any],
) -> str:
    """Find a person, role or channel by object, id, mention or name. Returns its id."""
    text = str(getattr(value, "id", value)).strip("<@#&!>")
    guild = world.guilds.get(channel.guild_id or 0)
    users = {str(key): user.name for key, user in world.users.items()}
    if guild is not None:
        users = {key: label for key, label in users.items() if int(key) in guild.members}
    roles = {str(role.id): role.name for role in guild.roles.values()} if guild is not None else {}
    places = {str(key): world.channels[key].name for key in guild.channel_ids} if guild else {}
    if kind in (OptionType.USER, OptionType.MENTIONABLE) and (found := _named(users, text)):
        resolve_user(world, int(found), resolved, channel)
        return found
    if kind in (OptionType.ROLE, OptionType.MENTIONABLE) and (found := _named(roles, text)):
        assert guild is not None
        role = serializers.role_payload(guild.roles[int(found)])
        resolved.setdefault("roles", {})[found] = role
        return found
    if kind == OptionType.CHANNEL and (found := _named(places, text)):
        payload = dict(serializers.channel_payload(world, world.channels[int(found)]))
        payload["permissions"] = "0"
        resolved.setdefault("channels", {})[found] = payload
        return found
    raise PersonCannot(f"{name}: there is no {kind.name.lower()} called {text} here.")


def _named(known: Mapping[str, str | None], text: str) -> str | None:
    if text in known:
        return text
    return next((key for key, label in known.items() if label == text), None)


def resolve_user(world: World, user_id: int, resolved: dict[str, Any], channel: Channel) -> None:
    """Add a person, and what they are in this server, to what an interaction mentions."""
    key = str(user_id)
    resolved.setdefault("users", {})[key] = dict(serializers.user_payload(world.users[user_id]))
    guild = world.guilds.get(channel.guild_id or 0)
    if guild is not None and user_id in guild.members:
        member = dict(
            serializers.member_payload(world, guild, guild.members[user_id], with_user=False)
        )
        member["permissions"] = str(world.compute_permissions(guild.id, user_id, channel.id))
        resolved.setdefault("members", {})[key] = member


@dataclass(frozen=True, slots=True, kw_only=True)
class Picking:
    """A menu: what is picked from it, and how many at least and at most."""

    name: str
    kind: int
    least: int
    most: int


def pick(
    world: World,
    channel: Channel,
    menu: Picking,
    options: Sequence[Mapping[str, Any]],
    values: Sequence[Any],
    resolved: dict[str, Any],
) -> list[str]:
    """The values of what was picked, by value or by label."""
    if not menu.least <= len(values) <= menu.most:
        raise PersonCannot(
            f"{menu.name} takes {menu.least} to {menu.most} picks, not {len(values)}."
        )
    if menu.kind in _PICKED:
        kind = _PICKED[menu.kind]
        return [resolve(world, channel, kind, menu.name, value, resolved) for value in values]
    chosen = []
    for value in values:
        found = next((item for item in options if value in (item["value"], item["label"])), None)
        if found is None:
            labels = ", ".join(item["label"] for item in options)
            raise PersonCannot(f"{menu.name} has no {value}. It has: {labels}.")
        chosen.append(found["value"])
    return chosen


# ---------------------------------------------------------------------- forms


def fill_form(
    world: World,
    channel: Channel,
    modal: Modal,
    given: Mapping[str, Any],
    resolved: dict[str, Any],
) -> list[dict[str, Any]]:
    """The `components` of a submitted form, shaped like the form itself."""
    known = {key for item in modal.fields for key in (item.label, item.custom_id)}
    for key in given:
        if key not in known:
            raise PersonCannot(f"The form has no field called {key}.")
    values = {}
    for item in modal.fields:
        value = given.get(item.custom_id, given.get(item.label))
        values[item.custom_id] = _fill_field(world, channel, item, value, resolved)
    return [_shape(part, values) for part in modal.raw["components"]]


def _shape(part: Mapping[str, Any], values: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    if part["type"] == 18:
        return {"type": 18, "id": part["id"], "component": values[part["component"]["custom_id"]]}
    if part["type"] == 1:
        children = [values[child["custom_id"]] for child in part["components"]]
        return {"type": 1, "id": part["id"], "components": children}
    return {"type": part["type"], "id": part["id"]}


def _fill_field(
    world: World, channel: Channel, item: Field, value: Any, resolved: dict[str, Any]
) -> dict[str, Any]:
    part = item.component
    name = item.label or item.custom_id
    required = bool(part.get("required", item.kind != 23))
    filled: dict[str, Any] = {"type": item.kind, "id": part["id"], "custom_id": item.custom_id}
    if item.kind == 4:
        filled["value"] = _text(part, name, value, required=required)
    elif item.kind == 23:
        filled["value"] = bool(part.get("default", False) if value is None else value)
    elif item.kind == 21:
        chosen = _many(world, channel, item, value, resolved, required=required)
        filled["value"] = chosen[0] if chosen else None
    else:
        filled["values"] = _many(world, channel, item, value, resolved, required=required)
    return filled


def _text(part: Mapping[str, Any], name: str, value: Any, *, required: bool) -> str:
    text = str(part.get("value") or "") if value is None else str(value)
    least, most = part.get("min_length") or 0, part.get("max_length") or 4000
    if required and not text:
        raise PersonCannot(f"{name} is required.")
    if text and not least <= len(text) <= most:
        raise PersonCannot(f"{name} takes {least} to {most} characters, not {len(text)}.")
    return text


def _many(
    world: World,
    channel: Channel,
    item: Field,
    value: Any,
    resolved: dict[str, Any],
    *,
    required: bool,
) -> list[str]:
    part = item.component
    name = item.label or item.custom_id
    options = part.get("options") or []
    if value is None:
        values = [option["value"] for option in options if option.get("default")]
    else:
        values = list(value) if isinstance(value, list | tuple | set) else [value]
    if not values:
        if required:
            raise PersonCannot(f"{name} is required.")
        return []
    most = part.get("max_values") or (len(options) if item.kind == 22 else 1)
    least = 1 if part.get("min_values") is None else part["min_values"]  # discord.py writes null
    menu = Picking(name=name, kind=item.kind, least=least, most=most)
    if item.kind == 19:
        if not menu.least <= len(values) <= menu.most:
            raise PersonCannot(
                f"{name} takes {menu.least} to {menu.most} files, not {len(values)}."
            )
        return [attach(world, channel, {**part, "name": name}, file, resolved) for file in values]
    return pick(world, channel, menu, options, values, resolved)
