"""The routes: which function answers which request. What is not here, simcord answers."""

import re
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import unquote

import simcord.http.client  # noqa: F401  # importing it registers simcord's own routes
from simcord.backend import errors, serializers
from simcord.backend.access import channel_accessible
from simcord.backend.errors import BackendError
from simcord.backend.models import Channel, Message
from simcord.enums import ChannelType
from simcord.http import router
from simcord.http._helpers import message_response
from simcord.http.router import RequestContext

from playground.discord import forms, limits, registering
from playground.discord.buckets import Buckets
from playground.discord.limits import Refused, bad_form
from playground.discord.world import World

Answer = Callable[[RequestContext, Buckets], Any]
_OURS: dict[tuple[str, str], Answer] = {}

#: Routes that answer 201 when they made something.
_CREATED = {
    ("POST", "/channels/{channel_id}/threads"),
    ("POST", "/channels/{channel_id}/messages/{message_id}/threads"),
    ("POST", "/applications/{application_id}/commands"),
    ("POST", "/applications/{application_id}/guilds/{guild_id}/commands"),
    ("POST", "/applications/{application_id}/emojis"),
}
_MAJOR = ("channel_id", "guild_id", "webhook_id", "token", "interaction_id")
MESSAGE = "/channels/{channel_id}/messages/{message_id}"
REACTION = MESSAGE + "/reactions/{emoji}"
PIN = (
    "/channels/{channel_id}/messages/pins/{message_id}",
    "/channels/{channel_id}/pins/{message_id}",
)
TOKEN = "/webhooks/{webhook_id}/{token}"  # noqa: S105  # a route, not a secret


def answers(method: str, *templates: str) -> Callable[[Answer], Answer]:
    def keep(answer: Answer) -> Answer:
        for template in templates:
            _OURS[method, template] = answer
        return answer

    return keep


def run(ctx: RequestContext, template: str, buckets: Buckets) -> tuple[int, Any]:
    """Answer a request: status and JSON value (None: no content)."""
    ours = _OURS.get((ctx.method, template))
    result = ours(ctx, buckets) if ours is not None else onward(ctx)
    created = (ctx.method, template) in _CREATED
    return (201 if created else 200), result


def onward(ctx: RequestContext) -> Any:
    """simcord's own answer."""
    return router.dispatch(
        ctx.backend,
        ctx.method,
        ctx.path,
        json=ctx.json,
        params=ctx.params,
        files=ctx.files,
        reason=ctx.reason,
        message_content_access=ctx.message_content_access,
    )


@cache
def _patterns() -> dict[str, list[tuple[re.Pattern[str], str]]]:
    """Every route as a pattern, the most literal first."""
    known = [(method, template) for method, template in _OURS]
    known += [("GET", "/gateway"), ("GET", "/gateway/bot")]
    for method, routes in router._ROUTES.items():  # noqa: SLF001  # the table has no public door
        known += [(method, "/" + "/".join(parts)) for parts, _ in routes]
    found: dict[str, list[tuple[re.Pattern[str], str]]] = {}
    for method, template in sorted(set(known), key=lambda item: item[1].count("{")):
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(template))
        found.setdefault(method, []).append((re.compile(f"^{pattern}$"), template))
    return found


def find(method: str, path: str) -> tuple[str, dict[str, str]]:
    """The route a path belongs to, and its parts. Unknown: 404, as Discord says it."""
    for pattern, template in _patterns().get(method, []):
        match = pattern.match(path)
        if match is not None:
            args = match.groupdict()
            if not all(value.isdigit() for key, value in args.items() if key.endswith("_id")):
                raise bad_form("id", "NUMBER_TYPE_COERCE", "Value is not snowflake.")
            return template, args
    raise router.RouteNotImplemented(method, path)


def major(args: dict[str, str]) -> str:
    """The part of a path that gives a call its own bucket."""
    return "/".join(args[key] for key in _MAJOR if key in args)


def place(world: World, method: str, path: str) -> int | None:
    """The channel that a request leads to, for a thread the one above it; None for neither."""
    try:
        _, args = find(method, path)
    except BackendError:
        return None
    channel_id = int(args["channel_id"]) if "channel_id" in args else None
    if "token" in args:
        by_token = world.interaction_tokens.get(args["token"], 0)
        record = world.interactions.get(int(args.get("interaction_id", by_token)))
        channel_id = record.channel_id if record is not None else None
    channel = world.channels.get(channel_id or 0)
    if channel is None or not channel.is_thread:
        return channel_id
    return channel.parent_id


def upload_limit(world: World, args: dict[str, str]) -> int:
    """Bytes a file may have where this request leads."""
    guild_id: int | None = None
    if "channel_id" in args:
        channel = world.channels.get(int(args["channel_id"]))
        guild_id = channel.guild_id if channel is not None else None
    elif "token" in args:
        record = world.interactions.get(world.interaction_tokens.get(args["token"], 0))
        guild_id = record.guild_id if record is not None else None
    return world.upload_limit(guild_id)


def world_of(ctx: RequestContext) -> World:
    assert isinstance(ctx.backend, World)
    return ctx.backend


def _channel(ctx: RequestContext) -> Channel:
    return ctx.require_channel_permissions(ctx.int_arg("channel_id"))


def _permit(world: World, channel: Channel, *names: str) -> None:
    world.require_permissions(channel.guild_id, world.bot_user.id, channel.id, *names)


# ---------------------------------------------------------------------- messages


@answers("POST", "/channels/{channel_id}/messages")
def send(ctx: RequestContext, buckets: Buckets) -> Any:
    world, channel, body = world_of(ctx), _channel(ctx), ctx.body()
    _permit(world, channel, "send_messages_in_threads" if channel.is_thread else "send_messages")
    if ctx.files:
        _permit(world, channel, "attach_files")
    if body.get("embeds") or body.get("embed"):
        _permit(world, channel, "embed_links")
    limits.check_files([file.size for file in ctx.files], world.upload_limit(channel.guild_id))
    forms.check_message(body, ctx.files, new=True)
    limits.check_place(world, channel)
    _check_reply(world, channel, body.get("message_reference"))
    limits.check_words(world, body)
    known = limits.known_nonce(world, body)
    if known is not None:
        return message_response(ctx, known)
    with world.sending(body.get("nonce")):
        return onward(ctx)


def _check_reply(world: World, channel: Channel, reference: Any) -> None:
    """A reply needs the message, and the right to read history (160002)."""
    if not isinstance(reference, dict) or int(reference.get("type") or 0) != 0:
        return
    if not world.may(world.bot_user.id, channel.id, "read_message_history"):
        raise Refused(403, 160002, "Cannot reply without permission to read message history")
    target = int(reference.get("message_id") or 0)
    if reference.get("fail_if_not_exists", True) and target not in world.messages[channel.id]:
        raise bad_form("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message")


@answers("GET", "/channels/{channel_id}/messages")
def history(ctx: RequestContext, buckets: Buckets) -> Any:
    """Newest first; one of before, after and around; limit 1 to 100 (resources/message)."""
    world, channel = world_of(ctx), _channel(ctx)
    limit = _limit(ctx, default=50)
    for bound in ("before", "after", "around"):
        if not str(ctx.params.get(bound, "0")).isdigit():
            raise bad_form(bound, "NUMBER_TYPE_COERCE", "Value is not snowflake.")
    if not channel_accessible(world, channel.id, world.bot_user.id, history=True):
        return []
    shown = sorted(
        (item for item in world.messages[channel.id].values() if not item.is_ephemeral),
        key=lambda item: item.id,
    )
    return [
        message_response(ctx, item, for_user=world.bot_user.id)
        for item in reversed(page(shown, ctx.params, limit))
    ]


def page(shown: list[Message], params: dict[str, Any], limit: int) -> list[Message]:
    """The messages asked for, of all of them, oldest first."""
    if "around" in params:
        pivot = int(params["around"])
        older = [item for item in shown if item.id < pivot]
        newer = [item for item in shown if item.id >= pivot]
        half = limit // 2
        return older[-half:][:half] + newer[: limit - half]
    if "after" in params:
        return [item for item in shown if item.id > int(params["after"])][:limit]
    if "before" in params:
        shown = [item for item in shown if item.id < int(params["before"])]
    return shown[-limit:]


def _limit(ctx: RequestContext, *, default: int) -> int:
    try:
        limit = int(ctx.params.get("limit", default))
    except ValueError:
        raise bad_form("limit", "NUMBER_TYPE_COERCE", "Value is not int.") from None
    if not 1 <= limit <= 100:
        raise bad_form("limit", "NUMBER_TYPE_RANGE", "int value should be between 1 and 100.")
    return limit


@answers("PATCH", MESSAGE)
def edit(ctx: RequestContext, buckets: Buckets) -> Any:
    world, channel = world_of(ctx), _channel(ctx)
    message = ctx.require_message(channel.id, ctx.int_arg("message_id"))
    limits.check_awake(channel)
    if message.author_id == world.bot_user.id:
        limits.check_old_edit(buckets, world, message)
    limits.check_files([file.size for file in ctx.files], world.upload_limit(channel.guild_id))
    forms.check_message(ctx.body(), ctx.files, new=False, before=message)
    limits.check_words(world, ctx.body())
    return onward(ctx)


@answers("DELETE", MESSAGE)
def delete(ctx: RequestContext, buckets: Buckets) -> Any:
    ctx.require_message(_channel(ctx).id, ctx.int_arg("message_id"))
    limits.check_awake(_channel(ctx))
    return onward(ctx)


@answers("POST", "/channels/{channel_id}/messages/bulk-delete")
def bulk_delete(ctx: RequestContext, buckets: Buckets) -> Any:
    limits.check_awake(_channel(ctx))
    limits.check_bulk(world_of(ctx), ctx.body().get("messages") or [])
    return onward(ctx)


@answers("PUT", *PIN)
def pin(ctx: RequestContext, buckets: Buckets) -> Any:
    _pin(ctx, pinned=True)


@answers("DELETE", *PIN)
def unpin(ctx: RequestContext, buckets: Buckets) -> Any:
    _pin(ctx, pinned=False)


def _pin(ctx: RequestContext, *, pinned: bool) -> None:
    """Pinning is a permission of its own since 2026-02; before, it was Manage Messages."""
    world, channel = world_of(ctx), _channel(ctx)
    _permit(world, channel, "pin_messages")
    ctx.require_message(channel.id, ctx.int_arg("message_id"))
    limits.check_awake(channel)
    if pinned and not world.get_message(channel.id, ctx.int_arg("message_id")).pinned:
        limits.check_pins(world, channel)
    world.set_pinned(channel.id, ctx.int_arg("message_id"), pinned)


@answers("GET", "/channels/{channel_id}/pins")
def pins(ctx: RequestContext, buckets: Buckets) -> Any:
    world, channel = world_of(ctx), _channel(ctx)
    _permit(world, channel, "read_message_history")
    return [
        message_response(ctx, item) for item in world.messages[channel.id].values() if item.pinned
    ]


@answers("GET", "/applications/@me")
def application(ctx: RequestContext, buckets: Buckets) -> Any:
    ctx.path = "/oauth2/applications/@me"
    return onward(ctx)


# ---------------------------------------------------------------------- reactions


@answers("PUT", REACTION + "/@me")
def react(ctx: RequestContext, buckets: Buckets) -> Any:
    world, channel = world_of(ctx), _channel(ctx)
    message = ctx.require_message(channel.id, ctx.int_arg("message_id"), "read_message_history")
    limits.check_awake(channel)
    check_emoji(world, message, unquote(ctx.args["emoji"]))
    return onward(ctx)


def check_emoji(world: World, message: Message, emoji: str) -> None:
    """A Unicode emoji or a custom one that exists (10014); 20 different ones at most (30010)."""
    if message.reaction_for(emoji) is not None:
        return
    if ":" in emoji:
        custom = emoji.rsplit(":", 1)[-1]
        known = set(world.application_emojis)
        known.update(*(guild.emojis for guild in world.guilds.values()))
        if not custom.isdigit() or int(custom) not in known:
            raise errors.unknown_emoji()
    elif not emoji or (emoji.isascii() and not re.fullmatch(r"[0-9#*]\ufe0f?\u20e3", emoji)):
        raise errors.unknown_emoji()
    if len(message.reactions) >= limits.REACTIONS:
        raise Refused(400, 30010, "Maximum number of reactions reached (20)")


@answers(
    "DELETE",
    REACTION + "/@me",
    REACTION + "/{user_id}",
    REACTION,
    MESSAGE + "/reactions",
)
def unreact(ctx: RequestContext, buckets: Buckets) -> Any:
    limits.check_awake(_channel(ctx))
    return onward(ctx)


@answers("GET", REACTION)
def who_reacted(ctx: RequestContext, buckets: Buckets) -> Any:
    """By user id, `after` one of them, 25 at a time unless told (resources/message)."""
    world, channel = world_of(ctx), _channel(ctx)
    message = ctx.require_message(channel.id, ctx.int_arg("message_id"), "read_message_history")
    reaction = message.reaction_for(unquote(ctx.args["emoji"]))
    after, limit = int(ctx.params.get("after", 0)), _limit(ctx, default=25)
    users = sorted(user for user in (reaction.user_ids if reaction else []) if user > after)
    return [serializers.user_payload(world.users[user]) for user in users[:limit]]


# ---------------------------------------------------------------------- threads


@answers("POST", MESSAGE + "/threads")
def thread_from(ctx: RequestContext, buckets: Buckets) -> Any:
    world, channel = world_of(ctx), _channel(ctx)
    message_id = ctx.int_arg("message_id")
    if channel.type not in (ChannelType.TEXT, ChannelType.NEWS):
        raise errors.cannot_execute_on_channel_type()
    _permit(world, channel, "create_public_threads")
    ctx.require_message(channel.id, message_id, "read_message_history")
    if message_id in world.channels:
        raise Refused(400, 160004, "A thread has already been created for this message")
    _check_thread(ctx.body())
    limits.check_threads(world, channel)
    return onward(ctx)


@answers("POST", "/channels/{channel_id}/threads")
def thread_without(ctx: RequestContext, buckets: Buckets) -> Any:
    channel = _channel(ctx)
    _check_thread(ctx.body())
    limits.check_threads(world_of(ctx), channel)
    if "type" not in ctx.body():  # without a type it is private (resources/channel)
        ctx.body()["type"] = int(ChannelType.PRIVATE_THREAD)
    return onward(ctx)


def _check_thread(body: dict[str, Any]) -> None:
    name = body.get("name")
    if not isinstance(name, str) or not 1 <= len(name) <= 100:
        raise bad_form("name", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
    if int(body.get("auto_archive_duration") or 1440) not in (60, 1440, 4320, 10080):
        raise bad_form(
            "auto_archive_duration", "BASE_TYPE_CHOICES", "Value must be one of 60, 1440, …"
        )


@answers("PATCH", "/channels/{channel_id}")
def edit_channel(ctx: RequestContext, buckets: Buckets) -> Any:
    """A thread's rules are its own: its starter may rename and archive it, not lock it."""
    world, channel, body = world_of(ctx), _channel(ctx), ctx.body()
    limits.check_rename(buckets, channel, body.get("name"))
    meta = channel.thread_metadata
    if meta is None:
        return onward(ctx)
    bot = world.bot_user.id
    moderator = world.may(bot, channel.id, "manage_threads")
    opening = body.get("archived") is False
    if meta.archived and not opening:
        raise limits.thread_is_archived()
    if not moderator:
        if meta.locked:
            raise limits.thread_is_locked() if opening else errors.missing_permissions()
        only_opening = opening and body.keys() <= {"archived"}
        if "locked" in body or not (channel.owner_id == bot or only_opening):
            raise errors.missing_permissions()
    if "name" in body:
        _check_thread(body)
    changes: dict[str, Any] = {
        key: body[key] for key in ("name", "rate_limit_per_user") if key in body
    }
    settings: dict[str, Any] = {
        key: body[key]
        for key in ("archived", "locked", "auto_archive_duration", "invitable")
        if key in body
    }
    if "archived" in settings:
        settings["archive_timestamp"] = world.now_iso()
    world.edit_channel(channel.id, changes, thread_metadata=settings)
    return serializers.channel_payload(world, channel)


@answers(
    "PUT",
    "/channels/{channel_id}/thread-members/@me",
    "/channels/{channel_id}/thread-members/{user_id}",
)
def join(ctx: RequestContext, buckets: Buckets) -> Any:
    limits.check_awake(_channel(ctx))
    return onward(ctx)


@answers("DELETE", "/channels/{channel_id}")
def delete_channel(ctx: RequestContext, buckets: Buckets) -> Any:
    """Manage Threads for a thread, Manage Channels for a channel."""
    world, channel = world_of(ctx), _channel(ctx)
    if channel.guild_id is None:
        return serializers.channel_payload(world, channel)  # a DM is only closed
    _permit(world, channel, "manage_threads" if channel.is_thread else "manage_channels")
    payload = serializers.channel_payload(world, channel)
    world.delete_channel(channel.id)
    return payload


# ---------------------------------------------------------------------- commands


@answers("PUT", "/applications/{application_id}/commands")
@answers("PUT", "/applications/{application_id}/guilds/{guild_id}/commands")
def put_commands(ctx: RequestContext, buckets: Buckets) -> Any:
    world, scope = world_of(ctx), _scope(ctx)
    registered = registering.register(world, buckets, scope, ctx.json)
    world.announce_commands()
    return registered


@answers("POST", "/applications/{application_id}/commands")
@answers("POST", "/applications/{application_id}/guilds/{guild_id}/commands")
def add_command(ctx: RequestContext, buckets: Buckets) -> Any:
    """Adds a command, or replaces the one of the same name and type."""
    world, scope, body = world_of(ctx), _scope(ctx), ctx.body()
    key = (body.get("name"), int(body.get("type") or 1))
    others = [
        item
        for item in world.commands.get(scope, {}).values()
        if (item["name"], item["type"]) != key
    ]
    registered = registering.register(world, buckets, scope, [*others, body])
    world.announce_commands()
    return registered[-1]


@answers("GET", "/applications/{application_id}/commands/{command_id}")
@answers("GET", "/applications/{application_id}/guilds/{guild_id}/commands/{command_id}")
def get_command(ctx: RequestContext, buckets: Buckets) -> Any:
    return _command(ctx)


@answers("PATCH", "/applications/{application_id}/commands/{command_id}")
@answers("PATCH", "/applications/{application_id}/guilds/{guild_id}/commands/{command_id}")
def edit_command(ctx: RequestContext, buckets: Buckets) -> Any:
    world, scope, found = world_of(ctx), _scope(ctx), _command(ctx)
    wanted = [
        {**item, **ctx.body()} if item["id"] == found["id"] else item
        for item in world.commands.get(scope, {}).values()
    ]
    registered = registering.register(world, buckets, scope, wanted)
    world.announce_commands()
    return next(item for item in registered if item["id"] == found["id"])


@answers("DELETE", "/applications/{application_id}/commands/{command_id}")
@answers("DELETE", "/applications/{application_id}/guilds/{guild_id}/commands/{command_id}")
def delete_command(ctx: RequestContext, buckets: Buckets) -> Any:
    world, scope, found = world_of(ctx), _scope(ctx), _command(ctx)
    kept = [item for item in world.commands.get(scope, {}).values() if item["id"] != found["id"]]
    registering.register(world, buckets, scope, kept)
    world.announce_commands()


def _scope(ctx: RequestContext) -> int | None:
    if ctx.int_arg("application_id") != ctx.backend.application_id:
        raise Refused(
            403, 20012, "You are not authorized to perform this action on this application"
        )
    if "guild_id" not in ctx.args:
        return None
    guild_id = ctx.int_arg("guild_id")
    if guild_id not in ctx.backend.guilds:
        raise errors.missing_access()
    return guild_id


def _command(ctx: RequestContext) -> dict[str, Any]:
    for item in ctx.backend.commands.get(_scope(ctx), {}).values():
        if item["id"] == ctx.args["command_id"]:
            return item
    raise Refused(404, 10063, "Unknown application command")
